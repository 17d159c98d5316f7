# SPDX-License-Identifier: BSD-3-Clause
"""The Python that README and the how-tos show does run, and links lead somewhere."""

import pathlib
import re
import types

import numpy as np
import pytest
from conftest import water_box

import chroma2

import chroma2

ROOT = pathlib.Path(__file__).resolve().parents[2]
PHYSICS = ROOT / "docs/physics"
FIGURES = PHYSICS / "figures"
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")),
]
HOWTOS = [p for p in PAGES if p.startswith("docs/howto/") and not p.endswith("first_steps.md")]


@pytest.mark.parametrize("page", ["README.md", "docs/howto/first_steps.md"])
def test_shown_python_runs(page, capsys):
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(), re.M | re.S)
    code = "\n".join(blocks)
    small = re.sub(r"\bn=1_000_000\b|\bn=100_000\b", "n=20_000", code)
    assert small != code
    namespace = {}
    exec(compile(small, page, "exec"), namespace)
    assert namespace["result"].ledger.is_balanced
    assert namespace["result"].ledger.in_ == 20_000


def surroundings():
    """What the pages take for granted: a session on a small detector, an event, its result."""
    detector = water_box()
    session = chroma2.Session("cpu", detector, 1, memory_bytes=64 << 20)
    light = chroma2.sources.isotropic(n=2000)
    descriptor = chroma2.EventDescriptor(
        sources=light, event_id=0, keep=("hits", "photons_end"), n_photons=2000
    )
    rng = np.random.default_rng(1)
    names = {
        "np": np,
        "chroma2": chroma2,
        "detector": detector,
        "session": session,
        "light": light,
        "descriptor": descriptor,
        "result": session.submit_event(descriptor).result(),
        "histogram": types.SimpleNamespace(fill=lambda values: None),
        "pos": rng.uniform(-100, 100, (50, 3)),
        "dir": rng.normal(size=(50, 3)),
        "pol": None,
        "wavelengths": np.full(50, 400.0),
        "t": np.zeros(50),
    }
    return names


@pytest.mark.parametrize("page", HOWTOS)
def test_python_of_howtos_runs(page, capsys):
    """Block by block; ids of photons are made to fit a small event."""
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(), re.M | re.S)
    names = surroundings()
    given = names["session"]
    for code in blocks:
        exec(compile(code.replace("90417", "1417"), page, "exec"), names)
    for session in {given, names["session"]}:
        session.close()


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    text = (ROOT / page).read_text()
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (ROOT / page).parent.joinpath(target).exists(), target


@pytest.mark.parametrize("page", PAGES)
def test_named_files_exist(page):
    """Paths in backquotes that begin with a folder of the tree."""
    text = (ROOT / page).read_text()
    folders = "include|src|python|tests|validation|benchmarks|tools|docs|examples|script"
    for name in re.findall(rf"`((?:{folders})/[\w./-]+)`", text):
        if "surface_metal" not in name:  # the how-to's example of a file to come
            assert (ROOT / name).exists(), name


# ------------------------------------------------------------------ a page for each model
MODELS = sorted(path.stem for path in PHYSICS.glob("*.md") if path.stem not in ("presets", "closed_forms"))
FIGURE = re.compile(r"!\[([^\]]+)\]\(figures/(\w+)\.png\)")


def test_every_model_has_a_page():
    surfaces = {f"surface_{model['name']}" for model in chroma2.surface_models()}
    media = {"bulk", "reemission", "rayleigh", "mie", "group_velocity"}
    others = {"fresnel", "cherenkov", "scintillation", "sources", "transport", "weights"}
    assert surfaces | media | others <= set(MODELS)


@pytest.mark.parametrize("model", MODELS)
def test_a_page_has_formula_source_domain_and_figure(model):
    text = (PHYSICS / f"{model}.md").read_text()
    assert re.search(r"^(Source: |## Source)", text, re.M), "no source"
    assert re.search(r"^(Domain: |## Domain)", text, re.M), "no domain"
    assert re.search(r"^Tests: ", text, re.M), "no tests"
    assert re.search(r"^    \S.*[=<]", text, re.M), "no formula"
    assert FIGURE.search(text), "no figure"


def test_figures_are_drawn_shown_and_small():
    """What validation/figures.py draws is what lies there is what pages show."""
    source = (ROOT / "validation/figures.py").read_text()
    drawn = set(re.findall(r"^@figure\ndef (\w+)", source, re.M))
    shown = {
        match[1] for path in PHYSICS.glob("*.md") for match in FIGURE.findall(path.read_text())
    }
    there = {path.stem for path in FIGURES.iterdir()}
    assert drawn == shown == there
    for path in FIGURES.iterdir():
        assert path.read_bytes()[:4] == b"\x89PNG"
        assert path.stat().st_size < 60_000, path.name


def test_closed_forms_name_tests_that_exist():
    """Every test that the page of closed forms names is one, in a file that it names."""
    page = (ROOT / "docs/physics/closed_forms.md").read_text()
    cells = [line.rsplit("|", 2)[1] for line in page.splitlines() if line.startswith("| ")]
    cells = [cell.strip() for cell in cells if cell.strip() not in ("test", "---")]
    text = "".join(path.read_text() for path in (ROOT / "tests").rglob("*.c"))
    files = {path.stem for path in (ROOT / "tests").rglob("test_*.*")}
    assert len(cells) > 50
    for cell in cells:
        for entry in cell.split("; "):
            place, _, names = entry.rpartition(": ")
            place = place.rsplit("/", 1)[-1]
            assert place == "" or {place, f"test_{place}"} & files, entry
            for name in names.split(", "):
                stem = name.rsplit("/", 1)[-1]
                is_file = {stem, f"test_{stem}"} & files
                assert is_file or f"cmocka_unit_test({stem})" in text, entry
