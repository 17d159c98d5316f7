#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Compares chroma2 with the outcomes of the legacy code and with closed forms.

    python validation/run_validation.py [--photons 10000000] [--json run.json]

S3, a box of liquid argon with diffuse walls: every histogram of final photons against the legacy
runs. S5, pencil beams on dielectric layers: shares against Fresnel's equations, and against legacy
beyond 0.02 degrees of incidence (below, legacy never draws the reflection). Exit 1 if any
probability is below 1e-6 or anything that must be exact is not. write_page.py makes
docs/validation.md from the JSON.
"""

import argparse
import collections
import json
import math
import pathlib
import sys
import time

import compare
import numpy as np
import scenes

HERE = pathlib.Path(__file__).resolve().parent

BATCH = 1_000_000
LARBOX_RUNS = {  # title: source, legacy runs to compare with
    "point": ["S3_point_rngfix0", "S3_point_rngfix1"],
    "uniform": ["S3_uniform_rngfix0"],
}
LEGACY_ANGLE_DEG = 0.02  # legacy is wrong below
NEVER_IN_SLABS = 0x1 | 0x2 | 0x10  # NO_HIT, BULK_ABSORB, RAYLEIGH_SCATTER: expected 0.01 times
TOP, BOTTOM = 2, 3  # solids of S5 that light ends on
MIRRORED = 0x40


def open_session(scene, **options):
    import chroma2

    detector = chroma2.Detector.from_arrays(**scene)
    return chroma2.Session(detector=detector, **options)


def event(photons, event_id, max_steps=1000):
    import chroma2

    columns = (photons[key] for key in ("pos", "dir", "pol", "wavelength", "t"))
    return chroma2.EventDescriptor(
        photons=chroma2.Photons(*columns).freeze(),
        event_id=event_id,
        max_steps=max_steps,
        keep=("hits", "photons_end"),
    )


def exact(what, seen, expected):
    """A row for something that chance has no part in."""
    p = 1.0 if seen == expected else 0.0
    return compare.line(what, "exact", f"{seen}", p, f"expected {expected}")


# ------------------------------------------------------------------ S3
def run_larbox(session, scene, source, n, start_seed):
    """The outcome of n photons, in batches seeded start_seed, start_seed + 1, ..., and rows on it.

    The photons differ from those that legacy started with: equal ones would make the samples agree
    better than chance allows, and hide a difference.
    """
    outcome = compare.Outcome(n_channels=int(scene["solid_to_channel"].max()) + 1)
    solids = np.append(scene["solid_id"], -1)  # [-1]: no triangle
    channels = np.append(scene["solid_to_channel"], -1)
    by_hits = np.zeros_like(outcome.channels)
    detected = ended = 0
    sizes = [min(BATCH, n - begin) for begin in range(0, n, BATCH)]
    events = (
        event(scenes.photons(scene, source, size, start_seed + i), event_id=start_seed + i)
        for i, size in enumerate(sizes)
    )
    for result in session.simulate(events, in_flight=2):
        last = np.asarray(result.photons_end.last_hit_triangles, np.int64)
        outcome.add(result.photons_end, channels[solids[last]])
        by_hits += np.bincount(result.hits.channel, minlength=len(by_hits))
        detected += result.ledger.surface_detect
        ended += result.ledger.surface_detect + result.ledger.surface_absorb
        ended += result.ledger.bulk_absorb
    known = 0x3F  # NO_HIT ... REFLECT_DIFFUSE: all that can happen in this box
    no_hit = outcome.histograms["t", "no_hit"].sum()
    strange = sum(count for word, count in outcome.flags.items() if word & ~known)
    rows = [
        exact("photons", outcome.n, n),
        exact("photons that left the closed box", int(no_hit), 0),
        exact("photons with any other history bit", strange, 0),
        exact("ledger: photons detected", detected, int(outcome.histograms["t", "detect"].sum())),
        exact("ledger: photons absorbed or detected", ended, n),
        exact(
            "hits on channels that differ from final states",
            int(np.abs(by_hits - outcome.channels).sum()),
            0,
        ),
    ]
    return outcome, rows


def validate_larbox(n, start_seed, sources=tuple(LARBOX_RUNS), **options):
    """Yields sections of the report."""
    scene = scenes.build("S3")
    legacy = np.load(HERE / "legacy_larbox.npz")
    with open_session(scene, **options) as session:
        for k, source in enumerate(sources):
            begin = time.perf_counter()
            outcome, rows = run_larbox(session, scene, source, n, start_seed + 1000 * k)
            seconds = time.perf_counter() - begin
            steps = int(outcome.steps_alive().sum())
            yield {
                "title": f"S3, {source}: what must be exact",
                "n": n,
                "seconds": seconds,
                "steps_per_photon": steps / n,
                "rows": rows,
            }
            for run in LARBOX_RUNS[source]:
                theirs = compare.legacy_outcome(legacy, run)
                rows = compare.compare_outcomes(outcome, theirs)
                yield {
                    "title": f"S3, {source}: against {run}",
                    "n": n,
                    "n_legacy": theirs.n,
                    "rows": rows,
                }


def legacy_scatter():
    """How far two legacy runs are from each other: what agreement looks like."""
    legacy = np.load(HERE / "legacy_larbox.npz")
    left, right = (compare.legacy_outcome(legacy, run) for run in LARBOX_RUNS["point"])
    rows = compare.compare_outcomes(left, right)
    return {
        "title": "S3, point: one legacy run against another",
        "n": left.n,
        "n_legacy": right.n,
        "rows": rows,
    }


# ------------------------------------------------------------------ S5
def run_beam(session, scene, beam, n, event_id):
    """reflected at the first boundary, {(solid, history word): n} of n photons of a beam."""
    photons = {
        name: np.tile(np.asarray(beam[key], np.float32), (n, 1))
        for name, key in (("pos", "pos"), ("dir", "dir"), ("pol", "polv"))
    }
    photons |= {
        "wavelength": np.full(n, beam["wavelength"], np.float32),
        "t": np.zeros(n, np.float32),
    }
    first = session.submit_event(event(photons, 2 * event_id, max_steps=1))
    last = session.submit_event(event(photons, 2 * event_id + 1)).result().photons_end
    backwards = np.sign(first.result().photons_end.dir[:, 2]) != np.sign(beam["dir"][2])
    triangles = np.asarray(last.last_hit_triangles, np.int64)
    solid = np.append(scene["solid_id"], -1)[triangles]
    pairs = zip(solid.tolist(), np.asarray(last.flags).tolist(), strict=True)
    return int(backwards.sum()), dict(collections.Counter(pairs))


def beam_rows(beam, n, reflected, ends, legacy):
    """Comparisons of one beam with closed forms, and with legacy where it is right."""
    cos_i = abs(float(np.float32(beam["dir"][2])))
    share, final = compare.slab_shares(cos_i, beam["pol"], beam["start"])
    detail = f"{reflected / n:.6f}, Fresnel {share:.6f}"
    p = compare.binomial_p(reflected, n, share)
    rows = [compare.line("first boundary, Fresnel", "binomial", str(reflected), p, detail)]
    words = {  # what an end looks like: solid, history word
        ("top", False): (TOP, 0x8),
        ("top", True): (TOP, 0x8 | MIRRORED),
        ("bottom", False): (BOTTOM, 0x8),
        ("bottom", True): (BOTTOM, 0x8 | MIRRORED),
    }
    for end, share in final.items():
        k = ends.get(words[end], 0)
        what = f"{end[0]}, {'mirrored' if end[1] else 'straight'}, Fresnel"
        detail = f"{k / n:.6f}, Fresnel {share:.6f}"
        rows.append(compare.line(what, "binomial", str(k), compare.binomial_p(k, n, share), detail))
    elsewhere = sum(count for key, count in ends.items() if key not in words.values())
    rows.append(exact("photons that ended elsewhere", elsewhere, 0))
    if beam["angle"] > LEGACY_ANGLE_DEG:
        theirs = {(f["solid"], f["flags"]): f["n"] for f in legacy["final"]}
        theirs = {key: count for key, count in theirs.items() if not key[1] & NEVER_IN_SLABS}
        keys = sorted({*ends, *theirs}, key=lambda key: -theirs.get(key, 0))
        ours = [ends.get(key, 0) for key in keys]
        rows.append(compare.chi2_line("ends, legacy", ours, [theirs.get(key, 0) for key in keys]))
        step = legacy["step1"]
        both = [step["reflected"], step["transmitted"]]
        rows.append(compare.chi2_line("first boundary, legacy", [reflected, n - reflected], both))
    return rows


def validate_slabs(n, **options):
    """Yields one section a beam of n photons."""
    scene = scenes.build("S5")
    legacy = json.loads((HERE / "legacy_slabs.json").read_text())["S5"]
    with open_session(scene, **options) as session:
        for k, (beam, theirs) in enumerate(zip(scenes.s5_beams(), legacy, strict=True)):
            assert (beam["start"], beam["angle"], beam["pol"]) == tuple(
                theirs[key] for key in ("start", "angle", "pol")
            )
            reflected, ends = run_beam(session, scene, beam, n, event_id=k)
            yield {
                "title": f"S5, {beam['start']} {beam['angle']:g} deg {beam['pol']}",
                "n": n,
                "n_legacy": theirs["n"],
                "rows": beam_rows(beam, n, reflected, ends, theirs),
            }


# ------------------------------------------------------------------ all
def validate(n, n_beam, start_seed, **options):
    """Yields every section."""
    yield from validate_larbox(n, start_seed, **options)
    yield legacy_scatter()
    yield from validate_slabs(n_beam, **options)


def describe(section):
    worst = min(section["rows"], key=lambda row: row["p"])
    which = f"{worst['what']}, {worst['test']} {worst['size']}"
    return (
        f"{section['title']:45} {len(section['rows']):3} rows, least p {worst['p']:.2g} ({which})"
    )


def count(text):
    return math.floor(float(text))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--photons", type=count, default=10_000_000, help="a source of S3")
    parser.add_argument("--beam-photons", type=count, default=500_000, help="a beam of S5")
    parser.add_argument("--seed", type=int, default=2001, help="of the start states")
    parser.add_argument("--session-seed", type=int, default=1)
    parser.add_argument("--device", default=None, help='"cpu" or a GPU number; default: chroma2\'s')
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--json", type=pathlib.Path)
    arguments = parser.parse_args()
    device = arguments.device
    options = {
        "seed": arguments.session_seed,
        "device_id": int(device) if (device or "").isdigit() else device,
    }
    if arguments.threads:
        options["threads"] = arguments.threads

    sections = []
    begin = time.perf_counter()
    for section in validate(arguments.photons, arguments.beam_photons, arguments.seed, **options):
        sections.append(section)
        print(describe(section), flush=True)
    rows = [row for section in sections for row in section["rows"]]
    least = compare.worst(rows)
    if arguments.json:
        report = {
            "photons": arguments.photons,
            "beam_photons": arguments.beam_photons,
            "seed": arguments.seed,
            "session_seed": arguments.session_seed,
            "seconds": time.perf_counter() - begin,
            "sections": sections,
        }
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")
    passed = least > compare.P_MIN
    print(
        f"validation: {len(rows)} comparisons, least p {least:.2g}: {'ok' if passed else 'FAILED'}"
    )
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
