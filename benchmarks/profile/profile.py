#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What the kernels of the CUDA backend ask for and, on a GPU, what they get: a JSON line a kernel.

    profile.py --static [--arch 80,90]         registers, spills, stack, code size; needs nvcc only
    profile.py --propagate build/gpu/benchmarks/propagate [--scenes file:S1.c2s,file:S3.c2s]
               [--rungs refill,pool] [--photons 1000000]
                                               counters by ncu; needs a GPU and CHROMA2_PLUGIN
    profile.py ... --source RUNG --table FILE  every instruction of its kernel, in a table of ncu's
    profile.py --table FILE --library build/gpu/libchroma2_cuda.so
                                               what is in such a table; needs nvdisasm, no GPU

Counters are of one launch that takes all photons from birth to death: ncu runs it again and
again, and an epoch's end would lie in the past by then, so epochs have no end here. (`wavefront`:
its first two kernels, a step of every photon.) benchmarks/write_performance.py makes tables of the
lines.
"""

import argparse
import collections
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
RUNGS = ["thread", "chunk", "refill", "pool", "wavefront", "specialized", "hybrid"]
KERNELS = "regex:kernel_propagate|kernel_wave_s"
ENDLESS_US = 4_000_000_000
HOTTEST = 40

# Column of our table, counter of ncu.
COUNTERS = {
    "time_ns": "gpu__time_duration.sum",
    "instructions": "smsp__inst_executed.sum",
    "ipc": "sm__inst_executed.avg.per_cycle_active",
    "warps_active_percent": "sm__warps_active.avg.pct_of_peak_sustained_active",
    "lanes_per_instruction": "smsp__thread_inst_executed_per_inst_executed.ratio",
    "issue_percent": "smsp__issue_active.avg.pct_of_peak_sustained_active",
    "alu_percent": "sm__inst_executed_pipe_alu.avg.pct_of_peak_sustained_active",
    "fma_percent": "sm__inst_executed_pipe_fma.avg.pct_of_peak_sustained_active",
    "xu_percent": "sm__inst_executed_pipe_xu.avg.pct_of_peak_sustained_active",
    "lsu_percent": "sm__inst_executed_pipe_lsu.avg.pct_of_peak_sustained_active",
    "l1_percent": "l1tex__data_pipe_lsu_wavefronts.avg.pct_of_peak_sustained_active",
    "l1_hit_percent": "l1tex__t_sector_hit_rate.pct",
    "l2_percent": "lts__t_sectors.avg.pct_of_peak_sustained_elapsed",
    "l2_hit_percent": "lts__t_sector_hit_rate.pct",
    "dram_percent": "dram__throughput.avg.pct_of_peak_sustained_elapsed",
    "local_loads": "l1tex__t_requests_pipe_lsu_mem_local_op_ld.sum",
    "local_stores": "l1tex__t_requests_pipe_lsu_mem_local_op_st.sum",
    "registers": "launch__registers_per_thread",
    "warps_allowed_percent": "sm__maximum_warps_per_active_cycle_pct",
}
STALLS = (
    "no_instruction long_scoreboard short_scoreboard wait math_pipe_throttle lg_throttle "
    "mio_throttle branch_resolving barrier membar dispatch_stall not_selected selected sleeping"
).split()
COUNTERS |= {
    f"stall_{reason}": f"smsp__average_warps_issue_stalled_{reason}_per_issue_active.ratio"
    for reason in STALLS
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


def ncu_path():
    return shutil.which("ncu") or shutil.which("/usr/local/cuda/bin/ncu")


def kernels_before(rung):
    """Launches before the one that finds photons: those of the epoch that opens the event."""
    if rung != "wavefront":
        return 1
    text = (ROOT / "src/backends/cuda/cuda_rung_wavefront.cu").read_text(encoding="utf-8")
    found = re.search(r"WAVES = (\d+)", text)
    return 2 * int(found.group(1)) if found else 24


def ncu_words(options, scene, rung, skip, more):
    """A command: ncu over one epoch of one event."""
    count = 2 if rung == "wavefront" else 1
    words = [ncu_path(), "--csv", "--print-units", "base", "--clock-control", "none"]
    words += ["--kernel-name", KERNELS]
    words += ["--launch-skip", str(skip), "--launch-count", str(count), *more]
    words += [options.propagate, scene, str(options.photons), "device=0", f"kernel={rung}"]
    words += [f"epoch_us={ENDLESS_US}", f"capacity={options.photons + 1024}", "repeat=1"]
    return [*words, "memory_mib=1024", "keep=0", "watchdog=170"]


def ncu_rows(words_of, counters):
    """Rows of ncu's table, a dict a launch, and the line of propagate. Counters that ncu does not
    know are left out."""
    counters = list(counters)
    while counters:
        words = words_of(["--page", "raw", "--metrics", ",".join(counters)])
        done = subprocess.run(words, capture_output=True, text=True)
        text = done.stdout + done.stderr
        unknown = [c for c in counters if re.search(rf"(?i)(fail|unknown|not)\b.*{c}", text)]
        lines = done.stdout.splitlines()
        begin = next((i for i, s in enumerate(lines) if s.startswith('"ID"')), -1)
        told = next((json.loads(s) for s in lines if s.startswith('{"case"')), {})
        if begin >= 0:
            rows = csv.DictReader(s for s in lines[begin:] if s.startswith('"'))
            return [row for row in rows if row.get("ID", "").strip()], told
        if not unknown:
            raise SystemExit(f"ncu: {text[-2000:]}")
        counters = [c for c in counters if c not in unknown]
    return [], {}


def number(text):
    try:
        return float(text.replace(",", ""))
    except (AttributeError, ValueError):
        return None


def counter_line(row, rung, scene, photons, told):
    """One launch; steps are those of all photons, or one each (`wavefront`)."""
    kernel = kernel_name(row["Kernel Name"])
    scene = pathlib.Path(scene.removeprefix("file:")).name
    line = {"case": f"profile:{scene}:{rung}:{kernel}", "kernel": kernel, "rung": rung}
    line |= {"scene": scene, "photons": photons}
    values = {column: number(row.get(counter)) for column, counter in COUNTERS.items()}
    line |= {column: v for column, v in values.items() if v is not None}
    steps = photons * (1.0 if rung == "wavefront" else told.get("steps_per_photon", 0.0))
    if steps and line.get("instructions"):
        line["steps"] = round(steps)
        line["instructions_per_step"] = round(line["instructions"] / steps, 2)
        local = line.get("local_loads", 0.0) + line.get("local_stores", 0.0)
        line["local_requests_per_step"] = round(local / steps, 3)
    return line


def print_counters(options):
    if ncu_path() is None:
        print("profile: no ncu here", file=sys.stderr)
        return 77
    n_failed = 0
    for scene in options.scenes.split(","):
        for rung in options.rungs.split(","):
            try:
                for line in rung_lines(options, scene, rung):
                    about = {"gpu": options.gpu, "commit": options.commit}
                    print(json.dumps(line | about), flush=True)
            except SystemExit as fault:
                n_failed += 1
                print(f"profile: {scene}, {rung}: {fault}", file=sys.stderr)
    return 1 if n_failed else 0


def rung_lines(options, scene, rung):
    """Lines of the launch that found the photons."""
    for skip in (kernels_before(rung), 0):
        rows, told = ncu_rows(
            lambda more, skip=skip: ncu_words(options, scene, rung, skip, more), COUNTERS.values()
        )
        lines = [counter_line(row, rung, scene, options.photons, told) for row in rows]
        if lines and all(line.get("instructions", 0.0) > options.photons for line in lines):
            break
    return lines


# ------------------------------------------------------------------ instruction by instruction


def collect_source(options):
    """Every instruction of a rung's kernel, as ncu writes it, into the table."""
    if ncu_path() is None:
        print("profile: no ncu here", file=sys.stderr)
        return 77
    scene, rung = options.scenes.split(",")[-1], options.source
    more = ["--page", "source", "--section", "SourceCounters", "--section", "WarpStateStats"]
    done = subprocess.run(
        ncu_words(options, scene, rung, kernels_before(rung), more), capture_output=True, text=True
    )
    options.table.write_text(done.stdout, encoding="utf-8")
    if '"Source"' not in done.stdout:
        print(f"profile: {done.stdout[-500:]} {done.stderr[-500:]}", file=sys.stderr)
        return 1
    return 0


