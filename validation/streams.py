"""Random words in the order in which light uses them, through the tests of `dieharder -a`.

    python validation/streams.py run photons|across    every test, one after the other; goes on
                                                       where it stopped. About two hours each
    python validation/streams.py again photons|across  what was not passed, with three other seeds
    python validation/streams.py page                  docs/streams.md from the reports

Needs `dieharder` (Debian: apt-get install dieharder) and a release build with tests. The reports
are validation/streams/*.txt: dieharder's own lines below a line that names test, n-tuple and seed.
"""

import argparse
import math
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
PROGRAM = ROOT / "build/release/tests/stream_dump"
REPORTS = ROOT / "validation/streams"
PAGE = ROOT / "docs/streams.md"

# What `dieharder -a` runs: (test, n-tuple or None for the test's own). 208 does its second n-tuple
# with the first (and 3.31.1 crashes when asked for the second alone). The lagged sums, which read
# more than everything else together, come last and in the order of their cost.
TESTS = (
    [(d, None) for d in (*range(18), 100, 101, 102)]
    + [(200, n) for n in range(1, 13)]
    + [(d, n) for d in (201, 202) for n in range(2, 6)]
    + [(204, None), (205, None), (206, None), (207, None), (208, 0), (209, 12)]
    + [(203, n) for n in range(33)]
)
N_AGAIN = 3

STREAMS = {
    "photons": "Every block that the engine's stepper draws for photon 0 until it ends, then for\n"
    "photon 1, and so on.",
    "across": "One word of one place for 2^20 neighbouring photons, then the next word, then the\n"
    "next place.",
}


def seed_of(index, turn):
    """Each test reads a stream of its own, so that their p-values are independent."""
    return 1 + index + 1000 * turn


def key_of(test, ntuple):
    return f"{test}" if ntuple is None else f"{test}.{ntuple}"


def read_report(stream):
    """{(key, turn): [(name, ntuple, tsamples, psamples, p, assessment), ...]}"""
    path, rows = REPORTS / f"{stream}.txt", {}
    current = []
    for line in path.read_text().splitlines() if path.exists() else []:
        if line.startswith("# test "):
            words = line.split()
            current = rows.setdefault((words[2], int(words[4])), [])
        elif line.count("|") == 5 and "Assessment" not in line:
            name, ntuple, tsamples, psamples, p, word = (w.strip() for w in line.split("|"))
            current.append((name, int(ntuple), int(tsamples), int(psamples), float(p), word))
    return rows


def run_test(stream, index, turn):
    test, ntuple = TESTS[index]
    seed = seed_of(index, turn)
    command = ["dieharder", "-g", "200", "-d", str(test)]
    if ntuple is not None:
        command += ["-n", str(ntuple)]
    with subprocess.Popen([PROGRAM, stream, str(seed)], stdout=subprocess.PIPE) as words:
        done = subprocess.run(
            command, stdin=words.stdout, stdout=subprocess.PIPE, text=True, check=True
        )
        words.kill()
    lines = [line.rstrip() for line in done.stdout.splitlines() if line.count("|") == 5]
    lines = [line for line in lines if "Assessment" not in line]
    if not lines:
        sys.exit(f"{' '.join(command)} gave no result")
    with (REPORTS / f"{stream}.txt").open("a") as report:
        report.write(f"# test {key_of(test, ntuple)} turn {turn} seed {seed}\n")
        report.write("\n".join(lines) + "\n")


def run(stream, again):
    if not shutil.which("dieharder"):
        sys.exit("there is no dieharder here (Debian: apt-get install dieharder)")
    if not PROGRAM.exists():
        sys.exit(f"there is no {PROGRAM.relative_to(ROOT)}: build the release preset first")
    REPORTS.mkdir(exist_ok=True)
    for index, (test, ntuple) in enumerate(TESTS):
        key = key_of(test, ntuple)
        have = read_report(stream)
        if not again:
            turns = [0]
        elif all(row[5] == "PASSED" for row in have.get((key, 0), [])):
            turns = []
        else:
            turns = range(1, 1 + N_AGAIN)
        for turn in turns:
            if (key, turn) not in have:
                run_test(stream, index, turn)


# ------------------------------------------------------------------ the page
HEAD = """# Random streams, as used

Made by `validation/streams.py page` from the raw reports in `validation/streams/`; not edited by
hand. `tests/programs/stream_dump.c` writes Philox words in the order in which light uses them, and
each test of `dieharder -a` (3.31.1, `-g 200`) reads a stream of its own from a pipe: every test has
another seed, so that the probabilities are independent.

dieharder calls p outside [0.005, 0.995] WEAK and outside [1e-6, 1 - 1e-6] FAILED: of 100 numbers
from a perfect source one is WEAK. What was not passed is run with {n_again} other seeds below:
chance does not come back there, a fault does.

What the test suite holds every time: `tests/stat/test_stream_laws.c` (neighbouring photons, steps,
events, purposes, blocks, lineages, seeds; lags within a life) and `tests/unit/base/test_philox.c`.
"""
NOT_TRUSTED = {5, 6, 7, 14}  # dieharder's own list says "Suspect" or "Do Not Use"


