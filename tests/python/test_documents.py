# SPDX-License-Identifier: BSD-3-Clause
"""The Python that README and the first how-to show does run, and links lead somewhere."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")),
]


@pytest.mark.parametrize("page", ["README.md", "docs/howto/first_steps.md"])
def test_shown_python_runs(page, capsys):
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(), re.M | re.S)
    code = "\n".join(blocks)
    small = re.sub(r"\bn=1_000_000\b|\bn=100_000\b", "n=20_000", code)
    assert small != code
    namespace = {}
    exec(compile(small, page, "exec"), namespace)
    assert namespace["result"].ledger.is_balanced
    assert namespace["result"].ledger.in_ == 20_000


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    text = (ROOT / page).read_text()
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (ROOT / page).parent.joinpath(target).exists(), target


@pytest.mark.parametrize("page", PAGES)
def test_named_files_exist(page):
    """Paths in backquotes that begin with a folder of the tree."""
    text = (ROOT / page).read_text()
    folders = "include|src|python|tests|validation|benchmarks|tools|docs|examples|script"
    for name in re.findall(rf"`((?:{folders})/[\w./-]+)`", text):
        if "surface_metal" not in name:  # the how-to's example of a file to come
            assert (ROOT / name).exists(), name


def test_closed_forms_name_tests_that_exist():
    """Every test that the page of closed forms names is one, in a file that it names."""
    page = (ROOT / "docs/physics/closed_forms.md").read_text()
    cells = [line.rsplit("|", 2)[1] for line in page.splitlines() if line.startswith("| ")]
    cells = [cell.strip() for cell in cells if cell.strip() not in ("test", "---")]
    text = "".join(path.read_text() for path in (ROOT / "tests").rglob("*.c"))
    files = {path.stem for path in (ROOT / "tests").rglob("test_*.*")}
    assert len(cells) > 50
    for cell in cells:
        for entry in cell.split("; "):
            place, _, names = entry.rpartition(": ")
            place = place.rsplit("/", 1)[-1]
            assert place == "" or {place, f"test_{place}"} & files, entry
            for name in names.split(", "):
                stem = name.rsplit("/", 1)[-1]
                is_file = {stem, f"test_{stem}"} & files
                assert is_file or f"cmocka_unit_test({stem})" in text, entry
