# SPDX-License-Identifier: BSD-3-Clause
"""The package as a whole: names, words, types, weight."""

import importlib
import inspect
import pathlib
import pkgutil
import subprocess
import sys

import pytest
from conftest import ROOT

import chroma2
from chroma2 import errors


def test_public_names():
    for name in chroma2.__all__:
        assert getattr(chroma2, name) is not None
    assert set(dir(chroma2)) == set(chroma2.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = chroma2.nothing
    assert (pathlib.Path(chroma2.__file__).parent / "py.typed").exists()


def test_versions_agree():
    from chroma2 import _capi

    assert chroma2.__version__ == _capi.version()


def modules():
    for info in pkgutil.walk_packages(chroma2.__path__, "chroma2."):
        if not info.name.endswith(("chroma2._chroma2", "libchroma2", "__main__")):
            yield importlib.import_module(info.name)


def test_every_public_thing_says_what_it_is():
    silent = []
    for module in modules():
        if not module.__doc__:
            silent.append(module.__name__)
        for name, thing in vars(module).items():
            if name.startswith("_") or getattr(thing, "__module__", None) != module.__name__:
                continue
            if not (inspect.isclass(thing) or inspect.isfunction(thing)):
                continue
            if not thing.__doc__:
                silent.append(f"{module.__name__}.{name}")
            if inspect.isclass(thing) and module.__name__ != "chroma2._capi":
                silent += [
                    f"{module.__name__}.{name}.{member}"
                    for member, value in vars(thing).items()
                    if not member.startswith("_")
                    and isinstance(value, (property, classmethod, type(test_public_names)))
                    and not inspect.getdoc(value)
                ]
    assert silent == []


def test_import_is_light():
    """`import chroma2` loads neither the library nor NumPy; no Session loads matplotlib."""
    optional = "h5py matplotlib pandas pyarrow uproot awkward trimesh"
    heavy = f"numpy {optional} chroma2._chroma2".split()
    program = (
        f"import sys, chroma2; a = [m for m in {heavy} if m in sys.modules];"
        f"chroma2.Session; b = [m for m in {heavy[1:-1]} if m in sys.modules]; print(a, b)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split() == ["[]", "[]"], done.stdout + done.stderr


def test_one_exception_for_every_status():
    from chroma2 import _capi

    names = {_capi.text(_capi.lib.chroma2_status_name(code)) for code in range(1, 21)}
    assert names == set(errors.BY_STATUS)
    for name, kind in errors.BY_STATUS.items():
        assert issubclass(kind, chroma2.Error) and kind.status == name
        assert isinstance(_capi.error_of(getattr(_capi.lib, f"CHROMA2_{name}")), kind)


@pytest.mark.skipif(not (ROOT / "pyproject.toml").exists(), reason="not in the source tree")
def test_types():
    pytest.importorskip("mypy")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--no-error-summary"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
