# SPDX-License-Identifier: BSD-3-Clause
"""Fresnel's equations by Mitsuba 3.

    python validation/peers/mitsuba_fresnel.py IN.npz OUT.npz

IN   cos_i [k], eta complex [k]: index of what lies behind over that of what lies before
OUT  r_s, r_p complex [k]: amplitudes reflected; cos_t complex [k]
"""

import sys

import mitsuba as mi
import numpy as np

mi.set_variant("scalar_spectral_polarized")


def number(z):
    """A scalar of Mitsuba's as a complex of Python's."""
    return complex(mi.Complex2f(z).real, mi.Complex2f(z).imag)


with np.load(sys.argv[1]) as given:
    rows = [
        [number(part) for part in mi.fresnel_polarized(float(c), mi.Complex2f(n.real, n.imag))[:3]]
        for c, n in zip(given["cos_i"].tolist(), given["eta"].tolist())
    ]
r_s, r_p, cos_t = np.array(rows).T
np.savez(sys.argv[2], r_s=r_s, r_p=r_p, cos_t=cos_t)
