# SPDX-License-Identifier: BSD-3-Clause
"""The examples run, draw, and their physics is what they claim."""

import re
import subprocess
import sys

import pytest
from conftest import ROOT


def run(name, *arguments):
    """The output of an example."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "examples" / name), *map(str, arguments)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_first_light():
    assert "detected at a surface" in run("first_light.py")


def test_scintillator_ball(tmp_path):
    """Direct light from the middle is what the closed forms say, absolutely."""
    pytest.importorskip("matplotlib")
    picture = tmp_path / "ball.png"
    out = run("scintillator_ball.py", "--photons", 5e4, "--picture", picture)
    seen, expected = map(float, re.search(r"detected: (\d+), expected (\d+)", out).groups())
    assert expected > 1000
    assert abs(seen - expected) < 5 * expected**0.5 + 0.02 * expected
    assert 10_000 < picture.stat().st_size < 150_000


def test_argon_box(tmp_path):
    """Spectrum and slow light are what the closed forms say."""
    pytest.importorskip("matplotlib")
    picture = tmp_path / "argon.png"
    out = run("argon_box.py", "--prescale", 1e-3, "--picture", picture)
    n, seen, expected = map(
        float, re.search(r"(\d+) hits of ([\d.]+) nm, .* ([\d.]+)", out).groups()
    )
    assert n > 2000 and abs(seen - expected) < 5 * 25 / n**0.5
    late, law = map(float, re.search(r"([\d.]+) of them after .* ([\d.]+)", out).groups())
    assert abs(late - law) < 5 * (law * (1 - law) / n) ** 0.5 + 0.01
    assert 10_000 < picture.stat().st_size < 150_000


@pytest.mark.parametrize("name", ["scintillator_ball.png", "argon_box.png"])
def test_pictures_are_small(name):
    assert (ROOT / "docs" / "images" / name).stat().st_size < 150_000
