# SPDX-License-Identifier: BSD-3-Clause
"""Ready materials and surfaces, every table with its source.

Each table lies on multiples of 5 nm, so that the default grid of a scene (60 - 995 nm by 5)
reproduces it exactly. Numbers that were read off a curve, or that only follow the general shape of
a published one, are marked *approximate*; replace them by a measurement of your own parts where it
matters. Lengths are in mm, wavelengths in nm.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chroma2.errors import InvalidArgument
from chroma2.material import STANDARD_WAVELENGTHS, Material, Surface

Array = NDArray[np.float64]

# ------------------------------------------------------------------ water


def water_index_iapws(
    wavelengths: ArrayLike, temperature_c: float = 20.0, density: float = 998.2
) -> Array:
    """Refractive index of pure water, wavelengths [...] in nm, density in kg/m^3.

    source  IAPWS R9-97, Release on the Refractive Index of Ordinary Water Substance (1997), eq. 1;
            Harvey, Gallagher & Levelt Sengers, J. Phys. Chem. Ref. Data 27, 761 (1998).
    domain  200 - 1100 nm, -12 - 500 C; uncertainty about 1.5e-5 for the visible at 1 bar
    """
    w = np.asarray(wavelengths, dtype=np.float64) / 589.0
    w2 = w * w
    t = (temperature_c + 273.15) / 273.15
    d = density / 1000.0
    uv2 = 0.2292020 * 0.2292020
    ir2 = 5.432937 * 5.432937
    a: Any = 0.244257733 + 9.74634476e-3 * d
    a = a - 3.73234996e-3 * t
    a = a + 2.68678472e-4 * w2 * t
    a = a + 1.58920570e-3 / w2
    a = a + 2.45934259e-3 / (w2 - uv2)
    a = a + 0.900704920 / (w2 - ir2)
    a = a - 1.66626219e-2 * (d * d)
    a = a * d
    return np.asarray(np.sqrt((1.0 + 2.0 * a) / (1.0 - a)), dtype=np.float64)


def water_index_quan_fry(
    wavelengths: ArrayLike, temperature_c: float = 20.0, salinity: float = 0.0
) -> Array:
    """Refractive index of sea water against air, wavelengths [...] in nm, salinity in g/kg.

    source  Quan & Fry, Appl. Opt. 34, 3477 (1995), eq. 3
    domain  400 - 700 nm, 0 - 30 C, 0 - 35 g/kg; error below 1.5e-5
    """
    w = np.asarray(wavelengths, dtype=np.float64)
    t, s = temperature_c, salinity
    n: Any = 1.31405 + (1.779e-4 - 1.05e-6 * t + 1.6e-8 * (t * t)) * s - 2.02e-6 * (t * t)
    n = n + (15.868 + 0.01155 * s - 0.00423 * t) / w
    n = n - 4382.0 / (w * w)
    return np.asarray(n + 1.1455e6 / (w * w * w), dtype=np.float64)


# fmt: off
_POPE_FRY_M1: Final = {
    380: 0.01137, 385: 0.00941, 390: 0.00851, 395: 0.00813, 400: 0.00663, 405: 0.00530,
    410: 0.00473, 415: 0.00444, 420: 0.00454, 425: 0.00478, 430: 0.00495, 435: 0.00530,
    440: 0.00635, 445: 0.00751, 450: 0.00922, 455: 0.00962, 460: 0.00979, 465: 0.01011,
    470: 0.0106, 475: 0.0114, 480: 0.0127, 485: 0.0136, 490: 0.0150, 495: 0.0173,
    500: 0.0204, 505: 0.0256, 510: 0.0325, 515: 0.0396, 520: 0.0409, 525: 0.0417,
    530: 0.0434, 535: 0.0452, 540: 0.0474, 545: 0.0511, 550: 0.0565, 555: 0.0596,
    560: 0.0619, 565: 0.0642, 570: 0.0695, 575: 0.0772, 580: 0.0896, 585: 0.1100,
    590: 0.1351, 595: 0.1672, 600: 0.2224, 605: 0.2577, 610: 0.2644, 615: 0.2678,
    620: 0.2755, 625: 0.2834, 630: 0.2916, 635: 0.3012, 640: 0.3108, 645: 0.325,
    650: 0.340, 655: 0.371, 660: 0.410, 665: 0.429, 670: 0.439, 675: 0.448,
    680: 0.465, 685: 0.486, 690: 0.516, 695: 0.559, 700: 0.624,
}
_SMITH_BAKER_M1: Final = {
    200: 3.07, 210: 1.99, 220: 1.31, 230: 0.927, 240: 0.720, 250: 0.559, 260: 0.457,
    270: 0.373, 280: 0.288, 290: 0.215, 300: 0.141, 310: 0.105, 320: 0.0844, 330: 0.0678,
    340: 0.0561, 350: 0.0463, 360: 0.0379, 370: 0.0300,
    710: 0.839, 720: 1.169, 730: 1.799, 740: 2.38, 750: 2.47, 760: 2.55, 770: 2.51,
    780: 2.36, 790: 2.16, 800: 2.07,
}
# fmt: on


def water_absorption() -> tuple[Array, Array]:
    """Absorption length of pure water: (wavelengths nm, length mm), 200 - 800 nm.

    source  380 - 700 nm: Pope & Fry, Appl. Opt. 36, 8710 (1997), table 3, every second row;
            200 - 370 and 710 - 800 nm: Smith & Baker, Appl. Opt. 20, 177 (1981), table 1, whose
            ultraviolet values are upper bounds: the purest water measured since absorbs less.
    """
    table = sorted({**_POPE_FRY_M1, **_SMITH_BAKER_M1}.items())
    w = np.array([float(k) for k, _ in table])
    return w, 1000.0 / np.array([a for _, a in table])


def rayleigh_length(
    wavelengths: ArrayLike,
    index: ArrayLike,
    compressibility: float,
    temperature_c: float,
    depolarization: float,
) -> Array:
    """Rayleigh scattering length of a pure liquid, mm.

    wavelengths      [n] nm, in vacuum
    index            [n] refractive index there
    compressibility  isothermal, 1/Pa
    depolarization   ratio of natural light scattered by 90 degrees

    1/L = (8 pi^3 / 3 w^4) (rho dn^2/drho)^2 k T b (6 + 3 d)/(6 - 7 d), where
    rho dn^2/drho = (n^2 - 1)(1 + (2/3)(n^2 + 2)((n^2 - 1)/3n)^2).
    source  Einstein, Ann. Phys. 338, 1275 (1910); Cabannes' factor; the density derivative of
            Proutiere, Megnassan & Hucteau, J. Phys. Chem. 96, 3485 (1992), as chosen by
            Zhang & Hu, Opt. Express 17, 1671 (2009)
    """
    w = np.asarray(wavelengths, dtype=np.float64) * 1e-9
    n = np.asarray(index, dtype=np.float64)
    n2 = n * n
    q = (n2 - 1.0) / (3.0 * n)
    derivative = (n2 - 1.0) * (1.0 + (2.0 / 3.0) * (n2 + 2.0) * (q * q))
    boltzmann = 1.380649e-23
    eight_pi3_thirds = 82.68340044802484
    cabannes = (6.0 + 3.0 * depolarization) / (6.0 - 7.0 * depolarization)
    fluctuation = boltzmann * (temperature_c + 273.15) * compressibility * cabannes
    w2 = w * w
    inverse_m = eight_pi3_thirds * (derivative * derivative) * fluctuation / (w2 * w2)
    return np.asarray(1000.0 / inverse_m, dtype=np.float64)


def water_scattering(temperature_c: float = 20.0) -> tuple[Array, Array]:
    """Rayleigh scattering length of pure water: (wavelengths nm, length mm), 200 - 995 nm.

    source  `rayleigh_length` with isothermal compressibility 4.59e-10 /Pa at 20 C (Kell,
            J. Chem. Eng. Data 20, 97 (1975)) and depolarization ratio 0.039 (Farinato & Rowell,
            J. Chem. Phys. 65, 593 (1976)). About 200 m at 400 nm.
    """
    w = np.arange(200.0, 1000.0, 5.0)
    n = water_index_iapws(w, temperature_c)
    return w, rayleigh_length(w, n, 4.59e-10, temperature_c, 0.039)


def water(temperature_c: float = 20.0) -> Material:
    """Pure water: index by IAPWS, absorption by Pope & Fry and Smith & Baker, Rayleigh by theory.

    Below 200 nm, where the sources end, every table keeps its last value; light there is absorbed
    within 0.3 m.
    """
    material = Material("water")
    w = np.arange(200.0, 1000.0, 5.0)
    material.set("refractive_index", water_index_iapws(w, temperature_c), w)
    material.set("absorption_length", *reversed(water_absorption()))
    material.set("scattering_length", *reversed(water_scattering(temperature_c)))
    return material


# ------------------------------------------------------------------ glass, acrylic, vacuum


def borosilicate_index(wavelengths: ArrayLike) -> Array:
    """Refractive index of low-expansion borosilicate glass, as photomultipliers are blown from.

    n(w) = a + b/w^2 through n(587.6 nm) = 1.47140 and n(486.1) - n(656.3) = 0.00714.
    source  SCHOTT, BOROFLOAT 33 data sheet (n_d, n_F - n_C); two terms are an approximation, good
            to about 0.002 from 350 to 700 nm
    """
    w = np.asarray(wavelengths, dtype=np.float64)
    b = 0.00714 / (1.0 / (486.13 * 486.13) - 1.0 / (656.27 * 656.27))
    a = 1.47140 - b / (587.56 * 587.56)
    return np.asarray(a + b / (w * w), dtype=np.float64)


def borosilicate_glass() -> Material:
    """Borosilicate window glass of photomultipliers.

    source  index: `borosilicate_index`. Absorption: *approximate*, an edge that makes 3 mm
            opaque below 290 nm and clear above 340 nm, after the transmittance of borosilicate
            windows in Hamamatsu, Photomultiplier Tubes: Basics and Applications, ch. 4. Rayleigh
            scattering is neglected.
    """
    material = Material("borosilicate glass")
    w = np.arange(200.0, 1000.0, 5.0)
    material.set("refractive_index", borosilicate_index(w), w)
    # fmt: off
    edge = {
        260: 0.3, 270: 0.5, 280: 0.9, 290: 1.8, 300: 4.0, 310: 10.0, 320: 25.0, 330: 60.0,
        340: 130.0, 350: 250.0, 360: 450.0, 380: 900.0, 400: 1500.0, 450: 2000.0,
    }
    # fmt: on
    material.set("absorption_length", list(edge.values()), [float(w) for w in edge])
    return material


def acrylic_index(wavelengths: ArrayLike) -> Array:
    """Refractive index of PMMA.

    n^2 - 1 = 1.1819 w^2/(w^2 - 0.011313), w in um
    source  Sultanova, Kasarova & Nikolov, Acta Phys. Pol. A 116, 585 (2009)
    domain  437 - 1052 nm; *approximate* below
    """
    w = np.asarray(wavelengths, dtype=np.float64) * 1e-3
    w2 = w * w
    return np.asarray(np.sqrt(1.0 + 1.1819 * w2 / (w2 - 0.011313)), dtype=np.float64)


def acrylic() -> Material:
    """Acrylic (PMMA) that passes near ultraviolet, as detector vessels are made of.

    source  index: `acrylic_index`. Absorption: *approximate*, an edge near 300 nm and metres
            above 400 nm, the order of magnitude of what vessel builders report.
    """
    material = Material("acrylic")
    w = np.arange(250.0, 1000.0, 5.0)
    material.set("refractive_index", acrylic_index(w), w)
    # fmt: off
    edge = {
        280: 1.0, 300: 10.0, 320: 60.0, 340: 200.0, 360: 500.0, 380: 1000.0, 400: 2000.0,
        450: 4000.0, 500: 4000.0,
    }
    # fmt: on
    material.set("absorption_length", list(edge.values()), [float(w) for w in edge])
    return material


def vacuum() -> Material:
    """Vacuum: index 1, neither absorption nor scattering."""
    material = Material("vacuum")
    material.set("refractive_index", 1.0)
    return material


def legacy_vacuum() -> Material:
    """Chroma's ``vacuum``: index 1, but absorption and scattering lengths of 1 km."""
    material = Material("legacy vacuum")
    material.set("refractive_index", 1.0)
    material.set("absorption_length", 1e6)
    material.set("scattering_length", 1e6)
    return material


