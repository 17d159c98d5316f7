#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Objects for every x86-64 machine hold no fused multiply-add and nothing else beyond the baseline:
the one would mean other bits than promised, the other a crash on an old machine.

    check_isa.py [--objdump objdump] [--must-fuse v3.o ...] -- baseline.o ...

--must-fuse names objects built for a newer machine, where fused operations have to be found: it
shows that this program would see one. Exit 77 (skipped) where nothing here is x86-64.
"""

import argparse
import re
import subprocess
import sys

FUSED = re.compile(r"vf(n?m(add|sub)|maddsub|msubadd)[0-9]{0,3}[sp][sdh]\b")
INSTRUCTION = re.compile(r"\s*[0-9a-f]+:\s+(?:(?:lock|rep|repz|repnz|bnd|notrack|data16)\s+)*(\S+)")
BASELINE_V = {"verr", "verw"}  # the only names with a v that are not AVX


def instructions(objdump, path):
    """Yields function and mnemonic of every instruction; nothing if it is not x86-64."""
    command = [objdump, "-d", "--no-show-raw-insn", "-w", path]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "elf64-x86-64" not in text:
        return
    function = "?"
    for line in text.splitlines():
        if line.endswith(">:"):
            function = line.split("<", 1)[1][:-2]
            continue
        found = INSTRUCTION.match(line)
        if found:
            yield function, found.group(1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("objects", nargs="+")
    parser.add_argument("--must-fuse", nargs="*", default=[])
    parser.add_argument("--objdump", default="objdump")
    arguments = parser.parse_args()

    faults, n_instructions = set(), 0
    for path in arguments.objects:
        for function, name in instructions(arguments.objdump, path):
            n_instructions += 1
            if FUSED.match(name):
                faults.add(f"{path}: {function}: fused operation {name}")
            elif name.startswith("v") and name not in BASELINE_V:
                faults.add(f"{path}: {function}: {name} is beyond the baseline")
    n_fused = 0
    for path in arguments.must_fuse:
        names = [name for _, name in instructions(arguments.objdump, path)]
        n_fused += sum(1 for name in names if FUSED.match(name))
        if names and not any(FUSED.match(name) for name in names):
            faults.add(
                f"{path}: no fused operation found (is this check blind, or the object empty?)"
            )
    if n_instructions == 0:
        print("isa: skipped, no x86-64 code here")
        return 77
    print(
        "\n".join(sorted(faults))
        or f"isa: ok ({n_instructions} instructions, none fused; {n_fused} fused where they belong)"
    )
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
