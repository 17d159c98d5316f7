#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Whole events, timed: one JSON line a run.

    python benchmarks/events/run.py [S1 S3:uniform demo ...] [--photons 1e6] [--repeat 3]

Cases are scenes of validation/scenes.py with a source (default: its first), and `demo`. S1 and S2
take some GB to describe; --quick leaves them out. Photons start as arrays, but the demo's are made
in place. Hits are kept, as users do; the time is from submission to result, with the session warm.
"""

import argparse
import datetime
import json
import math
import os
import pathlib
import platform
import resource
import subprocess
import sys
import time

import chroma2

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "validation"))
CASES = ["S1", "S2", "S3:point", "S3:uniform", "S4", "demo"]
LARGE = {"S1", "S2"}


def run_text(*command):
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()


def commit():
    """Short hash, with + if the tree has changes; "" outside a checkout."""
    dirty = "+" if run_text("git", "status", "--porcelain", "--untracked-files=no") else ""
    return run_text("git", "rev-parse", "--short", "HEAD") + dirty


def machine():
    """Processor and number of cores that this process may use."""
    name = platform.processor() or platform.machine()
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = (line.split(":", 1) for line in cpuinfo.read_text().splitlines() if ":" in line)
        models = [value.strip() for key, value in lines if key.strip() == "model name"]
        name = models[0] if models else name
    return f"{name}, {len(os.sched_getaffinity(0))} cores"


def make(case, n):
    """detector, fields of the event."""
    name, _, source = case.partition(":")
    if name == "demo":
        light = chroma2.sources.isotropic(n=n, pos=(0.0, 0.0, 0.0), wavelength=(300.0, 600.0))
        return chroma2.demo.detector(), {"sources": [light]}
    import scenes

    scene = scenes.build(name)
    photons = scenes.photons(scene, source or scene["sources"][0], n, seed=1)
    columns = (photons[key] for key in ("pos", "dir", "pol", "wavelength", "t"))
    fields = {"photons": chroma2.Photons(*columns).freeze()}
    return chroma2.Detector.from_arrays(**scene), fields


def measure(session, fields, event_id):
    """One event: seconds, and what the session counted meanwhile."""
    before = session.telemetry()
    begin = time.perf_counter()
    event = chroma2.EventDescriptor(event_id=event_id, keep=("hits",), **fields)
    result = session.submit_event(event).result()
    seconds = time.perf_counter() - begin
    after = session.telemetry()
    return seconds, {name: after[name] - before[name] for name in after}, result


def lines(case, arguments):
    """Yields one record a run."""
    begin = time.perf_counter()
    detector, fields = make(case, arguments.photons)
    describe_s = time.perf_counter() - begin
    begin = time.perf_counter()
    scene = detector.build()
    build_s = time.perf_counter() - begin
    options = {"threads": arguments.threads} if arguments.threads else {}
    if arguments.memory_bytes:
        options["memory_bytes"] = arguments.memory_bytes
    device = int(arguments.device) if (arguments.device or "").isdigit() else arguments.device
    with chroma2.Session(device, scene, seed=1, **options) as session:
        info = session.info
        measure(session, fields, event_id=0)  # warm
        for i in range(arguments.repeat):
            seconds, count, result = measure(session, fields, event_id=i + 1)
            photons = result.ledger.n_photons
            yield {
                "case": case,
                "commit": commit(),
                "machine": machine(),
                "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
                "version": chroma2.__version__,
                **{key: info[key] for key in ("backend", "device", "physics", "threads", "tree")},
                "photons": photons,
                "seconds": seconds,
                "photons_per_s": photons / seconds,
                "steps_per_s": count["steps"] / seconds,
                "rays_per_s": count["rays"] / seconds,
                "steps_per_photon": count["steps"] / photons,
                "nodes_per_ray": count["nodes_visited"] / max(1, count["rays"]),
                "triangles_per_ray": count["triangles_tested"] / max(1, count["rays"]),
                "hits": len(result.hits),
                "describe_s": describe_s,
                "build_s": build_s,
                "tree_build_s": info["tree_build_s"],
                "session_bytes": info["memory_bytes"],
                "scene_bytes": info["scene_bytes"],
                "peak_process_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            }


def count_of(text):
    return math.floor(float(text))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("cases", nargs="*", metavar="case", help=f"default: {' '.join(CASES)}")
    parser.add_argument("--quick", action="store_true", help=f"without {' '.join(sorted(LARGE))}")
    parser.add_argument("--photons", type=count_of, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--device", help='"cpu" or a GPU number; default: chroma2\'s')
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--memory-bytes", type=count_of, default=0)
    arguments = parser.parse_args()
    chosen = arguments.cases or [c for c in CASES if not (arguments.quick and c in LARGE)]
    for case in chosen:
        for record in lines(case, arguments):
            print(json.dumps(record), flush=True)


if __name__ == "__main__":
    main()
