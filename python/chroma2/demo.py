# SPDX-License-Identifier: BSD-3-Clause
"""The demo detector: a water tank of 14 m by 14 m with about 2,000 ten-inch photomultipliers.

They line the wall and are instances of one mesh. Tables and their sources: `chroma2.optics`.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from chroma2 import elementary, make, optics, sources
from chroma2.detector import Detector, Material, Solid
from chroma2.event import EventDescriptor
from chroma2.mesh import Mesh
from chroma2.sources import Source

RADIUS: Final = 7000.0
"""Radius of the tank, mm."""

HALF_HEIGHT: Final = 7000.0
"""Half its height, mm."""

_SETBACK = 225.0  # from the liner to the widest ring of a photomultiplier, mm
_BARREL_ROWS, _BARREL_COLUMNS = 20, 68
_CAP_PITCH, _CAP_RADIUS = 660.0, 6450.0


def pmt_profile(shrink: float = 0.0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Profile (radius, height) of a ten-inch photomultiplier's bulb, mm, its widest ring at 0.

    shrink  moves the wall inwards, mm

    Diameter 253 mm and neck diameter 84.5 mm are those of the Hamamatsu R7081 data sheet; the curve
    between is idealised: a half-ellipse in front, part of another behind, a straight neck.
    """
    bulb, front, rear, neck, base = (
        126.5 - shrink,
        94.0 - shrink,
        80.0 - shrink,
        42.25 - shrink,
        -165.0 + shrink,
    )
    sine, cosine = elementary.sincos_turn(np.arange(10) / 36.0)  # 0 - 90 degrees by 10
    in_front = np.stack([bulb * cosine, front * sine], axis=1)
    ratio = neck / bulb
    joint = -rear * np.sqrt(1.0 - ratio * ratio)
    behind = np.stack([bulb * cosine[1:7], -rear * sine[1:7]], axis=1)[::-1]
    foot = np.array([[0.0, base], [neck, base], [neck, 0.5 * (base + joint)], [neck, joint]])
    r, h = np.concatenate([foot, behind, in_front]).T
    return r, h


def pmt(water: Material, nsteps: int = 24) -> Solid:
    """A photomultiplier that looks along +z: 3 mm of borosilicate glass round a vacuum.

    The photocathode covers the inside in front of the widest ring, aluminium the rest.
    """
    outer = make.rotate_extrude(*pmt_profile(), nsteps, axis="z")
    inner = make.rotate_extrude(*pmt_profile(3.0), nsteps, axis="z")
    glass, vacuum = optics.borosilicate_glass(), optics.vacuum()
    photocathode, aluminium = optics.bialkali_photocathode(), optics.mirror(0.9)
    is_front = inner.assemble()[:, :, 2].min(axis=1) >= 0.0
    cover = [photocathode if front else aluminium for front in is_front]
    return Solid(outer, glass, water) + Solid(inner, vacuum, glass, cover)


def pmt_poses() -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """(rotation, displacement) of every photomultiplier: barrel rows from below, bottom, top."""
    poses = []
    for row in range(_BARREL_ROWS):
        z = HALF_HEIGHT * ((2 * row + 1) / _BARREL_ROWS - 1.0)
        sine, cosine = elementary.sincos_turn((np.arange(_BARREL_COLUMNS) + 0.5) / _BARREL_COLUMNS)
        for s, c in zip(sine, cosine, strict=True):
            rotation = np.array([[s, 0.0, -c], [-c, 0.0, -s], [0.0, 1.0, 0.0]])
            r = RADIUS - _SETBACK
            poses.append((rotation, np.array([r * c, r * s, z])))
    n = int(_CAP_RADIUS / _CAP_PITCH) + 1
    grid = (np.arange(-n, n) + 0.5) * _CAP_PITCH
    for sign in (-1.0, 1.0):
        looking_up = np.array([[1.0, 0.0, 0.0], [0.0, -sign, 0.0], [0.0, 0.0, -sign]])
        for x in grid:
            for y in grid:
                if x * x + y * y < _CAP_RADIUS * _CAP_RADIUS:
                    z = sign * (HALF_HEIGHT - _SETBACK)
                    poses.append((looking_up, np.array([x, y, z])))
    return poses


def tank() -> Mesh:
    """The liner."""
    return make.segmented_cylinder(RADIUS, 2.0 * HALF_HEIGHT, 128, 40, axis="z")


def detector() -> Detector:
    """The tank with its photomultipliers; channel i is the i-th pose of `pmt_poses`."""
    water = optics.water()
    out = Detector(water)
    out.add_solid(Solid(tank(), water, optics.vacuum(), optics.black(0.03)))
    bulb = pmt(water)
    for rotation, displacement in pmt_poses():
        out.add_pmt(bulb, rotation, displacement, channel_type=0)
    out.source = "chroma2.demo:detector"
    return out


def event_sources(n: int = 1_000_000) -> list[Source]:
    """A muon of 300 MeV that shines on the wall at +x, and n isotropic photons elsewhere."""
    muon = sources.muon(
        300.0, (3800.0, 0.0, 800.0), (1.0, 0.0, 0.0), "water", wavelength=(250.0, 700.0)
    )
    flash = sources.isotropic(n, (-1500.0, 0.0, -1000.0), (350.0, 500.0), t=(0.0, 5.0))
    return [*muon, flash]


def event(n: int = 1_000_000, event_id: int = 0) -> EventDescriptor:
    """The demo event: the Cherenkov light of `event_sources` and its n photons."""
    return EventDescriptor(sources=event_sources(n), event_id=event_id, keep=("hits",))
