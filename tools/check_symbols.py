#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The public interface is three times the same list: functions marked CHROMA2_API in
include/chroma2, symbols that the library exports, and tests/golden/symbols.txt.

    check_symbols.py [--library libchroma2.so] [--nm nm] [--update]

--update rewrites the golden file from the headers; a reader reviews the difference.
"""

import argparse
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "golden" / "symbols.txt"
LINKER_MADE = re.compile(r"_init$|_fini$|_edata$|_end$|__bss_start$|__odr_asan|__(gcov|llvm)_")


def declared(include):
    """Names of the functions that the public headers mark CHROMA2_API."""
    names = set()
    for header in sorted(include.glob("*.h")):
        text = re.sub(
            r"//[^\n]*|/\*.*?\*/|^#(?:[^\n]*\\\n)*[^\n]*", "", header.read_text(), flags=re.S | re.M
        )
        for declaration in re.findall(r"\bCHROMA2_API\b([^;{]*)", text):
            found = re.search(r"(\w+)\s*\(", declaration)
            if not found:
                raise SystemExit(f"{header.name}: not a function: CHROMA2_API{declaration}")
            names.add(found.group(1))
    return names


def exported(library, nm):
    """Names that a shared library defines for others."""
    command = [nm, "--dynamic", "--defined-only", "--format=posix", str(library)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    names = {line.split()[0].split("@")[0] for line in output.splitlines()}
    return {name for name in names if not LINKER_MADE.match(name)}


def difference(left, left_name, right, right_name):
    for name in sorted(left - right):
        yield f"{name}: in {left_name}, not in {right_name}"
    for name in sorted(right - left):
        yield f"{name}: in {right_name}, not in {left_name}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--library", type=pathlib.Path)
    parser.add_argument("--nm", default="nm")
    parser.add_argument("--update", action="store_true")
    arguments = parser.parse_args()

    headers = declared(ROOT / "include" / "chroma2")
    if arguments.update:
        GOLDEN.parent.mkdir(parents=True, exist_ok=True)
        GOLDEN.write_text("".join(f"{name}\n" for name in sorted(headers)))
    golden = set(GOLDEN.read_text().split()) if GOLDEN.exists() else set()
    faults = list(difference(headers, "include/chroma2", golden, "tests/golden/symbols.txt"))
    faults += [
        f"{name}: public functions begin with chroma2_"
        for name in sorted(headers)
        if not name.startswith("chroma2_")
    ]
    if arguments.library:
        symbols = exported(arguments.library, arguments.nm)
        faults += difference(headers, "include/chroma2", symbols, arguments.library.name)
    print("\n".join(faults) or f"symbols: ok ({len(headers)} functions)")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
