# SPDX-License-Identifier: BSD-3-Clause
"""History words: bits, names, translations."""

import re

import numpy as np
import pytest
from conftest import ROOT

import chroma2
from chroma2 import history


def test_bits_are_those_of_c():
    from chroma2 import _capi

    ours = {name: bit.value.bit_length() - 1 for name, bit in history.History.__members__.items()}
    assert ours == _capi.history_bits()
    assert int(history.ENDED) == int(_capi.lib.CHROMA2_HISTORY_ENDED)


def test_processes_are_those_of_the_stepper():
    text = (ROOT / "src/physics/boundary.h").read_text()
    assert tuple(re.findall(r'^    X\((\w+), "', text, re.M)) == history.PROCESSES
    assert history.process_name(65535) == "START"
    assert history.process_name(3) == "RAYLEIGH"
    assert set(history._STEP_LETTERS) == set(history.PROCESSES)


@pytest.mark.parametrize(
    ("born", "lineage", "processes", "letters"),
    [
        (0, 0, ["REFRACT", "RAYLEIGH", "SURFACE_DETECT"], "TO BT SC SD"),
        (chroma2.CHERENKOV, 0, ["MIE", "BULK_REEMIT", "NO_HIT"], "CK SC RE MI"),
        (chroma2.SCINTILLATION, 0, ["FRESNEL_REFLECT", "SPAWN"], "SI BR AB"),
        (chroma2.SCINTILLATION | chroma2.BULK_REEMIT, 64, ["REFLECT_DIFFUSE"], "RE DR"),
        (chroma2.LINEAGE_FULL, 64, [], "RE XX"),
        (0, 0, ["SURFACE_REEMIT", "SURFACE_TRANSMIT", "REFLECT_SPECULAR"], "TO RE BT SR"),
    ],
)
def test_steps_in_letters(born, lineage, processes, letters):
    process = [65535, *(history.PROCESSES.index(name) for name in processes)]
    flags = [int(born)] * len(process)
    assert " ".join(history.step_letters(process, flags, lineage)) == letters


@pytest.mark.parametrize(
    ("process", "flags"), [([], []), ([3], [0]), ([65535, 3], [0]), ([3, 65535], [0, 0])]
)
def test_parts_of_a_history_have_no_letters(process, flags):
    with pytest.raises(chroma2.errors.InvalidArgument, match="every step"):
        history.step_letters(process, flags)


@pytest.mark.parametrize(
    ("word", "text"),
    [
        (0, "0"),
        (0x4, "SURFACE_DETECT"),
        (0x12, "BULK_ABSORB|RAYLEIGH_SCATTER"),
        (0x80000001, "NO_HIT|NAN_ABORT"),
        (0x2000, "0x2000"),
    ],
)
def test_names(word, text):
    assert history.flag_names(word) == text
    assert str(history.History(word)) == text


@pytest.mark.parametrize(
    ("word", "mask", "letters"),
    [
        (chroma2.SURFACE_DETECT, (1 << 6) | (1 << 12), "TO SD"),
        (chroma2.CHERENKOV | chroma2.RAYLEIGH_SCATTER | chroma2.BULK_ABSORB, 0x29, "CK SC AB"),
        (chroma2.SCINTILLATION | chroma2.NO_HIT | chroma2.REFLECT_SPECULAR, 0x206, "SI SR MI"),
        (chroma2.NAN_ABORT, (1 << 13) | (1 << 12), "TO NA"),
    ],
)
def test_opticks(word, mask, letters):
    assert history.to_opticks([int(word)]) == [mask]
    assert history.opticks_letters(word) == letters
    assert history.to_opticks(np.full((2, 2), int(word), np.uint32)).shape == (2, 2)
