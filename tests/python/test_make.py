# SPDX-License-Identifier: BSD-3-Clause
"""Meshes: closed, outward, of the right size, and the same bits on every machine."""

import hashlib
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chroma2 import Mesh, demo, elementary, errors, make, transform

L_X, L_Y = [0, 2, 2, 1, 1, 0], [0, 0, 1, 1, 2, 2]  # an L: not convex

# mesh, triangles, volume, relative tolerance
SOLIDS = {
    "box": (make.box(1, 2, 3), 12, 6.0, 1e-12),
    "box_off_centre": (make.box(1, 2, 3, (5, -6, 7)), 12, 6.0, 1e-12),
    "cube": (make.cube(2), 12, 8.0, 1e-12),
    "sphere": (make.sphere(10.0), 7936, 4 / 3 * math.pi * 1000, 0.005),
    "cylinder": (make.cylinder(2.0, 3.0), 256, math.pi * 12, 0.005),
    "cone": (make.cylinder(2.0, 3.0, 0.0), 128, math.pi * 4, 0.005),
    "cone_down": (make.cylinder(0.0, 3.0, 2.0), 128, math.pi * 4, 0.005),
    "frustum": (make.cylinder(2.0, 3.0, 1.0), 256, math.pi * 7, 0.005),
    "along_z": (make.cylinder_along_z(2.0, 3.0), 400, math.pi * 12, 0.005),
    "segmented": (make.segmented_cylinder(2.0, 3.0, 64, 20), 2560, math.pi * 12, 0.005),
    "torus": (make.torus(1.0, 3.0), 8192, 2 * math.pi**2 * 3, 0.005),
    "prism": (make.linear_extrude(L_X, L_Y, 4.0), 20, 12.0, 1e-12),
    "prism_clockwise": (make.linear_extrude(L_X[::-1], L_Y[::-1], 4.0), 20, 12.0, 1e-12),
    "tapered": (
        make.linear_extrude([0, 2, 2, 0], [0, 0, 2, 2], 3, [0, 1, 1, 0], [0, 0, 1, 1]),
        12,
        7.0,
        1e-12,
    ),
    "tube": (make.rotate_extrude([2, 3, 3, 2], [0, 0, 5, 5], 200), 1600, math.pi * 25, 1e-3),
    "profile_downwards": (
        make.rotate_extrude([0, 2, 2, 0], [3, 3, 0, 0], 64),
        256,
        math.pi * 12,
        0.005,
    ),
    "pmt": (make.rotate_extrude(*demo.pmt_profile(), 24, axis="z"), 864, 6.15e6, 0.03),
}


@pytest.mark.parametrize("name", SOLIDS)
def test_solids(name):
    mesh, n_triangles, volume, tolerance = SOLIDS[name]
    assert len(mesh) == n_triangles
    assert mesh.is_closed()
    assert mesh.volume() == pytest.approx(volume, rel=tolerance)  # > 0: normals point outside
    assert np.linalg.norm(mesh.normals(), axis=1).min() > 0
    assert len(mesh.welded().vertices) == len(mesh.vertices)
    assert not mesh.flipped().volume() > 0


def test_axes():
    for axis, i in (("x", 0), ("y", 1), ("z", 2)):
        low, high = make.cylinder(1.0, 10.0, axis=axis).bounds()
        assert high[i] - low[i] == 10.0
        assert np.sort(high - low)[:2] == pytest.approx([2.0, 2.0], rel=0.01)


def test_same_bits_everywhere():
    """Vertices of every solid, as float32 and float64. A change here changes scene hashes."""
    digest = hashlib.sha256()
    for mesh, *_ in SOLIDS.values():
        digest.update(mesh.vertices.astype("<f8").tobytes())
        digest.update(mesh.triangles.astype("<i4").tobytes())
    for rotation, displacement in demo.pmt_poses():
        digest.update(rotation.astype("<f8").tobytes())
        digest.update(displacement.astype("<f8").tobytes())
    assert digest.hexdigest() == GOLDEN


GOLDEN = "c67e9068a9cbe1d5f2c26019954cbccd4fc912bdb4d06299f0849fab7b97d3cc"


@given(st.floats(-1e6, 1e6))
def test_sincos(turns):
    sine, cosine = elementary.sincos_turn(turns)
    reduced = np.longdouble(turns) - np.rint(np.longdouble(turns))  # exact
    angle = reduced * np.longdouble("6.283185307179586476925286766559")
    assert abs(sine - np.sin(angle)) < 2e-16
    assert abs(cosine - np.cos(angle)) < 2e-16


