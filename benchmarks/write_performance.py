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
    "hybrid": "none was made",
}
PHOTONS_PREDICTED = {  # million photons/s in propagate alone, the best rung
    "S1.c2s": "1500 - 1900",
    "S3.c2s": "1200 - 1600",
    "larbox": "1200 - 1600",
}
LEGACY = {  # million photons/s in the kernel and with hits on the host: legacy Chroma on an H200
    "S1.c2s": (308, 24.8),
    "S1i.c2s": (308, 24.8),
    "S2i.c2s": (251, 24.7),
    "S3.c2s": (320, 15.0),
    "S4.c2s": (87, 14.8),
}
GOALS = {  # million photons/s from the first kernel to the last; end to end it is 10 times legacy
    "S1.c2s": 1500,
    "S1i.c2s": 1500,
    "S2i.c2s": 1100,
    "S3.c2s": 1200,
    "S4.c2s": 600,
}
COMPACT_DEFAULT = (50, 1000)  # % of slots, us
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


def over(a, b):
    return f"x {a / b:.3g}" if a and b else "-"


def end(records):
    rows = []
    for r in records:
        kernel, host = LEGACY.get(r["scene"], (0, 0))
        busy, whole = r["busy_photons_per_s"] / 1e6, r["photons_per_s"] / 1e6
        rows.append(
            [r["scene"].removesuffix(".c2s"), "arrays" if r["from"] == "arrays" else "device"]
            + [f"{busy:.4g}", GOALS.get(r["scene"], "-"), kernel or "-", over(busy, kernel)]
            + [millions(r["kernel_photons_per_s"]), f"{whole:.4g}", round(10 * host) or "-"]
            + [host or "-", over(whole, host)]
        )
    head = ["scene", "light from", "first to last kernel, Mphotons/s", "goal", "legacy", "ratio"]
    head += ["propagate alone", "end to end, Mphotons/s", "goal", "legacy", "ratio"]
    return table(head, rows)


DEFAULT_RUNG = "hybrid"
KEPT = {0: "nothing", 1: "hits", 3: "hits and final states"}


def rung_of(record):
    return DEFAULT_RUNG if record["kernel"] == "default" else record["kernel"]


