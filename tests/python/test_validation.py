# SPDX-License-Identifier: BSD-3-Clause
"""chroma2 against the legacy outcomes, and the statistics that decide about it."""

import json
import math
import pathlib
import sys

import numpy as np
import pytest
from conftest import chosen_device

VALIDATION = pathlib.Path(__file__).resolve().parents[2] / "validation"
sys.path.insert(0, str(VALIDATION))
import compare  # noqa: E402
import run_validation  # noqa: E402
import scenes  # noqa: E402
import write_page  # noqa: E402

DEVICE = {"device_id": chosen_device()}


def faults(sections):
    """What a failing comparison prints: the rows themselves."""
    rows = [(section["title"], row) for section in sections for row in section["rows"]]
    assert rows
    return [entry for entry in rows if not entry[1]["p"] > compare.P_MIN]


# ------------------------------------------------------------------ the statistics
@pytest.mark.parametrize("ndf", [2, 4, 40, 400])
@pytest.mark.parametrize("share", [0.1, 0.9, 1.0, 1.3, 3.0])
def test_chi2_with_even_ndf_is_a_poisson_sum(ndf, share):
    half = 0.5 * ndf * share
    terms = [math.exp(k * math.log(half) - half - math.lgamma(k + 1)) for k in range(ndf // 2)]
    assert compare.chi2_p(ndf * share, ndf) == pytest.approx(math.fsum(terms), rel=1e-10)


@pytest.mark.parametrize("x", [0.01, 1.0, 6.635, 25.0, 200.0])
def test_chi2_with_one_degree_is_the_error_function(x):
    assert compare.chi2_p(x, 1) == pytest.approx(math.erfc(math.sqrt(x / 2)), rel=1e-10)


def test_counts_have_the_tails_of_their_law():
    assert compare.poisson_p(0, 0.0) == 1.0
    assert compare.poisson_p(3, 0.0) == 0.0
    assert compare.poisson_p(0, 10.0) == pytest.approx(2 * math.exp(-10))
    assert compare.binomial_p(500, 1000, 0.5) == pytest.approx(1.0)
    assert compare.binomial_p(0, 500_000, 1e-12) > 0.99
    assert compare.binomial_p(499_990, 500_000, 1.0) == 0.0
    assert compare.binomial_p(20_000, 500_000, 0.0416) < 1e-6


def test_histogram_has_legacy_bins():
    counts = compare.histogram([-0.1, 0.0, 0.49, 0.5, 99.9999, 100.0, 1e9], 0.0, 100.0)
    assert counts.shape == (202,)
    assert [counts[i] for i in (0, 1, 2, 200, 201)] == [1, 2, 1, 1, 2]


def test_merging_keeps_counts():
    rng = np.random.default_rng(3)
    for size in (1, 2, 50, 202):
        a, b = rng.poisson(rng.exponential(8.0, size)), rng.poisson(rng.exponential(30.0, size))
        left, right = compare.merged(a, b)
        assert left.sum() == a.sum() and right.sum() == b.sum()


def test_one_law_gives_flat_probabilities():
    """Samples of different sizes from one law, 400 times: p is as flat as 400 numbers can be."""
    rng = np.random.default_rng(7)
    law = rng.exponential(1.0, 60)
    chi2, ks = [], []
    for _ in range(400):
        a, b = rng.multinomial(20_000, law / law.sum()), rng.multinomial(3_000, law / law.sum())
        chi2.append(compare.chi2_two_samples(a, b)[2])
        ks.append(compare.ks_two_samples(a, b)[1])
    distance = np.abs(np.sort(chi2) - (np.arange(400) + 0.5) / 400).max()
    assert distance < 2.7 / math.sqrt(400)  # 1e-6
    assert np.mean(np.array(ks) < 0.1) < 0.16  # never too small


def test_another_law_is_seen():
    rng = np.random.default_rng(8)
    law = np.ones(60) / 60
    other = law * np.linspace(0.95, 1.05, 60)
    a, b = rng.multinomial(200_000, law), rng.multinomial(200_000, other / other.sum())
    assert compare.chi2_two_samples(a, b)[2] < 1e-6
    assert compare.ks_two_samples(a, b)[1] < 1e-6


# ------------------------------------------------------------------ the legacy outcomes
def test_legacy_runs_agree_with_each_other():
    assert not faults([run_validation.legacy_scatter()])


def test_legacy_slabs_follow_fresnel():
    """Closed forms and legacy counts, where legacy is right: neither is taken on trust."""
    legacy = json.loads((VALIDATION / "legacy_slabs.json").read_text())["S5"]
    for beam, theirs in zip(scenes.s5_beams(), legacy, strict=True):
        _, shares = compare.slab_shares(abs(beam["dir"][2]), beam["pol"], beam["start"])
        assert math.fsum(shares.values()) == pytest.approx(1.0, abs=1e-12)
        if beam["angle"] > run_validation.LEGACY_ANGLE_DEG:
            ends = {(f["solid"], f["flags"]): f["n"] for f in theirs["final"]}
            known = {
                key: n for key, n in ends.items() if not key[1] & run_validation.NEVER_IN_SLABS
            }
            n, n_known = theirs["n"], sum(known.values())
            reflected = min(theirs["step1"]["reflected"], n_known)
            rows = run_validation.beam_rows(beam, n_known, reflected, known, theirs)
            assert n - n_known <= 3
            assert not faults([{"title": str(beam["angle"]), "rows": rows}])


# ------------------------------------------------------------------ chroma2
def test_larbox_point_agrees_with_legacy():
    assert not faults(
        run_validation.validate_larbox(200_000, 2001, sources=("point",), seed=1, **DEVICE)
    )


@pytest.mark.slow
def test_larbox_uniform_agrees_with_legacy():
    assert not faults(
        run_validation.validate_larbox(200_000, 5001, sources=("uniform",), seed=2, **DEVICE)
    )


def test_slabs_agree_with_fresnel_and_legacy(tmp_path):
    sections = list(run_validation.validate_slabs(5_000, seed=3, **DEVICE))
    assert len(sections) == 26
    assert not faults(sections)


@pytest.mark.slow
def test_a_wrong_scattering_length_is_seen():
    """The comparison can fail: 4 % on one length, at the size of the suite."""
    scene = scenes.build("S3")
    scene["materials"][0]["scattering_length"] *= 1.04
    with run_validation.open_session(scene, seed=1, **DEVICE) as session:
        outcome, _ = run_validation.run_larbox(session, scene, "point", 200_000, 2001)
    legacy = np.load(VALIDATION / "legacy_larbox.npz")
    rows = compare.compare_outcomes(outcome, compare.legacy_outcome(legacy, "S3_point_rngfix0"))
    assert compare.worst(rows) < compare.P_MIN


def test_the_page_tells_a_failure():
    row = compare.line("history words", "chi2", "900.0 / 11", 1e-30)
    sections = [{"title": "S3, point: against X", "n": 1, "rows": [row]}]
    report = {"photons": 1, "beam_photons": 1, "seed": 1, "session_seed": 1, "sections": sections}
    text = "\n".join(write_page.page(report, "commit", "machine", "date"))
    assert "DISAGREEMENT" in text and "1e-30" in text
