# SPDX-License-Identifier: BSD-3-Clause
"""Solids: a mesh with what lies inside, outside and between."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chroma2.errors import InvalidArgument, InvalidType
from chroma2.material import Material, Surface
from chroma2.mesh import Mesh

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
