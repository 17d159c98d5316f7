#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What the kernels of the CUDA backend ask for and, on a GPU, what they get: a JSON line a kernel.

    profile.py --static [--arch 80,90]         registers, spills, stack, code size; needs nvcc only
    profile.py --digest build/gpu/tests/digest [--scene larbox] [--photons 200000] [--rungs a,b]
                                               counters by ncu; needs a GPU and CHROMA2_PLUGIN

benchmarks/write_performance.py makes tables of the lines.
"""

import argparse
import concurrent.futures
import csv
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
FLAGS = ["--fmad=false", "-ftz=false", "-prec-div=true", "-prec-sqrt=true", "-std=c++17"]
RUNGS = ["thread", "chunk", "refill", "pool", "wavefront", "specialized"]

# Column of our table, counter of ncu.
COUNTERS = {
    "time_ns": "gpu__time_duration.sum",
    "warps_active_percent": "sm__warps_active.avg.pct_of_peak_sustained_active",
    "lanes_per_instruction": "smsp__thread_inst_executed_per_inst_executed.ratio",
    "issue_percent": "smsp__issue_active.avg.pct_of_peak_sustained_active",
    "alu_percent": "sm__inst_executed_pipe_alu.avg.pct_of_peak_sustained_active",
    "fma_percent": "sm__inst_executed_pipe_fma.avg.pct_of_peak_sustained_active",
    "xu_percent": "sm__inst_executed_pipe_xu.avg.pct_of_peak_sustained_active",
    "lsu_percent": "sm__inst_executed_pipe_lsu.avg.pct_of_peak_sustained_active",
    "l1_percent": "l1tex__throughput.avg.pct_of_peak_sustained_active",
    "l1_hit_percent": "l1tex__t_sector_hit_rate.pct",
    "l2_percent": "lts__throughput.avg.pct_of_peak_sustained_elapsed",
    "l2_hit_percent": "lts__t_sector_hit_rate.pct",
    "dram_percent": "dram__throughput.avg.pct_of_peak_sustained_elapsed",
    "registers": "launch__registers_per_thread",
}


def kernel_name(symbol):
    """The plain name in a mangled or printed one."""
    found = re.search(r"kernel_\w*?(?=9?cuda_view|P\d|E|\(|$|9queue)", symbol)
    mangled = re.search(r"(\d+)(kernel_\w+)", symbol)
    if mangled:
        return mangled.group(2)[: int(mangled.group(1))]
    return found.group() if found else symbol


def warps_by_registers(registers):
    """Warps that the registers of a multiprocessor allow: 65,536, dealt by 256 to a warp."""
    return min(64, 65536 // (-(-32 * registers // 256) * 256))


def ptxas_lines(text):
    """Yields function, is it a kernel, numbers, of what ptxas -v says."""
    entries = set(re.findall(r"Compiling entry function '(\S+)'", text))
    parts = re.split(r"Function properties for (\S+)", text)[1:]
    for name, body in zip(parts[0::2], parts[1::2], strict=True):
        numbers = {
            "stack_bytes": re.search(r"(\d+) bytes stack frame", body),
            "spill_store_bytes": re.search(r"(\d+) bytes spill stores", body),
            "spill_load_bytes": re.search(r"(\d+) bytes spill loads", body),
            "registers": re.search(r"Used (\d+) registers", body),
        }
        yield name, name in entries, {k: int(v.group(1)) for k, v in numbers.items() if v}


def code_sizes(cubin):
    """{symbol: bytes} of the machine code."""
    done = subprocess.run(["readelf", "-SW", cubin], capture_output=True, text=True, check=True)
    rows = re.findall(r"\.text\.(\S+)\s+PROGBITS\s+\w+\s+\w+\s+(\w+)", done.stdout)
    return {name: int(size, 16) for name, size in rows}


def compile_one(source, arch):
    """Lines for the kernels and called functions of one file."""
    with tempfile.TemporaryDirectory() as folder:
        cubin = os.path.join(folder, "kernels.cubin")
        command = ["nvcc", "-cubin", f"-arch=sm_{arch}", *FLAGS, "-Xptxas=-v", "-o", cubin]
        command += [f"-I{ROOT / 'src'}", f"-I{ROOT / 'include'}", str(source)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"{source}: {done.stderr}")
        sizes = code_sizes(cubin)
    lines = []
    for symbol, is_kernel, numbers in ptxas_lines(done.stderr):
        if not is_kernel:
            continue
        line = {"case": f"static:sm_{arch}:{kernel_name(symbol)}", "kernel": kernel_name(symbol)}
        line |= {"arch": f"sm_{arch}", "file": source.name, **numbers}
        line["code_bytes"] = sizes.get(symbol, 0)
        line["warps_by_registers"] = warps_by_registers(numbers["registers"])
        lines.append(line)
    return lines


def commit_here():
    words = ["git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD"]
    done = subprocess.run(words, capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def print_static(archs, commit):
    if shutil.which("nvcc") is None:
        print("profile: no nvcc here", file=sys.stderr)
        return 77
    sources = sorted((ROOT / "src/backends/cuda").glob("*.cu"))
    sources = [s for s in sources if "__global__" in s.read_text(encoding="utf-8")]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        tasks = [pool.submit(compile_one, s, a) for a in archs for s in sources]
        for task in tasks:
            for line in task.result():
                print(json.dumps(line | {"commit": commit}), flush=True)
    return 0


def ncu_rows(command, counters):
    """Rows of ncu's table: a dict a launch. Counters that it does not know are left out."""
    counters = list(counters)
    while counters:
        words = ["ncu", "--csv", "--page", "raw", "--clock-control", "none", "--launch-count", "60"]
        words += ["--kernel-name", "regex:kernel_", "--metrics", ",".join(counters), *command]
        done = subprocess.run(words, capture_output=True, text=True)
        text = done.stdout + done.stderr
        unknown = [c for c in counters if re.search(rf"(?i)(fail|unknown|not)\b.*{c}", text)]
        begin = next(
            (i for i, s in enumerate(done.stdout.splitlines()) if s.startswith('"ID"')), -1
        )
        if begin >= 0:
            table = list(csv.DictReader(done.stdout.splitlines()[begin:]))
            return [row for row in table if row.get("ID", "").strip()]
        if not unknown:
            raise SystemExit(f"ncu: {text[-2000:]}")
        counters = [c for c in counters if c not in unknown]
    return []


