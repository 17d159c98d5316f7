"""Random words in the order in which light uses them, through the tests of `dieharder -a`.

    python validation/streams.py run photons|across    every test, one after the other; goes on
                                                       where it stopped. About two hours each
    python validation/streams.py again photons|across  what was not passed, with three other seeds
    python validation/streams.py page                  docs/streams.md from the reports

Needs `dieharder` (Debian: apt-get install dieharder) and a release build with tests. The reports
are validation/streams/*.txt: dieharder's own lines below a line that names test, n-tuple and seed.
"""

import argparse
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
PROGRAM = ROOT / "build/release/tests/stream_dump"
REPORTS = ROOT / "validation/streams"
PAGE = ROOT / "docs/streams.md"

# What `dieharder -a` runs: (test, n-tuple or None for the test's own); 208 with 0 does its 1 too. The lagged sums, which read
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
    "photons": "Every block that the engine's stepper draws for photon 0 until it ends, then for "
    "photon 1, and so on.",
    "across": "One word of one place for 2^20 neighbouring photons, then the next word, then the "
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
    lines = [line for line in done.stdout.splitlines() if line.count("|") == 5]
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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("run", "again", "page"))
    parser.add_argument("stream", choices=tuple(STREAMS), nargs="?")
    arguments = parser.parse_args()
    if arguments.what == "page":
        sys.exit("no page yet")
    elif arguments.stream is None:
        parser.error("which stream?")
    else:
        run(arguments.stream, arguments.what == "again")


if __name__ == "__main__":
    main()
