# SPDX-License-Identifier: BSD-3-Clause
"""Films and metals of a session against a program that shares nothing with it: amplitudes of waves
forth and back, carried through interfaces and layers by matrices, in complex double."""

import sys

import numpy as np
import pytest
from conftest import ROOT, chosen_device

import chroma2

sys.path.insert(0, str(ROOT / "validation"))
import compare

MEDIA = (1.0, 1.33, 1.48)
N_FILMS, N_METALS, N_BEAMS, N_PHOTONS = 36, 6, 14, 1000
PITCH, HALF = 400.0, 50.0
DETECT = 0.5


# ------------------------------------------------------------------ the independent program
def normal_index(n, along):
    """n cos(angle) where n sin(angle) is `along`; of the two roots the wave that fades onwards."""
    root = np.sqrt(np.asarray(n, complex) ** 2 - along**2 + 0j)
    return np.where(root.imag < 0, -root, root)


def dynamical(n, across, is_p):
    """Tangential fields of a forward and a backward wave of unit amplitude, [..., 2, 2].

    source  P. Yeh, Optical Waves in Layered Media (1988), sec. 5.1
    """
    n, across = np.broadcast_arrays(np.asarray(n, complex), across)
    electric, magnetic = (across / n, n) if is_p else (np.ones_like(across), across)
    return np.stack(
        [np.stack([electric, electric], axis=-1), np.stack([magnetic, -magnetic], axis=-1)], axis=-2
    )


def stack(angle, n1, n3, layers, wavelength, is_p):
    """(R, T) of layers [(index, thickness)] between n1 and n3; any argument may be an array."""
    along = n1 * np.sin(angle)
    shape = np.broadcast_shapes(*(np.shape(x) for x in (angle, n1, n3, wavelength)))
    across_1, across_3 = (normal_index(n, along) for n in (n1, n3))
    m = np.linalg.inv(dynamical(n1, across_1, is_p))
    for index, thickness in layers:
        across = normal_index(index, along)
        phase = 2.0 * np.pi * across * thickness / wavelength
        carry = np.zeros((*shape, 2, 2), complex)
        carry[..., 0, 0], carry[..., 1, 1] = np.exp(-1j * phase), np.exp(1j * phase)
        d = dynamical(index, across, is_p)
        m = m @ d @ carry @ np.linalg.inv(d)
    m = m @ dynamical(n3, across_3, is_p)
    r, t = m[..., 1, 0] / m[..., 0, 0], 1.0 / m[..., 0, 0]
    flow = n3 * np.conj(across_3 / n3) if is_p else across_3
    return abs(r) ** 2, abs(t) ** 2 * flow.real / across_1.real


def half_space(angle, n1, index, is_p):
    """R of a bulk of complex index."""
    along = n1 * np.sin(angle)
    across_1, across_2 = normal_index(n1, along), normal_index(index, along)
    d1, d2 = (dynamical(n, a, is_p) for n, a in ((n1, across_1), (index, across_2)))
    m = np.linalg.inv(d1) @ d2
    return abs(m[..., 1, 0] / m[..., 0, 0]) ** 2


def test_the_program_knows_the_textbook():
    """Fresnel, Brewster, a quarter and a half wave, an etalon, total reflection."""
    for is_p in (False, True):
        r, t = stack(0.0, 1.0, 1.5, [], 400.0, is_p)
        assert r == pytest.approx(0.04) and t == pytest.approx(0.96)
        quarter = [(1.38, 550.0 / 4 / 1.38)]
        r, t = stack(0.0, 1.0, 1.52, quarter, 550.0, is_p)
        assert r == pytest.approx(((1.52 - 1.38**2) / (1.52 + 1.38**2)) ** 2)
        assert stack(0.0, 1.0, 1.52, quarter * 2, 550.0, is_p)[0] == pytest.approx(
            (0.52 / 2.52) ** 2
        )
        r, t = stack(1.0, 1.5, 1.0, [(2.0, 30.0)], 400.0, is_p)
        assert r == pytest.approx(1.0) and t == pytest.approx(0.0, abs=1e-12)
        r, t = stack(np.linspace(0, 1.5, 50), 1.33, 1.6, [(2.1, 77.0), (1.2, 500.0)], 444.0, is_p)
        assert r + t == pytest.approx(np.ones(50))
        metal = half_space(0.0, 1.0, 1.1 + 6.7j, is_p)
        assert metal == pytest.approx((0.01 + 44.89) / (4.41 + 44.89))
        assert stack(0.7, 1.2, 1.0, [(1.1 + 6.7j, 2000.0)], 400.0, is_p)[0] == pytest.approx(
            half_space(0.7, 1.2, 1.1 + 6.7j, is_p)
        )
    assert stack(np.arctan(1.5), 1.0, 1.5, [], 400.0, True)[0] == pytest.approx(0.0, abs=1e-15)


# ------------------------------------------------------------------ films in a session
def random_films(rng):
    """Index, extinction (0 for some), thickness (0 for one), transmissive, the two media."""
    n = N_FILMS + N_METALS
    k = 10.0 ** rng.uniform(-2.5, 0.5, n)
    k[::5] = 0.0
    nm = 10.0 ** rng.uniform(0.0, 2.7, n)
    nm[1] = 0.0
    return {
        "eta": rng.uniform(0.2, 3.5, n),
        "k": k,
        "nm": nm,
        "transmissive": rng.integers(0, 2, n),
        "near": rng.choice(MEDIA, n),
    }


