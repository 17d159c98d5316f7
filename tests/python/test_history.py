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
