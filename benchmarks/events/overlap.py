#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Do copies hide behind the work? Read from a session's own trace; prints a JSON line.

    overlap.py --propagate build/gpu/benchmarks/propagate [--scene larbox] [--photons 100000]
               [--events 1000] [--in-flight 1000] [--keep-trace FILE] [name=value ...]

Many events, host arrays in and hits out, against the same events whose arrays lie on the device
(and, beside, whose light is made there). From the trace, between the first event's acceptance and
the last one's end:

live_share       of the time, photons are alive on the device: from the beginning of a propagate
                 that finds some to the end of the first after which none is left
propagate_share  of the time, propagate runs, by the device's clock
rate_ratio       steps a second, over those with the arrays on the device

"passed" is live_share >= 0.95 and rate_ratio >= 0.9. Exit 1 if the trace breaks a rule: epochs and
stages follow each other, stages lie in their epochs, and propagate's spans add up to its metric.
More words go to propagate as they are.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

LIVE_GOAL, RATE_GOAL = 0.95, 0.9
STAGES = ("emit_secondary", "initialize", "propagate", "postprocess")
CLOCK_US = 1e-3  # times are written with so many digits


def run_propagate(options, trace):
    """Lines of three sessions: arrays on the host with a trace, on the device, light made there."""
    words = [options.propagate, options.scene, str(options.photons), "repeat=1"]
    words += [f"device={options.device}", f"watchdog={options.watchdog}", *options.words]
    words += [f"events={options.events}", f"in_flight={options.in_flight}"]
    words += ["--", "from=arrays", f"trace={trace}", "--", "from=device", "--", "from=source"]
    done = subprocess.run(words, capture_output=True, text=True)
    lines = [json.loads(text) for text in done.stdout.splitlines() if text.startswith("{")]
    if done.returncode != 0 or len(lines) != 3:
        raise SystemExit(f"overlap: {' '.join(words)}: {done.stderr.strip()[-500:]}")
    return lines


def window(entries, n_events):
    """First acceptance and last end of the last n events, in microseconds."""
    begin, end = {}, {}
    for e in entries:
        if e.get("cat") == "event" and e["name"].startswith("event "):
            (begin if e["ph"] == "b" else end)[e["id"]] = e["ts"]
    timed = sorted(end, key=lambda number: begin[number])[-n_events:]
    if len(timed) < n_events:
        raise SystemExit(f"overlap: the trace has {len(timed)} events, not {n_events}")
    return min(begin[i] for i in timed), max(end[i] for i in timed)


def epochs_of(entries):
    """[(begin, end, alive at the end, {stage: (begin, end, n)})] in their order."""
    spans = [e for e in entries if e["ph"] == "X"]
    epochs = [e for e in spans if e["name"] == "epoch"]
    lane = epochs[0]["tid"] if epochs else 0
    stages = [e for e in spans if e["name"] in STAGES and e["tid"] == lane + 1]
    if len(stages) != len(STAGES) * len(epochs):
        raise SystemExit(f"overlap: {len(epochs)} epochs, {len(stages)} stages in the trace")
    found = []
    for i, e in enumerate(epochs):
        own = stages[len(STAGES) * i : len(STAGES) * (i + 1)]
        times = {s["name"]: (s["ts"], s["ts"] + s["dur"], s["args"]["n"]) for s in own}
        found.append((e["ts"], e["ts"] + e["dur"], e["args"]["n"], times))
    return found


def check(epochs):
    """Sentences about broken rules."""
    faults = []
    last = 0.0
    for i, (begin, end, _, stages) in enumerate(epochs):
        times = [begin, *(t for stage in STAGES for t in stages[stage][:2]), end]
        if begin < last - 2 * CLOCK_US:
            faults.append(f"epoch {i} begins at {begin}, the one before ends at {last}")
        if any(b < a - 2 * CLOCK_US for a, b in zip(times, times[1:])):
            faults.append(f"epoch {i}: {times} do not follow each other")
        last = end
    return faults


def live_us(epochs, first, last):
    """Time with live photons, and time in propagate that has some, between first and last."""
    live = busy = 0.0
    since = None  # photons are alive since then
    for _, _, n_left, stages in epochs:
        begin, end, n_found = stages["propagate"]
        if n_found > 0:
            since = begin if since is None else since
            busy += max(0.0, min(end, last) - max(begin, first))
        if since is not None and n_left == 0:
            live += max(0.0, min(end, last) - max(since, first))
            since = None
    if since is not None:
        live += max(0.0, last - max(since, first))
    return live, busy


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--propagate", required=True, type=lambda path: str(pathlib.Path(path)))
    parser.add_argument("--scene", default="larbox")
    parser.add_argument("--photons", type=int, default=100_000)
    parser.add_argument("--events", type=int, default=1000)
    parser.add_argument("--in-flight", type=int, default=1000)
    parser.add_argument("--device", type=int, default=0)
    parser.add_argument("--watchdog", type=int, default=150)
    parser.add_argument("--keep-trace", type=pathlib.Path)
    parser.add_argument("words", nargs="*", metavar="name=value")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        trace = options.keep_trace or pathlib.Path(folder) / "trace.json"
        arrays, resident, source = run_propagate(options, trace)
        entries = json.loads(trace.read_text(encoding="utf-8"))
    first, last = window(entries, options.events)
    epochs = epochs_of(entries)
    live, busy = live_us(epochs, first, last)
    inside = [e for e in epochs if e[0] >= first and e[1] <= last]
    faults = check(epochs)
    told = sum(e[3]["propagate"][1] - e[3]["propagate"][0] for e in inside) * 1e-6
    if abs(told - arrays["propagate_s"]) > 0.05 * arrays["propagate_s"] + 1e-3:
        faults.append(f"propagate: {told} s in the trace, {arrays['propagate_s']} s by the metric")
    live_share, ratio = live / (last - first), arrays["steps_per_s"] / resident["steps_per_s"]
    record = {
        "case": f"live:{arrays['scene']}",
        "scene": arrays["scene"],
        "device": arrays["device"],
        "events": options.events,
        "photons": options.photons,
        "in_flight": options.in_flight,
        "seconds": round((last - first) * 1e-6, 4),
        "epochs": len(inside),
        "live_share": round(live_share, 4),
        "propagate_share": round(busy / (last - first), 4),
        "steps_per_s": arrays["steps_per_s"],
        "resident_steps_per_s": resident["steps_per_s"],
        "source_steps_per_s": source["steps_per_s"],
        "photons_per_s": arrays["photons_per_s"],
        "rate_ratio": round(ratio, 4),
        "passed": live_share >= LIVE_GOAL and ratio >= RATE_GOAL,
    }
    print(json.dumps(record))
    for fault in faults[:5]:
        print(f"overlap: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
