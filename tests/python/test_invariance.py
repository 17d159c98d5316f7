# SPDX-License-Identifier: BSD-3-Clause
"""A detector that is turned as a whole, with its light, sees the same: no axis is special."""

import math
import sys
import types

import numpy as np
import pytest
from conftest import ROOT, chosen_device

import chroma2

sys.path.insert(0, str(ROOT / "validation"))
import compare


def random_rotation(rng):
    """A rotation matrix, uniform over all: from a unit quaternion (Shoemake 1992)."""
    w, x, y, z = (q := rng.normal(size=4)) / np.linalg.norm(q)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def outcome_of(scenes, key, source, rotation, seed, n, physics):
    """The outcome of n photons in a turned scene, turned back."""
    scene = scenes.build(key)
    light = scenes.photons(scene, source, n, seed)

    def turn(vectors):
        return np.asarray(np.asarray(vectors, np.float64) @ rotation.T, np.float32)

    scene["vertices"] = turn(scene["vertices"])
    columns = [turn(light["pos"]), turn(light["dir"]), turn(light["pol"])]
    photons = chroma2.Photons(*columns, light["wavelength"], light["t"]).freeze()
    event = chroma2.EventDescriptor(photons=photons, event_id=seed, keep=("photons_end",))
    detector = chroma2.Detector.from_arrays(**scene)
    with chroma2.Session(chosen_device(), detector, seed=seed, physics=physics) as session:
        end = session.submit_event(event).result().photons_end
    turned_back = types.SimpleNamespace(
        pos=np.asarray(end.pos, np.float64) @ rotation,
        dir=np.asarray(end.dir, np.float64) @ rotation,
        **{
            name: np.asarray(getattr(end, name))
            for name in ("wavelengths", "t", "flags", "n_steps")
        },
    )
    outcome = compare.Outcome(n_channels=max(1, int(scene["solid_to_channel"].max()) + 1))
    channels = np.append(scene["solid_to_channel"], -1)
    solids = np.append(scene["solid_id"], -1)
    last = np.asarray(end.last_hit_triangles, np.int64)
    outcome.add(turned_back, channels[solids[last]])
    return outcome


@pytest.mark.parametrize(
    ("key", "source", "n", "physics"),
    [
        ("S3", "point", 40_000, "chroma"),
        ("S1mini", "uniform", 20_000, "precise"),
        ("S4", "point", 20_000, "chroma"),
    ],
)
def test_a_turned_detector_sees_the_same(scenes, key, source, n, physics):
    rotation = random_rotation(np.random.default_rng(2))
    assert math.isclose(np.linalg.det(rotation), 1.0)
    straight = outcome_of(scenes, key, source, np.eye(3), 1, n, physics)
    turned = outcome_of(scenes, key, source, rotation, 2, n, physics)
    rows = compare.compare_outcomes(straight, turned)
    assert not [row for row in rows if not row["p"] > compare.P_MIN]
    assert straight.flags != turned.flags  # other photons, other numbers
