# SPDX-License-Identifier: BSD-3-Clause
"""Programs of other people say the same: at sizes of a test. The page docs/peers.md has the large
ones, and what differs."""

import pathlib
import sys

import numpy as np
import pytest

VALIDATION = pathlib.Path(__file__).resolve().parents[2] / "validation"
sys.path.insert(0, str(VALIDATION))
import compare  # noqa: E402
import run_peers  # noqa: E402
import scenes  # noqa: E402


def require(peer):
    reason = run_peers.missing(peer)
    if reason:
        pytest.skip(reason)


def check(sections):
    sections = list(sections)
    assert sections
    bad = [(s["title"], row) for s in sections for row in s["rows"] if not row["p"] > compare.P_MIN]
    assert not bad


@pytest.mark.slow
@pytest.mark.parametrize("peer", ["embree", "mitsuba"])
def test_nearest_hits(peer):
    require(peer)
    check(run_peers.hits_section(peer, 20_000, names=("sphere", "small tank"), seed=2))


@pytest.mark.slow
def test_fresnel_by_mitsuba():
    require("mitsuba")
    check([{"title": "Fresnel", "rows": list(run_peers.fresnel_rows(201))}])


@pytest.mark.slow
def test_optical_photons_by_geant4():
    require("geant4")
    check(run_peers.geant4_sections(3_000, seed=2))


# ------------------------------------------------------------------ the comparison itself
def brute_force(vertices, triangles, origins, directions):
    """Nearest hits in double precision, over all triangles."""
    a, b, c = (vertices[triangles[:, i]].astype(np.float64) for i in range(3))
    best = {"triangle": [], "distance": []}
    for o, d in zip(origins.astype(np.float64), directions.astype(np.float64), strict=True):
        d = d / np.linalg.norm(d)
        cross = np.cross(d, c - a)
        determinant = ((b - a) * cross).sum(1)
        u = ((o - a) * cross).sum(1) / determinant
        other = np.cross(o - a, b - a)
        v = (d * other).sum(1) / determinant
        t = ((c - a) * other).sum(1) / determinant
        t = np.where((u >= 0) & (v >= 0) & (u + v <= 1) & (t > 0), t, np.inf)
        best["triangle"].append(int(t.argmin()) if np.isfinite(t.min()) else -1)
        best["distance"].append(float(t.min()))
    return {key: np.array(value) for key, value in best.items()}


@pytest.fixture(scope="module")
def traced():
    vertices, triangles = scenes.icosphere(1000.0, 2)
    vertices = vertices.astype(np.float32)
    origins, directions = run_peers.rays(vertices, triangles, 400, seed=3)
    ours, _ = run_peers.our_hits(vertices, triangles, origins, directions)
    return vertices, triangles, origins, directions, ours


def test_brute_force_agrees(traced):
    *rays, ours = traced
    counts, errors = run_peers.compare_hits(*rays, ours, brute_force(*rays))
    assert counts["unexplained"] == 0
    assert counts["same triangle, or both none"] > 200
    assert errors["ours"][1] < 32.0 and errors["theirs"][1] < 0.1


@pytest.mark.parametrize("fault", ["lost", "farther", "another"])
def test_a_wrong_hit_is_seen(traced, fault):
    """The comparison can fail: one isotropic ray in two hundred answered wrongly."""
    *rays, ours = traced
    vertices, triangles, origins, directions = rays
    theirs = {key: value.copy() for key, value in ours.items()}
    _, _, edge = run_peers.ray_facts(vertices, triangles, origins, directions, ours["triangle"])
    clear = np.flatnonzero((ours["triangle"] >= 0) & (edge > 1.0))[:2]
    theirs["triangle"][clear] = {
        "lost": -1,
        "farther": (ours["triangle"][clear] + 160) % len(triangles),
        "another": (ours["triangle"][clear] + 1) % len(triangles),
    }[fault]
    if fault == "lost":
        theirs["distance"][clear] = np.inf
    counts, _ = run_peers.compare_hits(*rays, ours, theirs)
    assert counts["unexplained"] == 2