# ------------------------------------------------------------------ surfaces

# fmt: off
_BIALKALI_QE: Final = {
    275: 0.0, 280: 0.005, 290: 0.025, 300: 0.065, 310: 0.115, 320: 0.160, 330: 0.190,
    340: 0.212, 350: 0.228, 360: 0.240, 370: 0.246, 380: 0.250, 390: 0.250, 400: 0.248,
    410: 0.244, 420: 0.238, 430: 0.230, 440: 0.220, 450: 0.210, 460: 0.199, 470: 0.187,
    480: 0.174, 490: 0.160, 500: 0.143, 510: 0.122, 520: 0.098, 530: 0.078, 540: 0.063,
    550: 0.051, 560: 0.041, 570: 0.032, 580: 0.025, 590: 0.019, 600: 0.014, 610: 0.010,
    620: 0.007, 630: 0.005, 640: 0.003, 650: 0.002, 660: 0.001, 675: 0.0,
}
# fmt: on


def bialkali_quantum_efficiency() -> tuple[Array, Array]:
    """Quantum efficiency of a bialkali photocathode behind borosilicate: (wavelengths nm, QE).

    source  *approximate*: the peak of 25 % near 390 nm and the range 300 - 650 nm are those of
            the Hamamatsu R7081 data sheet (10 inch); the curve between follows the shape printed
            there. Collection efficiency is not included.
    """
    w = np.array([float(k) for k in _BIALKALI_QE])
    return w, np.array(list(_BIALKALI_QE.values()))


