#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Prints docs/peers.md from the JSON of run_peers.py.

python validation/write_peers.py peers.json --machine "..." --date 2026-01-01 > docs/peers.md
"""

import argparse
import json
import pathlib

HEAD = """# Programs of other people

Printed by `validation/write_peers.py` from a run of `validation/run_peers.py`; not edited by
hand. Run on {machine}, {date}.
Each program ran in a process of its own (`validation/peers/`) on the same input.

```sh
pip install "chroma2[peers]"      # or: script/test peers
python validation/run_peers.py --json peers.json
```
"""

HITS = """
## Nearest hits: Embree, Mitsuba 3

Half of the rays are isotropic from anywhere in the bounding box, a quarter is aimed at vertices, a
quarter at points of edges. Distances are in roundings, 2^-24 of the largest coordinate, measured
from the triangle's plane in double precision.

"At one distance": two triangles that share the edge, or touch; which one is said is a matter of
rounding there (ours is a rule: the lower primitive). "At its rim": the ray's line passes an edge
of the nearer triangle within 16 roundings, and one program says that it meets it. Where a ray
starts inside a closed mesh such a miss is a leak: we have none. Anything else would be unexplained.
"""

FRESNEL = """
## Fresnel's equations: Mitsuba 3

Amplitudes (dielectrics) and shares (metals) of s and p at {n:,} angles, from
`tests/programs/optics_table.c` and from Mitsuba's `fresnel_polarized`; both compute in float. What
either differs by from double precision is given as it is, and in roundings of cosine, index and
result: next to a critical angle the slope is infinite, and the difference is that of the inputs.
Our r_p rounds most where the indices differ most (1 to 2.5): near Brewster's angle its numerator is
a small factor times their large contrast.
"""

GEANT4 = """
## Optical photons: Geant4

geant4-pybind 0.1.3 with Geant4 11.4 runs optical photons without its data sets, with one thing in
their place: its run manager does not start without a table of nuclides, and is given an empty file,
since optical photons never ask it. The package offers to download the data at import, and is told
no; the missing low-energy data are a warning. The boundary process cannot be made from Python by
itself, so the constructor of all optical physics brings it.

opengate-core 10.1.1, with the same Geant4, was tried on 2026-11-30 and is not used. It would
download twelve data sets at import; `GATEONRTD=1`, meant for the building of its documentation,
keeps it from that. Given an empty table of nuclides and an empty folder of nuclear levels, its run
manager starts and G4OpticalPhysics runs, beside G4DecayPhysics, which brings the particles. But
its bindings tell no direction, polarization, length or status of a step, and its gun takes no
polarization: only shares of unpolarized light are left to compare. 50,000 photons onto the same
glass at 20, 45 and 75 degrees: 0.0398, 0.0513, 0.2498 reflected, where Fresnel's equations say
0.0403, 0.0502, 0.2531 (each within 1.7 standard deviations). The two runs whose exit status was
kept ended in a segmentation fault after their last event.

{n:,} photons a beam; ours with preset "precise". Air above glass of index 1.5: share reflected of
both programs, and p of the two-sample chi2. Directions agree with ours and ours with Snell's law
within 1e-5; so do the moduli of the s and p components after the boundary.
"""

SIGNS = """
The sign between s and p differs in {n} of the {n_mixed} mixed beams that stay linear (marked *):
Geant4 takes the modulus of the incident p component, so that light polarized at +45 and at -45
degrees leaves alike. Ours agrees with Fresnel's amplitudes, signs included, within 1e-5 in every
beam that stays linear; that is checked apart.
"""

BLOCK = """
A block with absorption length 300 mm and Rayleigh length 700 mm, light along z polarized along x:
the first interaction of {n:,} photons of each.
"""


def hits_part(sections):
    if not sections:
        return
    yield HITS
    names = [s["title"].removeprefix("nearest hits, ").replace(": ", ", ", 1) for s in sections]
    yield "| | " + " | ".join(names) + " |"
    yield "|---" * (len(names) + 1) + "|"
    for key in sections[0]["counts"]:
        cells = [f"{s['counts'][key]:,}" for s in sections]
        yield f"| {key} | " + " | ".join(cells) + " |"
    for who in ("ours", "theirs"):
        cells = ["{:.2f}, {:.1f}".format(*s["errors"][who]) for s in sections]
        yield f"| distance, {who}: median, most [roundings] | " + " | ".join(cells) + " |"


def fresnel_part(section):
    yield FRESNEL.format(n=section["n"])
    yield "| boundary | | largest difference | against double |"
    yield "|---|---|---|---|"
    for row in section["rows"]:
        detail = row["detail"].removeprefix("from double: ")
        yield f"| {row['what']} | {row['test']} | {row['size']} | {detail} |"


def geant4_part(sections):
    beams = [s for s in sections if s["title"].startswith("boundary")]
    if not beams:
        return
    yield GEANT4.format(n=beams[0]["n"])
    yield "| beam | ours | Geant4 | p |"
    yield "|---|---|---|---|"
    for s in beams:
        title = s["title"].removeprefix("boundary, geant4: ")
        mark = " *" if s["their_sign_differs"] else ""
        ours, theirs = s["shares"]
        yield f"| {title}{mark} | {ours} | {theirs} | {s['rows'][0]['p']:.2g} |"
    differing = sum(s["their_sign_differs"] for s in beams)
    mixed = sum("0.71" in s["title"] and "glass 60" not in s["title"] for s in beams)
    yield SIGNS.format(n=differing, n_mixed=mixed)
    (block,) = (s for s in sections if s["title"].startswith("block"))
    yield BLOCK.format(n=block["n"]).lstrip("\n")
    yield "| | chi2 / degrees | p |"
    yield "|---|---|---|"
    for row in block["rows"]:
        yield f"| {row['what']} | {row['size']} | {row['p']:.2g} |"


def page(report, machine, date):
    yield HEAD.format(machine=machine, date=date).rstrip("\n")
    yield from hits_part([s for s in report if s["title"].startswith("nearest")])
    for section in report:
        if section["title"].startswith("Fresnel"):
            yield from fresnel_part(section)
    yield from geant4_part(report)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("report", type=pathlib.Path)
    parser.add_argument("--machine", required=True)
    parser.add_argument("--date", required=True)
    arguments = parser.parse_args()
    report = json.loads(arguments.report.read_text())
    print("\n".join(page(report, arguments.machine, arguments.date)))


if __name__ == "__main__":
    main()
