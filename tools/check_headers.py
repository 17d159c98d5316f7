#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Every header stands alone, and the shared ones stay in the subset that C17 and CUDA C++ share.

    check_headers.py gcc|clang [pattern ...]
                                   public headers, each alone, as C17 and as C++17;
                                   shared headers, each alone, as C17 with the project's warnings
    check_headers.py nvcc [pattern ...]
                                   shared headers in one device program, warnings as errors; its
                                   kernel takes the address of every function that no other calls,
                                   so that code is made for all of them

Patterns choose among the headers ("geometry/*"). Exit 77 (skipped) where the compiler is not
installed. --each: nvcc takes the headers one by one.
"""

import argparse
import fnmatch
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

ROOT = pathlib.Path(__file__).resolve().parent.parent
SHARED = ["base/*.h", "physics/*.h", "stages/*.h", "geometry/*_view.h", "runtime/*_view.h"]
WARNINGS = [
    "-Wall",
    "-Wextra",
    "-Wpedantic",
    "-Wshadow",
    "-Wconversion",
    "-Wdouble-promotion",
    "-Wundef",
    "-Wvla",
    "-Wcast-qual",
    "-Wstrict-prototypes",
    "-Wmissing-prototypes",
    "-Wwrite-strings",
    "-Wswitch-enum",
]
BITS = ["-ffp-contract=off", "-fno-fast-math", "-fno-math-errno", "-fno-trapping-math"]
INCLUDES = [f"-I{ROOT / 'include'}", f"-I{ROOT / 'src'}"]
NVCC = [
    "-x",
    "cu",
    "-std=c++17",
    "-arch=sm_90",
    "--fmad=false",
    "--Werror",
    "all-warnings",
    "-Xcompiler",
    "-Wall,-Wextra",
]


def headers_in(folder, globs, chosen):
    found = sorted(path for pattern in globs for path in (ROOT / folder).glob(pattern))
    names = [path.relative_to(ROOT / folder).as_posix() for path in found]
    return [name for name in names if any(fnmatch.fnmatch(name, pattern) for pattern in chosen)]


def is_for_devices(header):
    """A header of base with a .c file declares functions of the host."""
    return not (ROOT / "src" / header).with_suffix(".c").exists()


def including(folder, name, suffix, headers, rest="\ntypedef int stands_alone;\n"):
    path = folder / f"{re.sub(r'[^a-z0-9]', '_', name)}{suffix}"
    path.write_text("".join(f'#include "{header}"\n' for header in headers) + rest)
    return str(path)


def run(label, command):
    """A fault, or None."""
    done = subprocess.run(command, capture_output=True, text=True)
    return None if done.returncode == 0 else f"{label}:\n{done.stderr}{done.stdout}"


def host_jobs(compiler, folder, chosen):
    """label, command for every header alone, in every language that reads it."""
    c_only = {"-Wstrict-prototypes", "-Wmissing-prototypes"}
    c = [compiler, "-xc", "-std=c17", "-D_GNU_SOURCE", "-fsyntax-only", "-Werror", *WARNINGS, *BITS]
    cxx_warnings = [w for w in WARNINGS if w not in c_only]
    cxx = [compiler, "-xc++", "-std=c++17", "-fsyntax-only", "-Werror", *cxx_warnings]
    for header in headers_in("include", ["chroma2/*.h"], chosen):
        only_public = f"-I{ROOT / 'include'}"
        source = including(folder, header, ".c", [header])
        yield f"{header} as C17", [*c, only_public, source]
        yield f"{header} as C++17", [*cxx, only_public, source]
    for header in headers_in("src", SHARED, chosen):
        source = including(folder, header, ".c", [header])
        yield f"{header} as C17", [*c, *INCLUDES, source]


def roots(headers, folder):
    """Functions of the shared headers that no other of them calls, after the preprocessor: macros
    make some of the names."""
    source = including(folder, "roots", ".c", headers)
    command = ["gcc", "-E", "-P", "-std=c17", "-D_GNU_SOURCE", *INCLUDES, source]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"headers: the preprocessor fails\n{done.stderr}")
    text = done.stdout
    marked = r"static inline __attribute__\(\(unused\)\)[^;{}()]*?\b(\w+)\s*\("
    return [name for name in re.findall(marked, text) if len(re.findall(rf"\b{name}\b", text)) == 1]


def nvcc_jobs(compiler, folder, chosen, each):
    headers = [header for header in headers_in("src", SHARED, chosen) if is_for_devices(header)]
    command = [compiler, *NVCC, *INCLUDES]
    if each:
        for header in headers:
            source = including(folder, header, ".cu", [header])
            yield f"{header} by nvcc", [*command, "-o", source + ".o", "-c", source]
        return
    names = roots(headers, folder)
    body = "".join(f"    out[{i}] = (void *)&{name};\n" for i, name in enumerate(names))
    kernel = f"\n__global__ void\nevery_root(void **out)\n{{\n{body}}}\n"
    source = including(folder, "together", ".cu", headers, kernel)
    label = f"{len(headers)} headers, {len(names)} roots by nvcc"
    yield label, [*command, "-o", source + ".o", "-c", source]


def find(compiler):
    places = [compiler, "/usr/local/cuda/bin/nvcc"] if compiler == "nvcc" else [compiler]
    return next((path for place in places if (path := shutil.which(place))), None)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("compiler", choices=["gcc", "clang", "nvcc"])
    parser.add_argument("chosen", nargs="*", default=["*"], metavar="pattern")
    parser.add_argument("--each", action="store_true")
    parser.add_argument("--required", action="store_true", help="a missing compiler is a fault")
    arguments = parser.parse_args()
    compiler = find(arguments.compiler)
    if compiler is None:
        print(
            f"headers: {arguments.compiler} is not installed"
            + ("" if arguments.required else ", skipped")
        )
        return 1 if arguments.required else 77
    with tempfile.TemporaryDirectory(prefix="chroma2-headers-") as name:
        folder = pathlib.Path(name)
        if arguments.compiler == "nvcc":
            jobs = list(nvcc_jobs(compiler, folder, arguments.chosen, arguments.each))
        else:
            jobs = list(host_jobs(compiler, folder, arguments.chosen))
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            faults = [f for f in pool.map(lambda job: run(*job), jobs) if f]
    what = jobs[0][0] if len(jobs) == 1 else f"{len(jobs)} compilations"
    print("\n".join(faults) or f"headers: ok ({arguments.compiler}, {what})")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
