#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Prints docs/validation.md from a report of run_validation.py.

python validation/write_page.py run.json --commit HASH --machine TEXT --date DATE
"""

import argparse
import json
import pathlib

HEAD = """\
# Validation against the legacy code

Printed by `validation/write_page.py` from a run of `validation/run_validation.py`; not edited by
hand.

| | |
|---|---|
| commit | {commit} |
| machine | {machine} |
| date | {date} |
| photons | {photons:,} a source of S3, {beam_photons:,} a beam of S5 |
| seeds | start states {seed}, session {session_seed} |
| comparisons | {n_rows}, least probability {least:.2g}, limit 1e-6: **{verdict}** |

The legacy outcomes are 1e7 photons a run, with independent random streams per thread
(`validation/README.md`). S3 is a box of liquid argon whose walls reflect diffusely, absorb and
detect; S5 is air over glass over water, met by pencil beams. Our photons start from other states
than the legacy ones, so the samples are independent. chi2 is the two-sample test with bins merged
until 20 counts are expected; KS is Kolmogorov and Smirnov's on the same bins. Among {n_rows}
comparisons, the least probability is expected near {expected:.1g}.

What legacy got wrong is left out: the photons that it leaked (1 to 8 in 1e7), and beams within 0.02
degrees of the normal, where it never draws the reflection. There, and everywhere else on S5, the
comparison is with Fresnel's equations.
"""
QUANTITIES = {
    "t": "time",
    "r": "distance from the origin",
    "z": "z",
    "wl": "wavelength",
    "dirz": "z of the direction",
}
CATEGORIES = ["all", "detect", "surface_absorb", "bulk_absorb"]


def probability(p):
    return f"{p:.2g}" if p < 0.01 else f"{p:.2f}"


def histogram_table(rows):
    """Quantities against categories: chi2 / ndf, its p, and the p of KS."""
    cell = {(row["what"], row["test"]): row for row in rows}
    yield "| | " + " | ".join(category.replace("_", " ") for category in CATEGORIES) + " |"
    yield "|---" * (len(CATEGORIES) + 1) + "|"
    for name, title in QUANTITIES.items():
        parts = []
        for category in CATEGORIES:
            chi2, ks = (cell[f"{name}, {category}", test] for test in ("chi2", "KS"))
            only = (
                "one bin"
                if chi2["size"].endswith("/ 0")
                else f"{chi2['size']}, p {probability(chi2['p'])}"
            )
            parts.append(f"{only}; KS {probability(ks['p'])}")
        yield f"| {title} | " + " | ".join(parts) + " |"


def plain_table(rows):
    yield "| | test | size | p |"
    yield "|---|---|---|---|"
    for row in rows:
        detail = f" ({row['detail']})" if row["detail"] else ""
        verdict = (
            probability(row["p"]) if row["test"] != "exact" else "ok" if row["p"] else "FAILED"
        )
        yield f"| {row['what']} | {row['test']} | {row['size']}{detail} | {verdict} |"


def larbox_part(section):
    yield f"\n## {section['title']}\n"
    if "steps_per_photon" in section:
        steps, seconds = section["steps_per_photon"], section["seconds"]
        yield f"{section['n']:,} photons, {steps:.4f} steps a photon, {seconds:.0f} s.\n"
    histograms = [row for row in section["rows"] if ", " in row["what"] and row["test"] != "exact"]
    if histograms:
        yield from histogram_table(histograms)
        yield ""
    yield from plain_table([row for row in section["rows"] if row not in histograms])


def slabs_part(sections):
    yield "\n## S5, pencil beams on air, glass (1.5), water (1.33)\n"
    yield "Reflected at the first boundary, and the least probability over where the light ended,"
    yield "straight or mirrored: against Fresnel's equations and against legacy.\n"
    yield "| beam | reflected | Fresnel | p | ends, Fresnel | ends, legacy |"
    yield "|---|---|---|---|---|---|"
    for section in sections:
        rows = section["rows"]
        seen, law = rows[0]["detail"].split(", Fresnel ")
        ends = min(row["p"] for row in rows[1:] if not row["what"].endswith("legacy"))
        legacy = [row["p"] for row in rows if row["what"].endswith("legacy")]
        last = probability(min(legacy)) if legacy else "legacy is wrong here"
        title = section["title"].removeprefix("S5, ")
        p = f"{probability(rows[0]['p'])} | {probability(ends)}"
        yield f"| {title} | {seen} | {law} | {p} | {last} |"


def page(report, commit, machine, date):
    rows = [row for section in report["sections"] for row in section["rows"]]
    by_chance = [row for row in rows if row["test"] != "exact"]
    least = min(row["p"] for row in rows)
    verdict = "agreement" if least > 1e-6 else "DISAGREEMENT"
    facts = {key: report[key] for key in ("photons", "beam_photons", "seed", "session_seed")}
    yield HEAD.format(
        commit=commit,
        machine=machine,
        date=date,
        n_rows=len(rows),
        least=least,
        verdict=verdict,
        expected=1 / len(by_chance),
        **facts,
    ).rstrip("\n")
    for section in report["sections"]:
        if section["title"].startswith("S3"):
            yield from larbox_part(section)
    yield from slabs_part([s for s in report["sections"] if s["title"].startswith("S5")])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("report", type=pathlib.Path)
    parser.add_argument("--commit", required=True)
    parser.add_argument("--machine", required=True)
    parser.add_argument("--date", required=True)
    arguments = parser.parse_args()
    report = json.loads(arguments.report.read_text())
    print("\n".join(page(report, arguments.commit, arguments.machine, arguments.date)))


if __name__ == "__main__":
    main()
