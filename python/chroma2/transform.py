# SPDX-License-Identifier: BSD-3-Clause
"""Vectors and rotations under Chroma's names, with Chroma's left-handed angles in radian.

For new scripts `chroma2.elementary.rotation_about` (right-handed, in turns) reads better; both give
the same bits on every machine.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chroma2 import elementary

norm = elementary.norm
normalize = elementary.normalize

_TWO_PI = 6.283185307179586


def make_rotation_matrix(phi: float, n: ArrayLike) -> NDArray[np.float64]:
    """Matrix [3, 3] that rotates by -phi (radian) about the axis n in the right-handed sense."""
    return elementary.rotation_about(n, -float(phi) / _TWO_PI)


rotate_matrix = make_rotation_matrix


def gen_rot(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """A rotation [3, 3] that turns the direction a into the direction b."""
    return elementary.rotation_to(a, b)


def rotate(x: ArrayLike, phi: float, n: ArrayLike) -> NDArray[np.float64]:
    """Points x [..., 3] rotated by -phi (radian) about the axis n in the right-handed sense."""
    return elementary.rotate(make_rotation_matrix(phi, n), x)


def get_perp(x: ArrayLike) -> NDArray[np.float64]:
    """A unit vector perpendicular to the vector x."""
    v = np.asarray(x, dtype=np.float64)
    far_axis = np.zeros(3)
    far_axis[int(np.argmin(np.abs(v)))] = 1.0
    return elementary.normalize(elementary.cross(v, far_axis))