def test_sincos_is_exact_at_quarters():
    sine, cosine = elementary.sincos_turn(np.arange(-8, 9) / 4)
    assert set(sine) == set(cosine) == {-1.0, 0.0, 1.0}
    assert not np.signbit(sine[sine == 0]).any()


vectors = st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda v: np.linalg.norm(v) > 1e-3)


@given(vectors, vectors, st.floats(-2, 2))
def test_rotations(a, b, turns):
    for r in (
        elementary.rotation_about(a, turns),
        elementary.rotation_to(a, b),
        transform.make_rotation_matrix(6 * turns, a),
    ):
        assert r @ r.T == pytest.approx(np.eye(3), abs=1e-14)
        assert np.linalg.det(r) == pytest.approx(1.0, abs=1e-14)
    turned = elementary.rotate(elementary.rotation_to(a, b), elementary.normalize(a))
    assert turned == pytest.approx(elementary.normalize(b), abs=1e-14)


def test_angles_are_left_handed_as_in_chroma():
    assert transform.rotate([1.0, 0.0, 0.0], math.pi / 2, [0, 0, 1]) == pytest.approx([0, -1, 0])
    assert elementary.rotation_about([0, 0, 1], 0.25) @ [1, 0, 0] == pytest.approx([0, 1, 0])


BAD = [
    (lambda: make.box(0, 1, 1), "dx is 0"),
    (lambda: make.sphere(-1.0), "radius is -1.0"),
    (lambda: make.sphere(1.0, 2), "nsteps is 2"),
    (lambda: make.torus(2.0, 1.0), "offset is 1.0"),
    (lambda: make.box(1, 1, 1, (0, 0)), "center"),
    (lambda: make.rotate_extrude([0, 1, -1, 0], [0, 0, 1, 1]), r"x\[2\] is -1.0"),
    (lambda: make.rotate_extrude([0, 1, 1], [0, 0, 1]), "both its ends on the axis"),
    (lambda: make.rotate_extrude([0, 1, 0, 1, 0], [0, 0, 1, 2, 2]), "both its ends on the axis"),
    (lambda: make.rotate_extrude([1, 1], [0]), "as many"),
    (lambda: make.rotate_extrude([0, 1, 0], [0, 1, 2], axis="w"), "axis is 'w'"),
    (lambda: make.linear_extrude([0, 2, 0, 2], [0, 1, 2, -1], 1), "crosses itself|no area"),
    (lambda: make.linear_extrude([0, 1], [0, 1], 1), "three or more"),
    (lambda: make.linear_extrude([0, 1, 2], [0, 1, 2], 1), "no area"),
    (lambda: Mesh([[0, 0, math.nan]], []), r"vertices\[0, 2\] is nan"),
    (lambda: Mesh([[0, 0, 0]], [[0, 0, 1]]), r"triangles\[0, 2\] is 1"),
    (lambda: Mesh([[0, 0]], []), "vertices has shape"),
]


@pytest.mark.parametrize(("call", "sentence"), BAD)
def test_bad_input(call, sentence):
    with pytest.raises(errors.InvalidArgument, match=sentence) as caught:
        call()
    assert isinstance(caught.value, ValueError)


def test_wrong_types():
    with pytest.raises(errors.InvalidType):
        Mesh([[0, 0, 0]] * 3, [[0.5, 1, 2]])
    with pytest.raises(TypeError):
        Mesh("vertices", [[0, 1, 2]])


def test_mesh_operations():
    a = make.cube(2.0)
    b = a.moved((10, 0, 0), elementary.rotation_about((0, 0, 1), 0.25)).scaled(2.0)
    both = a + b
    assert len(both) == 24 and both.is_closed()
    assert both.volume() == pytest.approx(8 + 64)
    assert a.area() == pytest.approx(24.0)
    assert len(Mesh(a.assemble().reshape(-1, 3), np.arange(36).reshape(-1, 3), True).vertices) == 8
    assert len(Mesh([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2], [0, 1, 1]])) == 1


@pytest.mark.parametrize("suffix", [".stl", ".ply", ".obj"])
def test_mesh_files(tmp_path, suffix):
    trimesh = pytest.importorskip("trimesh")
    sphere = make.sphere(10.0, 12)
    path = tmp_path / f"a sphere{suffix}"
    trimesh.Trimesh(sphere.vertices, sphere.triangles, process=False).export(path)
    back = make.from_file(path, scale=2.0)
    assert back.is_closed()
    assert len(back) == len(sphere)
    assert back.volume() == pytest.approx(8 * sphere.volume(), rel=1e-5)
