#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Draws the sweep of compact's two thresholds from JSON lines; needs matplotlib.

    plot_compact.py [FOLDER = benchmarks/results] [--to docs/images/compact.png] [--emulated]

FOLDER holds compact.jsonl as script/gpu-bench writes it: one panel a scene, speed against the
occupancy threshold, a line for each age; the default is ringed.
"""

import argparse
import pathlib
import sys

from write_performance import COMPACT_DEFAULT, ROOT, read

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

COLOURS = ("#1b6ca8", "#d1495b", "#3c8d53", "#8a6d3b")


def draw(axes, scene, records):
    """One scene: speeds over the best one."""
    best = max(r["photons_per_s"] for r in records)
    ages = sorted({r["compact_age_us"] for r in records})
    for colour, age in zip(COLOURS, ages):
        line = sorted(
            (r["compact_percent"], r["photons_per_s"] / best)
            for r in records
            if r["compact_age_us"] == age
        )
        axes.plot(*zip(*line), "o-", color=colour, label=f"or older than {age / 1000:g} ms")
        for percent, speed in line:
            if (percent, age) == COMPACT_DEFAULT:
                axes.plot(percent, speed, "o", ms=13, mfc="none", mec="black")
    fired = sum(r["compactions_by_occupancy"] + r["compactions_by_age"] for r in records)
    note = "" if fired else ", no secondaries"
    axes.set_title(f"{scene}{note}: best {best / 1e6:.3g} million photons/s", fontsize=9)
    axes.set_xlabel("newborn photons move up below, % of slots active")
    axes.set_ylim(0.0, 1.1)
    axes.grid(alpha=0.3)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=pathlib.Path, default=ROOT / "benchmarks/results")
    parser.add_argument("--to", type=pathlib.Path, default=ROOT / "docs/images/compact.png")
    parser.add_argument("--emulated", action="store_true")
    options = parser.parse_args()
    records = read(options.folder, options.emulated).get("compact", [])
    records = [r for r in records if r.get("compact_percent")]
    scenes = list(dict.fromkeys(r["scene"] for r in records))
    if not scenes:
        print(f"plot_compact: no line of the sweep in {options.folder}", file=sys.stderr)
        return 1
    size = (4.2 * len(scenes), 3.4)
    figure, panels = plt.subplots(1, len(scenes), figsize=size, sharey=True, squeeze=False)
    for axes, scene in zip(panels[0], scenes):
        draw(axes, scene, [r for r in records if r["scene"] == scene])
    panels[0][0].set_ylabel("end to end, over the best")
    panels[0][0].legend(fontsize=8, loc="lower left")
    figure.tight_layout()
    figure.savefig(options.to, dpi=110, metadata={"Software": None})
    return 0


if __name__ == "__main__":
    sys.exit(main())
