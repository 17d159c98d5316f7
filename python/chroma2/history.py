# SPDX-License-Identifier: BSD-3-Clause
"""The history word of a photon: one bit per kind of thing that happened to it.

Bits 0-11 and 31 are Chroma's. The bits are OR-ed and never cleared: they say what happened, not in
which order or how often.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

from chroma2.errors import InvalidArgument

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray


class History(enum.IntFlag):
    """History bits; prints as ``BULK_ABSORB|RAYLEIGH_SCATTER``."""

    NO_HIT = 1 << 0
    BULK_ABSORB = 1 << 1
    SURFACE_DETECT = 1 << 2
    SURFACE_ABSORB = 1 << 3
    RAYLEIGH_SCATTER = 1 << 4
    REFLECT_DIFFUSE = 1 << 5
    REFLECT_SPECULAR = 1 << 6
    SURFACE_REEMIT = 1 << 7
    SURFACE_TRANSMIT = 1 << 8
    BULK_REEMIT = 1 << 9
    CHERENKOV = 1 << 10
    SCINTILLATION = 1 << 11
    MIE_SCATTER = 1 << 12
    MEDIUM_MISMATCH = 1 << 16
    STUCK = 1 << 28
    LINEAGE_FULL = 1 << 29
    CANCELLED_PHOTON = 1 << 30
    NAN_ABORT = 1 << 31

    def __str__(self) -> str:
        return flag_names(int(self))


NO_HIT = History.NO_HIT
BULK_ABSORB = History.BULK_ABSORB
SURFACE_DETECT = History.SURFACE_DETECT
SURFACE_ABSORB = History.SURFACE_ABSORB
RAYLEIGH_SCATTER = History.RAYLEIGH_SCATTER
REFLECT_DIFFUSE = History.REFLECT_DIFFUSE
REFLECT_SPECULAR = History.REFLECT_SPECULAR
SURFACE_REEMIT = History.SURFACE_REEMIT
SURFACE_TRANSMIT = History.SURFACE_TRANSMIT
BULK_REEMIT = History.BULK_REEMIT
CHERENKOV = History.CHERENKOV
SCINTILLATION = History.SCINTILLATION
MIE_SCATTER = History.MIE_SCATTER
MEDIUM_MISMATCH = History.MEDIUM_MISMATCH
STUCK = History.STUCK
LINEAGE_FULL = History.LINEAGE_FULL
CANCELLED_PHOTON = History.CANCELLED_PHOTON
NAN_ABORT = History.NAN_ABORT

ENDED = (
    NO_HIT
    | BULK_ABSORB
    | SURFACE_DETECT
    | SURFACE_ABSORB
    | STUCK
    | LINEAGE_FULL
    | CANCELLED_PHOTON
    | NAN_ABORT
)
"""Any of these bits ends a photon."""

# Opticks' bit, its two letters, ours. Opticks keeps an ordered sequence and marks every boundary;
# our word has neither, so refraction (BT) shows only where a surface chose to transmit.
_OPTICKS = (
    (1 << 0, "CK", CHERENKOV),
    (1 << 1, "SI", SCINTILLATION),
    (1 << 4, "RE", BULK_REEMIT | SURFACE_REEMIT),
    (1 << 5, "SC", RAYLEIGH_SCATTER | MIE_SCATTER),
    (1 << 8, "DR", REFLECT_DIFFUSE),
    (1 << 9, "SR", REFLECT_SPECULAR),
    (1 << 11, "BT", SURFACE_TRANSMIT),
    (1 << 2, "MI", NO_HIT),
    (1 << 3, "AB", BULK_ABSORB),
    (1 << 6, "SD", SURFACE_DETECT),
    (1 << 7, "SA", SURFACE_ABSORB),
    (1 << 13, "NA", NAN_ABORT),
)
_OPTICKS_TORCH = 1 << 12


def flag_names(flags: int, separator: str = "|") -> str:
    """The names of the bits of one history word, ended by the lowest bits first.

    ``flag_names(0x12)`` is ``"BULK_ABSORB|RAYLEIGH_SCATTER"``; 0 gives ``"0"`` (still alive);
    bits without a name are given in hexadecimal.
    """
    word = int(flags) & 0xFFFFFFFF
    names = [bit.name or "" for bit in History if word & bit.value]
    rest = word & ~sum(bit.value for bit in History)
    if rest:
        names.append(hex(rest))
    return separator.join(names) or "0"


def to_opticks(flags: ArrayLike) -> NDArray[np.uint32]:
    """History words as Opticks flag masks, any shape.

    Photons that are neither Cherenkov nor scintillation light get TORCH. A Fresnel reflection is
    SURFACE_SREFLECT here, since one bit of ours covers both. STUCK, LINEAGE_FULL, CANCELLED_PHOTON
    and MEDIUM_MISMATCH have no counterpart there and are left out.
    """
    import numpy as np  # here, so that `import chroma2` stays light

    words = np.asarray(flags).astype(np.uint32)
    out = np.zeros_like(words)
    for bit, _, ours in _OPTICKS:
        out |= np.where(words & np.uint32(int(ours)), np.uint32(bit), np.uint32(0))
    light = np.uint32(int(CHERENKOV | SCINTILLATION))
    out |= np.where(words & light, np.uint32(0), np.uint32(_OPTICKS_TORCH))
    return out


def opticks_letters(flags: int) -> str:
    """One history word in Opticks' two-letter style, birth first and fate last: ``"TO SC SD"``.

    The letters in between are in a fixed order, not in the order of events, which only tracks
    know: `Tracks.sequences`.
    """
    word = int(flags)
    letters = [name for _, name, ours in _OPTICKS if word & int(ours)]
    if not word & int(CHERENKOV | SCINTILLATION):
        letters.insert(0, "TO")
    return " ".join(letters)


PROCESSES = (
    "NO_HIT",
    "BULK_ABSORB",
    "BULK_REEMIT",
    "RAYLEIGH",
    "SPAWN",
    "SURFACE_DETECT",
    "SURFACE_ABSORB",
    "SURFACE_REEMIT",
    "SURFACE_TRANSMIT",
    "REFLECT_DIFFUSE",
    "REFLECT_SPECULAR",
    "FRESNEL_REFLECT",
    "REFRACT",
    "STUCK",
    "NAN_ABORT",
    "MIE",
)
"""What `photon_tracks.process` counts: one thing a step; 65535 marks the start."""

_START: Final = 0xFFFF


# Opticks' letters of a step; XX is its letters for what it does not know.
_STEP_LETTERS: Final = {
    "NO_HIT": "MI",
    "BULK_ABSORB": "AB",
    "BULK_REEMIT": "RE",
    "RAYLEIGH": "SC",
    "MIE": "SC",
    "SPAWN": "AB",
    "SURFACE_DETECT": "SD",
    "SURFACE_ABSORB": "SA",
    "SURFACE_REEMIT": "RE",
    "SURFACE_TRANSMIT": "BT",
    "REFLECT_DIFFUSE": "DR",
    "REFLECT_SPECULAR": "SR",
    "FRESNEL_REFLECT": "BR",
    "REFRACT": "BT",
    "STUCK": "XX",
    "NAN_ABORT": "NA",
}


def step_letters(process: ArrayLike, flags: ArrayLike, lineage: int = 0) -> list[str]:
    """One photon's steps in Opticks' letters, one a step, in order: ``["TO", "BT", "SC", "SD"]``.

    process, flags  [n] of its rows in `photon_tracks`, from the start on
    lineage         of the photon: a child is born by re-emission, "RE"

    Born as CK (Cherenkov), SI (scintillation), RE or TO (anything else); on the way BT (refracted,
    or transmitted by a surface), BR, SR, DR (reflected at a bare boundary, mirrored, diffusely), SC
    (scattered), RE (re-emitted); ended as SD, SA, AB (also where children are born), MI (left the
    world), NA, or XX where Opticks has no letters (stuck, no room for its lineage). A photon given
    up at max_steps has no last letter.
    """
    import numpy as np

    steps = np.atleast_1d(np.asarray(process)).tolist()
    words = np.atleast_1d(np.asarray(flags)).tolist()
    if len(steps) != len(words) or not steps or steps[0] != _START:
        raise InvalidArgument(
            f"there are {len(steps)} processes and {len(words)} flags (both must hold every step "
            "of one photon, from its start on)"
        )
    born = words[0]
    if lineage:
        first = "RE"
    else:
        first = "CK" if born & CHERENKOV else "SI" if born & SCINTILLATION else "TO"
    letters = [first, *(_STEP_LETTERS[PROCESSES[p]] for p in steps[1:])]
    return [*letters, "XX"] if born & LINEAGE_FULL else letters


def process_name(process: int) -> str:
    """The name of a number in `photon_tracks.process`."""
    if process == _START:
        return "START"
    return PROCESSES[process] if process < len(PROCESSES) else f"PROCESS_{process}"