def number(text):
    try:
        return float(text.replace(",", ""))
    except (AttributeError, ValueError):
        return None


def kernel_lines(rows, rung):
    """One line a kernel: means over its launches, weighted by their times."""
    by_kernel = {}
    for row in rows:
        by_kernel.setdefault(kernel_name(row["Kernel Name"]), []).append(row)
    for kernel, launches in by_kernel.items():
        weights = [number(r.get(COUNTERS["time_ns"])) or 0.0 for r in launches]
        line = {"case": f"profile:{rung}:{kernel}", "kernel": kernel, "rung": rung}
        line["launches"] = len(launches)
        for column, counter in COUNTERS.items():
            pairs = [(number(r.get(counter)), w) for r, w in zip(launches, weights, strict=True)]
            pairs = [(v, w) for v, w in pairs if v is not None]
            if column == "time_ns":
                line[column] = sum(v for v, _ in pairs)
            elif pairs and sum(w for _, w in pairs) > 0:
                mean = sum(v * w for v, w in pairs) / sum(w for _, w in pairs)
                line[column] = round(mean, 2)
        yield line


def print_counters(options):
    if shutil.which("ncu") is None:
        print("profile: no ncu here", file=sys.stderr)
        return 77
    for rung in options.rungs.split(","):
        command = [options.digest, options.scene, str(options.photons), "device=0"]
        command += [f"kernel={rung}", "watchdog=300"]
        for line in kernel_lines(ncu_rows(command, COUNTERS.values()), rung):
            line |= {"scene": options.scene, "gpu": options.gpu, "commit": options.commit}
            print(json.dumps(line), flush=True)
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--static", action="store_true")
    parser.add_argument("--arch", default="80,90")
    parser.add_argument("--digest")
    parser.add_argument("--scene", default="larbox")
    parser.add_argument("--photons", type=int, default=200000)
    parser.add_argument("--rungs", default=",".join(RUNGS))
    parser.add_argument("--gpu", default="")
    parser.add_argument("--commit", default="")
    options = parser.parse_args()
    if options.static == bool(options.digest):
        parser.error("either --static or --digest")
    options.commit = options.commit or commit_here()
    if options.static:
        return print_static(options.arch.split(","), options.commit)
    return print_counters(options)


if __name__ == "__main__":
    sys.exit(main())
