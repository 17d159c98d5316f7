# SPDX-License-Identifier: BSD-3-Clause
"""The programs of tools/ see the faults they are for: each is planted once."""

import importlib.util
import pathlib
import shutil
import subprocess
import sys

import pytest

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "tools"


def tool(name):
    spec = importlib.util.spec_from_file_location(name, TOOLS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# where, its include, and a word of the fault; None: allowed
INCLUDES = [
    ("base/vec3.h", '"base/portable.h"', None),
    ("base/photon.h", '"chroma2/history.h"', None),
    ("base/vec3.h", '"geometry/scene_view.h"', "base may not see"),
    ("base/vec3.h", '"chroma2/scene.h"', "base may not see"),
    ("base/portable.h", "<cuda/atomic>", None),
    ("base/vec3.h", "<cuda/atomic>", "belongs to"),
    ("geometry/scene.c", '"chroma2/scene.h"', None),
    ("geometry/scene_view.h", '"chroma2/scene.h"', "geometry may not see"),
    ("geometry/bvh_build.h", '"chroma2/scene.h"', "geometry may not see"),
    ("geometry/trace_view.h", '"geometry/scene_view.h"', None),
    ("geometry/trace_view.h", '"geometry/scene.h"', "owner header"),
    ("geometry/mesh.c", '"runtime/arena.h"', "geometry may not see"),
    ("geometry/mesh.c", "<pthread.h>", "belongs to"),
    ("physics/step.h", '"geometry/trace_view.h"', None),
    ("physics/step.h", '"geometry/scene.h"', "physics may not see"),
    ("physics/step.h", '"runtime/queue_view.h"', "physics may not see"),
    ("runtime/queue_view.h", '"base/portable.h"', None),
    ("runtime/queue_view.h", '"runtime/queue.h"', "owner header"),
    ("runtime/queue.c", '"physics/step.h"', "runtime may not see"),
    ("runtime/stream_host.c", "<pthread.h>", None),
    ("stages/stage_propagate.h", '"physics/step.h"', None),
    ("stages/stage_propagate.h", '"runtime/queue_view.h"', None),
    ("stages/stage_propagate.h", '"runtime/queue.h"', "stages may not see"),
    ("backends/cpu/cpu_stages.c", '"stages/stage_list.h"', None),
    ("backends/cpu/cpu_stages.c", '"backends/backend.h"', None),
    ("backends/cpu/cpu_stages.c", '"backends/cuda/cuda_launch.h"', "backends may not see"),
    ("backends/cpu/cpu_stages.c", '"pipeline/plan.h"', "backends may not see"),
    ("backends/cpu/cpu_stages.c", "<cuda_runtime.h>", "belongs to"),
    ("backends/cuda/cuda_launch.cu", "<cuda_runtime.h>", None),
    ("pipeline/plan.c", '"stages/stage_list.h"', None),
    ("pipeline/plan.c", '"stages/stage_propagate.h"', "pipeline may not see"),
    ("pipeline/plan.c", '"physics/step.h"', "pipeline may not see"),
    ("api/api_session.c", '"pipeline/orchestrator.h"', None),
    ("api/api_session.c", '"backends/backend.h"', "api may not see"),
    ("api/api_session.c", "<chroma2/session.h>", "belongs to"),
    ("api/api_session.c", '"orchestrator.h"', "api may not see"),
    ("misc/tools.c", '"base/check.h"', "no such room"),
]


@pytest.mark.parametrize(("where", "header", "fault"), INCLUDES)
def test_rooms(where, header, fault):
    found = list(tool("check_rooms").faults_of(where, f"#pragma once\n#include {header}\n"))
    assert bool(found) == (fault is not None), found
    assert fault is None or fault in found[0]


def test_sizes_measure_functions():
    text = (
        "/* if (a) { */\n\nstatic int\nlong_one(int a, int (*b)(int, int),\n    const char *c)\n{\n"
        + "    if (a) {\n        while (b) {\n            a = '}';\n        }\n    }\n" * 20
        + "}\n\n#define MACRO(x) \\\n    { \\\n    }\n\nvoid\nshort_one(void)\n{\n}\n"
    )
    assert list(tool("check_sizes").c_functions(text)) == [
        ("long_one", 3, 105, 3, 2),
        ("short_one", 113, 4, 0, 0),
    ]


def test_symbols_read_declarations(tmp_path):
    (tmp_path / "x.h").write_text(
        "#define CHROMA2_API extern\n/* CHROMA2_API int not_this(void); */\n"
        "CHROMA2_API const char *chroma2_name(int code);\n"
        "CHROMA2_API CHROMA2_MUST_CHECK chroma2_status chroma2_wait(\n    int *future, int n);\n"
        "int hidden(void);\n"
    )
    assert tool("check_symbols").declared(tmp_path) == {"chroma2_name", "chroma2_wait"}


@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
def test_isa_sees_a_fused_operation(tmp_path):
    source = tmp_path / "x.c"
    source.write_text("float f(float a, float b, float c) { return __builtin_fmaf(a, b, c); }\n")
    made = {}
    for name in ("x86-64", "x86-64-v3"):
        made[name] = tmp_path / f"{name}.o"
        command = ["gcc", "-O2", f"-march={name}", "-c", str(source), "-o", str(made[name])]
        if subprocess.run(command, capture_output=True).returncode != 0:
            pytest.skip("no x86-64 compiler")
    check = [sys.executable, str(TOOLS / "check_isa.py")]
    old, new = str(made["x86-64"]), str(made["x86-64-v3"])
    assert subprocess.run([*check, "--must-fuse", new, "--", old]).returncode == 0
    assert subprocess.run([*check, new]).returncode == 1
    assert subprocess.run([*check, "--must-fuse", old, "--", old]).returncode == 1


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"fine\n", None),
        (b"", None),
        (b"a\r\n", "LF"),
        (b"a", "newline"),
        (b"a\n\n", "newline"),
        (b"a \n", "blank"),
        (b"\xff\n", "UTF-8"),
        (b"a" * 700_000, "bytes"),
    ],
)
def test_files(tmp_path, content, fault):
    path = tmp_path / "x.txt"
    path.write_bytes(content)
    found = list(tool("check_files").faults_of(path))
    assert bool(found) == (fault is not None), found
    assert fault is None or fault in found[0]


def test_performance_page_is_written_from_its_lines(tmp_path):
    program = TOOLS.parent / "benchmarks" / "write_performance.py"
    page = tmp_path / "performance.md"
    subprocess.run([sys.executable, program, "--to", page], check=True)
    assert page.read_text() == (TOOLS.parent / "docs" / "performance.md").read_text()
