# SPDX-License-Identifier: BSD-3-Clause
"""Units: lengths in mm, times in ns, wavelengths in nm, energies in MeV, angles in radian.

Multiply to convert into them (``3 * units.m``), divide to convert out of them.
"""

from __future__ import annotations

from typing import Final

mm: Final = 1.0
um: Final = 1e-3
cm: Final = 10.0
m: Final = 1000.0

ns: Final = 1.0
ps: Final = 1e-3
us: Final = 1e3
ms: Final = 1e6
s: Final = 1e9

nm: Final = 1.0

eV: Final = 1e-6
keV: Final = 1e-3
MeV: Final = 1.0
GeV: Final = 1e3

SPEED_OF_LIGHT_MM_NS: Final = 299.792458
"""Speed of light in vacuum, exact (SI 2019), mm/ns."""

HC_EV_NM: Final = 1239.8419843320026
"""h c, exact (SI 2019), eV nm."""

FINE_STRUCTURE: Final = 7.2973525643e-3
"""Fine-structure constant (CODATA 2022)."""

MUON_MASS_MEV: Final = 105.6583755
"""Muon mass (CODATA 2022), MeV."""
