#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes docs/performance.md from JSON lines.

    write_performance.py [FOLDER = benchmarks/results] [--to docs/performance.md] [--emulated]

FOLDER holds *.jsonl as script/gpu-bench, script/gpu-test, benchmarks/profile/profile.py and the
programs of benchmarks/ print them. What no line speaks of is said to be unmeasured. Lines of an
emulated device are no measurements; --emulated takes them to try the page.
"""

import argparse
import json
import pathlib
import textwrap

ROOT = pathlib.Path(__file__).resolve().parents[1]

# Made before the first run on a GPU: from instruction counts of compiled kernels and a simulation
# of warps and caches over photon histories, corrected by a ladder of searches measured on an H200.
SEARCHES_PREDICTED = {  # scene, tree: Grays/s of the best schedule, random origins
    ("tank", 14): "2.4 - 3.0",
    ("tank", 18): "1.9 - 2.6",
    ("box", 14): "9 - 10",
    ("box", 18): "8 - 9",
    ("tank", 4): "1.5 - 2.1",
    ("box", 4): "7 - 8",
}
RUNGS_PREDICTED = {  # speed over that of `refill`
    "thread": "0.4",
    "chunk": "0.5 - 0.75",
    "refill": "1",
    "pool": "1.0 - 1.2",
    "wavefront": "0.9 - 1.1",
    "specialized": "0.8 - 1.1",
}
PHOTONS_PREDICTED = {  # million photons/s in propagate alone, the best rung
    "S1.c2s": "1500 - 1900",
    "S3.c2s": "1200 - 1600",
    "larbox": "1200 - 1600",
}
LEGACY = {  # million photons/s in the kernel and with hits on the host: legacy Chroma on an H200
    "S1.c2s": (308, 24.8),
    "S3.c2s": (320, 15.0),
    "S4.c2s": (87, 14.8),
}
OTHERS_PREDICTED = [  # what, how much
    ("claims of ring places", "above 50 million a second: rings never decide"),
    ("an epoch of 4 ms over one without end", "within 0.5 %"),
    ("an epoch that has nothing to do", "below 50 us"),
    ("the price of the same bits", "0 - 9 %; it may be 10 %"),
    ("copies beside kernels, hits only", "end to end 10 - 30 times legacy's"),
]
UNMEASURED = "Not measured yet.\n"


def read(folder, with_emulated=False):
    """{part: [records]}; the part of a line is its own, or the name of its file."""
    parts = {}
    for path in sorted(folder.glob("*.jsonl")):
        for text in path.read_text(encoding="utf-8").splitlines():
            if text.startswith("{"):
                record = json.loads(text)
                if record.get("gpu") == "emulated" and not with_emulated:
                    continue
                parts.setdefault(record.get("part", path.stem), []).append(record)
    return parts


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def millions(value):
    return f"{value / 1e6:.4g}" if value else "-"


def measured_on(records):
    places = sorted({(r.get("gpu", ""), r["commit"]) for r in records if "commit" in r})
    words = [f"{gpu}, commit {commit}" if gpu else f"Commit {commit}" for gpu, commit in places]
    return "; ".join(words) + ".\n" if words else ""


def section(title, text, records, body):
    told = measured_on(records) + "\n" + body(records) if records else UNMEASURED
    return f"## {title}\n\n{textwrap.fill(text, 100)}\n\n{told}"


def predictions():
    """What was said before anything ran, in one place."""
    best = [
        (f"{s.removesuffix('.c2s')}: the best rung", f"{v} million photons/s in propagate")
        for s, v in PHOTONS_PREDICTED.items()
    ]
    ratios = [(f"rung `{k}` over `refill`", v) for k, v in RUNGS_PREDICTED.items()]
    rays = [
        (f"searches in {s}, tree {t}", f"{v} Grays/s") for (s, t), v in SEARCHES_PREDICTED.items()
    ]
    return "## Predictions\n\n" + table(
        ["what", "predicted"], best + ratios + rays + OTHERS_PREDICTED
    )


def rungs(records):
    of_scene = {}
    for r in records:
        if r.get("backend") == "cuda":
            of_scene.setdefault(r["scene"], []).append(r)
    rows = []
    for scene, lines in of_scene.items():
        base = next((r["kernel_photons_per_s"] for r in lines if r["kernel"] == "refill"), 0)
        for r in lines:
            legacy = LEGACY.get(scene, ("-", "-"))
            share = f"{r['kernel_photons_per_s'] / base:.2f}" if base else "-"
            rows.append(
                [scene, r["kernel"], r["lifetime"], millions(r["kernel_photons_per_s"])]
                + [share, RUNGS_PREDICTED.get(r["kernel"], "-")]
                + [PHOTONS_PREDICTED.get(scene, "-"), millions(r["kernel_steps_per_s"])]
                + [millions(r["photons_per_s"]), r["nodes_per_ray"], *legacy]
            )
    head = ["scene", "kernel", "lifetime", "propagate, Mphotons/s", "over refill", "predicted"]
    head += ["best rung predicted", "Msteps/s", "end to end, Mphotons/s", "nodes a ray"]
    return table(head + ["legacy kernel", "legacy end to end"], rows)


def searches(records):
    rows = [
        [r["scene"], r["origin"], r["tree"], r["schedule"], f"{r['mrays_per_s'] / 1e3:.3g}"]
        + [SEARCHES_PREDICTED.get((r["scene"], r["tree"]), "-")]
        + [r["nodes_per_ray"], r["registers"], r["different"]]
        for r in records
        if "mrays_per_s" in r
    ]
    head = ["scene", "origins", "tree", "schedule", "Grays/s", "predicted, best schedule"]
    return table(head + ["nodes a ray", "registers", "rays unlike the CPU's"], rows)


def rings(records):
    rows = [
        [r["way"], r["claim"], r["blocks"], f"{r['operations_per_s'] / 1e6:.4g}"]
        + [f"{r['pop_cycles_p50']:.0f} / {r['pop_cycles_p99']:.0f}"]
        + [f"{r['push_cycles_p50']:.0f} / {r['push_cycles_p99']:.0f}", r["wrong"]]
        for r in records
        if "way" in r
    ]
    head = ["claimed by", "places", "blocks", "million pops + pushes/s"]
    return table(head + ["pop, cycles, 50 / 99 %", "push", "wrong"], rows)


def arrays(records):
    kept = {0: "nothing", 1: "hits", 3: "hits and final states"}
    rows = [
        [r["scene"], r["from"], r["photons"], kept.get(r["keep"], r["keep"])]
        + [millions(r["photons_per_s"]), millions(r["kernel_photons_per_s"])]
        for r in records
        if "from" in r
    ]
    head = ["scene", "photons from", "photons", "kept", "end to end, Mphotons/s"]
    return table([*head, "propagate alone"], rows)


def events(records):
    rows = []
    for r in records:
        program, case = r["case"].split(":")
        case += ", from Python" if program.endswith(".py") else ""
        latency = f"{r['median_us']} / {r['p99_us']}" if "median_us" in r else "-"
        rows.append([case, r.get("photons", ""), latency, r.get("events_per_s", "-")])
    return table(["case", "photons an event", "latency, us, 50 / 99 %", "events/s"], rows)


def compaction(records):
    rows = [
        [r["scene"], r["compact_percent"], r["compact_age_us"], millions(r["photons_per_s"])]
        + [r["compactions_by_occupancy"], r["compactions_by_age"]]
        for r in records
        if "compact_percent" in r
    ]
    head = ["scene", "active below, % of slots", "or older than, us", "end to end, Mphotons/s"]
    return table([*head, "by occupancy", "by age"], rows)


def epochs(records):
    rows = [
        [r["scene"], r["lifetime"], r["epoch_us"] or "-", millions(r["photons_per_s"])]
        + [millions(r["kernel_photons_per_s"]), r["epochs"]]
        for r in records
        if "epoch_us" in r
    ]
    head = ["scene", "lifetime", "epoch, us", "end to end, Mphotons/s", "propagate alone", "epochs"]
    return table(head, rows)


def overlap(records):
    first = {}
    rows = []
    for r in records:
        if "in_flight" in r:
            base = first.setdefault((r["scene"], r["from"]), r["photons_per_s"])
            busy = r["propagate_s"] / r["wall_s"] if r["wall_s"] else 0.0
            rows.append(
                [r["scene"], r["from"], r["events"], r["in_flight"], millions(r["photons_per_s"])]
                + [f"x {r['photons_per_s'] / base:.2f}", f"{100 * busy:.0f} %"]
            )
    head = ["scene", "photons from", "events", "in flight", "Mphotons/s", "over one by one"]
    return table([*head, "of the time in propagate"], rows)


def price(records):
    rows = []
    speeds = {(r["part"], r["scene"]): r["kernel_photons_per_s"] for r in records if "scene" in r}
    for scene in dict.fromkeys(scene for _, scene in speeds):
        a, b = speeds.get(("price", scene)), speeds.get(("price_contracted", scene))
        rows.append([scene, millions(a), millions(b), f"{b / a:.3f}" if a and b else "-"])
    head = ["scene", "same bits, Mphotons/s", "contracted, vendor's functions", "ratio"]
    return table(head, rows)


def counters(records):
    rows = [
        [r["rung"], r["kernel"], r.get("registers", "-"), r.get("warps_active_percent", "-")]
        + [r.get("lanes_per_instruction", "-"), r.get("issue_percent", "-")]
        + [" / ".join(str(r.get(f"{p}_percent", "-")) for p in ("alu", "fma", "xu", "lsu"))]
        + [r.get("l1_percent", "-"), r.get("l2_percent", "-"), r.get("dram_percent", "-")]
        for r in records
    ]
    head = ["rung", "kernel", "registers", "warps active, %", "lanes an instruction", "issue, %"]
    return table([*head, "ALU / FMA / XU / LSU, %", "L1, %", "L2, %", "DRAM, %"], rows)


def static(records):
    rows = [
        [r["kernel"], r["arch"], r["registers"], r["warps_by_registers"], r["stack_bytes"]]
        + [f"{r['spill_store_bytes']} / {r['spill_load_bytes']}", r["code_bytes"]]
        for r in sorted(records, key=lambda r: (r["kernel"], r["arch"]))
    ]
    head = ["kernel", "for", "registers", "warps they allow", "stack, bytes"]
    return table([*head, "spills, stores / loads", "code, bytes"], rows)


def processor(records):
    rows = [
        [r["scene"], r["device"], r["from"], millions(r["photons_per_s"]), r["steps_per_photon"]]
        + [r["nodes_per_ray"]]
        for r in records
        if r.get("backend") == "cpu"
    ]
    head = ["scene", "device", "photons from", "Mphotons/s", "steps a photon", "nodes a ray"]
    return table(head, rows)


def tests(records):
    rows = [
        [r["case"].split(":", 1)[1], r["result"], r["seconds"], r["detail"][:120]] for r in records
    ]
    return table(["step", "result", "s", "in its own words"], rows)


INTRODUCTION = """# Performance

