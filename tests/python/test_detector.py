# SPDX-License-Identifier: BSD-3-Clause
"""Detectors: what goes in comes out, numbers stay apart, bad input is named."""

import numpy as np
import pytest
from conftest import SMALL, event, light, water_box

import chroma2
from chroma2 import errors, optics


def test_legacy_script():
    """The order and names of a Chroma geometry script."""
    from chroma2.make import box, sphere
    from chroma2.transform import make_rotation_matrix

    water, vacuum = chroma2.Material("water"), chroma2.Material("vacuum")
    water.set("refractive_index", 1.33)
    water.set("absorption_length", np.full(188, 1e4))  # on the standard grid
    vacuum.set("refractive_index", 1.0)
    black = chroma2.Surface("black")
    black.set("absorb", 1)
    detector = chroma2.Detector(water)
    tank = chroma2.Solid(box(2000, 2000, 2000), water, vacuum, black, color=0xFFFF0000)
    ball = chroma2.Solid(sphere(50.0, 10), vacuum, water, black)
    assert detector.add_solid(tank) == 0
    first = detector.add_pmt(ball, displacement=(0, 0, -500))
    turned = detector.add_pmt(
        ball, make_rotation_matrix(1.0, (0, 1, 0)), np.array([0, 0, 500]), channel_type=7
    )
    assert first == (1, 0, 0)
    assert turned == (2, 1, 7)
    assert detector.num_channels == 2
    scene = detector.build()
    assert scene.info["n_meshes"] == 1  # the ball is stored once
    assert scene.info["n_instances"] == 3
    assert scene.channels.position.tolist() == [[0, 0, -500], [0, 0, 500]]
    assert [c.channel_type for c in scene.channels] == [0, 7]
    assert scene.channels[1].solid_id == 2
    assert scene.warnings == []
    low, high = detector.bounds
    assert low.tolist() == [-1000] * 3 and high.tolist() == [1000] * 3
    assert detector.build() is scene
    detector.add_pmt(ball, displacement=(500, 0, 0))
    assert detector.build() is not scene


def test_three_kinds_of_numbers():
    detector = water_box()
    ball = detector.add_mesh(chroma2.make.sphere(20.0, 8), optics.vacuum(), optics.water())
    detector.add_instance(ball, displacement=(100, 0, 0))
    detector.add_instance(ball, displacement=(200, 0, 0), channel_id=4711, channel_type=3)
    detector.add_pmt(ball, displacement=(300, 0, 0), channel_id=99)
    scene = detector.build()
    assert [c.index for c in scene.channels] == [0, 1, 2]
    assert scene.channels.channel_id.tolist() == [0, 4711, 99]
    assert scene.channels.solid_id.tolist() == [0, 2, 3]
    assert scene.channels.channel_type.tolist() == [0, 3, 2]


def digest(scene, n=3000, seed=3):
    with chroma2.Session(detector=scene, seed=seed, **SMALL) as session:
        result = session.submit_event(event(n, event_id=5, keep=("photons_end",))).result()
    return {name: result.photons_end[name].tobytes() for name in result.photons_end}


def box_with_ball(times):
    detector = water_box()
    ball = chroma2.Solid(
        chroma2.make.sphere(100.0, 12),
        optics.vacuum(),
        detector.detector_material,
        optics.mirror(),
    )
    rotation = chroma2.elementary.rotation_about((1, 2, 3), 0.1)
    for i in range(times):
        detector.add_solid(ball, rotation, (200, 50, -100 + 250 * i))
    return detector


def test_placed_once_or_as_instance_gives_the_same_bytes():
    flat, instanced = box_with_ball(1), water_box()
    ball = flat._shapes[1].solid
    water = instanced.detector_material
    again = instanced.add_mesh(ball.mesh, ball.material1, [water] * len(ball.mesh), ball.surface)
    rotation = chroma2.elementary.rotation_about((1, 2, 3), 0.1)
    instanced.add_instance(again, rotation, (200, 50, -100))
    assert flat.build().info["n_meshes"] == 1  # the box itself
    assert instanced.build().info["n_meshes"] == 2
    assert digest(flat) == digest(instanced)


def test_hash():
    assert box_with_ball(2).hash == box_with_ball(2).hash
    assert box_with_ball(2).hash != box_with_ball(1).hash
    assert len(water_box().hash) == 64
    assert water_box(500.0).hash != water_box(np.nextafter(500.0, 501.0, dtype=np.float32)).hash


def test_energies_and_either_order():
    w = np.array([200.0, 400.0, 800.0])
    n = np.array([1.40, 1.35, 1.33])
    eV = chroma2.units.HC_EV_NM / w
    forms = [
        {"wavelengths": w, "value": n},
        {"wavelengths": w[::-1], "value": n[::-1]},
        {"energies": eV, "value": n},
        {"energies": eV[::-1], "value": n[::-1]},
        {"value": np.stack([w, n], axis=1)},
    ]
    seen = []
    for form in forms:
        material = chroma2.Material("m")
        material.set("refractive_index", **form)
        detector = chroma2.Detector()
        detector.add_solid(
            chroma2.Solid(chroma2.make.cube(1.0), material, optics.vacuum(), optics.black())
        )
        seen.append([detector.build().material_value("m", "refractive_index", x) for x in w])
        assert material.get("refractive_index")[0] == pytest.approx(w)
    assert seen == [pytest.approx(n, rel=1e-6)] * len(forms)


