# SPDX-License-Identifier: BSD-3-Clause
"""Elementary functions with the same bits on every machine.

The vertices of a detector are part of its hash, so they are made with + - * / and sqrt only, which
IEEE 754 rounds in one way; the sine of a maths library is not among them. Every function works
on float64 scalars and arrays; each operation is a separate NumPy call, which rounds once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

_TWO_PI = 6.283185307179586

# Taylor coefficients, exact quotients of integers rounded once.
_SIN = tuple(
    (-1.0) ** k / float(f)
    for k, f in enumerate(
        (1, 6, 120, 5040, 362880, 39916800, 6227020800, 1307674368000, 355687428096000)
    )
)
_COS = tuple(
    (-1.0) ** k / float(f)
    for k, f in enumerate(
        (1, 2, 24, 720, 40320, 3628800, 479001600, 87178291200, 20922789888000, 6402373705728000)
    )
)


def _horner(coefficients: tuple[float, ...], z: Array) -> Array:
    total = np.full_like(z, coefficients[-1])
    for c in coefficients[-2::-1]:
        total = total * z
        total = total + c
    return total


def sincos_turn(turns: ArrayLike) -> tuple[Array, Array]:
    """Sine and cosine of 2 pi `turns`, exact at multiples of a quarter turn.

    turns : any shape, in full turns, |turns| < 2**50.
    Returns two arrays of the same shape, within 2e-16 of the true values.
    """
    u = np.asarray(turns, dtype=np.float64)
    quarters = np.floor(u * 4.0 + 0.5)
    x = (u - quarters * 0.25) * _TWO_PI  # in [-pi/4, pi/4]; the difference is exact
    z = x * x
    s = x * _horner(_SIN, z)
    c = _horner(_COS, z)
    quadrant = np.mod(quarters, 4.0)
    sine = np.where(quadrant == 0, s, np.where(quadrant == 1, c, np.where(quadrant == 2, -s, -c)))
    cosine = np.where(quadrant == 0, c, np.where(quadrant == 1, -s, np.where(quadrant == 2, -c, s)))
    return sine + 0.0, cosine + 0.0  # + 0.0 turns -0 into 0


def norm(vectors: ArrayLike) -> Array:
    """Length of vectors [..., 3], summed in the order x, y, z."""
    v = np.asarray(vectors, dtype=np.float64)
    x, y, z = v[..., 0], v[..., 1], v[..., 2]
    total = x * x
    total = total + y * y
    total = total + z * z
    return np.asarray(np.sqrt(total), dtype=np.float64)


def normalize(vectors: ArrayLike) -> Array:
    """Vectors [..., 3] divided by their length."""
    v = np.asarray(vectors, dtype=np.float64)
    return v / norm(v)[..., None]


def cross(a: ArrayLike, b: ArrayLike) -> Array:
    """Cross product of vectors [..., 3]."""
    a = np.asarray(a, dtype=np.float64)
    b = np.asarray(b, dtype=np.float64)
    out = np.empty(np.broadcast_shapes(a.shape, b.shape))
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        left = a[..., j] * b[..., k]
        right = a[..., k] * b[..., j]
        out[..., i] = left - right
    return out


def rotate(matrix: ArrayLike, vectors: ArrayLike) -> Array:
    """`matrix` [3, 3] applied to vectors [..., 3], summed in the order x, y, z."""
    r = np.asarray(matrix, dtype=np.float64)
    v = np.asarray(vectors, dtype=np.float64)
    out = np.empty_like(v)
    for i in range(3):
        total = r[i, 0] * v[..., 0]
        total = total + r[i, 1] * v[..., 1]
        total = total + r[i, 2] * v[..., 2]
        out[..., i] = total
    return out


def rotation_about(axis: ArrayLike, turns: float) -> Array:
    """Right-handed rotation by `turns` full turns about `axis`, as a matrix [3, 3] with R v."""
    x, y, z = (float(w) for w in normalize(axis))
    sine, cosine = (float(w) for w in sincos_turn(turns))
    v = 1.0 - cosine
    return np.array(
        [
            [x * x * v + cosine, x * y * v - z * sine, x * z * v + y * sine],
            [y * x * v + z * sine, y * y * v + cosine, y * z * v - x * sine],
            [z * x * v - y * sine, z * y * v + x * sine, z * z * v + cosine],
        ]
    )


def rotation_to(source: ArrayLike, target: ArrayLike) -> Array:
    """A rotation [3, 3] that turns the direction `source` into the direction `target`."""
    a = normalize(source)
    b = normalize(target)
    frames = []
    for w in (a, b):
        # A frame with w as third axis, from the coordinate axis that is farthest from w.
        far_axis = np.zeros(3)
        far_axis[int(np.argmin(np.abs(w)))] = 1.0
        u = normalize(cross(far_axis, w))
        frames.append((u, cross(w, u), w))
    out = np.zeros((3, 3))
    for e_a, e_b in zip(*frames, strict=True):
        out = out + e_b[:, None] * e_a[None, :]
    return out
