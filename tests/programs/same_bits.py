#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs `digest` over scenes, settings, instruction sets and builds: every line must be the same.

    same_bits.py BUILD_DIR [--photons N] [--scenes NAME,...] [--build "[COMMAND ...] DIR"]...
                 [--device PLUGIN [--rungs NAME,...] [--seeds N,...]]

BUILD_DIR and each DIR hold tests/digest. A --build is compared with BUILD_DIR; words before its
directory are the command that runs it: --build "qemu-aarch64-static -L /usr/aarch64-linux-gnu DIR".
--build-share K gives these K times fewer photons. --device compares GPU 0, as the backend in the
library PLUGIN finds it, with the CPU, and leaves the other settings out; --seeds are those of an
emulated device, for the settings of all rungs. Stops at the first difference, says which columns
differ, and prints the two commands.
"""

import argparse
import concurrent.futures
import os
import pathlib
import shlex
import subprocess
import sys
import time

SCENES = ["larbox", "tank", "tank_flat", "spheres", "cascade", "inconsistent", "open", "wide"]
SAME_AS = {"tank_flat": "tank"}  # the same triangles in the same order, without instances

# Settings, and how many times fewer photons they run: what is slow must not eat the budget.
SETTINGS = [
    ("threads=2", 1),
    ("threads=7", 1),
    ("threads=2 chunk=1", 1),
    ("threads=2 chunk=32", 1),
    ("threads=7 chunk=128", 1),
    ("threads=2 chunk=4096", 1),
    ("threads=1 capacity=1", 2),
    ("threads=7 capacity=1 chunk=1 blocks=1 block_log2=7", 4),
    ("threads=2 capacity=128 chunk=128", 1),
    ("threads=2 capacity=1000000", 1),
    ("threads=2 microsteps=1", 1),
    ("threads=7 microsteps=1000 block_log2=8", 1),
    ("threads=2 tree=4", 1),
    ("threads=2 tree=8", 1),
    ("threads=2 tree=14", 1),
    ("threads=2 tree=18", 2),
    ("threads=2 tree=1", 4),
    ("threads=2 no_cull=1", 1),
    ("threads=2 no_cull=1 tree=1", 8),
]
PRECISE = [("physics=1 threads=7", 1), ("physics=1 threads=2 tree=4 microsteps=1", 1)]
ISAS = ["baseline", "v3", "v4"]
ISA_SETTINGS = ["threads=2", "physics=1 tree=4", "tree=14"]
OTHER_BUILDS = [("threads=1", 1), ("threads=2 tree=4 microsteps=3", 2), ("physics=1 threads=2", 2)]
# Settings of a GPU, for every rung of its kernel; and those for one rung, or two, or none in name.
RUNG_SETTINGS = [
    ("", 1),
    ("epoch_us=1 block_log2=7", 10),
    ("weights=1", 2),
]
RUNGS = ["thread", "chunk", "refill", "pool", "wavefront", "specialized", "hybrid"]
DEVICE_SETTINGS = [
    ("kernel=chunk chunk=32 microsteps=1", 4),
    ("kernel=chunk chunk=128 microsteps=8", 2),
    ("kernel=chunk chunk=512 epoch_us=50", 2),
    ("kernel=refill capacity=128 chunk=32", 200),
    ("kernel=pool capacity=16 blocks=1 block_log2=7", 2000),
    ("kernel=refill no_cull=1", 2),
    ("physics=1", 2),
    ("sessions=2", 2),
    ("kernel=refill lifetime=session", 2),
    ("kernel=pool lifetime=session blocks=1 block_log2=7", 100),
    ("kernel=specialized lifetime=session capacity=128", 200),
]
LAWS = ("physics=", "weights=")  # words that change histories
SLOTS_RUN_OUT = {"capacity=1", "capacity=128"}  # here parents of the cascade must have waited


class Different(Exception):
    pass


class Run:
    """One call of digest: the lines it printed and what it said on the side."""

    def __init__(self, build, scene, photons, settings, environment=None):
        words = shlex.split(build)
        program = pathlib.Path(words[-1]) / "tests" / "digest"
        arguments = [scene, str(photons), f"tracks={max(1, photons // 50)}", *settings.split()]
        self.command = [*words[:-1], str(program), *arguments]
        self.environment = environment or {}
        self.lines = None
        self.side = ""

    def text(self):
        words = [f"{name}={value}" for name, value in self.environment.items()]
        return shlex.join(words + self.command)

    def go(self):
        environment = {k: v for k, v in os.environ.items() if k != "CHROMA2_CPU"}
        environment.update(self.environment)
        done = subprocess.run(self.command, capture_output=True, text=True, env=environment)
        if done.returncode != 0:
            raise Different(f"{self.text()}\n  failed ({done.returncode}): {done.stderr.strip()}")
        self.lines = done.stdout.splitlines()
        self.side = done.stderr
        return self

    def spawn_retries(self):
        return int(self.side.rsplit("spawn_retries=", 1)[1].split()[0])


def words_that_differ(one, other):
    """Names of the columns of two lines "table n name=hash ..." that are not the same."""
    pairs = zip(one.split(), other.split())
    names = [a.split("=")[0] for a, b in pairs if a != b]
    return ", ".join(names) or "one line is longer"


def compare(reference, run, with_scene):
    """Raises Different at the first line that is not the same."""
    first = 0 if with_scene else 1  # line 0 is the hash of the scene
    if len(reference.lines) != len(run.lines):
        raise Different(f"{reference.text()}\n{run.text()}\n  print different numbers of lines")
    for a, b in list(zip(reference.lines, run.lines))[first:]:
        if a != b:
            raise Different(
                f"{reference.text()}\n  {a}\n{run.text()}\n  {b}\n"
                f"  {a.split()[0]}: {words_that_differ(a, b)}"
            )


def supported_isas(build):
    """Those that this machine runs and the build has."""
    isas = []
    for isa in ISAS:
        try:
            Run(build, "wide", 1, "threads=1", {"CHROMA2_CPU": isa}).go()
            isas.append(isa)
        except Different as reason:
            if "CHROMA2_CPU" not in str(reason).split("failed", 1)[-1]:
                raise
            print(f"skipped: {isa} ({str(reason).splitlines()[-1].strip()})")
    return isas


class Matrix:
    def __init__(self, build, photons, pool, threads=1):
        self.build = build
        self.photons = photons
        self.pool = pool
        self.threads = threads
        self.references = {}

    def n_of(self, share):
        return max(20, self.photons // share)

    def reference(self, scene, photons, laws):
        """One thread, the default of everything else; made when first asked for."""
        key = scene, photons, laws
        if key not in self.references:
            run = Run(self.build, scene, photons, f"threads={self.threads} {laws}".strip())
            self.references[key] = self.pool.submit(run.go)
        return self.references[key]

    def check(self, scene, settings, share, build=None, environment=None):
        photons = self.n_of(share)
        laws = " ".join(w for w in settings.split() if w.startswith(LAWS))
        own = self.reference(scene, photons, laws)
        same = self.reference(SAME_AS.get(scene, scene), photons, laws)
        task = self.pool.submit(Run(build or self.build, scene, photons, settings, environment).go)
        return scene, settings, own, same, task

    def settle(self, checks):
        """Waits for the runs of one row of the table and compares them."""
        for scene, settings, own, same, task in checks:
            run = task.result()
            compare(own.result(), run, with_scene=True)
            compare(same.result(), run, with_scene=False)
            if scene == "cascade" and SLOTS_RUN_OUT & set(settings.split()):
                if run.spawn_retries() == 0:
                    raise Different(f"{run.text()}\n  spawn_retries is 0: slots never ran out")


def rows_of_device(options):
    """What, share, settings, build, environment of every run on the GPU."""
    rungs = options.rungs.split(",") if options.rungs else RUNGS
    for seed in options.seeds.split(","):
        environment = {"CHROMA2_PLUGIN": options.device}
        if seed:
            environment["EMULATED_CUDA_SEED"] = seed
        of_rungs = RUNG_SETTINGS[:1] if options.only_rungs else RUNG_SETTINGS
        settings = [(f"kernel={k} {text}", share) for k in rungs for text, share in of_rungs]
        for text, share in settings + ([] if seed or options.only_rungs else DEVICE_SETTINGS):
            text = f"device=0 {text} watchdog={options.watchdog}".replace("  ", " ")
            yield f"{text} {seed}", share, text, None, environment


def rows_of_cpu(options):
    """The same for settings, instruction sets and other builds."""
    rows = []
    if not options.only_builds:
        rows += [(text, share, text, None, None) for text, share in SETTINGS + PRECISE]
        for isa in supported_isas(options.build_dir):
            environment = {"CHROMA2_CPU": isa}
            rows += [(f"{isa}: {text}", 1, text, None, environment) for text in ISA_SETTINGS]
    for build in options.build:
        for text, share in OTHER_BUILDS:
            share *= options.build_share
            rows.append((f"{build}: {text}", share, text, build, None))
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build_dir")
    parser.add_argument("--photons", type=int, default=20000)
    parser.add_argument("--scenes", default=",".join(SCENES))
    parser.add_argument("--build", action="append", default=[])
    parser.add_argument("--build-share", type=int, default=1)
    parser.add_argument("--only-builds", action="store_true", help="skip the settings")
    parser.add_argument("--device", metavar="PLUGIN", help="compare GPU 0 with the CPU")
    parser.add_argument("--rungs", default="", help="default: all")
    parser.add_argument("--only-rungs", action="store_true", help="no settings but the kernel")
    parser.add_argument("--seeds", default="", help="of an emulated device")
    parser.add_argument("--threads", type=int, default=1, help="of the reference on the CPU")
    parser.add_argument("--watchdog", type=int, default=120, help="seconds for a run on the GPU")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    scenes = options.scenes.split(",")
    begin = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        matrix = Matrix(options.build_dir, options.photons, pool, options.threads)
        table = []
        rows = rows_of_device(options) if options.device else rows_of_cpu(options)
        for what, share, text, build, environment in rows:
            # Files are large scenes: brute force is not for them.
            fit = [s for s in scenes if not (s.startswith("file:") and "tree=1" in text.split())]
            checks = [matrix.check(scene, text, share, build, environment) for scene in fit]
            table.append((what, share, checks))
        try:
            for what, share, checks in table:
                matrix.settle(checks)
                n = matrix.n_of(share)
                print(f"same  {what:<58} {len(checks)} scenes, {n:>7} photons", flush=True)
        except Different as difference:
            pool.shutdown(wait=False, cancel_futures=True)
            print(f"DIFFERENT\n{difference}")
            return 1
    n_runs = sum(len(checks) for _, _, checks in table) + len(matrix.references)
    print(f"{n_runs} runs, the same bits, {time.monotonic() - begin:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
