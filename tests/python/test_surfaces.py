# SPDX-License-Identifier: BSD-3-Clause
"""Surfaces of every model from Python, and S6 against closed forms."""

import pathlib
import re
import sys

import numpy as np
import pytest
from conftest import chosen_device

import chroma2
from chroma2 import errors

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "validation"))
import compare
import run_surfaces


@pytest.mark.parametrize("precise", [False, True])
def test_every_model_follows_its_closed_form(precise):
    sections = list(run_surfaces.validate(5_000, precise, seed=3, device_id=chosen_device()))
    assert len(sections) == 108
    rows = [(section["title"], row) for section in sections for row in section["rows"]]
    assert not [entry for entry in rows if not entry[1]["p"] > compare.P_MIN]


def box_with(surface, **options):
    """A box of vacuum, 2 m wide, whose walls are a surface and detect on channel 0."""
    detector = chroma2.Detector(**options)
    detector.add_pmt(
        chroma2.Solid(
            chroma2.make.cube(2000.0), chroma2.optics.vacuum(), chroma2.optics.vacuum(), surface
        )
    )
    return detector


def ends(detector, n=2000):
    with chroma2.Session(detector=detector, device_id=chosen_device(), seed=5) as session:
        event = chroma2.EventDescriptor(
            sources=[chroma2.sources.isotropic(n)],
            keep=("photons_end",),
            max_steps=1,
        )
        return session.submit_event(event).result().photons_end


def test_models_are_listed_with_what_they_use():
    models = {model["name"]: model for model in chroma2.surface_models()}
    assert list(models)[:4] == ["default", "complex", "wls", "dichroic"]  # Chroma's 0 to 3
    assert {"angular", "dielectric_metal", "sipm_empirical"} <= set(models)
    assert models["complex"]["values"] == ("thickness_nm", "transmissive", "detect_reference")
    assert models["sipm_empirical"]["angle_tables"] == ("reflect", "transmit", "relative_pde")


def test_the_list_is_one():
    """Python's tables are those of the models in C; every model has a page that names what it
    uses, and Python's constructor takes its name."""
    models = chroma2.surface_models()
    used = set().union(*(model["tables"] for model in models))
    assert used | {"reemission_cdf"} == set(chroma2.Surface.TABLES)
    pages = pathlib.Path(__file__).resolve().parents[2] / "docs/physics"
    for model in models:
        page = (pages / f"surface_{model['name']}.md").read_text()
        for name in (*model["tables"], *model["angle_tables"], *model["values"]):
            assert re.search(rf"\b{name}\b", page), (model["name"], name)
        assert chroma2.Surface("x", model["name"]).model_name() == model["name"]


def test_a_silicon_photomultiplier_detects():
    surface = chroma2.Surface("sipm", "sipm_empirical")
    surface.set_by_angle([0.0, 1.5], transmit=[0.8, 0.8], relative_pde=[[0.5] * 188] * 2)
    surface.set_value("fill_factor", 0.5)
    flags = np.asarray(ends(box_with(surface), 20_000).flags)
    found = int(np.count_nonzero(flags & chroma2.SURFACE_DETECT))
    assert compare.binomial_p(found, 20_000, 0.2) > compare.P_MIN


def test_shifters_delay():
    surface = chroma2.Surface("tpb", "wls")
    surface.set("absorb", 1.0)
    surface.set("reemit", 1.0)
    surface.set("reemission_cdf", [0.0, 1.0], [420.0, 460.0])
    surface.set_delay([10.0, 11.0], [0.0, 1.0])
    end = ends(box_with(surface))
    assert np.all(np.asarray(end.flags) == chroma2.SURFACE_REEMIT)
    assert np.all((np.asarray(end.wavelengths) >= 420) & (np.asarray(end.wavelengths) <= 460))
    assert np.all(np.asarray(end.t) > 10.0 + 1000 / 299.792458 - 1e-3)  # walls 1000 mm away or more