def bialkali_photocathode(reflectivity: float = 0.15) -> Surface:
    """A photocathode that detects with the bialkali quantum efficiency and absorbs the rest.

    reflectivity  share mirrored at any angle. *Approximate*: a bialkali film in water reflects
                  roughly 15 - 25 % (Motta & Schoenert, Nucl. Instrum. Meth. A 539, 217 (2005)).
    """
    if not 0 <= reflectivity <= 0.7:
        raise InvalidArgument(f"reflectivity is {reflectivity} (it must lie in [0, 0.7])")
    w, qe = bialkali_quantum_efficiency()
    surface = Surface("bialkali photocathode")
    surface.set("detect", qe, w)
    surface.set("reflect_specular", reflectivity)
    surface.set("absorb", 1.0 - reflectivity - qe, w)
    return surface


def black(reflectivity: float = 0.0) -> Surface:
    """A black sheet: reflects a share `reflectivity` by Lambert's law and absorbs the rest."""
    surface = Surface("black")
    surface.set("absorb", 1.0 - reflectivity)
    surface.set("reflect_diffuse", reflectivity)
    return surface


def mirror(reflectivity: float = 0.9) -> Surface:
    """A mirror of any wavelength: reflects the share `reflectivity` and absorbs the rest."""
    surface = Surface("mirror")
    surface.set("reflect_specular", reflectivity)
    surface.set("absorb", 1.0 - reflectivity)
    return surface


def white(reflectivity: float = 0.98) -> Surface:
    """A Lambertian reflector, like expanded PTFE: the rest is absorbed."""
    surface = Surface("white")
    surface.set("reflect_diffuse", reflectivity)
    surface.set("absorb", 1.0 - reflectivity)
    return surface


def emission_spectrum(mean_nm: float, sigma_nm: float) -> tuple[Array, Array]:
    """A Gaussian line as (wavelengths nm, relative intensity), for sources and re-emission.

    Made with a fixed power of a rational function instead of exp, so that it is the same on every
    machine; it follows the Gaussian within 0.5 % of its peak.
    """
    w = STANDARD_WAVELENGTHS
    z = (w - mean_nm) / sigma_nm
    base = 1.0 / (1.0 + z * z / 128.0)
    for _ in range(6):
        base = base * base
    return w, np.asarray(base, dtype=np.float64)