def read_table(path):
    """(kernel, [{column: text}]) of each kernel in a table of ncu's."""
    kernels, header = [], None
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.reader(line for line in file if line.startswith('"')):
            if row[0] == "Kernel Name":
                kernels.append((kernel_name(row[1]), []))
            elif "Source" in row and "Instructions Executed" in row:
                header = row
                if not kernels or kernels[-1][1]:
                    kernels.append(("?", []))
            elif header is not None and len(row) == len(header):
                kernels[-1][1].append(dict(zip(header, row, strict=True)))
    return kernels


def function_at(file, line, known):
    """The function of our sources that a line lies in: names stand at the beginning of a line."""
    if file not in known:
        path = ROOT / "src" / file
        text = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        names = []
        for n, words in enumerate(text, 1):
            found = re.match(r"(?:    )?((?!if|for|while|switch)[a-z]\w+)\(", words)
            if found and not words.rstrip().endswith(";"):
                names.append((n, found.group(1)))
        known[file] = names
    before = [name for n, name in known[file] if n <= line]
    return before[-1] if before else f"{file}:{line}"


def places_of(library, kernel):
    """[(function, file:line, section)] of each instruction of a kernel, in their order."""
    places, known = [], {}
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            ["cuobjdump", "-xelf", "all", str(pathlib.Path(library).resolve())],
            cwd=folder,
            check=True,
            capture_output=True,
        )
        for cubin in sorted(pathlib.Path(folder).glob("*.cubin")):
            if kernel.encode() in cubin.read_bytes():
                done = subprocess.run(
                    ["nvdisasm", "-gi", str(cubin)], capture_output=True, text=True, check=True
                )
                places += places_in(done.stdout, kernel, known)
    return places


