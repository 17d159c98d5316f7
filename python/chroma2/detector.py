# SPDX-License-Identifier: BSD-3-Clause
"""What a detector is made of: materials, surfaces, solids, channels; built into a scene.

Lengths in mm, wavelengths in nm. Names and argument orders are Chroma's where it had them.
"""

from __future__ import annotations

import warnings as warnings_module
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chroma2.errors import (
    InvalidArgument,
    InvalidScene,
    InvalidType,
    SceneWarning,
    Unsupported,
    WrongState,
)
from chroma2.mesh import Mesh
from chroma2.units import HC_EV_NM

if TYPE_CHECKING:
    from chroma2 import _capi

Floats = NDArray[np.float64]
Row = tuple["Floats | None", "Floats", bool]

STANDARD_WAVELENGTHS: Final[Floats] = np.arange(60.0, 1000.0, 5.0)
"""Chroma's grid, nm: 60, 65, ..., 995."""
STANDARD_WAVELENGTHS.setflags(write=False)

_SURFACE_MODELS = {0: "default", 1: "complex", 2: "wls", 3: "dichroic"}
_IDENTITY: Floats = np.eye(3)
_ORIGIN: Floats = np.zeros(3)


def _row(name: str, value: ArrayLike, x: ArrayLike | None, in_ev: bool) -> Row:
    """A checked table (x, y, in_ev); a scalar has x None."""
    try:
        y = np.array(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidType(f"{name} cannot be read as numbers ({error})") from None
    if y.ndim == 0:
        return None, y.reshape(1), False
    if y.ndim == 2 and y.shape[1] == 2 and x is None:  # rows of (wavelength, value)
        return np.ascontiguousarray(y[:, 0]), np.ascontiguousarray(y[:, 1]), in_ev
    grid = STANDARD_WAVELENGTHS if x is None else np.array(x, dtype=np.float64)
    if y.ndim != 1 or grid.ndim != 1 or len(y) != len(grid):
        what = "the standard grid 60, 65, ..., 995 nm" if x is None else "its x values"
        raise InvalidArgument(
            f"{name} has shape {y.shape} and {what} {grid.shape} (they must be [n] and [n])"
        )
    if len(y) < 2:
        raise InvalidArgument(f"{name} has {len(y)} points (give a number, or two points or more)")
    return np.ascontiguousarray(grid), y, in_ev


def _x_of(
    wavelengths: ArrayLike | None, energies: ArrayLike | None
) -> tuple[ArrayLike | None, bool]:
    if wavelengths is not None and energies is not None:
        raise InvalidArgument("give wavelengths or energies, not both")
    return (energies, True) if energies is not None else (wavelengths, False)


def _table(row: Row) -> _capi.Table:
    from chroma2 import _capi

    return _capi.Table(*row)


class Material:
    """A medium: refractive index, absorption and Rayleigh scattering length, re-emission.

    ``set("refractive_index", ...)`` is needed; absent lengths are infinite.
    """

    __slots__ = ("_components", "_tables", "name")

    TABLES: Final = {
        "refractive_index": "refractive_index",
        "absorption_length": "absorption_length_mm",
        "scattering_length": "scattering_length_mm",
        "group_velocity": "group_velocity_mm_ns",
    }

    def __init__(self, name: str = "none") -> None:
        self.name = name
        self._tables: dict[str, Row] = {}
        self._components: list[dict[str, Row]] = []

    def set(
        self,
        name: str,
        value: ArrayLike,
        wavelengths: ArrayLike | None = None,
        *,
        energies: ArrayLike | None = None,
    ) -> None:
        """Sets a property.

        name         refractive_index (> 0), absorption_length, scattering_length (mm, > 0, may be
                     infinite), group_velocity (mm/ns; default: from the index)
        value        a number, or [n] values, linear between points and constant beyond the ends
        wavelengths  [n] nm, in either order; default: the standard grid 60, 65, ..., 995
        energies     [n] eV, instead of wavelengths
        """
        if name not in self.TABLES:
            raise InvalidArgument(
                f"material {self.name!r} has no property {name!r} "
                f"(it has {', '.join(self.TABLES)}; re-emission goes through add_component)"
            )
        self._tables[name] = _row(f"{self.name}.{name}", value, *_x_of(wavelengths, energies))

    def get(self, name: str) -> tuple[Floats, Floats] | None:
        """A property as (wavelengths nm ascending, values), None if it was not set."""
        row = self._tables.get(name)
        if row is None:
            return None
        x, y, in_ev = row
        if x is None:
            return STANDARD_WAVELENGTHS.copy(), np.full(len(STANDARD_WAVELENGTHS), y[0])
        w = HC_EV_NM / x if in_ev else x
        order = np.argsort(w)
        return w[order], y[order]

    def add_component(
        self,
        absorption_length: ArrayLike,
        reemission_prob: ArrayLike = 0.0,
        reemission_wvl_cdf: ArrayLike | None = None,
        reemission_time: ArrayLike | None = None,
        reemission_time_cdf: ArrayLike | None = None,
        wavelengths: ArrayLike | None = None,
        *,
        energies: ArrayLike | None = None,
    ) -> None:
        """Adds one absorber of a scintillator or wavelength shifter.

        absorption_length    a number or [n], mm; 1/total = sum of 1/component
        reemission_prob      mean photons out per photon absorbed, a number or [n], [0, 40]
        reemission_wvl_cdf   [n] cumulative distribution of the emitted wavelength
        reemission_time      [m] ns, >= 0, with
        reemission_time_cdf  [m] cumulative distribution of the delay; default: no delay
        wavelengths          [n] nm, of the tables above; or energies [n], eV
        """
        x, in_ev = _x_of(wavelengths, energies)
        label = f"{self.name}.component[{len(self._components)}]"
        tables = {
            "absorption_length_mm": _row(f"{label}.absorption_length", absorption_length, x, in_ev),
            "reemission_yield": _row(f"{label}.reemission_prob", reemission_prob, x, in_ev),
        }
        if reemission_wvl_cdf is not None:
            tables["reemission_wavelength_cdf"] = _row(
                f"{label}.reemission_wvl_cdf", reemission_wvl_cdf, x, in_ev
            )
        if (reemission_time is None) != (reemission_time_cdf is None):
            raise InvalidArgument(
                f"{label}: reemission_time and reemission_time_cdf must be given together"
            )
        if reemission_time is not None and reemission_time_cdf is not None:
            tables["reemission_delay_cdf"] = _row(
                f"{label}.reemission_time_cdf", reemission_time_cdf, reemission_time, False
            )
        self._components.append(tables)

    def __repr__(self) -> str:
        parts = ", ".join([*self._tables, *(["components"] if self._components else [])])
        return f"<Material {self.name!r}: {parts or 'empty'}>"

    def _spec(self) -> _capi.MaterialSpec:
        from chroma2 import _capi

        return _capi.MaterialSpec(
            self.name,
            {self.TABLES[k]: _table(v) for k, v in self._tables.items()},
            [{k: _table(v) for k, v in c.items()} for c in self._components],
        )


class Surface:
    """What covers a boundary: probabilities against wavelength, and a model that uses them.

    model  "default": absorbs, detects, reflects, and lets the remainder through
    """

    __slots__ = ("_tables", "model", "name", "parameters")

    TABLES: Final = (
        "detect",
        "absorb",
        "reemit",
        "reflect_diffuse",
        "reflect_specular",
        "eta",
        "k",
        "reemission_cdf",
    )

    def __init__(self, name: str = "none", model: str | int = "default") -> None:
        self.name = name
        self.model: str | int = model
        self.parameters: dict[str, Any] = {}
        self._tables: dict[str, Row] = {}

    def set(
        self,
        name: str,
        value: ArrayLike,
        wavelengths: ArrayLike | None = None,
        *,
        energies: ArrayLike | None = None,
    ) -> None:
        """Sets a table: detect, absorb, reemit, reflect_diffuse, reflect_specular ([0, 1]), eta, k
        (>= 0) or reemission_cdf, as for `Material.set`.
        """
        if name not in self.TABLES:
            raise InvalidArgument(
                f"surface {self.name!r} has no table {name!r} (it has {', '.join(self.TABLES)})"
            )
        row = _row(f"{self.name}.{name}", value, *_x_of(wavelengths, energies))
        negative = np.flatnonzero(row[1] < 0)
        if len(negative):
            i = negative[0]
            raise InvalidArgument(
                f"{self.name}.{name}[{i}] is {row[1][i]} (surface tables must be >= 0)"
            )
        self._tables[name] = row

    def get(self, name: str) -> tuple[Floats, Floats] | None:
        """A table as (wavelengths nm ascending, values), None if it was not set."""
        row = self._tables.get(name)
        if row is None:
            return None
        x, y, in_ev = row
        if x is None:
            return STANDARD_WAVELENGTHS.copy(), np.full(len(STANDARD_WAVELENGTHS), y[0])
        w = HC_EV_NM / x if in_ev else x
        order = np.argsort(w)
        return w[order], y[order]

    def __repr__(self) -> str:
        return f"<Surface {self.name!r}: {self.model_name()}: {', '.join(self._tables) or 'empty'}>"

    def model_name(self) -> str:
        """The model's name; Chroma's numbers 0-3 are understood."""
        if isinstance(self.model, str):
            return self.model
        if self.model in _SURFACE_MODELS:
            return _SURFACE_MODELS[self.model]
        raise InvalidArgument(
            f"surface {self.name!r} has model {self.model!r} "
            "(numbers above 3 mean different things in different codes: give the model's name)"
        )

    def _spec(self) -> _capi.SurfaceSpec:
        from chroma2 import _capi

        if self.parameters:
            raise Unsupported(
                f"surface {self.name!r} needs {', '.join(sorted(self.parameters))} for its model "
                f"{self.model_name()!r}, which this build does not have"
            )
        tables = {k: _table(v) for k, v in self._tables.items() if k != "reemission_cdf"}
        cdf = self._tables.get("reemission_cdf")
        return _capi.SurfaceSpec(
            self.name, self.model_name(), tables, None if cdf is None else _table(cdf)
        )


PerTriangle = Sequence[Any] | NDArray[np.object_]


class Solid:
    """A mesh with a medium inside, one outside, and perhaps a surface between.

    mesh       the triangles; outside is where their normals point
    material1  inside: one Material, or one for each triangle
    material2  outside, likewise
    surface    None (bare boundary), a Surface, or one (or None) for each triangle
    color      0xAARRGGBB with AA the transparency, kept for viewers

    Placing the same Solid object again makes an instance of it: its triangles are stored once.
    """

    __slots__ = ("color", "material1", "material2", "mesh", "surface")

    def __init__(
        self,
        mesh: Mesh,
        material1: Material | PerTriangle,
        material2: Material | PerTriangle,
        surface: Surface | PerTriangle | None = None,
        color: Any = 0x33FFFFFF,
    ) -> None:
        if not isinstance(mesh, Mesh):
            raise InvalidType(f"mesh is a {type(mesh).__name__} (it must be a chroma2.Mesh)")
        self.mesh = mesh
        self.material1 = self._spread("material1", material1, Material, none_allowed=False)
        self.material2 = self._spread("material2", material2, Material, none_allowed=False)
        self.surface = self._spread("surface", surface, Surface, none_allowed=True)
        self.color = color

    def _spread(
        self, name: str, value: Any, kind: type[Any], *, none_allowed: bool
    ) -> NDArray[np.object_]:
        n = len(self.mesh)
        out = np.empty(n, dtype=object)
        if isinstance(value, kind) or (value is None and none_allowed):
            out[:] = value
            return out
        try:
            values = list(value)
        except TypeError:
            raise InvalidType(
                f"{name} is {value!r} (it must be a {kind.__name__}, or one for each triangle)"
            ) from None
        if len(values) != n:
            raise InvalidArgument(f"{name} has {len(values)} entries (the mesh has {n} triangles)")
        for i, v in enumerate(values):
            if not (isinstance(v, kind) or (v is None and none_allowed)):
                raise InvalidType(f"{name}[{i}] is {v!r} (it must be a {kind.__name__})")
            out[i] = v
        return out

    def __add__(self, other: Solid) -> Solid:
        if not isinstance(other, Solid):
            return NotImplemented
        join = np.concatenate
        return Solid(
            self.mesh + other.mesh,
            join([self.material1, other.material1]),
            join([self.material2, other.material2]),
            join([self.surface, other.surface]),
            self.color,
        )

    def __len__(self) -> int:
        return len(self.mesh)

    def __repr__(self) -> str:
        return f"<Solid: {len(self.mesh)} triangles>"


class PMT(NamedTuple):
    """What `Detector.add_pmt` returns."""

    solid_id: int
    channel_index: int
    channel_type: int


@dataclass(frozen=True)
class Channel:
    """A sensor: its place in channel arrays, the experiment's number, its solid, its place (mm)."""

    index: int
    channel_id: int
    channel_type: int
    solid_id: int
    position: tuple[float, float, float]


class Channels:
    """All channels of a scene as columns; `index` i is row i.

    channel_id, channel_type, solid_id  [n]; position [n, 3] mm
    """

    def __init__(
        self,
        channel_id: NDArray[np.int32],
        channel_type: NDArray[np.int32],
        solid_id: NDArray[np.int64],
        position: Floats,
    ) -> None:
        self.channel_id = channel_id
        self.channel_type = channel_type
        self.solid_id = solid_id
        self.position = position

    def __len__(self) -> int:
        return len(self.channel_id)

    def __getitem__(self, index: int) -> Channel:
        i = range(len(self))[index]
        x, y, z = (float(v) for v in self.position[i])
        return Channel(
            i, int(self.channel_id[i]), int(self.channel_type[i]), int(self.solid_id[i]), (x, y, z)
        )

    def __repr__(self) -> str:
        return f"<Channels: {len(self)}>"


class Placement(NamedTuple):
    """A solid in the detector: which shape, where, and what it is to the detector."""

    shape: int
    rotation: Floats
    displacement: Floats
    offset: int
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
                _pose("rotation", rotation, _IDENTITY),
                _pose("displacement", displacement, _ORIGIN),
                0,
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
        keys = np.stack([inside, outside, cover], axis=1)
        unique, inverse = np.unique(keys, axis=0, return_inverse=True)
        checked = Mesh(vertices, tri, remove_null_triangles=False)
        self._arrays = _Arrays(
            checked.vertices.astype(np.float32),
            checked.triangles.astype(np.uint32),
            inverse.reshape(-1).astype(np.uint32),
            [(mats[a], mats[b], surfs[c] if c >= 0 else None) for a, b, c in unique],
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


class Scene:
    """A built detector: it never changes. `edited` makes a new one."""

    def __init__(
        self,
        handle: _capi.SceneHandle,
        materials: Sequence[Material],
        surfaces: Sequence[Surface],
        channel_types: Sequence[int],
        source: str = "",
    ) -> None:
        self._handle = handle
        self.materials = tuple(materials)
        self.surfaces = tuple(surfaces)
        self.source = source
        self._channel_types = tuple(channel_types)
        self._channels: Channels | None = None
        self.hash = handle.hash().hex()
        self.warnings = handle.warnings()
        self.info: dict[str, Any] = handle.about()

    @property
    def bounds(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Lowest and highest corner of the box round everything, mm."""
        return (
            np.array(self.info["world_low_mm"], np.float32),
            np.array(self.info["world_high_mm"], np.float32),
        )

    @property
    def num_channels(self) -> int:
        """Number of channels."""
        return max(int(self.info["n_channels"]), len(self._channel_types))

    @property
    def channels(self) -> Channels:
        """Every channel's id, type, solid and place."""
        if self._channels is None:
            n = int(self.info["n_channels"])
            solids = self._handle.channels(n)
            channel_id = np.full(n, -1, np.int32)
            solid_id = np.full(n, -1, np.int64)
            position = np.full((n, 3), np.nan)
            for i, index in enumerate(solids):
                if index != 0xFFFFFFFF:
                    record, place = self._handle.solid(int(index))
                    channel_id[i], solid_id[i] = record.channel_id, record.solid_id
                    position[i] = place
            types = np.arange(n, dtype=np.int32)
            known = self._channel_types[:n]
            types[: len(known)] = known
            self._channels = Channels(channel_id, types, solid_id, position)
        return self._channels

    def primitive(self, triangle: int) -> _capi.Primitive:
        """What a number in `last_hit_triangles` is: instance, triangle, media, surface, solid."""
        return self._handle.primitive(int(triangle))

    def material_index(self, material: Material | str | int) -> int:
        """The number of a material in this scene; a name must be unique."""
        if isinstance(material, Material):
            for i, m in enumerate(self.materials):
                if m is material:
                    return i
            material = material.name
        if isinstance(material, str):
            found = [i for i, m in enumerate(self.materials) if m.name == material]
            if len(found) != 1:
                names = ", ".join(sorted({m.name for m in self.materials}))
                raise InvalidArgument(
                    f"{len(found)} materials are called {material!r} (the scene has {names})"
                )
            return found[0]
        if not 0 <= int(material) < len(self.materials):
            raise InvalidArgument(
                f"material {material} (the scene has {len(self.materials)}, counted from 0)"
            )
        return int(material)

    def material_value(
        self, material: Material | str | int, which: str, wavelength: float
    ) -> float:
        """A property as photons see it: refractive_index, group_index, absorption_length or
        scattering_length (mm) at a wavelength in nm."""
        return self._handle.material_value(self.material_index(material), which, wavelength)

    def edited(
        self,
        *,
        transforms: Mapping[int, tuple[ArrayLike, ArrayLike]] | None = None,
        channels: Mapping[int, tuple[int, int]] | None = None,
        materials: Mapping[int, Material] | None = None,
        surfaces: Mapping[int, Surface] | None = None,
    ) -> Scene:
        """A new scene with some things replaced; what did not change is shared.

        transforms  {solid id: (rotation [3, 3], displacement [3] mm)}, instances only
        channels    {solid id: (channel index, channel id)}
        materials, surfaces  {number: the new one}
        """
        handle = self._handle.edit()
        for i, (rotation, displacement) in (transforms or {}).items():
            handle.set_transform(
                i,
                _pose("rotation", rotation, _IDENTITY),
                _pose("displacement", displacement, _ORIGIN),
            )
        for i, (index, identity) in (channels or {}).items():
            handle.set_channel(i, index, identity)
        new_materials, new_surfaces = list(self.materials), list(self.surfaces)
        for i, material in (materials or {}).items():
            handle.set_material(i, material._spec())
            new_materials[i] = material
        for i, surface in (surfaces or {}).items():
            handle.set_surface(i, surface._spec())
            new_surfaces[i] = surface
        _commit(handle)
        return Scene(handle, new_materials, new_surfaces, self._channel_types)

    def __repr__(self) -> str:
        i = self.info
        return (
            f"<Scene {self.hash[:12]}: {i['n_primitives']:,} triangles placed "
            f"({i['n_triangles']:,} stored), {i['n_instances']:,} instances, "
            f"{i['n_channels']:,} channels, {len(self.warnings)} warnings>"
        )


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
        _commit(self.scene)
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
                if spec.model != "default" and "model" in str(error):
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
            _IDENTITY,
            _ORIGIN,
            offset,
            self.capi.SolidRecord(),
            a.solid_of_triangle,
            solids,
        )


def _commit(scene: _capi.SceneHandle) -> None:
    try:
        scene.commit()
    except InvalidScene as error:
        found = scene.warnings()
        if found:
            listed = "; ".join(f"{w.kind} x {w.count}: {w.sentence}" for w in found)
            raise InvalidScene(f"{error} [{listed}]") from None
        raise


def _pose(name: str, value: ArrayLike | None, default: Floats) -> Floats:
    if value is None:
        return default
    try:
        p = np.array(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidType(f"{name} cannot be read as numbers ({error})") from None
    if p.shape != default.shape:
        raise InvalidArgument(f"{name} has shape {p.shape} (it must be {list(default.shape)})")
    if not np.isfinite(p).all():
        raise InvalidArgument(f"{name} holds a value that is not finite")
    return p


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
    for name in scalars:
        if record.get(name, 0):
            surface.parameters[name] = record[name]
    for name in bundles:
        if record.get(name) is not None:
            surface.parameters[name] = record[name]
    return surface
