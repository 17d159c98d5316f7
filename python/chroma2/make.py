# SPDX-License-Identifier: BSD-3-Clause
"""Meshes of simple solids: closed, with outward normals, the same bits on every machine.

Lengths are in mm. Vertices are computed with + - * / and sqrt only (see `chroma2.elementary`), so
that a detector script gives the same scene hash everywhere. As in Chroma, rotated solids stand on
the y axis unless `axis` says otherwise.
"""

from __future__ import annotations

import os
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chroma2 import elementary
from chroma2.errors import InvalidArgument, require
from chroma2.mesh import Mesh

Axis = Literal["x", "y", "z"]
Point = ArrayLike

_ORIGIN = (0.0, 0.0, 0.0)


def box(dx: float, dy: float, dz: float, center: Point = _ORIGIN) -> Mesh:
    """A box of edge lengths dx, dy, dz round `center`: 8 vertices, 12 triangles."""
    for name, d in (("dx", dx), ("dy", dy), ("dz", dz)):
        _positive(name, d)
    corners = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
    vertices = corners * np.array([dx, dy, dz], dtype=np.float64) + _point(center, "center")
    quads = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))
    return Mesh(vertices, [t for a, b, c, d in quads for t in ((a, b, c), (a, c, d))])


def cube(size: float = 5.0, height: float | None = None, center: Point = _ORIGIN) -> Mesh:
    """A box of a square base in x and y, `height` (default: the same) in z."""
    return box(size, size, size if height is None else height, center)


def sphere(radius: float = 1.0, nsteps: int = 64, axis: Axis = "y") -> Mesh:
    """A sphere round the origin, its vertices on it: nsteps meridians, nsteps - 1 bands."""
    _positive("radius", radius)
    _at_least("nsteps", nsteps, 3)
    turns = np.arange(nsteps) / (2.0 * (nsteps - 1)) - 0.25
    sine, cosine = elementary.sincos_turn(turns)
    return rotate_extrude(radius * cosine, radius * sine, nsteps, axis)


def cylinder(
    radius: float = 1.0,
    height: float = 2.0,
    radius2: float | None = None,
    nsteps: int = 64,
    axis: Axis = "y",
) -> Mesh:
    """A cylinder round the origin, or a cone frustum from `radius` (low end) to `radius2`."""
    _positive("height", height)
    top = radius if radius2 is None else radius2
    if radius < 0 or top < 0 or not radius + top > 0:
        raise InvalidArgument(f"radii are {radius} and {top} (>= 0, and one of them > 0)")
    half = 0.5 * height
    points = [(0.0, -half), (radius, -half), (top, half), (0.0, half)]
    if radius == 0:
        del points[0]
    if top == 0:
        del points[-1]
    r, h = zip(*points, strict=True)
    return rotate_extrude(r, h, nsteps, axis)


def cylinder_along_z(radius: float, height: float, points: int = 100) -> Mesh:
    """A cylinder on the z axis round the origin with `points` sides."""
    return cylinder(radius, height, nsteps=points, axis="z")


def segmented_cylinder(
    radius: float, height: float, nsteps: int = 64, nsegments: int = 100, axis: Axis = "y"
) -> Mesh:
    """A cylinder whose side and ends are cut into rings of about equal width: no long slivers.

    nsegments   rings along radius + height + radius
    """
    _positive("radius", radius)
    _positive("height", height)
    _at_least("nsegments", nsegments, 3)
    width = (2.0 * radius + height) / nsegments
    n_ends = max(1, round(radius / width))
    n_side = max(1, round(height / width))
    r = np.concatenate(
        [
            radius * np.arange(n_ends) / n_ends,
            np.full(n_side + 1, radius),
            radius * np.arange(n_ends - 1, -1, -1) / n_ends,
        ]
    )
    h = np.concatenate(
        [
            np.full(n_ends, -0.5 * height),
            height * np.arange(n_side + 1) / n_side - 0.5 * height,
            np.full(n_ends, 0.5 * height),
        ]
    )
    return rotate_extrude(r, h, nsteps, axis)


def torus(
    radius: float = 1.0,
    offset: float = 3.0,
    nsteps: int = 64,
    circle_steps: int | None = None,
    axis: Axis = "y",
) -> Mesh:
    """A ring: a circle of `radius`, `offset` > radius from the axis, turned round it."""
    _positive("radius", radius)
    if not offset > radius:
        raise InvalidArgument(f"offset is {offset} (it must be larger than the radius, {radius})")
    steps = nsteps if circle_steps is None else circle_steps
    _at_least("circle_steps", steps, 3)
    sine, cosine = elementary.sincos_turn(np.arange(steps) / steps)
    return rotate_extrude(radius * cosine + offset, radius * sine, nsteps, axis)