def test_from_arrays(scenes):
    arrays = scenes.build("S3")
    detector = chroma2.Detector.from_arrays(**arrays)
    scene = detector.build()
    assert scene.warnings == []
    assert scene.num_channels == detector.num_channels == 96
    assert detector.extras["sources"] == ["point", "uniform"]
    assert scene.info["wavelength_step_nm"] == 20.0
    for triangle in (0, 100, 767):  # last_hit_triangles numbers the arrays' triangles
        corners = arrays["vertices"][arrays["triangles"][triangle]]
        found = scene.primitive(triangle)
        assert np.array_equal(found.corners, corners)
        assert found.solid.solid_id == arrays["solid_id"][triangle]
        assert found.solid.channel_index == arrays["solid_id"][triangle]
    with chroma2.Session(detector=scene, seed=1, **SMALL) as session:
        descriptor = chroma2.EventDescriptor(sources=[light(2000, wavelength=128.0)])
        hits = session.submit_event(descriptor).result().hits
    assert len(hits) > 500
    solid = arrays["solid_id"][hits.last_hit_triangles]
    assert np.array_equal(arrays["solid_to_channel"][solid], hits.channel)


@pytest.mark.parametrize("key", ["S1mini", "S4", "S5"])
def test_from_arrays_takes_every_scene(scenes, key):
    arrays = scenes.build(key)
    scene = chroma2.Detector.from_arrays(**arrays).build()
    assert scene.info["n_primitives"] == len(arrays["triangles"])
    assert scene.num_channels == int(arrays["solid_to_channel"].max()) + 1


def test_unknown_surface_models_are_refused():
    surface = chroma2.Surface("film", "mirage")
    detector = water_box()
    detector.add_solid(
        chroma2.Solid(chroma2.make.cube(1.0), optics.vacuum(), optics.vacuum(), surface)
    )
    with pytest.raises(errors.Error, match=r"film.*'mirage'|mirage.*film|\"mirage\""):
        detector.build()


def change(**new):
    def changed(arrays):
        arrays.update(new)

    return changed


def put(name, index, value):
    def changed(arrays):
        arrays[name] = arrays[name].copy()
        arrays[name][index] = value

    return changed


BAD_ARRAYS = [
    (put("vertices", (3, 1), np.nan), r"vertices\[3, 1\] is nan"),
    (put("triangles", (5, 0), 10**6), r"triangles\[5, 0\] is 1000000"),
    (put("triangles", (5, 0), -1), r"triangles\[5, 0\] is -1"),
    (put("mat_in", 7, 2), r"mat_in\[7\] is 2"),
    (put("mat_out", 7, -1), r"mat_out\[7\] is -1"),
    (put("surface", 9, 1), r"surface\[9\] is 1"),
    (put("solid_id", 9, 96), r"solid_id\[9\] is 96"),
    (change(wireplanes=[1]), "unknown key 'wireplanes'"),
    (change(mat_in=np.zeros(5, np.int32)), r"mat_in has shape \(5,\)"),
]


@pytest.mark.parametrize(("fault", "sentence"), BAD_ARRAYS)
def test_bad_arrays(scenes, fault, sentence):
    arrays = dict(scenes.build("S3"))
    fault(arrays)
    with pytest.raises(errors.InvalidArgument, match=sentence):
        chroma2.Detector.from_arrays(**arrays)


def set_of(kind, *arguments, **options):
    def call():
        thing = kind("thing")
        thing.set(*arguments, **options)

    return call


cube = chroma2.make.cube(1.0)
air = optics.vacuum()
BAD_PARTS = [
    (set_of(chroma2.Material, "index", 1.0), "no property 'index'.*refractive_index"),
    (set_of(chroma2.Material, "refractive_index", [1, 2, 3]), "standard grid"),
    (set_of(chroma2.Material, "refractive_index", [1, 2], [400]), "shape"),
    (set_of(chroma2.Material, "refractive_index", [1], [400]), "two points"),
    (set_of(chroma2.Material, "refractive_index", "glass"), "cannot be read"),
    (
        set_of(chroma2.Material, "refractive_index", [1, 2], [1, 2], energies=[1, 2]),
        "not both",
    ),
    (set_of(chroma2.Surface, "detect", [0.1, -0.2], [300, 400]), r"thing.detect\[1\] is -0.2"),
    (set_of(chroma2.Surface, "shine", 1.0), "no table 'shine'"),
    (lambda: chroma2.Solid("cube", air, air), "mesh is a str"),
    (lambda: chroma2.Solid(cube, None, air), "material1 is None"),
    (lambda: chroma2.Solid(cube, air, [air] * 3), "material2 has 3 entries"),
    (lambda: chroma2.Solid(cube, air, air, [air] * 12), r"surface\[0\] is"),
    (lambda: chroma2.Detector().add_solid(cube), "solid is a Mesh"),
    (
        lambda: chroma2.Detector().add_solid(chroma2.Solid(cube, air, air), np.eye(2)),
        "rotation has shape",
    ),
    (
        lambda: chroma2.Detector().add_solid(
            chroma2.Solid(cube, air, air), displacement=(0, 0, np.inf)
        ),
        "displacement holds",
    ),
]


