#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Small events from Python, timed from submission to result: one JSON line a case.

    python benchmarks/events/small_events.py [idle many beside_large] [--photons 100]

idle          one at a time on an idle session: median and 99 % of the latency
many          in_flight at once, submitted and taken `batch` at a time: events a second
beside_large  one at a time while a large event runs

"caller_us_per_event" is processor time of the calling thread: what Python and the submission cost.
The twin of small_events.c, which does the same without Python; the difference is what Python costs.
"""

import argparse
import json
import statistics
import time

import chroma2

CASES = ("idle", "many", "beside_large")


def detector():
    """A box of water, 2 m wide, whose walls detect and absorb."""
    water = chroma2.Material("water")
    water.set("refractive_index", 1.33)
    water.set("absorption_length", 50e3)
    water.set("scattering_length", 90e3)
    wall = chroma2.Surface("wall")
    wall.set("detect", 0.3)
    wall.set("absorb", 0.7)
    box = chroma2.Detector(water)
    cube = chroma2.make.cube(2000.0)
    box.add_pmt(chroma2.Solid(cube, water, chroma2.optics.vacuum(), wall))
    return box


def light(photons):
    return chroma2.sources.isotropic(photons, wavelength=400.0)


def about(session, case, photons):
    info = session.info
    return {
        "case": f"small_events.py:{case}",
        "version": chroma2.__version__,
        **{key: info[key] for key in ("backend", "device", "threads")},
        "photons": photons,
    }


def latency(session, photons, n):
    """Seconds from submission to result of each of n events, one at a time."""
    source = light(photons)
    taken = []
    begin_thread = time.thread_time()
    for _ in range(n):
        begin = time.perf_counter()
        future = session.submit_event(chroma2.EventDescriptor(sources=[source]))
        len(future.result().hits)
        taken.append(time.perf_counter() - begin)
    caller = time.thread_time() - begin_thread
    taken.sort()
    return {
        "events": n,
        "median_us": 1e6 * statistics.median(taken),
        "p99_us": 1e6 * taken[n - 1 - n // 100],
        "best_us": 1e6 * taken[0],
        "caller_us_per_event": 1e6 * caller / n,
    }


def throughput(session, photons, events, in_flight, batch):
    """Events a second with in_flight of them submitted ahead."""
    source = light(photons)
    waiting = []
    n_hits = n_submitted = n_taken = 0
    begin, begin_processor, begin_thread = (
        time.perf_counter(),
        time.process_time(),
        time.thread_time(),
    )
    while n_taken < events:
        if n_submitted < events and n_submitted - n_taken + batch <= in_flight:
            descriptors = [chroma2.EventDescriptor(sources=[source]) for _ in range(batch)]
            waiting.append(session.submit_events(descriptors))
            n_submitted += batch
        else:
            for future in waiting.pop(0):
                n_hits += len(future.result().hits)
                n_taken += 1
    seconds = time.perf_counter() - begin
    processor = time.process_time() - begin_processor
    caller = time.thread_time() - begin_thread
    return {
        "events": n_taken,
        "in_flight": in_flight,
        "batch": batch,
        "events_per_s": n_taken / seconds,
        "photons_per_s": n_taken * photons / seconds,
        "processor_us_per_event": 1e6 * processor / n_taken,
        "caller_us_per_event": 1e6 * caller / n_taken,
        "hits": n_hits,
    }


def beside_large(session, photons):
    """Latency while an event of 2e10 photons runs; it is cancelled afterwards."""
    large = session.submit_event(chroma2.EventDescriptor(sources=[light(20_000_000_000)], keep=()))
    while large.progress()[0] == 0:
        time.sleep(0.001)
    measured = latency(session, photons, 200)
    large.cancel()
    large.wait()
    return measured


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("cases", nargs="*", metavar="case", help=f"default: {' '.join(CASES)}")
    parser.add_argument("--photons", type=int, default=100)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--in-flight", type=int, default=10_000)
    parser.add_argument("--batch", type=int, default=1000)
    parser.add_argument("--device", help='"cpu" or a GPU number; default: chroma2\'s')
    parser.add_argument("--threads", type=int, default=0)
    a = parser.parse_args()
    device = int(a.device) if (a.device or "").isdigit() else a.device
    batch = max(1, a.batch)
    in_flight = max(batch, a.in_flight // batch * batch)
    options = {"threads": a.threads} if a.threads else {}
    options["events_in_flight"] = max(1024, in_flight)
    with chroma2.Session(device, detector(), seed=1, **options) as session:
        for case in a.cases or CASES:
            if case == "idle":
                measured = latency(session, a.photons, 2000)
            elif case == "many":
                measured = throughput(session, a.photons, a.events, in_flight, batch)
            else:
                measured = beside_large(session, a.photons)
            rounded = {k: round(v, 1) if isinstance(v, float) else v for k, v in measured.items()}
            print(json.dumps(about(session, case, a.photons) | rounded), flush=True)


if __name__ == "__main__":
    main()