def places_in(listing, kernel, known):
    is_ours = had_line = has_place = False
    place, called = ("?", "?"), kernel
    places = []
    for text in listing.splitlines():
        section = re.match(r"\s*\.section\s+(\S+?),", text)
        label = re.match(r"(\$\S+):\s*$", text)
        line = re.match(r'\s*//## File "([^"]+)", line (\d+)', text)
        if section:
            is_ours = section.group(1).startswith(".text.") and kernel in section.group(1)
        elif is_ours and label:
            called = re.sub(r"^.*?_cu_[0-9a-f]{8}\d*|^\$__internal_\d+_\$", "", label.group(1))
            called = re.sub(r"E?(P|R)?K?\d+.*$|E[a-z]*$", "", called)
        elif is_ours and line:
            has_place = has_place and had_line
            is_own = "/src/" in line.group(1) and "base/portable.h" not in line.group(1)
            if is_own and not has_place:  # the first of them is the innermost
                file = line.group(1).rpartition("/src/")[2]
                place = (function_at(file, int(line.group(2)), known), f"{file}:{line.group(2)}")
                has_place = True
            had_line = True
        elif is_ours and re.match(r"\s+/\*[0-9a-f]{4,}\*/\s+\S", text):
            had_line = False
            places.append((*place, called))
    return places


def print_source(options):
    """The hottest instructions, and totals by function."""
    for kernel, rows in read_table(options.table):
        places = places_of(options.library, kernel) if options.library else []
        if len(places) != len(rows):
            note = f"{len(rows)} instructions in the table, {len(places)} in the library"
            print(f"profile: {kernel}: {note}: places are left out", file=sys.stderr)
            places = [("?", "?", "?")] * len(rows)
        executed = [number(r["Instructions Executed"]) or 0.0 for r in rows]
        lanes = [number(r.get("Thread Instructions Executed")) or 0.0 for r in rows]
        samples = [number(r.get("Warp Stall Sampling (All Samples)")) or 0.0 for r in rows]
        all_executed, all_samples = sum(executed) or 1.0, sum(samples) or 1.0
        print(f"{kernel}: {all_executed:.4g} warp instructions, {all_samples:.0f} samples")
        for title, key in (("function", 0), ("called function", 2)):
            total = collections.defaultdict(lambda: [0.0, 0.0, 0.0, 0])
            for place, e, n, s in zip(places, executed, lanes, samples, strict=True):
                sums = total[place[key]]
                total[place[key]] = [sums[0] + e, sums[1] + n, sums[2] + s, sums[3] + 1]
            print(f"{'samples %':>10} {'executed %':>10} {'lanes':>6} {'code':>6}  {title}")
            for name, (e, n, s, count) in sorted(total.items(), key=lambda item: -item[1][2])[:25]:
                share = f"{100 * s / all_samples:10.2f} {100 * e / all_executed:10.2f}"
                print(f"{share} {n / e if e else 0.0:6.1f} {count:6d}  {name}")
        print(f"{'samples %':>10} {'executed':>12} {'lanes':>6}  what waits, instruction, place")
        for i in sorted(range(len(rows)), key=lambda i: -samples[i])[:HOTTEST]:
            reasons = {k: number(v) or 0.0 for k, v in rows[i].items() if k.startswith("stall_")}
            worst = max(reasons, key=lambda k: reasons[k], default="-").removeprefix("stall_")
            mean = lanes[i] / executed[i] if executed[i] else 0.0
            share = f"{100 * samples[i] / all_samples:10.2f} {executed[i]:12.4g} {mean:6.1f}"
            print(f"{share}  {worst}: {rows[i]['Source'].strip()}  {places[i][0]} {places[i][1]}")
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--static", action="store_true")
    parser.add_argument("--arch", default="80,90")
    parser.add_argument("--propagate")
    parser.add_argument("--scenes", default="larbox,tank")
    parser.add_argument("--photons", type=int, default=1_000_000, help="one order: below 2^20")
    parser.add_argument("--rungs", default=",".join(RUNGS))
    parser.add_argument("--source", metavar="RUNG", help="on the last of the scenes")
    parser.add_argument("--table", type=pathlib.Path)
    parser.add_argument("--library")
    parser.add_argument("--gpu", default="")
    parser.add_argument("--commit", default="")
    options = parser.parse_args()
    if options.static + bool(options.propagate) + bool(options.library) == 0:
        parser.error("--static, --propagate, or --table with --library")
    options.commit = options.commit or commit_here()
    if options.static:
        return print_static(options.arch.split(","), options.commit)
    if options.source or options.table:
        if options.table is None:
            parser.error("--source needs --table")
        status = collect_source(options) if options.source else 0
        return status or print_source(options)
    return print_counters(options)


if __name__ == "__main__":
    sys.exit(main())