@pytest.mark.parametrize("faces, absorbs", [("both", 1), ("inside_only", 1), ("outside_only", 0)])
def test_faces(faces, absorbs):
    surface = chroma2.Surface("black", faces=faces)
    surface.set("absorb", 1.0)
    flags = np.asarray(ends(box_with(surface)).flags)
    assert np.all(((flags & chroma2.SURFACE_ABSORB) != 0) == bool(absorbs))


def test_weights_have_the_same_expectations():
    surface = chroma2.Surface("wall")
    surface.set("detect", 0.2)
    surface.set("absorb", 0.3)
    surface.set("reflect_diffuse", 0.5)
    sums = []
    with chroma2.Session(
        detector=box_with(surface), device_id=chosen_device(), seed=5, weights=True
    ) as session:
        for use_weights in (False, True):
            event = chroma2.EventDescriptor(
                sources=chroma2.sources.isotropic(20_000), use_weights=use_weights
            )
            hits = session.submit_event(event).result().hits
            sums.append(float(np.sum(hits.weights, dtype=np.float64)))
    assert abs(sums[0] - 8000) < 5 * np.sqrt(20_000 * 0.4 * 0.6)
    assert sums[1] == pytest.approx(8000, abs=20)  # 0.2 / (1 - 0.5), hardly by chance
    with chroma2.Session(detector=box_with(surface), device_id=chosen_device()) as session:
        event = chroma2.EventDescriptor(sources=chroma2.sources.isotropic(10), scatter_first=1)
        with pytest.raises(errors.Unsupported, match="weights = 1"):
            session.submit_event(event)


def test_what_a_model_does_not_use_is_told():
    surface = chroma2.Surface("film", "complex")
    surface.set("eta", 2.0)
    surface.set("reflect_specular", 0.5)
    with pytest.warns(errors.SceneWarning, match="does not use the table reflect_specular"):
        box_with(surface).build()


@pytest.mark.parametrize(
    "change, says",
    [
        (lambda s: s.set_by_angle([0, 30, 60], reflect=[0, 0, 0]), "angles_rad.1. is 30"),
        (lambda s: s.set_by_angle([0, 0.5], reflect=[0.7, 0.7], transmit=[0.7, 0.1]), "is 1.4 at"),
        (lambda s: s.set_by_angle([0, 0.5], shine=[0.7, 0.7]), '"shine" is not known'),
        (lambda s: s.set_value("colour", 1.0), '"colour" is not known'),
        (lambda s: s.set_value("transmissive", 0.5), "transmissive is 0.5"),
        (lambda s: None, "has no angles"),
        (lambda s: setattr(s, "faces", "front"), "faces 'front'"),
        (lambda s: s.set_by_angle([0, 0.5], reflect=[0.1]), "there are 2 angles"),
        (lambda s: s.set_by_angle("steep", reflect=[0.1]), "angles cannot be read"),
        (lambda s: s.set_by_angle([[0, 0.5]], reflect=[0.1]), "angles has shape"),
        (lambda s: s.set_by_angle([0, 0.5], reflect=["a", "b"]), "filter.reflect cannot be read"),
        (lambda s: s.set_by_angle([0, np.nan], reflect=[0, 0]), "angles_rad.1. is nan"),
        (lambda s: s.set_value("thickness_nm", "thin"), "filter.thickness_nm cannot be read"),
        (lambda s: s.set_value("thickness_nm", [1, 2]), "filter.thickness_nm has shape"),
        (lambda s: s.set_value(3, 1.0), "no value 3"),
        (lambda s: setattr(s, "model", ["dichroic"]), "has model"),
    ],
)
def test_bad_surfaces_are_refused(change, says):
    surface = chroma2.Surface("filter", "dichroic")
    with pytest.raises((errors.InvalidArgument, errors.InvalidType), match=says):
        change(surface)
        box_with(surface).build()
