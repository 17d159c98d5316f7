# SPDX-License-Identifier: BSD-3-Clause
"""Presets and switches: what each of them changes, and that it changes nothing else.

A beam from the middle of a block of water meets its upper face at 30 degrees, once.
"""

import pathlib
import sys

import numpy as np
import pytest
from conftest import ROOT, SMALL

import chroma2

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "validation"))
import compare
import run_surfaces

N = 20_000
N1, N2 = 1.33, 1.0
SINE, COSINE = 0.5, np.sqrt(0.75)
DIRECTION = np.array([SINE, 0.0, COSINE])
NORMAL = np.array([0.0, 0.0, -1.0])  # on the beam's side
S = np.array([0.0, 1.0, 0.0])
P = np.array([COSINE, 0.0, -SINE])  # of the incoming beam
HALF = np.sqrt(0.5)
FILM = {"eta": 2.7, "k": 1.5, "thickness": 20.0}
EXACT = ("pos", "dir", "pol", "wavelengths", "t", "flags", "last_hit_triangles")


def block(surface, n1=N1):
    """A block of water, 1 m wide, in a black world of index 1."""
    water, air = chroma2.Material("water"), chroma2.optics.vacuum()
    water.set("refractive_index", *n1) if isinstance(n1, tuple) else water.set(
        "refractive_index", n1
    )
    detector = chroma2.Detector(air)
    world = chroma2.Solid(chroma2.make.cube(4000.0), air, air, chroma2.optics.black())
    detector.add_solid(world)
    detector.add_solid(chroma2.Solid(chroma2.make.cube(1000.0), water, air, surface))
    return detector.build()


def ends(scene, polarization, n=N, **options):
    """States after one step."""
    photons = chroma2.Photons(
        np.zeros((n, 3)),
        np.tile(DIRECTION, (n, 1)),
        np.tile(polarization, (n, 1)),
        400.0,
    )
    with chroma2.Session(detector=scene, seed=3, **SMALL, **options) as session:
        event = chroma2.EventDescriptor(
            photons=photons, event_id=1, keep=("photons_end",), max_steps=1
        )
        return session.submit_event(event).result().photons_end


def both(scene, switch, polarization):
    """The same light with the switch as in "chroma" and as in "precise", all others as in the
    first."""
    values = {s.name: (s.chroma, s.precise) for s in chroma2.physics_switches()}[switch]
    return [ends(scene, polarization, switches={switch: v}) for v in values]


def expect_same(one, other, but=()):
    for name in set(EXACT) - set(but):
        assert np.array_equal(one[name], other[name]), name


def expect_share(found, share):
    assert compare.binomial_p(int(np.count_nonzero(found)), N, share) > compare.P_MIN


def test_every_switch_is_shown_here_and_in_the_docs():
    names = [s.name for s in chroma2.physics_switches()]
    assert all(f"test_{name}" in globals() for name in names)
    rows = (ROOT / "docs/physics/presets.md").read_text()
    for s in chroma2.physics_switches():
        assert f"| {s.name} | {s.chroma}: " in rows and s.chroma != s.precise


@pytest.mark.parametrize("preset", ["chroma", "precise"])
def test_presets_are_their_switches(preset, box):
    """A preset equals its switches set one by one over the other preset."""
    values = {s.name: getattr(s, preset) for s in chroma2.physics_switches()}
    other = "precise" if preset == "chroma" else "chroma"
    texts, states = [], []
    for options in ({"physics": preset}, {"physics": other, "switches": values}):
        with chroma2.Session(detector=box, seed=3, **SMALL, **options) as session:
            texts.append(session.info["switches"])
            event = chroma2.EventDescriptor(
                sources=chroma2.sources.isotropic(2000), event_id=1, keep=("photons_end",)
            )
            states.append(session.submit_event(event).result().photons_end)
            assert session.info["physics"] == options["physics"]
    assert texts[0] == texts[1] == " ".join(f"{name}={v}" for name, v in values.items())
    expect_same(*states)


