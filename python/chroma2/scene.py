# SPDX-License-Identifier: BSD-3-Clause
"""Scenes: built detectors, which never change, and their channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chroma2.errors import InvalidArgument, InvalidScene, InvalidType
from chroma2.material import Material, Surface

if TYPE_CHECKING:
    from chroma2 import _capi

Floats = NDArray[np.float64]

IDENTITY: Floats = np.eye(3)
ORIGIN: Floats = np.zeros(3)


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
                pose("rotation", rotation, IDENTITY),
                pose("displacement", displacement, ORIGIN),
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
        commit(handle)
        return Scene(handle, new_materials, new_surfaces, self._channel_types)

    def __repr__(self) -> str:
        i = self.info
        return (
            f"<Scene {self.hash[:12]}: {i['n_primitives']:,} triangles placed "
            f"({i['n_triangles']:,} stored), {i['n_instances']:,} instances, "
            f"{i['n_channels']:,} channels, {len(self.warnings)} warnings>"
        )


def commit(scene: _capi.SceneHandle) -> None:
    """Commits; a refusal names the warnings that caused it."""
    try:
        scene.commit()
    except InvalidScene as error:
        found = scene.warnings()
        if found:
            listed = "; ".join(f"{w.kind} x {w.count}: {w.sentence}" for w in found)
            raise InvalidScene(f"{error} [{listed}]") from None
        raise


def pose(name: str, value: ArrayLike | None, default: Floats) -> Floats:
    """A rotation or displacement, checked; None: the default."""
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
