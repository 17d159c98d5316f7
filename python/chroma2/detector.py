# SPDX-License-Identifier: BSD-3-Clause
"""What a detector is made of: solids, channels; built into a scene.

Lengths in mm, wavelengths in nm. Names and argument orders are Chroma's where it had them.
"""

from __future__ import annotations

import warnings as warnings_module
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chroma2.errors import (
    InvalidArgument,
    InvalidType,
    SceneWarning,
    Unsupported,
    WrongState,
)
from chroma2.material import STANDARD_WAVELENGTHS, Material, Surface, surface_models
from chroma2.mesh import Mesh
from chroma2.scene import IDENTITY, ORIGIN, Channel, Channels, Scene, commit, pose
from chroma2.solid import PerTriangle, Solid

if TYPE_CHECKING:
    from chroma2 import _capi

Floats = NDArray[np.float64]

__all__ = [
    "PMT",
    "STANDARD_WAVELENGTHS",
    "Channel",
    "Channels",
    "Detector",
    "Material",
    "Scene",
    "Solid",
    "Surface",
]


class PMT(NamedTuple):
    """What `Detector.add_pmt` returns."""

    solid_id: int
    channel_index: int
    channel_type: int


class Placement(NamedTuple):
    """A solid in the detector: which shape, where, and what it is to the detector."""

    shape: int
    rotation: Floats
    displacement: Floats
    solid_id: int
    channel_index: int
    channel_id: int
    as_instance: bool


class _Shape:
    """A solid's triangles with local interface numbers; made when it is placed first."""

    def __init__(self, solid: Solid) -> None:
        self.solid = solid  # also keeps id(solid) from being used again
        self.vertices = solid.mesh.vertices.astype(np.float32)
        self.triangles = solid.mesh.triangles.astype(np.uint32)
        order: dict[tuple[int, int, int], int] = {}
        self.triples: list[tuple[Material, Material, Surface | None]] = []
        local = np.empty(len(solid.mesh), np.uint32)
        for i, triple in enumerate(
            zip(solid.material1, solid.material2, solid.surface, strict=True)
        ):
            key = (id(triple[0]), id(triple[1]), id(triple[2]))
            if key not in order:
                order[key] = len(self.triples)
                self.triples.append(triple)
            local[i] = order[key]
        self.interfaces = local
        self.uses = 0


class _Arrays(NamedTuple):
    """A detector given as flat arrays."""

    vertices: NDArray[np.float32]
    triangles: NDArray[np.uint32]
    interface: NDArray[np.uint32]
    triples: list[tuple[Material, Material, Surface | None]]
    solid_of_triangle: NDArray[np.uint32]
    solid_to_channel: NDArray[np.int64]


Swap = Mapping[Material, Material] | Mapping[Surface, Surface | None]