Written by `benchmarks/write_performance.py` from the lines in `benchmarks/results/`. Predictions
were made before the first run on a GPU and stay as they were: beside the outcome, right or wrong.
"""
MISSING = """
**No line here comes from a GPU yet.** The CUDA backend has run on a CPU only, emulated, with the
bytes of the CPU backend; every table of a GPU's speed below is empty until `script/gpu-bench` has
run on one, and no claim is made before.
"""
TEXTS = {
    "rungs": "One event, light made on the device, hits kept; the median of the runs. `propagate`"
    " is by the device's clock. The last columns are legacy Chroma on an H200, in million"
    " photons/s: its kernel in the best launch shape, and from host arrays to hits on the host.",
    "trace": "Nearest hits alone. Trees: 4 and 8 children as floats, 14 and 18 as boxes on a grid.",
    "queue": "Every thread takes an index out and puts it back. `thread` claims for itself, `warp`"
    " for 32 lanes, `chunk` for many rounds of a warp, `block` for many rounds of 128 threads.",
    "arrays": "Photons that the caller has, as float arrays on the host (44 bytes each), against"
    " the same light made on the device.",
    "events": "Events of 100 photons: alone, many in flight, and beside a large one.",
    "compact": "When newborn photons become active: the two thresholds.",
    "epochs": "How long propagate stays before the other stages get their turn.",
    "overlap": "Many events: one by one, and in flight together.",
    "price": "The same sources with contraction and the vendor's functions in place of ours.",
    "profile": "Counters of the hardware, one row a kernel.",
    "static": "What nvcc 13 makes of the kernels; no GPU is needed. A multiprocessor holds 64"
    " warps.",
    "cpu": "The CPU backend, all threads of the machine that wrote this page.",
    "gpu-test": "The last run of `script/gpu-test`.",
}
TITLES = [
    ("rungs", "Propagation, rung by rung", rungs),
    ("trace", "Searches", searches),
    ("queue", "Rings", rings),
    ("arrays", "Photons from arrays", arrays),
    ("events", "Small events", events),
    ("compact", "Compaction", compaction),
    ("epochs", "Length of an epoch", epochs),
    ("overlap", "Many events", overlap),
    ("price", "The price of the same bits everywhere", price),
    ("profile", "Counters", counters),
    ("gpu-test", "Tests on the GPU", tests),
    ("static", "Kernels as compiled", static),
    ("cpu", "On a CPU", processor),
]


def page(parts):
    parts["price"] = parts.get("price", []) + parts.pop("price_contracted", [])
    parts["gpu-test"] = parts.get("gpu-test", [])
    is_measured = any(r.get("gpu") for records in parts.values() for r in records)
    text = INTRODUCTION + ("" if is_measured else MISSING) + "\n" + predictions()
    for part, title, body in TITLES:
        records = [r for r in parts.get(part, []) if r.get("case") != "failed"]
        text += "\n" + section(title, TEXTS[part], records, body)
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=pathlib.Path, default=ROOT / "benchmarks/results")
    parser.add_argument("--to", type=pathlib.Path, default=ROOT / "docs/performance.md")
    parser.add_argument("--emulated", action="store_true")
    options = parser.parse_args()
    options.to.write_text(page(read(options.folder, options.emulated)), encoding="utf-8")


if __name__ == "__main__":
    main()
