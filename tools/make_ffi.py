# SPDX-License-Identifier: BSD-3-Clause
"""Makes the C source of the Python extension from the public headers.

    make_ffi.py --cc cc --include include --out _chroma2.c

The headers are the one truth: they are preprocessed, attributes and linkage are stripped, and what
is left is the cdef that cffi compiles against the same headers again.
"""

from __future__ import annotations

import argparse
import pathlib
import re
import subprocess
import tempfile

MODULE = "chroma2._chroma2"
HEADER = '#include "chroma2/chroma2.h"\n'
NOT_VALUES = {"CHROMA2_API", "CHROMA2_C_LINKAGE", "CHROMA2_MUST_CHECK"}

# Python functions that C may call: one for each kind of callback of the API.
CALLBACKS = """
extern "Python" chroma2_status chroma2_python_on_block(void *context, const chroma2_result *part);
extern "Python" void chroma2_python_on_done(void *context);
extern "Python" void chroma2_python_on_metrics(
    void *context, const chroma2_metric *metrics, size_t n);
"""

# Capsules of DLPack, for ctypes, which makes them: their names, and what ends one that nobody took.
# C's, so that both outlive every capsule.
CAPSULES = """
uintptr_t chroma2_python_capsule_name(int is_versioned);
uintptr_t chroma2_python_capsule_end(void);
"""
CAPSULES_SOURCE = """
static const char *const capsule_names[] = {"dltensor", "dltensor_versioned"};

static void
capsule_end(PyObject *capsule)
{
    for (int i = 0; i < 2; ++i) {
        if (PyCapsule_IsValid(capsule, capsule_names[i])) {
            chroma2_result_lend_end(
                PyCapsule_GetPointer(capsule, capsule_names[i]), (uint32_t)i);
        }
    }
}

static uintptr_t
chroma2_python_capsule_name(int is_versioned)
{
    return (uintptr_t)capsule_names[is_versioned];
}

static uintptr_t
chroma2_python_capsule_end(void)
{
    return (uintptr_t)capsule_end;
}
"""


def preprocess(compiler: str, include: pathlib.Path, *flags: str) -> str:
    """The public headers, preprocessed; the C library's own headers are replaced by empty ones."""
    with tempfile.TemporaryDirectory() as empty:
        for name in ("stddef.h", "stdint.h"):
            (pathlib.Path(empty) / name).write_text("")
        source = pathlib.Path(empty) / "all.c"
        source.write_text(HEADER)
        command = [
            compiler,
            "-std=c17",
            "-E",
            "-P",
            *flags,
            "-nostdinc",
            f"-I{include}",
            f"-I{empty}",
            str(source),
        ]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def declarations(compiler: str, include: pathlib.Path) -> str:
    """Types and functions, as cffi reads them."""
    text = preprocess(compiler, include)
    text = re.sub(r"__attribute__\s*\(\((?:[^()]|\([^()]*\))*\)\)", "", text)
    return re.sub(r"\bextern\b", "", text)


def constants(compiler: str, include: pathlib.Path) -> str:
    """Object-like macros that are integers; their values are left to the compiler."""
    lines = []
    for line in preprocess(compiler, include, "-dM").splitlines():
        found = re.match(r"#define (CHROMA2_\w+) (.+)", line)
        if found and found[1] not in NOT_VALUES and '"' not in found[2]:
            lines.append(f"#define {found[1]} ...")
    return "\n".join(sorted(lines))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cc", default="cc")
    parser.add_argument("--include", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--print", action="store_true", help="print the cdef as well")
    options = parser.parse_args()

    import cffi

    include = options.include.resolve()
    cdef = "\n".join([constants(options.cc, include), declarations(options.cc, include)])
    if options.print:
        print(cdef + CALLBACKS + CAPSULES)
    ffi = cffi.FFI()
    ffi.cdef(cdef + CALLBACKS + CAPSULES)
    ffi.set_source(MODULE, HEADER + CAPSULES_SOURCE, py_limited_api=True)
    ffi.emit_c_code(str(options.out))


if __name__ == "__main__":
    main()