def test_timing():
    """Times only: the way over c/n or over the group velocity."""
    scene = block(chroma2.optics.black(), ([1.40, 1.30], [300.0, 500.0]))
    phase, group = both(scene, "timing", S)
    expect_same(phase, group, but=("t",))
    way = 500.0 / COSINE
    for end, which in ((phase, "refractive_index"), (group, "group_index")):
        index = scene.material_value("water", which, 400.0)
        assert end.t == pytest.approx(way * index / 299.792458, rel=2e-6)
    # n_g = n - w dn/dw
    assert group.t[0] / phase.t[0] == pytest.approx((1.35 + 400 * 0.1 / 200) / 1.35, rel=1e-5)


def test_mirror_polarization():
    """The polarization after a mirror only: as it came, or mirrored, e - 2 (e.N) N."""
    came = HALF * (S + P)
    unchanged, mirrored = both(block(chroma2.optics.mirror(1.0)), "mirror_polarization", came)
    expect_same(unchanged, mirrored, but=("pol",))
    assert np.all(unchanged.flags == chroma2.REFLECT_SPECULAR)
    assert unchanged.pol == pytest.approx(np.tile(came, (N, 1)), abs=1e-6)
    expected = came - 2 * (came @ NORMAL) * NORMAL
    assert mirrored.pol == pytest.approx(np.tile(expected, (N, 1)), abs=1e-6)
    assert np.abs(np.sum(mirrored.pol * mirrored.dir, axis=1)).max() < 1e-6


def test_fresnel_polarization():
    """The polarization behind a bare boundary: s or p by chance, or both with their amplitudes.
    The shares stay, and pure s or p stays what it is."""
    scene = block(None)
    collapsed, coherent = both(scene, "fresnel_polarization", HALF * (S + P))
    share = np.mean([compare.fresnel_reflectance(COSINE, N1, N2, which) for which in "sp"])
    for end in (collapsed, coherent):
        expect_share(end.flags & chroma2.REFLECT_SPECULAR, share)
        assert np.abs(np.sum(end.pol * end.dir, axis=1)).max() < 1e-6
    s_share = (collapsed.pol @ S) ** 2
    assert np.all((s_share < 1e-6) | (s_share > 1 - 1e-6)) and 0.4 < s_share.mean() < 0.6
    cos_t = np.sqrt(1 - (N1 / N2 * SINE) ** 2)
    t_s, t_p = 1 / (N1 * COSINE + N2 * cos_t), 1 / (N2 * COSINE + N1 * cos_t)
    r_s = (N1 * COSINE - N2 * cos_t) * t_s
    r_p = (N2 * COSINE - N1 * cos_t) * t_p
    is_reflected = (coherent.flags & chroma2.REFLECT_SPECULAR) != 0
    for rows, a_s, a_p in ((is_reflected, r_s, r_p), (~is_reflected, t_s, t_p)):
        kept = a_s**2 / (a_s**2 + a_p**2)
        assert (coherent.pol[rows] @ S) ** 2 == pytest.approx(kept, abs=2e-5)
    for pure in (S, P):
        one, other = both(scene, "fresnel_polarization", pure)
        expect_same(one, other, but=("pol",))
        assert np.abs(np.sum(one.pol * other.pol, axis=1)) == pytest.approx(1.0, abs=1e-6)


def film(detect=0.3, **values):
    surface = chroma2.Surface("film", "complex")
    surface.set("eta", FILM["eta"])
    surface.set("k", FILM["k"])
    surface.set("detect", detect)
    for name, value in {"thickness_nm": FILM["thickness"], "transmissive": 1, **values}.items():
        surface.set_value(name, value)
    return surface


def film_shares(cosine):
    """[(R, T) of s, (R, T) of p]"""
    return run_surfaces.film(cosine, N1, N2, FILM["eta"] + 1j * FILM["k"], FILM["thickness"], 400.0)


