# SPDX-License-Identifier: BSD-3-Clause
"""Triangle meshes: vertices, triangles, and what can be asked of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chroma2 import elementary
from chroma2.errors import InvalidArgument, InvalidType


class Mesh:
    """A triangle mesh.

    vertices    [n, 3] mm; kept as float64, stored in a scene as float32
    triangles   [m, 3] indices into vertices; the outside is where (v1-v0)x(v2-v1) points
    remove_duplicate_vertices   merge exactly equal vertices first
    remove_null_triangles       drop triangles that name a vertex twice

    Raises InvalidArgument for shapes, NaN or infinite vertices, indices out of range.
    """

    __slots__ = ("triangles", "vertices")

    vertices: NDArray[np.float64]
    triangles: NDArray[np.int32]

    def __init__(
        self,
        vertices: ArrayLike,
        triangles: ArrayLike,
        remove_duplicate_vertices: bool = False,
        *,
        remove_null_triangles: bool = True,
    ) -> None:
        v = _floats(vertices, "vertices")
        t = np.asarray(triangles)
        if t.size == 0:
            t = np.zeros((0, 3), dtype=np.int64)
        if t.ndim != 2 or t.shape[1] != 3:
            raise InvalidArgument(f"triangles has shape {t.shape} (it must be [m, 3])")
        if t.dtype.kind not in "iu":
            raise InvalidType(f"triangles is {t.dtype} (it must hold integers)")
        if t.size and (int(t.min()) < 0 or int(t.max()) >= len(v)):
            bad = np.argwhere((t < 0) | (t >= len(v)))[0]
            raise InvalidArgument(
                f"triangles[{bad[0]}, {bad[1]}] is {t[bad[0], bad[1]]} "
                f"(there are {len(v)} vertices, counted from 0)"
            )
        t = t.astype(np.int32)
        if remove_duplicate_vertices:
            v, t = _weld(v, t)
        if remove_null_triangles:
            keep = (t[:, 0] != t[:, 1]) & (t[:, 1] != t[:, 2]) & (t[:, 2] != t[:, 0])
            t = t[keep]
        self.vertices = v
        self.triangles = np.ascontiguousarray(t)

    def __len__(self) -> int:
        return len(self.triangles)

    def __repr__(self) -> str:
        return f"<Mesh: {len(self.vertices)} vertices, {len(self.triangles)} triangles>"

    def __add__(self, other: Mesh) -> Mesh:
        if not isinstance(other, Mesh):
            return NotImplemented
        return Mesh(
            np.concatenate([self.vertices, other.vertices]),
            np.concatenate([self.triangles, other.triangles + np.int32(len(self.vertices))]),
            remove_null_triangles=False,
        )

    def assemble(self) -> NDArray[np.float64]:
        """Corners of every triangle, [m, 3, 3] mm."""
        return self.vertices[self.triangles]

    def bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lowest and highest corner of the box round all vertices, mm."""
        if len(self.vertices) == 0:
            raise InvalidArgument("an empty mesh has no bounds")
        return self.vertices.min(axis=0), self.vertices.max(axis=0)

    get_bounds = bounds

    def get_triangle_centers(self) -> NDArray[np.float64]:
        """Centroid of every triangle, [m, 3] mm."""
        corners = self.assemble()
        return (corners[:, 0] + corners[:, 1] + corners[:, 2]) / 3.0

    def normals(self) -> NDArray[np.float64]:
        """(v1-v0)x(v2-v1) of every triangle, [m, 3] mm^2: twice the area, pointing outside."""
        corners = self.assemble()
        return elementary.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 1])

    def area(self) -> float:
        """Sum of the triangles' areas, mm^2."""
        return float(0.5 * np.sum(elementary.norm(self.normals())))

    def volume(self) -> float:
        """Enclosed volume, mm^3; positive if the normals point outside. Closed meshes only."""
        corners = self.assemble()
        return float(np.sum(corners[:, 0] * elementary.cross(corners[:, 1], corners[:, 2])) / 6.0)

    def is_closed(self) -> bool:
        """True if every edge is used equally often in both directions."""
        if len(self.triangles) == 0:
            return False
        t = self.triangles.astype(np.int64)
        n = np.int64(len(self.vertices))
        forward = np.concatenate([t[:, i] * n + t[:, (i + 1) % 3] for i in range(3)])
        backward = np.concatenate([t[:, (i + 1) % 3] * n + t[:, i] for i in range(3)])
        return bool(np.array_equal(np.sort(forward), np.sort(backward)))

    def flipped(self) -> Mesh:
        """The same triangles with inside and outside exchanged."""
        return Mesh(self.vertices, self.triangles[:, ::-1], remove_null_triangles=False)

    def scaled(self, factor: float) -> Mesh:
        """All vertices multiplied by `factor` > 0."""
        if not factor > 0:
            raise InvalidArgument(f"factor is {factor} (it must be > 0)")
        return Mesh(self.vertices * factor, self.triangles, remove_null_triangles=False)

    def moved(
        self, displacement: ArrayLike = (0.0, 0.0, 0.0), rotation: ArrayLike | None = None
    ) -> Mesh:
        """All vertices v as rotation v + displacement; rotation [3, 3], displacement [3] mm."""
        v = self.vertices if rotation is None else elementary.rotate(rotation, self.vertices)
        return Mesh(
            v + np.asarray(displacement, dtype=np.float64),
            self.triangles,
            remove_null_triangles=False,
        )

    def welded(self) -> Mesh:
        """Exactly equal vertices merged."""
        return Mesh(*_weld(self.vertices, self.triangles), remove_null_triangles=False)


def _floats(values: Any, name: str) -> NDArray[np.float64]:
    try:
        v = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidType(f"{name} cannot be read as numbers ({error})") from None
    if v.size == 0:
        v = v.reshape(0, 3)
    if v.ndim != 2 or v.shape[1] != 3:
        raise InvalidArgument(f"{name} has shape {v.shape} (it must be [n, 3])")
    bad = np.argwhere(~np.isfinite(v))
    if len(bad):
        i, j = bad[0]
        raise InvalidArgument(f"{name}[{i}, {j}] is {v[i, j]} (it must be finite)")
    return np.ascontiguousarray(v)


def _weld(
    vertices: NDArray[np.float64], triangles: NDArray[np.int32]
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    unique, inverse = np.unique(vertices + 0.0, axis=0, return_inverse=True)
    return unique, inverse.reshape(-1).astype(np.int32)[triangles]
