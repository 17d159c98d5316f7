#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Who may include whom. Every folder of src/ is a room; the table below is the whole rule.

check_rooms.py [src]        exit 1 and one line per fault, or "rooms: ok"
"""

import fnmatch
import pathlib
import re
import sys

# What a room may see, besides its own folder. Paths are as written in the #include.
ROOMS = {
    "base": ["chroma2/status.h", "chroma2/history.h"],
    "geometry": ["base/*"],
    "physics": ["base/*", "geometry/*_view.h"],
    "runtime": ["base/*", "chroma2/status.h", "chroma2/metrics.h"],
    "stages": [
        "base/*",
        "physics/*",
        "geometry/*_view.h",
        "runtime/*_view.h",
        "chroma2/photon_batch.h",  # borrowed columns: a view already
    ],
    "backends": [
        "chroma2/photon_batch.h",
        "base/*",
        "physics/*",
        "geometry/*_view.h",
        "runtime/*",
        "stages/*",
        "backends/backend.h",
    ],
    "pipeline": [
        "chroma2/*",
        "base/*",
        "geometry/*",
        "runtime/*",
        "stages/stage_list.h",
        "stages/stage_view.h",
        "stages/batch_view.h",
        "backends/backend.h",
    ],
    "api": ["chroma2/*", "base/*", "geometry/*", "runtime/*", "pipeline/*"],
}

# The owners of a scene read the public descriptors: they are what a scene is made from.
SCENE_OWNERS = ("scene", "material", "mesh", "instance", "resample")

# Headers that device code is made of, and all that they may see: nothing that owns memory.
DEVICE_HEADERS = ["base/*.h", "physics/*.h", "stages/*.h", "*_view.h"]
DEVICE_MAY_SEE = [*DEVICE_HEADERS, "chroma2/*"]

# Who may start threads. The tree builder is the one place in geometry that does.
THREADED = ["runtime/*", "backends/*", "pipeline/*", "geometry/bvh_build.c"]

# <library header>: the places that may use it.
LIBRARIES = {
    "cuda*": ["backends/cuda/*", "base/portable.h"],
    "cooperative_groups*": ["backends/cuda/*"],
    "cub/*": ["backends/cuda/*"],
    "nv*": ["backends/cuda/*"],
    "pthread.h": THREADED,
    "threads.h": THREADED,
    "semaphore.h": THREADED,
    "chroma2/*": [],  # ours are written with quotes
}

SOURCE = re.compile(r"\.(c|h|cu|cuh)$")
INCLUDE = re.compile(r'\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')


def matches(path, patterns):
    return any(fnmatch.fnmatch(path, pattern) for pattern in patterns)


def may_see(where):
    """The patterns that a file of src/ may include with quotes."""
    room, folder = where.split("/")[0], where.rsplit("/", 1)[0]
    patterns = [f"{folder}/*", *ROOMS[room]]
    stem = pathlib.PurePath(where).stem
    if room == "geometry" and not stem.endswith("_view") and stem.split("_")[0] in SCENE_OWNERS:
        patterns.append("chroma2/*")
    return patterns


def faults_of(where, text):
    """Yields a sentence for every include of a file that breaks the table."""
    room = where.split("/")[0]
    if room not in ROOMS or "/" not in where:
        yield f"{where}: no such room (rooms are {', '.join(ROOMS)})"
        return
    for number, line in enumerate(text.splitlines(), 1):
        found = INCLUDE.match(line)
        if not found:
            continue
        ours, library = found.groups()
        if ours and not matches(ours, may_see(where)):
            yield f"{where}:{number}: {room} may not see {ours}"
        elif ours and matches(where, DEVICE_HEADERS) and not matches(ours, DEVICE_MAY_SEE):
            yield f"{where}:{number}: device code may not see the owner header {ours}"
        for pattern, homes in LIBRARIES.items():
            if library and fnmatch.fnmatch(library, pattern) and not matches(where, homes):
                yield f"{where}:{number}: {library} belongs to {' and '.join(homes) or 'nobody'}"


def main(src):
    faults = []
    n_files = 0
    for path in sorted(src.rglob("*")):
        if SOURCE.search(path.name):
            n_files += 1
            where = path.relative_to(src).as_posix()
            faults += faults_of(where, path.read_text(encoding="utf-8"))
    if n_files == 0:
        faults.append(f"{src}: no source files here")
    print("\n".join(faults) or f"rooms: ok ({n_files} files)")
    return 1 if faults else 0


if __name__ == "__main__":
    here = pathlib.Path(__file__).resolve().parent.parent
    sys.exit(main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here / "src"))
