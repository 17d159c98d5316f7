#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Prints what is far outside the usual sizes. A mirror, not a fence: a reader decides, so the exit
status is always 0. Splitting a clear function to please a number makes it worse.

    check_sizes.py [root]
"""

import ast
import pathlib
import re
import sys

SECOND_LOOK = {  # above this, a second look is worth while
    "lines of a function": 80,
    "lines of a stage": 25,
    "lines of a file": 600,
    "lines of a public header": 250,
    "parameters": 7,
    "levels of nesting": 4,
    "files in a folder": 18,
    "#if lines in physics, stages or geometry": 0,
    "#if lines in src outside portable.h and backend.c": 2,
}
CODE = {".c", ".h", ".cu", ".py"}
FOLDERS = ["include", "src", "python", "tests", "benchmarks", "examples", "tools", "validation"]
CONDITIONAL = re.compile(r"^\s*#\s*(if|ifdef|ifndef)\b", re.M)


def blank_lines(found):
    return re.sub(r"[^\n]", " ", found.group())


def blanked(text):
    """C text with comments, strings and macro bodies blanked out, line for line."""
    token = r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    text = re.sub(token, blank_lines, text, flags=re.S)
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", blank_lines, text, flags=re.M)


def c_functions(text):
    """Yields name, first line, n_lines, n_parameters, nesting. Bodies stand between '{' and '}' in
    column 0, as .clang-format leaves them."""
    lines = blanked(text).split("\n")
    begin = 0
    for number, line in enumerate(lines):
        if line.startswith("{"):
            head = " ".join(lines[begin:number])
            end = next((i for i in range(number, len(lines)) if lines[i].startswith("}")), number)
            names = re.findall(r"(\w+)\s*\(", re.sub(r"__attribute__\s*\(\(.*?\)\)", "", head))
            if names:
                inside = head[head.index("(") + 1 : head.rindex(")")]
                inside = re.sub(r"\([^()]*\)", "", inside).strip()
                n_parameters = 0 if inside in ("", "void") else inside.count(",") + 1
                depth = deepest = 0
                for character in "\n".join(lines[number : end + 1]):
                    depth += (character == "{") - (character == "}")
                    deepest = max(deepest, depth)
                blank = (
                    i
                    for i in range(number, begin - 1, -1)
                    if i == begin or not lines[i - 1].strip()
                )
                first = next(blank, begin)
                yield names[0], first + 1, end - first + 1, n_parameters, deepest - 1
        if re.match(r"\S.*;\s*$|\}", line):
            begin = number + 1


def python_nesting(node):
    block = (ast.If, ast.For, ast.While, ast.With, ast.Try, ast.FunctionDef)
    below = [
        python_nesting(child) + isinstance(child, block) for child in ast.iter_child_nodes(node)
    ]
    return max(below, default=0)


def python_functions(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            n_lines = node.end_lineno - node.lineno + 1
            n_parameters = len(node.args.args) + len(node.args.posonlyargs)
            yield node.name, node.lineno, n_lines, n_parameters, python_nesting(node)


def measures(root):
    """Yields what, value, where for everything that has a size."""
    preprocessor = {}
    for path in sorted(p for folder in FOLDERS for p in (root / folder).rglob("*")):
        if path.suffix not in CODE or "build" in path.parts:
            continue
        where, text = path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")
        public = where.startswith("include/")
        what = "lines of a public header" if public else "lines of a file"
        yield what, text.count("\n"), where
        functions = python_functions if path.suffix == ".py" else c_functions
        for name, line, n_lines, n_parameters, nesting in functions(text):
            place = f"{where}:{line} {name}"
            stage = where.startswith("src/stages/") and name.startswith("stage_")
            yield ("lines of a stage" if stage else "lines of a function"), n_lines, place
            yield "parameters", n_parameters, place
            yield "levels of nesting", nesting, place
        if where.startswith("src/") and path.suffix != ".py":
            n = len(CONDITIONAL.findall(text))
            if re.match(r"src/(physics|stages|geometry)/", where):
                yield "#if lines in physics, stages or geometry", n, where
            if where not in ("src/base/portable.h", "src/backends/backend.c") and n:
                preprocessor[where] = n
    places = " ".join(f"{where} ({n})" for where, n in preprocessor.items())
    what = "#if lines in src outside portable.h and backend.c"
    yield what, sum(preprocessor.values()), places
    for folder in sorted(p for f in FOLDERS for p in (root / f, *(root / f).rglob("*"))):
        if folder.is_dir() and folder.name != "__pycache__":
            n = sum(1 for p in folder.iterdir() if p.is_file())
            yield "files in a folder", n, folder.relative_to(root).as_posix()


def main(root):
    n = 0
    for what, value, where in measures(root):
        if value > SECOND_LOOK[what]:
            n += 1
            print(f"{value:5} {what} (a second look above {SECOND_LOOK[what]}): {where}")
    print(f"sizes: {n} worth a second look")


if __name__ == "__main__":
    here = pathlib.Path(__file__).resolve().parent.parent
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here)
