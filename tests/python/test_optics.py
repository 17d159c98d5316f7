# SPDX-License-Identifier: BSD-3-Clause
"""Tables: against their sources' check values, and against plain sense."""

import itertools
import math

import numpy as np
import pytest
from conftest import water_box

import chroma2
from chroma2 import errors, optics, sources


@pytest.mark.parametrize(
    ("wavelength", "temperature", "density", "index"),
    [
        (226.50, 0.0, 999.84, 1.39453),  # IAPWS R9-97, table of check values, 0.1 MPa
        (589.00, 0.0, 999.84, 1.33434),
        (589.00, 20.0, 998.21, 1.33336),
    ],
)
def test_water_index(wavelength, temperature, density, index):
    n = optics.water_index_iapws(wavelength, temperature, density)
    assert float(n) == pytest.approx(index, abs=3e-5)


def test_two_sources_agree():
    """Quan & Fry give the index against air, which is 1.00027 to 1.00029 in the visible."""
    w = np.arange(400.0, 701.0, 50.0)
    ratio = optics.water_index_iapws(w) / optics.water_index_quan_fry(w)
    assert ratio == pytest.approx(np.full(len(w), 1.00028), abs=6e-5)


def test_water_lengths():
    w, absorption = optics.water_absorption()
    assert np.all(np.diff(w) > 0)
    assert 410 <= w[np.argmax(absorption)] <= 425  # the window of pure water, at 418 nm
    assert absorption.max() == pytest.approx(1000 / 0.0044, rel=0.02)
    w, scattering = optics.water_scattering()
    at_400 = float(scattering[w == 400.0][0])
    assert 150e3 < at_400 < 250e3
    power = math.log(float(scattering[w == 600.0][0]) / at_400) / math.log(1.5)
    assert 4.0 < power < 4.4  # 1/w^4, a little more by dispersion


@pytest.mark.parametrize(
    ("function", "wavelength", "index"),
    [
        (optics.borosilicate_index, 546.07, 1.47311),  # the data sheet's n_e
        (optics.borosilicate_index, 587.56, 1.47140),
        (optics.acrylic_index, 587.6, 1.4907),
    ],
)
def test_glasses(function, wavelength, index):
    assert float(function(wavelength)) == pytest.approx(index, abs=2e-4)


def test_surfaces_add_to_one():
    w = np.arange(200.0, 801.0)
    for surface in (
        optics.bialkali_photocathode(),
        optics.black(0.03),
        optics.mirror(),
        optics.white(),
    ):
        total = np.zeros(len(w))
        for name in ("detect", "absorb", "reflect_diffuse", "reflect_specular"):
            table = surface.get(name)
            if table is not None:
                assert table[1].min() >= 0
                total += np.interp(w, *table)
        assert total == pytest.approx(np.ones(len(w)), abs=1e-12)
    with pytest.raises(errors.InvalidArgument, match=r"reflectivity is 0\.9"):
        optics.bialkali_photocathode(0.9)


def test_quantum_efficiency():
    w, qe = optics.bialkali_quantum_efficiency()
    assert qe.max() == 0.25 and 370 < w[np.argmax(qe)] < 400
    assert qe[0] == qe[-1] == 0


def test_materials_commit_without_a_warning():
    """Tables lie on the default grid: resampling moves none of them."""
    for make_material in (
        optics.water,
        optics.borosilicate_glass,
        optics.acrylic,
        optics.vacuum,
        optics.legacy_vacuum,
    ):
        material = make_material()
        detector = chroma2.Detector(strict=True)
        cube = chroma2.make.cube(10.0)
        detector.add_solid(chroma2.Solid(cube, material, optics.vacuum(), optics.black()))
        scene = detector.build()
        assert scene.warnings == []
        given = material.get("refractive_index")
        for wavelength in (300.0, 400.0, 600.0):
            seen = scene.material_value(material, "refractive_index", wavelength)
            assert seen == pytest.approx(np.interp(wavelength, *given), rel=1e-6)
            group = scene.material_value(material, "group_index", wavelength)
            assert group >= seen * (1 - 1e-6)