class Detector:
    """Solids in a surrounding medium, some of them sensors with a channel each.

    detector_material  the medium round everything; kept for reference, since every boundary
                       says itself what lies on its two sides
    wavelengths        grid that all tables are resampled to: (low, high, step) in nm;
                       default: 60 to 995 by 5
    strict             True makes the warnings of `build` errors
    threads            that a build uses; 0: one a core

    Numbers: the solid id counts solids in order of addition; the channel index counts `add_pmt`
    calls and is what hits carry; the channel id is the experiment's own number.
    """

    def __init__(
        self,
        detector_material: Material | None = None,
        *,
        wavelengths: tuple[float, float, float] | None = None,
        strict: bool = False,
        threads: int = 0,
    ) -> None:
        self.detector_material = detector_material
        self.wavelengths = wavelengths
        self.strict = strict
        self.threads = threads
        self.extras: dict[str, Any] = {}
        self.source: str = ""
        self._shapes: list[_Shape] = []
        self._shape_of: dict[int, int] = {}
        self._placements: list[Placement] = []
        self._swaps: list[dict[int, Any]] = []
        self._channel_types: list[int] = []
        self._arrays: _Arrays | None = None
        self._scene: Scene | None = None

    # ---- adding

    def add_solid(
        self,
        solid: Solid,
        rotation: ArrayLike | None = None,
        displacement: ArrayLike | None = None,
    ) -> int:
        """Places a passive solid: world corner = rotation v + displacement.

        rotation      [3, 3], orthogonal, determinant +1; default: none
        displacement  [3] mm; default: none
        Returns the solid id. A Solid placed more than once becomes instances of one mesh.
        """
        return self._place(solid, rotation, displacement, -1, -1, as_instance=False)

    def add_mesh(
        self,
        mesh: Mesh,
        material1: Material | PerTriangle,
        material2: Material | PerTriangle,
        surface: Surface | PerTriangle | None = None,
    ) -> Solid:
        """Makes a mesh known without placing it; give what it returns to `add_instance`."""
        solid = Solid(mesh, material1, material2, surface)
        self._shape(solid)
        return solid

    def add_instance(
        self,
        solid: Solid,
        rotation: ArrayLike | None = None,
        displacement: ArrayLike | None = None,
        *,
        channel_id: int | None = None,
        channel_type: int | None = None,
        replace: Swap | None = None,
    ) -> int:
        """Places an instance of a solid; rotation and displacement as for `add_solid`.

        channel_id  makes it a sensor with this number; its channel index is the next one
        replace     other materials or surfaces for this placement: {old: new}
        Returns the solid id.
        """
        index, identity = -1, -1
        if channel_id is not None or channel_type is not None:
            index = self._next_channel(channel_type)
            identity = index if channel_id is None else int(channel_id)
        return self._place(
            solid, rotation, displacement, index, identity, as_instance=True, replace=replace
        )

    def add_pmt(
        self,
        solid: Solid,
        rotation: ArrayLike | None = None,
        displacement: ArrayLike | None = None,
        channel_type: int | None = None,
        channel_id: int | None = None,
    ) -> PMT:
        """Places a sensor; rotation and displacement as for `add_solid`.

        channel_type  any number; default: the channel index
        channel_id    the experiment's number; default: the channel index
        Returns (solid_id, channel_index, channel_type).
        """
        index = self._next_channel(channel_type)
        solid_id = self._place(
            solid,
            rotation,
            displacement,
            index,
            index if channel_id is None else int(channel_id),
            as_instance=True,
        )
        return PMT(solid_id, index, self._channel_types[index])

    def _next_channel(self, channel_type: int | None) -> int:
        index = len(self._channel_types)
        self._channel_types.append(index if channel_type is None else int(channel_type))
        return index

    def _shape(self, solid: Solid) -> int:
        if not isinstance(solid, Solid):
            raise InvalidType(f"solid is a {type(solid).__name__} (it must be a chroma2.Solid)")
        if self._arrays is not None:
            raise WrongState("this detector was made from arrays (nothing can be added to it)")
        key = id(solid)
        if key not in self._shape_of:
            self._shape_of[key] = len(self._shapes)
            self._shapes.append(_Shape(solid))
        return self._shape_of[key]

    def _place(
        self,
        solid: Solid,
        rotation: ArrayLike | None,
        displacement: ArrayLike | None,
        channel_index: int,
        channel_id: int,
        *,
        as_instance: bool,
        replace: Swap | None = None,
    ) -> int:
        shape = self._shape(solid)
        self._shapes[shape].uses += 1
        swap: dict[int, Any] = {}
        for old, new in (replace or {}).items():
            swap[id(old)] = new
        self._swaps.append(swap)
        solid_id = len(self._placements)
        self._placements.append(
            Placement(
                shape,
                pose("rotation", rotation, IDENTITY),
                pose("displacement", displacement, ORIGIN),
                solid_id,
                channel_index,
                channel_id,
                as_instance,
            )
        )
        self._scene = None
        return solid_id

    # ---- from arrays

    _EXTRAS: Final = frozenset(
        {"name", "solid_names", "sources", "pmt_pos", "pmt_axis", "source_radius", "source_half"}
    )

    @classmethod
    def from_arrays(
        cls,
        *,
        vertices: ArrayLike,
        triangles: ArrayLike,
        mat_in: ArrayLike,
        mat_out: ArrayLike,
        surface: ArrayLike,
        solid_id: ArrayLike,
        solid_to_channel: ArrayLike,
        wavelengths: ArrayLike,
        materials: Sequence[Mapping[str, Any]],
        surfaces: Sequence[Mapping[str, Any]],
        strict: bool = False,
        threads: int = 0,
        **extras: Any,
    ) -> Detector:
        """A detector from flat arrays, as ``validation/scenes.py`` makes them.

        vertices          [n, 3] mm
        triangles         [m, 3] indices into vertices; `last_hit_triangles` numbers these
        mat_in, mat_out   [m] indices into materials; out is where the normal points
        surface           [m] indices into surfaces, -1 for none
        solid_id          [m] indices into solid_to_channel
        solid_to_channel  [n_solids] channel index, -1 for none
        wavelengths       [w] nm, the grid of every table; if uniform, the scene's grid too
        materials, surfaces  dictionaries of tables [w]; see that file
        extras            name, solid_names, sources, ...: kept in `detector.extras`

        Raises Unsupported for surface models that this build lacks (when it is built).
        """
        unknown = sorted(set(extras) - cls._EXTRAS)
        if unknown:
            raise InvalidArgument(
                f"unknown key {unknown[0]!r} (known beyond the arrays: "
                f"{', '.join(sorted(cls._EXTRAS))})"
            )
        grid = np.asarray(wavelengths, dtype=np.float64)
        low, high, n_steps = float(grid[0]), float(grid[-1]), len(grid) - 1
        step = (high - low) / n_steps
        uniform = bool(np.all(np.abs(np.diff(grid) - step) <= 1e-9 * step))
        self = cls(
            wavelengths=(low, high, step) if uniform else None, strict=strict, threads=threads
        )
        self.extras = dict(extras)
        mats = [_material_of(m, grid) for m in materials]
        surfs = [_surface_of(s, grid) for s in surfaces]
        tri = np.asarray(triangles)
        m = len(tri)
        inside = _indices("mat_in", mat_in, m, 0, len(mats))
        outside = _indices("mat_out", mat_out, m, 0, len(mats))
        cover = _indices("surface", surface, m, -1, len(surfs))
        to_channel = np.asarray(solid_to_channel, dtype=np.int64)
        solid = _indices("solid_id", solid_id, m, 0, len(to_channel))
        n_mats, n_covers = len(mats), len(surfs) + 1
        keys = (inside * n_mats + outside) * n_covers + cover + 1
        unique, inverse = np.unique(keys, return_inverse=True)
        covers, sides = unique % n_covers - 1, unique // n_covers
        triples = zip(sides // n_mats, sides % n_mats, covers, strict=True)
        checked = Mesh(vertices, tri, remove_null_triangles=False)
        self._arrays = _Arrays(
            checked.vertices.astype(np.float32),
            checked.triangles.astype(np.uint32),
            inverse.reshape(-1).astype(np.uint32),
            [(mats[a], mats[b], surfs[c] if c >= 0 else None) for a, b, c in triples],
            solid.astype(np.uint32),
            to_channel,
        )
        n_channels = int(to_channel.max(initial=-1)) + 1
        self._channel_types = list(range(n_channels))
        return self

    # ---- asking

    @property
    def num_channels(self) -> int:
        """Number of channels."""
        return len(self._channel_types)

    @property
    def n_solids(self) -> int:
        """Number of solids added."""
        if self._arrays is not None:
            return len(self._arrays.solid_to_channel)
        return len(self._placements)

    @property
    def hash(self) -> str:
        """Hash of the built scene, 64 hexadecimal digits: same text, same photon histories."""
        return self.build().hash

    @property
    def warnings(self) -> list[_capi.WarningRecord]:
        """What the build found suspicious."""
        return self.build().warnings

    @property
    def bounds(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Lowest and highest corner of the box round everything, mm."""
        return self.build().bounds

    @property
    def channels(self) -> Channels:
        """Every channel's id, type, solid and place."""
        return self.build().channels

    def __repr__(self) -> str:
        return f"<Detector: {self.n_solids} solids, {self.num_channels} channels>"

    # ---- building

    def build(self) -> Scene:
        """Checks everything, resamples the tables, builds the search trees and hashes.

        Returns the scene; the same one until something is added. Gives a SceneWarning for each
        thing that looks wrong (an open world, coincident faces, ...).
        Raises InvalidScene, InvalidArgument, Unsupported, OutOfMemory.
        """
        if self._scene is None:
            self._scene = _Builder(self).build()
            for record in self._scene.warnings:
                warnings_module.warn(
                    f"{record.kind} x {record.count}: {record.sentence}", SceneWarning, stacklevel=2
                )
        return self._scene

    commit = build


class _Builder:
    """Turns a Detector into a committed scene."""

    def __init__(self, detector: Detector) -> None:
        from chroma2 import _capi

        self.capi = _capi
        self.detector = detector
        self.scene = _capi.SceneHandle.create(
            detector.wavelengths, detector.strict, detector.threads
        )
        self.materials: dict[int, tuple[int, Material]] = {}
        self.surfaces: dict[int, tuple[int, Surface]] = {}
        self.interface_runs: dict[tuple[tuple[int, int, int], ...], int] = {}

    def build(self) -> Scene:
        d = self.detector
        if d._arrays is not None:
            self._add_arrays(d._arrays)
        else:
            self._add_placements()
        commit(self.scene)
        return Scene(
            self.scene,
            [m for _, m in self.materials.values()],
            [s for _, s in self.surfaces.values()],
            d._channel_types,
            d.source,
        )

    def _material(self, material: Material) -> int:
        if id(material) not in self.materials:
            index = self.scene.add_material(material._spec())
            self.materials[id(material)] = (index, material)
        return self.materials[id(material)][0]

    def _surface(self, surface: Surface | None) -> int:
        if surface is None:
            return -1
        if id(surface) not in self.surfaces:
            spec = surface._spec()
            try:
                index = self.scene.add_surface(spec)
            except InvalidArgument as error:
                if spec.model not in {model["name"] for model in surface_models()}:
                    raise Unsupported(
                        f"surface {surface.name!r} has model {spec.model!r}, "
                        f"which this build does not have: {error}"
                    ) from None
                raise
            self.surfaces[id(surface)] = (index, surface)
        return self.surfaces[id(surface)][0]

    def _run(
        self,
        triples: Sequence[tuple[Material, Material, Surface | None]],
        swap: Mapping[int, Any],
    ) -> int:
        """Number of the first of these interfaces, which are consecutive."""
        run = tuple(
            (
                self._material(swap.get(id(a), a)),
                self._material(swap.get(id(b), b)),
                self._surface(swap.get(id(c), c)),
            )
            for a, b, c in triples
        )
        if run not in self.interface_runs:
            numbers = [self.scene.add_interface(*triple) for triple in run]
            self.interface_runs[run] = numbers[0] if numbers else 0
        return self.interface_runs[run]

    def _add_placements(self) -> None:
        d = self.detector
        meshes: dict[int, int] = {}
        for p, swap in zip(d._placements, d._swaps, strict=True):
            shape = d._shapes[p.shape]
            offset = self._run(shape.triples, swap)
            record = self.capi.SolidRecord(p.solid_id, p.channel_index, p.channel_id)
            if p.as_instance or shape.uses > 1:
                if p.shape not in meshes:
                    meshes[p.shape] = self.scene.add_mesh(
                        shape.vertices, shape.triangles, shape.interfaces
                    )
                self.scene.add_instance(meshes[p.shape], p.rotation, p.displacement, offset, record)
            else:
                self.scene.add_solid(
                    shape.vertices,
                    shape.triangles,
                    shape.interfaces,
                    p.rotation,
                    p.displacement,
                    offset,
                    record,
                )

    def _add_arrays(self, a: _Arrays) -> None:
        offset = self._run(a.triples, {})
        solids = [
            self.capi.SolidRecord(i, int(channel), int(channel))
            for i, channel in enumerate(a.solid_to_channel)
        ]
        self.scene.add_solid(
            a.vertices,
            a.triangles,
            a.interface,
            IDENTITY,
            ORIGIN,
            offset,
            self.capi.SolidRecord(),
            a.solid_of_triangle,
            solids,
        )


def _indices(name: str, values: ArrayLike, n: int, low: int, high: int) -> NDArray[np.int64]:
    a = np.asarray(values)
    if a.shape != (n,):
        raise InvalidArgument(f"{name} has shape {a.shape} (it must be [{n}], one a triangle)")
    if a.dtype.kind not in "iu":
        raise InvalidType(f"{name} is {a.dtype} (it must hold integers)")
    a = a.astype(np.int64)
    bad = np.flatnonzero((a < low) | (a >= high))
    if len(bad):
        raise InvalidArgument(
            f"{name}[{bad[0]}] is {a[bad[0]]} (it must lie in [{low}, {high - 1}])"
        )
    return a


def _take(kind: str, record: Mapping[str, Any], known: set[str]) -> None:
    unknown = sorted(set(record) - known)
    if unknown:
        raise InvalidArgument(f"{kind} {record.get('name')!r} has an unknown key {unknown[0]!r}")


def _material_of(record: Mapping[str, Any], grid: Floats) -> Material:
    _take(
        "material",
        record,
        {"name", "refractive_index", "absorption_length", "scattering_length", "components"},
    )
    material = Material(str(record["name"]))
    for name in ("refractive_index", "absorption_length", "scattering_length"):
        material.set(name, record[name], grid)
    for c in record.get("components", ()):
        _take(
            "a component of material",
            {**c, "name": material.name},
            {
                "name",
                "absorption_length",
                "reemission_prob",
                "reemission_wvl_cdf",
                "reemission_time",
                "reemission_time_cdf",
            },
        )
        material.add_component(
            c["absorption_length"],
            c["reemission_prob"],
            c["reemission_wvl_cdf"],
            c["reemission_time"],
            c["reemission_time_cdf"],
            grid,
        )
    return material


def _surface_of(record: Mapping[str, Any], grid: Floats) -> Surface:
    scalars = ("thickness", "transmissive")
    bundles = ("dichroic", "angular")
    _take("surface", record, {"name", "model", *Surface.TABLES, *scalars, *bundles})
    surface = Surface(str(record["name"]), str(record.get("model", "default")))
    for name in Surface.TABLES:
        values = np.asarray(record.get(name, 0.0), dtype=np.float64)
        if np.any(values != 0):
            surface.set(name, values, None if values.ndim == 0 else grid)
    if record.get("thickness", 0):
        surface.set_value("thickness_nm", record["thickness"])
    if record.get("transmissive", 0):
        surface.set_value("transmissive", record["transmissive"])
    for name in bundles:
        if record.get(name) is not None:
            by_angle = dict(record[name])
            surface.set_by_angle(by_angle.pop("angles"), grid, **by_angle)
    return surface