def film_detector(films, outside):
    """A cube for every film, or metal, in a row."""
    media = {}
    for n in {*MEDIA, outside}:
        media[n] = chroma2.Material(f"n {n}")
        media[n].set("refractive_index", n)
    detector = chroma2.Detector(media[outside])
    for i, near in enumerate(films["near"]):
        is_metal = i >= N_FILMS
        surface = chroma2.Surface(f"film {i}", "dielectric_metal" if is_metal else "complex")
        surface.set("eta", films["eta"][i])
        surface.set("k", films["k"][i])
        surface.set("detect", DETECT)
        if not is_metal:
            surface.set_value("thickness_nm", films["nm"][i])
            surface.set_value("transmissive", int(films["transmissive"][i]))
            surface.set_value("detect_reference", 0)
        cube = chroma2.Solid(chroma2.make.cube(2 * HALF), media[near], media[outside], surface)
        detector.add_solid(cube, displacement=(PITCH * i, 0.0, 0.0))
    return detector


def random_beams(rng, films):
    """Angle, wavelength, turn of the polarization from s, and the film, by beam."""
    n = len(films["near"]) * N_BEAMS
    angle = np.arccos(rng.uniform(0.02, 1.0, n))
    angle[::9] = 0.0
    turn = rng.choice([0.0, 0.25, 0.125, 0.06], n)
    return {
        "film": np.repeat(np.arange(len(films["near"])), N_BEAMS),
        "angle": angle,
        "wavelength": rng.uniform(150.0, 900.0, n),
        "turn": turn,
    }


def beam_photons(beams, from_inside):
    """Photons that meet the upper face of their cube at a point near its middle."""
    n, up = len(beams["angle"]), 1.0 if from_inside else -1.0
    phi = 2.4 * np.arange(n)
    zero = np.zeros(n)
    direction = np.stack(
        [np.sin(beams["angle"]) * np.cos(phi), np.sin(beams["angle"]) * np.sin(phi)]
        + [up * np.cos(beams["angle"])],
        axis=1,
    )
    s = np.stack([-np.sin(phi), np.cos(phi), zero], axis=1)
    turn = 2 * np.pi * beams["turn"][:, None]
    pol = np.cos(turn) * s + np.sin(turn) * np.cross(s, direction)
    pos = np.stack([PITCH * beams["film"] + 3.0, zero + 5.0, zero + HALF], axis=1) - 0.5 * direction
    columns = [np.repeat(c, N_PHOTONS, axis=0) for c in (pos, direction, pol, beams["wavelength"])]
    return chroma2.Photons(*(np.asarray(c, np.float32) for c in (*columns, columns[3] * 0.0)))


def expected_shares(films, beams, outside, from_inside):
    """reflected, transmitted, detected, absorbed of every beam: [n, 4]."""
    i = beams["film"]
    near = films["near"][i]
    n1, n3 = (near, outside) if from_inside else (outside, near)
    angle = beams["angle"]
    index = films["eta"][i] + 1j * films["k"][i]
    r, t = np.zeros(len(i)), np.zeros(len(i))
    for is_p in (False, True):
        weight = (np.sin if is_p else np.cos)(2 * np.pi * beams["turn"]) ** 2
        film = stack(angle, n1, n3, [(index, films["nm"][i])], beams["wavelength"], is_p)
        bulk = half_space(angle, n1, index, is_p)
        r += weight * np.where(i < N_FILMS, film[0], bulk)
        t += weight * np.where(i < N_FILMS, film[1] * films["transmissive"][i], 0.0)
    absorbed = np.clip(1.0 - r - t, 0.0, 1.0)
    return np.stack([r, t, DETECT * absorbed, (1.0 - DETECT) * absorbed], axis=1)


@pytest.mark.parametrize("from_inside", [True, False])
@pytest.mark.parametrize("physics", ["chroma", "precise"])
def test_films_of_a_session_follow_the_program(physics, from_inside):
    rng = np.random.default_rng(11 + from_inside)
    films, outside = random_films(rng), 1.2
    beams = random_beams(rng, films)
    expected = expected_shares(films, beams, outside, from_inside)
    with chroma2.Session(
        chosen_device(), film_detector(films, outside), seed=5, physics=physics
    ) as session:
        event = chroma2.EventDescriptor(
            photons=beam_photons(beams, from_inside).freeze(),
            event_id=1,
            max_steps=1,
            keep=("photons_end",),
        )
        end = session.submit_event(event).result().photons_end
    flags = np.asarray(end.flags)
    bits = (
        chroma2.REFLECT_SPECULAR,
        chroma2.SURFACE_TRANSMIT,
        chroma2.SURFACE_DETECT,
        chroma2.SURFACE_ABSORB,
    )
    counts = np.stack([(flags == bit).reshape(-1, N_PHOTONS).sum(1) for bit in bits], axis=1)
    assert (counts.sum(1) == N_PHOTONS).all()
    certain = (expected < 1e-9) & (films["k"][beams["film"]] == 0)[:, None]
    assert (counts[certain & (np.arange(4) >= 2)] == 0).all()
    # Shares below a millionth are within what floats of angle and thickness may be off by.
    worst = min(
        (compare.binomial_p(int(k), N_PHOTONS, float(np.clip(share, 1e-6, 1 - 1e-6))), beam, which)
        for beam, row in enumerate(zip(counts, expected, strict=True))
        for which, (k, share) in enumerate(zip(*row, strict=True))
    )
    beam = {name: values[worst[1]] for name, values in beams.items()}
    assert worst[0] > compare.P_MIN, (worst, beam, counts[worst[1]], expected[worst[1]])