def test_thin_film_polarization():
    """The polarization after a film only: p, or both components with their amplitudes."""
    left_p, coherent = both(block(film()), "thin_film_polarization", HALF * (S + P))
    expect_same(left_p, coherent, but=("pol",))
    through = (coherent.flags & chroma2.SURFACE_TRANSMIT) != 0
    (r_s, t_s), (r_p, t_p) = film_shares(COSINE)
    expect_share(through, 0.5 * (t_s + t_p))
    assert (left_p.pol[through] @ S) ** 2 == pytest.approx(0.0, abs=1e-6)
    assert (coherent.pol[through] @ S) ** 2 == pytest.approx(t_s / (t_s + t_p), abs=2e-5)
    back = (coherent.flags & chroma2.REFLECT_SPECULAR) != 0
    assert (coherent.pol[back] @ S) ** 2 == pytest.approx(r_s / (r_s + r_p), abs=2e-5)
    assert left_p.pol[back] == pytest.approx(np.tile(HALF * (S + P), (back.sum(), 1)), abs=1e-6)


@pytest.mark.parametrize("model", ["wls", "dichroic", "angular"])
def test_transmit_then_fresnel(model):
    """The share that a surface transmits: T (1 - R) where the light still meets the boundary, or
    T. Either way it is refracted."""
    transmit = 0.8
    surface = chroma2.Surface("surface", model)
    if model == "wls":
        surface.set("absorb", 1 - transmit)
    else:
        surface.set_by_angle([0.0, 1.5], transmit=[transmit, transmit])
    meets, is_through = both(block(surface), "transmit_then_fresnel", S)
    bare = compare.fresnel_reflectance(COSINE, N1, N2, "s")
    for end, share in ((meets, transmit * (1 - bare)), (is_through, transmit)):
        out = (end.dir[:, 2] > 0) & (end.flags == chroma2.SURFACE_TRANSMIT)
        expect_share(out, share)
        assert end.dir[out, 0] == pytest.approx(N1 / N2 * SINE, abs=1e-6)  # Snell
    rest = (meets.flags & chroma2.SURFACE_ABSORB) != 0
    assert np.array_equal(rest, (is_through.flags & chroma2.SURFACE_ABSORB) != 0)


def test_detect_reference():
    """What a film's `detect` is a share of; if the surface says it, the switch does not count."""
    of_absorbed, of_all = both(block(film()), "detect_reference", S)
    (r, t), _ = film_shares(COSINE)
    (r0, t0), _ = film_shares(1.0)
    seen = [(end.flags & chroma2.SURFACE_DETECT) != 0 for end in (of_absorbed, of_all)]
    expect_share(seen[0], (1 - r - t) * 0.3)
    expect_share(seen[1], (1 - r - t) * 0.3 / (1 - r0 - t0))
    assert np.all(seen[1] | ~seen[0])  # the same choice, compared with more
    is_absorbed = of_absorbed.flags & (chroma2.SURFACE_DETECT | chroma2.SURFACE_ABSORB) != 0
    for name in set(EXACT) - {"flags"}:
        assert np.array_equal(of_absorbed[name], of_all[name])
    assert np.array_equal(of_absorbed.flags[~is_absorbed], of_all.flags[~is_absorbed])
    for own in (0, 1):
        one, other = both(block(film(detect_reference=own)), "detect_reference", S)
        expect_same(one, other)
        assert np.array_equal((one.flags & chroma2.SURFACE_DETECT) != 0, seen[own])


@pytest.mark.parametrize("switch", [s.name for s in chroma2.physics_switches()])
def test_a_switch_leaves_alone_what_it_does_not_name(switch, box):
    """Scattering, absorption and diffuse walls in water: only `timing` has a say, on times."""
    values = {s.name: (s.chroma, s.precise) for s in chroma2.physics_switches()}[switch]
    states = []
    for value in values:
        with chroma2.Session(detector=box, seed=3, switches={switch: value}, **SMALL) as session:
            event = chroma2.EventDescriptor(
                sources=chroma2.sources.isotropic(2000), event_id=1, keep=("photons_end",)
            )
            states.append(session.submit_event(event).result().photons_end)
    expect_same(*states, but=("t",) if switch == "timing" else ())
    assert np.array_equal(states[0].t, states[1].t) == (switch != "timing")
