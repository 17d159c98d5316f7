#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Text files are UTF-8 with LF, a final newline and no trailing blanks; no file is large.

check_files.py [file ...]      default: every file that git tracks or would add
"""

import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LARGEST_BYTES = 600_000
BINARY = {".png", ".npz", ".h5", ".gz", ".pdf"}
AS_RECORDED = "legacy_"  # outcomes of another program, kept byte for byte


def tracked():
    """Tracked and addable files; all files where this is no git checkout."""
    command = [
        "git",
        "-C",
        str(ROOT),
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError:
        return []
    return [ROOT / name for name in done.stdout.split("\0") if name and done.returncode == 0]


def faults_of(path):
    content = path.read_bytes()
    if len(content) > LARGEST_BYTES:
        yield f"{len(content)} bytes (above {LARGEST_BYTES}). Does it belong in the tree?"
    if path.suffix in BINARY or path.name.startswith(AS_RECORDED) or not content:
        return
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        yield f"not UTF-8 at byte {error.start}"
        return
    if "\r" in text:
        yield "line ends are not LF"
    if not text.endswith("\n") or text.endswith("\n\n"):
        yield "does not end with one newline"
    for number, line in enumerate(text.split("\n"), 1):
        if line != line.rstrip():
            yield f"line {number} ends with a blank"


def main(paths):
    faults = [
        f"{path.relative_to(ROOT) if path.is_relative_to(ROOT) else path}: {fault}"
        for path in paths
        if path.is_file() and not path.is_symlink()
        for fault in faults_of(path)
    ]
    print("\n".join(faults) or f"files: ok ({len(paths)} files)")
    return 1 if faults else 0


if __name__ == "__main__":
    files = [pathlib.Path(name).resolve() for name in sys.argv[1:]] or tracked()
    sys.exit(main(files))
