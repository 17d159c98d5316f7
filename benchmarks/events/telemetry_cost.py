#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What telemetry costs: the same event with it and without, in turn. One JSON line a variant.

    python benchmarks/events/telemetry_cost.py [--photons 2e6] [--rounds 9]

plain         counters only, which are always on; what the others are compared with
again         plain once more: what the comparison itself is uncertain by
every_*       a subscriber that is called back so often
endpoint      the Prometheus endpoint, read once a second
trace         a trace file for Perfetto

reading       one reading of all metrics, in microseconds of processor time: at one a second, a
              millionth of a core's time for each of them

"cost" is the median over the rounds of the ratio of processor times of all threads, less 1;
"spread" is half the distance of its quartiles. Processor time, since other programs on the machine
do not count in it. The default for subscribers, `chroma2 run --log-telemetry` and Prometheus is 1 s
or slower.
"""

import argparse
import json
import random
import statistics
import tempfile
import threading
import time
import urllib.request

import chroma2

PERIODS = {"every_1s": 1.0, "every_100ms": 0.1, "every_10ms": 0.01, "every_1ms": 0.001}
VARIANTS = ("plain", "again", *PERIODS, "endpoint", "trace")


def scrape(port, stop):
    while not stop.wait(1.0):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read()


def reading_us(scene, device, n=2000):
    """Processor time of one reading by a subscriber, as Python gets it."""
    with chroma2.Session(device, scene, threads=1) as session:
        session.telemetry()
        begin = time.thread_time()
        for _ in range(n):
            session.telemetry()
        return 1e6 * (time.thread_time() - begin) / n


def seconds(variant, scene, device, photons, folder):
    """Processor seconds of one event, with the session warm, and how often telemetry was read."""
    options, readings, stop = {}, [], threading.Event()
    if variant == "trace":
        options["trace"] = f"{folder}/trace.json"
    if variant == "endpoint":
        options["metrics_port"] = 0
    light = chroma2.sources.isotropic(photons, wavelength=(300.0, 600.0))
    event = chroma2.EventDescriptor(sources=[light], event_id=1)
    with chroma2.Session(device, scene, seed=1, **options) as session:
        session.submit_event(chroma2.EventDescriptor(sources=[light], n_photons=1000)).result()
        if variant in PERIODS:
            session.subscribe(readings.append, PERIODS[variant])
        if variant == "endpoint":
            threading.Thread(target=scrape, args=(session.metrics_port, stop)).start()
        begin = time.process_time()
        session.submit_event(event).result()
        spent = time.process_time() - begin
        stop.set()
    return spent, len(readings)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--photons", type=lambda text: int(float(text)), default=2_000_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--device", default="cpu", help='"cpu" or a GPU number')
    a = parser.parse_args()
    device = int(a.device) if a.device.isdigit() else a.device
    scene = chroma2.demo.detector().build()
    ratios = {variant: [] for variant in VARIANTS}
    n_readings = dict.fromkeys(VARIANTS, 0)
    order = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(a.rounds):
            spent = {}
            for variant in order.sample(VARIANTS, len(VARIANTS)):
                spent[variant], n_readings[variant] = seconds(
                    variant, scene, device, a.photons, folder
                )
            for variant in VARIANTS:
                ratios[variant].append(spent[variant] / spent["plain"] - 1.0)
    for variant in VARIANTS:
        low, middle, high = statistics.quantiles(ratios[variant], n=4)
        record = {
            "case": f"telemetry_cost:{variant}",
            "version": chroma2.__version__,
            "photons": a.photons,
            "rounds": a.rounds,
            "cost": middle,
            "spread": (high - low) / 2,
            "readings": n_readings[variant],
        }
        print(json.dumps(record), flush=True)
    record = {
        "case": "telemetry_cost:reading",
        "version": chroma2.__version__,
        "reading_us": reading_us(scene, device),
    }
    print(json.dumps(record), flush=True)


if __name__ == "__main__":
    main()
