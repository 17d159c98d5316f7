#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Sets JSON lines of a benchmark against those of before.

    python benchmarks/compare.py before.jsonl after.jsonl [--fail-below 0.9]

Runs of the same case on the same machine are compared by median and by best; a ratio above 1 is
faster. With --fail-below, exit 1 if the median of any case falls below that share of before.
"""

import argparse
import json
import pathlib
import statistics
import sys

SPEEDS = ("photons_per_s", "rays_per_s", "operations_per_s")  # the first that a record has counts
SAME = ("case", "machine", "backend", "device", "physics", "threads", "tree")


def read(path):
    """{what: [records]} of a file of JSON lines; what is everything that must be equal."""
    groups = {}
    for text in path.read_text().splitlines():
        if text.strip():
            record = json.loads(text)
            what = tuple((key, record[key]) for key in SAME if key in record)
            groups.setdefault(what, []).append(record)
    return groups


def speed_of(record):
    return next((name for name in SPEEDS if name in record), None)


def compare(before, after):
    """Yields case, machine, unit, medians, ratio of medians, ratio of bests."""
    for what, new in after.items():
        old = before.get(what)
        unit = speed_of(new[0])
        if old is None or unit is None:
            continue
        left, right = ([record[unit] for record in records] for records in (old, new))
        a, b = statistics.median(left), statistics.median(right)
        facts = dict(what)
        machine = facts.get("machine", "")
        yield facts.get("case", ""), machine, unit, a, b, b / a, max(right) / max(left)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("before", type=pathlib.Path)
    parser.add_argument("after", type=pathlib.Path)
    parser.add_argument("--fail-below", type=float, default=0.0)
    arguments = parser.parse_args()
    before, after = read(arguments.before), read(arguments.after)
    rows = list(compare(before, after))
    print("| case | before | after | unit | median | best |")
    print("|---|---|---|---|---|---|")
    for case, _, unit, a, b, median, best in rows:
        print(f"| {case} | {a:.3g} | {b:.3g} | {unit} | x {median:.3f} | x {best:.3f} |")
    alone = len(before) + len(after) - 2 * len(rows)
    print(f"\n{len(rows)} compared, {alone} without a counterpart on the same machine")
    slow = [row for row in rows if row[5] < arguments.fail_below]
    return 1 if slow or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