def ran(stream):
    """{key: rows} of the first turn, in the order of TESTS."""
    rows = read_report(stream)
    keys = [key_of(*test) for test in TESTS]
    return {key: rows[key, 0] for key in keys if (key, 0) in rows}


def ks_uniform(p):
    """Probability that numbers in [0, 1] are farther from uniform (Kolmogorov, Stephens)."""
    p = sorted(p)
    n = len(p)
    distance = max(max((i + 1) / n - x, x - i / n) for i, x in enumerate(p))
    x = (n**0.5 + 0.12 + 0.11 / n**0.5) * distance
    total = 2.0 * sum((-1) ** (k - 1) * math.exp(-2.0 * k * k * x * x) for k in range(1, 101))
    return 1.0 if x < 0.2 else min(1.0, max(0.0, total))


def name_table(found):
    """One line a test: how many p-values, the least and greatest, what dieharder says."""
    by_name = {}
    for key, rows in found.items():
        for row in rows:
            by_name.setdefault((row[0], int(key.split(".")[0])), []).append(row)
    yield "| test | p-values | least p | greatest p | assessment |"
    yield "|---|---|---|---|---|"
    for (name, number), rows in by_name.items():
        words = [row[5] for row in rows]
        said = ", ".join(f"{words.count(w)} {w}" for w in dict.fromkeys(words))
        mark = " *" if number in NOT_TRUSTED else ""
        p = [row[4] for row in rows]
        yield f"| {name}{mark} | {len(p)} | {min(p):.4f} | {max(p):.4f} | {said} |"


def again_table(stream):
    """The p-values of other seeds for what was not passed."""
    report = read_report(stream)
    lines = []
    for key, rows in ran(stream).items():
        for i, row in enumerate(rows):
            if row[5] == "PASSED":
                continue
            others = [report[key, turn][i] for turn in range(1, 9) if (key, turn) in report]
            p = ", ".join(f"{other[4]:.4f} {other[5]}" for other in others) or "not run again"
            lines.append(f"| {row[0]} {row[1]} | {row[4]:.6f} {row[5]} | {p} |")
    if lines:
        yield "\n| not passed | p | with other seeds |"
        yield "|---|---|---|"
        yield from lines


def spans(keys):
    """What is missing, in words: the lags of lagged sums as ranges."""
    lags = [int(key.split(".")[1]) for key in keys if key.startswith("203.")]
    parts, begin = [], 0
    for i in range(1, len(lags) + 1):
        if i == len(lags) or lags[i] != lags[i - 1] + 1:
            first, last = lags[begin], lags[i - 1]
            parts.append(f"{first}" if first == last else f"{first} to {last}")
            begin = i
    text = [f"lagged sums at lags {', '.join(parts)}"] if lags else []
    others = [key for key in keys if not key.startswith("203.")]
    return "; ".join(text + ([f"tests {', '.join(others)}"] if others else []))


def page():
    yield HEAD.format(n_again=N_AGAIN).rstrip("\n")
    for stream, what in STREAMS.items():
        found = ran(stream)
        missing = [key_of(*test) for test in TESTS if key_of(*test) not in found]
        trusted = [
            row[4]
            for key, rows in found.items()
            for row in rows
            if int(key.split(".")[0]) not in NOT_TRUSTED
        ]
        every = [row for rows in found.values() for row in rows]
        weak = sum(row[5] == "WEAK" for row in every)
        failed = sum(row[5] == "FAILED" for row in every)
        yield f"\n## {stream}\n"
        yield f"{what}\n"
        expected = 0.01 * len(every)
        yield f"{len(found)} of {len(TESTS)} runs, {len(every)} p-values: {weak} WEAK where"
        yield f"{expected:.1f} are expected, {failed} FAILED. All p-values of trusted tests"
        uniform = f"{ks_uniform(trusted):.2f}"
        yield f"against the uniform law (Kolmogorov and Smirnov): p = {uniform}."
        if missing:
            yield f"Not run: {spans(missing)}."
        yield ""
        yield from name_table(found)
        yield from again_table(stream)
    yield "\n\\* dieharder lists opso, oqso, dna as suspect and sums as not to be used."
    yield ""
    yield "Of several p-values in one line (n-tuples, or both laws of a test), all are counted."


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("run", "again", "page"))
    parser.add_argument("stream", choices=tuple(STREAMS), nargs="?")
    arguments = parser.parse_args()
    if arguments.what == "page":
        PAGE.write_text("\n".join(page()) + "\n")
    elif arguments.stream is None:
        parser.error("which stream?")
    else:
        run(arguments.stream, arguments.what == "again")


if __name__ == "__main__":
    main()