def rotate_extrude(x: ArrayLike, y: ArrayLike, nsteps: int = 64, axis: Axis = "y") -> Mesh:
    """The solid that a profile sweeps when it is turned round the axis.

    x       [n] distance from the axis, >= 0
    y       [n] height along the axis
    nsteps  number of steps of a full turn, >= 3

    A profile that begins and ends on the axis (x = 0) makes a solid without a hole; one that stays
    off the axis is closed from its last point to its first and makes a ring. The order of the
    points, up or down, does not matter: normals point out of the solid.
    Raises InvalidArgument for a profile that touches the axis in between or at one end only.
    """
    r = np.array(x, dtype=np.float64).reshape(-1)
    h = np.array(y, dtype=np.float64).reshape(-1)
    _at_least("nsteps", nsteps, 3)
    if len(r) != len(h):
        raise InvalidArgument(f"x has {len(r)} points and y has {len(h)} (they must be as many)")
    if not (np.isfinite(r).all() and np.isfinite(h).all()):
        raise InvalidArgument("the profile holds a value that is not finite")
    if len(r) and r.min() < 0:
        i = int(np.argmin(r))
        raise InvalidArgument(f"x[{i}] is {r[i]} (distances from the axis must be >= 0)")
    if len(r) > 1 and r[0] == r[-1] and h[0] == h[-1]:
        r, h = r[:-1], h[:-1]
    is_ring = bool((r > 0).all())
    if len(r) < 3 or (not is_ring and not (r[0] == 0 and r[-1] == 0 and (r[1:-1] > 0).all())):
        raise InvalidArgument(
            "a profile needs three points or more, and both its ends on the axis (x = 0) "
            "or no point at all there"
        )
    area2 = float(np.sum(r * np.roll(h, -1) - np.roll(r, -1) * h))
    if area2 == 0:
        raise InvalidArgument("the profile encloses no area")
    if area2 < 0:
        r, h = r[::-1], h[::-1]

    # Rows of vertices along the profile: nsteps to a point off the axis, one to a point on it.
    sine, cosine = elementary.sincos_turn(np.arange(nsteps) / nsteps)
    vertices: list[NDArray[np.float64]] = []
    row: list[NDArray[np.int64]] = []
    n = 0
    for radius, height in zip(r, h, strict=True):
        if radius > 0:
            ring = np.stack([radius * cosine, radius * sine, np.full(nsteps, height)], axis=1)
            row.append(n + np.arange(nsteps))
        else:
            ring = np.array([[0.0, 0.0, height]])
            row.append(np.full(nsteps, n))
        vertices.append(ring)
        n += len(ring)

    # With the profile counter-clockwise, (step round the axis) x (step along it) points outside.
    triangles = []
    for i in range(len(r) if is_ring else len(r) - 1):
        a, b = row[i], row[(i + 1) % len(r)]
        a1, b1 = np.roll(a, -1), np.roll(b, -1)
        triangles += [np.stack([a, a1, b1], axis=1), np.stack([a, b1, b], axis=1)]
    mesh = Mesh(np.concatenate(vertices), np.concatenate(triangles))
    order = {"z": (0, 1, 2), "x": (2, 0, 1), "y": (1, 2, 0)}.get(axis)
    if order is None:
        raise InvalidArgument(f"axis is {axis!r} (it must be 'x', 'y' or 'z')")
    return Mesh(mesh.vertices[:, order], mesh.triangles)


def linear_extrude(
    x1: ArrayLike,
    y1: ArrayLike,
    height: float,
    x2: ArrayLike | None = None,
    y2: ArrayLike | None = None,
    center: Point = _ORIGIN,
    endcaps: bool = True,
) -> Mesh:
    """The prism over a polygon in the x-y plane, from z = -height/2 to height/2, round `center`.

    x1, y1   [n] corners of the lower end in order, either way round; no edge may cross another
    x2, y2   [n] corners of the upper end; default: the same
    endcaps  False leaves the ends open
    """
    low = _polygon(x1, y1, "x1, y1")
    _positive("height", height)
    if (x2 is None) != (y2 is None):
        raise InvalidArgument("x2 and y2 must be given together")
    high = low if x2 is None or y2 is None else _polygon(x2, y2, "x2, y2")
    if len(high) != len(low):
        raise InvalidArgument(f"the ends have {len(low)} and {len(high)} corners (as many needed)")
    if _area2(low) < 0:
        low, high = low[::-1], high[::-1]
    n = len(low)
    flat = np.zeros((2 * n, 3))
    flat[:n, :2], flat[:n, 2] = low, -0.5 * height
    flat[n:, :2], flat[n:, 2] = high, 0.5 * height
    i = np.arange(n)
    j = (i + 1) % n
    triangles = [np.stack([i, j, n + j], axis=1), np.stack([i, n + j, n + i], axis=1)]
    if endcaps:
        triangles += [_triangulate(low)[:, ::-1], _triangulate(high) + n]
    return Mesh(flat + _point(center, "center"), np.concatenate(triangles))