def test_vacuum_is_empty():
    detector = chroma2.Detector()
    cube = chroma2.make.cube(10.0)
    detector.add_solid(chroma2.Solid(cube, optics.vacuum(), optics.vacuum(), optics.black()))
    scene = detector.build()
    for which in ("absorption_length", "scattering_length"):
        assert scene.material_value(0, which, 400.0) > 1e20


def test_emission_spectrum():
    w, y = optics.emission_spectrum(420.0, 25.0)
    assert y == pytest.approx(np.exp(-0.5 * ((w - 420) / 25) ** 2), abs=0.005)


def bethe(kinetic_mev):
    """Groom, Mokhov & Striganov 2001, eq. 4, for liquid water."""
    z_a, excitation, electron, muon = 0.55509, 75.0e-6, 0.51099895, 105.6583755
    a, k, x0, x1, c = 0.09116, 3.4773, 0.2400, 2.8004, 3.5017
    gamma = 1 + kinetic_mev / muon
    beta2 = 1 - 1 / gamma**2
    bg = math.sqrt(beta2) * gamma
    q = 2 * electron * bg**2 / (1 + 2 * gamma * electron / muon + (electron / muon) ** 2)
    x = math.log10(bg)
    delta = 0.0
    if x >= x0:
        delta = 2 * math.log(10) * x - c + (a * (x1 - x) ** k if x < x1 else 0.0)
    bracket = 0.5 * math.log(2 * electron * bg**2 * q / excitation**2) - beta2 - delta / 2
    return 0.307075 * z_a / beta2 * (bracket + q**2 / (8 * (gamma * muon) ** 2))


def test_muon_energy_loss():
    for energy in np.geomspace(10.0, 1e4, 100):
        assert sources.muon_energy_loss(energy) == pytest.approx(bethe(energy), rel=0.01)
    for energy, loss in sources._MUON_TABLE:
        assert loss == pytest.approx(bethe(energy), abs=6e-5)


def test_muon_slows_down():
    steps = sources.muon(300.0, (0, 0, 0), (1, 0, 0), "water", step=5.0)
    betas = [s.fields["beta"] for s in steps]
    assert all(a > b for a, b in itertools.pairwise(betas))
    energies = np.linspace(33.6, 300.0, 20000)  # 33.6 MeV: beta = 1/1.6 * ... the cut
    path_mm = 10 * np.sum(np.diff(energies) / [sources.muon_energy_loss(e) for e in energies[1:]])
    assert len(steps) * 5.0 == pytest.approx(path_mm, rel=0.02)
    ends = [(s.fields["end_mm"], s.fields["time_ns"][1]) for s in steps]
    begins = [(s.fields["position_mm"], s.fields["time_ns"][0]) for s in steps]
    assert ends[:-1] == begins[1:]  # no gaps


def test_muon_yield():
    """Photons of a muon's track against Frank & Tamm, summed by hand."""
    detector = water_box(3000.0)
    with chroma2.Session("cpu", detector, 1) as session:
        track = sources.muon(300.0, (0, 0, 0), (0, 0, 1), "water", wavelength=(300.0, 600.0))
        n = session.count_photons(chroma2.EventDescriptor(sources=track, event_id=1))
    w = np.linspace(300.0, 600.0, 3001)
    index = np.interp(w, [200.0, 800.0], [1.36, 1.33])
    expected = 0.0
    for s in track:
        sin2 = np.maximum(0.0, 1 - 1 / (s.fields["beta"] * index) ** 2)
        density = 2 * math.pi * chroma2.units.FINE_STRUCTURE * sin2 / (w * 1e-6) ** 2 * 1e-6
        expected += 10.0 * float(np.sum(0.5 * (density[1:] + density[:-1]) * np.diff(w)))
    assert abs(n - expected) < 6 * math.sqrt(expected) + 1e-3 * expected