def rungs(records):
    of_scene = {}
    for r in records:
        if r.get("backend") == "cuda":
            of_scene.setdefault(r["scene"], []).append(r)
    rows, best = [], []
    for scene, lines in of_scene.items():
        name = scene.removesuffix(".c2s")
        base = next((r["kernel_photons_per_s"] for r in lines if r["kernel"] == "refill"), 0)
        top = max(lines, key=lambda r: r["kernel_photons_per_s"])
        predicted = PHOTONS_PREDICTED.get(scene, "-")
        best.append([name, rung_of(top), predicted, millions(top["kernel_photons_per_s"])])
        for r in lines:
            stays = r["lifetime"] == "session"  # it has no time of its own
            speed = "-" if stays else millions(r["kernel_photons_per_s"])
            share = f"{r['kernel_photons_per_s'] / base:.2f}" if base and not stays else "-"
            rows.append(
                [name, rung_of(r) + (", stays" if stays else "")]
                + [KEPT.get(r["keep"], r["keep"]), speed]
                + ["-" if stays else RUNGS_PREDICTED.get(rung_of(r), "-"), share]
                + [millions(r["kernel_steps_per_s"]), millions(r.get("busy_photons_per_s", 0))]
                + [millions(r["photons_per_s"]), r["nodes_per_ray"] or "-"]
            )
    head = ["scene", "rung", "kept", "propagate, Mphotons/s", "over `refill`: predicted", "measured"]
    head += ["Msteps/s", "first to last kernel, Mphotons/s", "end to end", "nodes a ray"]
    summary = ["scene", "best rung", "predicted, Mphotons/s", "measured"]
    return table(summary, best) + "\n" + table(head, rows)


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
    blocks = [r["blocks"] for r in records if "way" in r]
    records = [r for r in records if r.get("blocks") in (min(blocks), max(blocks))]
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
    places = {"source": "made on the device", "arrays": "host", "device": "arrays on the device"}
    rows = [
        [r["scene"], places[r["from"]], r["photons"], KEPT.get(r["keep"], r["keep"])]
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
    records = [r for r in records if r.get("compact_percent")]
    ages = sorted({r["compact_age_us"] for r in records})
    cells = {(r["scene"], r["compact_percent"], r["compact_age_us"]): r for r in records}
    rows, told = [], []
    for scene in dict.fromkeys(r["scene"] for r in records):
        own = [r for r in records if r["scene"] == scene]
        top = max(own, key=lambda r: r["photons_per_s"])
        default = cells.get((scene, *COMPACT_DEFAULT))
        if default:
            share = 100 * default["photons_per_s"] / top["photons_per_s"]
            told.append(f"{share:.0f} % of the best in {scene}")
        for percent in sorted({r["compact_percent"] for r in own}):
            row = [scene, f"{percent} %"]
            for age in ages:
                r = cells.get((scene, percent, age))
                fired = f"{r['compactions_by_occupancy']} + {r['compactions_by_age']}" if r else ""
                row.append(f"{millions(r['photons_per_s'])} ({fired})" if r else "-")
            rows.append(row)
    percent, age = COMPACT_DEFAULT
    evidence = f"The default, {percent} % or {age} us, reaches {', '.join(told)}.\n\n"
    has_plot = (ROOT / "docs/images/compact.png").exists()
    plot = "![Speed against the thresholds](images/compact.png)\n\n" if has_plot else ""
    head = ["scene", "active below", *(f"or older than {age} us" for age in ages)]
    return (evidence if told else "") + plot + table(head, rows)


def live(records):
    rows = [
        [r["scene"].removesuffix(".c2s"), r["events"], r["photons"], r["in_flight"]]
        + [f"{100 * r['live_share']:.1f} %", f"{100 * r['propagate_share']:.1f} %"]
        + [millions(r["steps_per_s"]), millions(r["resident_steps_per_s"])]
        + [f"{r['rate_ratio']:.3f}", millions(r["photons_per_s"]), "yes" if r["passed"] else "no"]
        for r in records
        if "live_share" in r
    ]
    head = ["scene", "events", "photons each", "in flight", "photons alive", "propagate runs"]
    head += ["Msteps/s, arrays from the host", "arrays on the device", "ratio", "Mphotons/s", "met"]
    return table(head, rows)


def telemetry(records):
    rows = [
        [f"{r['metrics_ms'] / 1000:g} s", r["pairs"], r["readings_per_run"], r["wall_s"]]
        + [f"{100 * r['telemetry_cost']:+.2f} % +- {100 * r['telemetry_error']:.2f} %"]
        for r in records
        if "telemetry_cost" in r
    ]
    head = ["a snapshot every", "pairs of runs", "snapshots a run", "s a run"]
    return table([*head, "cost: mean of the ratios less 1"], rows)


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


def percents(record, *names):
    return " / ".join(f"{record[n]:.0f}" if n in record else "-" for n in names)


def counters(records):
    kernels = [r for r in records if "rung" in r]
    told = ""
    for scene in dict.fromkeys(r.get("scene", "-") for r in kernels):
        own = [r for r in kernels if r.get("scene", "-") == scene]
        told += f"{scene.removesuffix('.c2s')}, {own[0].get('photons', '-')} photons:\n\n"
        told += counters_of(own) + "\n"
    rings = [r for r in records if "way" in r]
    blocks = max((r["blocks"] for r in rings), default=0)
    rows = [
        [r["way"], r["claim"]]
        + [
            f"{r[f'{what}_cycles_p50'] / r['cycles_per_ns'] / 1e3:.2f}"
            f" / {r[f'{what}_cycles_p99'] / r['cycles_per_ns'] / 1e3:.2f}"
            for what in ("pop", "push")
        ]
        for r in rings
        if r["blocks"] == blocks and r.get("cycles_per_ns")
    ]
    if rows:
        told += f"Latency of a ring that {blocks} blocks use at once, 50 / 99 %:\n\n"
        told += table(["claimed by", "places", "pop, us", "push, us"], rows)
    return told


def counters_of(records):
    rows, stalls = [], []
    for r in records:
        name = r["rung"] + (f": {r['kernel'].split('_')[-1]}" if r["rung"] == "wavefront" else "")
        rows.append(
            [name, f"{r.get('time_ns', 0) / 1e6:.3g}", f"{r.get('registers', 0):.0f}"]
            + [percents(r, "warps_active_percent", "warps_allowed_percent")]
            + [f"{r.get('lanes_per_instruction', 0):.1f}", percents(r, "issue_percent")]
            + [f"{r.get('ipc', 0):.2f}", r.get("instructions_per_step", "-")]
            + [r.get("local_requests_per_step", "-")]
            + [percents(r, "alu_percent", "fma_percent", "xu_percent", "lsu_percent")]
            + [percents(r, "l1_percent", "l2_percent", "dram_percent")]
            + [percents(r, "l1_hit_percent", "l2_hit_percent")]
        )
        reasons = {k.removeprefix("stall_"): v for k, v in r.items() if k.startswith("stall_")}
        whole = sum(reasons.values()) or 1.0
        most = sorted(reasons, key=lambda k: -reasons[k])[:5]
        stalls.append([name, f"{whole:.1f}"])
        stalls[-1].append(", ".join(f"{k} {100 * reasons[k] / whole:.0f} %" for k in most) or "-")
    head = ["rung", "ms", "registers", "warps active / allowed, %", "lanes an instruction"]
    head += ["issue, %", "IPC", "warp instructions a step", "local requests a step"]
    head += ["ALU / FMA / XU / LSU, %", "L1 / L2 / DRAM, %", "hits L1 / L2, %"]
    waits = ["rung", "warps for an instruction", "what they wait for"]
    return table(head, rows) + "\n" + table(waits, stalls)


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
    "end": "One event in a warm session, hits kept, the median of ten runs. From the first kernel"
    " to the last: all stages, by the device's clock, with what lies between two epochs. End to"
    " end: from submit to arrays in host memory. Light is made on the device or comes as arrays"
    " on the host. Legacy: Chroma on an H200, its kernel in the best launch shape, and from host"
    " arrays to hits on the host. The goal end to end is ten times legacy.",
    "rungs": "One event, light made on the device; the median of the runs. `propagate` is"
    " by the device's clock; a propagate that stays has no time of its own.",
    "trace": "Nearest hits alone. Trees: 4 and 8 children as floats, 14 and 18 as boxes on a grid.",
    "queue": "Every thread takes an index out and puts it back. `thread` claims for itself, `warp`"
    " for 32 lanes, `chunk` for many rounds of a warp, `block` for many rounds of 128 threads. One"
    " block alone, and all that the device holds.",
    "arrays": "Photons that the caller has, as float arrays on the host (44 bytes each), against"
    " the same light made on the device.",
    "events": "Events of 100 photons: alone, many in flight, and beside a large one.",
    "compact": "When newborn photons become active: the two thresholds. End to end, million"
    " photons/s, and in brackets how often occupancy and age fired in a run. Scenes without"
    " secondaries show what the thresholds cost where they have nothing to do.",
    "epochs": "How long propagate stays before the other stages get their turn.",
    "overlap": "Many events: one by one, and in flight together.",
    "live": "Many events, arrays on the host in and hits out, read from the session's own trace by"
    " `benchmarks/events/overlap.py`. Photons are alive from the propagate that finds some to the"
    " end of the one that leaves none. The goal: alive for 95 % of the time, and 0.9 of the steps/s"
    " with the same arrays on the device.",
    "telemetry": "Runs with a subscriber to all metrics and runs without, in pairs of changing"
    " order, one session. The default is a snapshot a second; the counters themselves are always"
    " on.",
    "price": "The same sources with contraction and the vendor's functions in place of ours.",
    "profile": "Counters of the hardware for one launch that takes all photons to their end"
    " (`wavefront`: the first step of all). Stalls are shares of the warps for each instruction"
    " issued. `benchmarks/profile/profile.py --source RUNG` goes down to single instructions.",
    "static": "What nvcc 13 makes of the kernels; no GPU is needed. A multiprocessor holds 64"
    " warps.",
    "cpu": "The CPU backend, all threads of the machine that wrote this page.",
    "gpu-test": "The last run of `script/gpu-test`.",
}
TITLES = [
    ("end", "The goals", end),
    ("rungs", "Propagation, rung by rung", rungs),
    ("profile", "Counters", counters),
    ("live", "Copies behind the work", live),
    ("trace", "Searches", searches),
    ("queue", "Rings", rings),
    ("arrays", "Photons from arrays", arrays),
    ("events", "Small events", events),
    ("compact", "Compaction", compaction),
    ("epochs", "Length of an epoch", epochs),
    ("overlap", "Many events", overlap),
    ("telemetry", "The price of telemetry", telemetry),
    ("price", "The price of the same bits everywhere", price),
    ("gpu-test", "Tests on the GPU", tests),
    ("static", "Kernels as compiled", static),
    ("cpu", "On a CPU", processor),
]


def page(parts):
    parts["price"] = parts.get("price", []) + parts.pop("price_contracted", [])
    if parts.get("profile"):
        parts["profile"] = parts["profile"] + parts.get("queue", [])
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