def convex_polygon(x: ArrayLike, y: ArrayLike) -> Mesh:
    """A flat polygon in the plane z = 0, its normal along +z: an open sheet."""
    corners = _polygon(x, y, "x, y")
    if _area2(corners) < 0:
        corners = corners[::-1]
    return Mesh(np.column_stack([corners, np.zeros(len(corners))]), _triangulate(corners))


def from_file(path: str | os.PathLike[str], scale: float = 1.0) -> Mesh:
    """A mesh from a file that trimesh can read: STL, PLY, OBJ, GLB, OFF, ...

    scale   mm per unit of the file
    Exactly equal vertices are merged, since formats like STL repeat them.
    Raises MissingDependency without trimesh (extra `geometry`), InvalidArgument if there is no
    triangle in the file.
    """
    try:
        import trimesh
    except ImportError:
        raise require("trimesh", "geometry", "reading a mesh file") from None
    loaded: Any = trimesh.load(os.fspath(path), force="mesh", process=False)
    vertices = np.asarray(loaded.vertices, dtype=np.float64) * float(scale)
    triangles = np.asarray(loaded.faces, dtype=np.int64)
    if len(triangles) == 0:
        raise InvalidArgument(f"{os.fspath(path)} holds no triangle")
    return Mesh(vertices, triangles, remove_duplicate_vertices=True)


# ------------------------------------------------------------------ parts


def _positive(name: str, value: float) -> None:
    if not (value > 0 and np.isfinite(value)):
        raise InvalidArgument(f"{name} is {value} (it must be > 0 and finite)")


def _at_least(name: str, value: int, least: int) -> None:
    if value != int(value) or value < least:
        raise InvalidArgument(f"{name} is {value} (it must be a whole number >= {least})")


def _point(value: ArrayLike, name: str) -> NDArray[np.float64]:
    p = np.asarray(value, dtype=np.float64)
    if p.shape != (3,) or not np.isfinite(p).all():
        raise InvalidArgument(f"{name} is {value!r} (it must be three finite numbers, mm)")
    return p


def _polygon(x: ArrayLike, y: ArrayLike, names: str) -> NDArray[np.float64]:
    px = np.array(x, dtype=np.float64).reshape(-1)
    py = np.array(y, dtype=np.float64).reshape(-1)
    if len(px) != len(py) or len(px) < 3:
        raise InvalidArgument(
            f"{names} have {len(px)} and {len(py)} values (they must be as many, three or more)"
        )
    p = np.stack([px, py], axis=1)
    if not np.isfinite(p).all():
        raise InvalidArgument(f"{names} hold a value that is not finite")
    if _area2(p) == 0:
        raise InvalidArgument(f"{names} enclose no area")
    return p


def _area2(p: NDArray[np.float64]) -> float:
    q = np.roll(p, -1, axis=0)
    return float(np.sum(p[:, 0] * q[:, 1] - q[:, 0] * p[:, 1]))


def _triangulate(p: NDArray[np.float64]) -> NDArray[np.int64]:
    """Triangles [n - 2, 3] over a counter-clockwise simple polygon, by cutting ears."""
    left = list(range(len(p)))
    out: list[tuple[int, int, int]] = []
    start = 0
    while len(left) > 3:
        for k in range(len(left)):
            i = (start + k) % len(left)
            a, b, c = left[i - 1], left[i], left[(i + 1) % len(left)]
            if _turn(p[a], p[b], p[c]) > 0 and not any(
                _inside(p[d], p[a], p[b], p[c]) for d in left if d not in (a, b, c)
            ):
                out.append((a, b, c))
                del left[i]
                start = i  # the next ear elsewhere: no fan of slivers at one corner
                break
        else:
            raise InvalidArgument("the polygon crosses itself or repeats a point")
    out.append((left[0], left[1], left[2]))
    return np.array(out, dtype=np.int64)


def _turn(a: NDArray[np.float64], b: NDArray[np.float64], c: NDArray[np.float64]) -> float:
    return float((b[0] - a[0]) * (c[1] - b[1]) - (b[1] - a[1]) * (c[0] - b[0]))


def _inside(
    q: NDArray[np.float64], a: NDArray[np.float64], b: NDArray[np.float64], c: NDArray[np.float64]
) -> bool:
    return _turn(a, b, q) >= 0 and _turn(b, c, q) >= 0 and _turn(c, a, q) >= 0