@pytest.mark.parametrize(("call", "sentence"), BAD_PARTS)
def test_bad_parts(call, sentence):
    with pytest.raises(chroma2.Error, match=sentence) as caught:
        call()
    assert isinstance(caught.value, (ValueError, TypeError))


def build_with(**options):
    def call():
        material = chroma2.Material("m")
        for name, value in options.items():
            if name not in ("rotation", "wavelengths"):
                material.set(name, value)
        detector = chroma2.Detector(wavelengths=options.get("wavelengths"))
        detector.add_pmt(chroma2.Solid(cube, material, air), options.get("rotation"))
        detector.build()

    return call


BAD_BUILDS = [
    (build_with(), "refractive"),
    (build_with(refractive_index=-1.0), "refractive"),
    (build_with(refractive_index=np.nan), "refractive"),
    (build_with(refractive_index=1.3, absorption_length=-1.0), "absorption"),
    (build_with(refractive_index=1.3, rotation=2 * np.eye(3)), "rotation"),
    (build_with(refractive_index=1.3, rotation=-np.eye(3)), "rotation"),
    (build_with(refractive_index=1.3, wavelengths=(60, 995, 7)), "wavelength"),
    (lambda: chroma2.Detector().build(), "empty|no triangle|nothing|no instance"),
]


@pytest.mark.parametrize(("call", "word"), BAD_BUILDS)
def test_bad_builds(call, word):
    with pytest.raises(chroma2.Error, match=f"(?i){word}") as caught:
        call()
    assert isinstance(caught.value, ValueError)


def open_box(strict):
    detector = chroma2.Detector(strict=strict)
    sheet = chroma2.make.linear_extrude([0, 1, 1, 0], [0, 0, 1, 1], 1.0, endcaps=False)
    detector.add_solid(chroma2.Solid(sheet, optics.vacuum(), optics.vacuum(), optics.black()))
    return detector


def test_warnings():
    with pytest.warns(errors.SceneWarning, match="OPEN_WORLD"):
        scene = open_box(False).build()
    assert [w.kind for w in scene.warnings] == ["OPEN_WORLD"]
    assert scene.warnings[0].count > 0
    with pytest.raises(errors.InvalidScene, match="OPEN_WORLD"):
        open_box(True).build()


def test_edited_scene_shares_and_differs():
    scene = box_with_ball(2).build()
    moved = scene.edited(transforms={2: (np.eye(3), (0, 0, 300))})
    assert moved.hash != scene.hash
    back = moved.edited(transforms={2: (chroma2.elementary.rotation_about((1, 2, 3), 0.1),
                                        (200, 50, 150))})  # fmt: skip
    assert back.hash == scene.hash
    other = scene.edited(surfaces={0: optics.black()})
    assert other.hash != scene.hash
    renumbered = scene.edited(channels={0: (3, 42)})
    assert renumbered.channels.channel_id.tolist() == [-1, -1, -1, 42]
    assert digest(back) == digest(scene)


def test_replace_for_one_placement():
    """Instances of one mesh in two media."""
    oil = chroma2.Material("oil")
    oil.set("refractive_index", 1.5)
    detector = water_box()
    water = detector.detector_material
    ball = chroma2.Solid(chroma2.make.sphere(20.0, 8), optics.vacuum(), water, optics.black())
    detector.add_instance(ball, displacement=(-100, 0, 0))
    detector.add_instance(ball, displacement=(100, 0, 0), replace={water: oil})
    scene = detector.build()
    names = [m.name for m in scene.materials]
    n = len(ball)
    assert scene.info["n_meshes"] == 2
    assert names[scene.primitive(12).outside_material] == "water"
    assert names[scene.primitive(12 + n).outside_material] == "oil"


def test_material_names_must_be_unique():
    detector = water_box()
    twin = chroma2.Solid(
        chroma2.make.cube(10.0), detector.detector_material, optics.vacuum(), optics.black()
    )
    detector.add_solid(twin, displacement=(0, 0, 3000))
    scene = detector.build()
    assert scene.material_index("water") == scene.material_index(detector.detector_material) == 0
    for bad in ("vacuum", "oil", 99):
        with pytest.raises(errors.InvalidArgument, match=r"vacuum|oil|99"):
            scene.material_index(bad)


def test_demo_detector():
    detector = chroma2.demo.detector()
    scene = detector.build()
    assert scene.warnings == []
    assert 1900 <= scene.num_channels <= 2100
    assert scene.info["n_meshes"] == 1
    r = np.hypot(*scene.channels.position[:, :2].T)
    assert r.max() < chroma2.demo.RADIUS and len(np.unique(scene.channels.position, axis=0)) == len(
        r
    )
