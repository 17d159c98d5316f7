# SPDX-License-Identifier: BSD-3-Clause
"""Light sources: descriptors of some bytes from which the device makes any number of photons.

Lengths in mm, times in ns relative to the event's t0, wavelengths in nm, energies in MeV, angles in
radian. Everywhere

* ``wavelength`` is a number, a pair (low, high) for uniform, or a spectrum: two arrays, wavelengths
  (ascending) and relative intensity, linear in between;
* ``t`` is a number or a pair (low, high) for uniform;
* ``pol`` is None for random polarization or a vector, made perpendicular to each direction.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chroma2.errors import InvalidArgument, InvalidType
from chroma2.units import MUON_MASS_MEV, SPEED_OF_LIGHT_MM_NS

if TYPE_CHECKING:
    from chroma2 import _capi
    from chroma2.material import Material
    from chroma2.scene import Scene

KINDS: Final = ("isotropic", "cone", "beam", "volume", "scintillation", "cherenkov")
_PROFILES: Final = ("pencil", "disc", "gaussian")
_SHAPES: Final = ("box", "sphere", "cylinder")
_FIXED, _UNIFORM, _SPECTRUM = 0, 1, 2


@dataclass(frozen=True)
class Source:
    """One light source; made by the functions of this module.

    kind    one of `KINDS`
    fields  what differs from the default, by the names of the C struct chroma2_source
    medium  for Cherenkov light: the material (object, name or number) that the track runs in
    """

    kind: str
    fields: Mapping[str, Any]
    medium: Material | str | int | None = field(default=None)

    @property
    def n(self) -> int:
        """Number of photons; 0 if it is drawn from a Poisson distribution."""
        return int(self.fields.get("n_photons", 0))

    def __repr__(self) -> str:
        parts = []
        for name, value in self.fields.items():
            if isinstance(value, np.ndarray):
                value = f"[{len(value)}]"
            parts.append(f"{name}={value}")
        return f"<{self.kind} source: {', '.join(parts)}>"

    def to_dict(self) -> dict[str, Any]:
        """Everything as numbers, strings and lists, for JSON; `from_dict` reads it back."""
        out: dict[str, Any] = {"kind": self.kind}
        for name, value in self.fields.items():
            if isinstance(value, np.ndarray):
                value = value.tolist()
            out[name] = list(value) if isinstance(value, tuple) else value
        if self.medium is not None:
            m = self.medium
            out["medium"] = m if isinstance(m, (str, int)) else m.name
        return out

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Source:
        """The source that `to_dict` described."""
        fields: dict[str, Any] = {}
        for name, value in record.items():
            if name in ("kind", "medium"):
                continue
            if name in _ARRAYS:
                value = np.array(value, dtype=np.float64)
            elif isinstance(value, (list, tuple)):
                value = tuple(value)
            fields[name] = value
        return cls(str(record["kind"]), fields, record.get("medium"))

    def _image(self, scene: Scene) -> _capi.SourceImage:
        """The C struct, made once: a source never changes, but for the number of its medium."""
        image: _capi.SourceImage | None = self.__dict__.get("_made")
        if image is None:
            from chroma2 import _capi

            fields = dict(self.fields)
            fields["kind"] = KINDS.index(self.kind)
            if self.medium is not None:
                fields["material"] = scene.material_index(self.medium)
            image = _capi.source_image(fields)
            if self.medium is None:
                object.__setattr__(self, "_made", image)
        return image

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_made"}


_ARRAYS = frozenset({"spectrum_nm", "spectrum", "decay_weight", "decay_ns", "rise_ns"})


# ------------------------------------------------------------------ points and beams


def isotropic(
    n: int,
    pos: ArrayLike = (0.0, 0.0, 0.0),
    wavelength: Any = 400.0,
    t: Any = 0.0,
    pol: ArrayLike | None = None,
    tag: int = 0,
) -> Source:
    """A point at `pos` [3] mm that shines n photons in all directions."""
    return _source("isotropic", n, pos, wavelength, t, pol, tag)


def cone(
    n: int,
    pos: ArrayLike,
    dir: ArrayLike,
    half_angle: float,
    wavelength: Any = 400.0,
    t: Any = 0.0,
    pol: ArrayLike | None = None,
    tag: int = 0,
) -> Source:
    """A point that shines evenly in solid angle up to `half_angle`, (0, pi] radian, about `dir`."""
    _in_range("half_angle", half_angle, 0.0, math.pi, open_low=True)
    return _source(
        "cone",
        n,
        pos,
        wavelength,
        t,
        pol,
        tag,
        direction=_direction(dir),
        half_angle_rad=float(half_angle),
    )


def beam(
    n: int,
    pos: ArrayLike,
    dir: ArrayLike,
    radius: float = 0.0,
    profile: str | None = None,
    wavelength: Any = 400.0,
    t: Any = 0.0,
    pol: ArrayLike | None = None,
    tag: int = 0,
) -> Source:
    """Parallel light along `dir` through `pos`: a laser.

    radius   mm; of a disc, or the standard deviation of a Gaussian in each direction
    profile  "pencil", "disc" or "gaussian"; default: pencil if radius is 0, else disc
    """
    _in_range("radius", radius, 0.0, math.inf)
    profile = ("disc" if radius > 0 else "pencil") if profile is None else profile
    if profile not in _PROFILES:
        raise InvalidArgument(f"profile is {profile!r} (it must be one of {', '.join(_PROFILES)})")
    return _source(
        "beam",
        n,
        pos,
        wavelength,
        t,
        pol,
        tag,
        direction=_direction(dir),
        radius_mm=float(radius),
        profile=_PROFILES.index(profile),
    )


def volume(
    n: int,
    center: ArrayLike = (0.0, 0.0, 0.0),
    *,
    box: ArrayLike | None = None,
    radius: float | None = None,
    length: float | None = None,
    axis: ArrayLike = (0.0, 0.0, 1.0),
    wavelength: Any = 400.0,
    t: Any = 0.0,
    pol: ArrayLike | None = None,
    tag: int = 0,
) -> Source:
    """Light from everywhere in a body round `center`, in all directions.

    box            [3] full edge lengths along x, y, z, mm
    radius         of a sphere, mm; with `length` of a cylinder of that full length along `axis`
    """
    fields: dict[str, Any]
    if box is not None:
        if radius is not None or length is not None:
            raise InvalidArgument("give a box, or a radius with or without a length")
        edges = _vector("box", box)
        if min(edges) < 0:
            raise InvalidArgument(f"box is {edges} (edges must be >= 0)")
        fields = {"shape": 0, "half_size_mm": tuple(0.5 * e for e in edges)}
    elif radius is not None:
        _in_range("radius", radius, 0.0, math.inf)
        fields = {"shape": 1, "radius_mm": float(radius)}
        if length is not None:
            _in_range("length", length, 0.0, math.inf)
            fields.update(shape=2, half_length_mm=0.5 * float(length), direction=_direction(axis))
    else:
        raise InvalidArgument("a volume needs a box or a radius")
    return _source("volume", n, center, wavelength, t, pol, tag, **fields)


# ------------------------------------------------------------------ particles


def scintillation(
    pos: ArrayLike,
    end: ArrayLike | None = None,
    *,
    wavelength: Any,
    n: int = 0,
    mean: float = 0.0,
    energy: float = 0.0,
    yield_per_mev: float = 0.0,
    birks: float = 0.0,
    decay: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    rise: ArrayLike | None = None,
    t: Any = 0.0,
    pol: ArrayLike | None = None,
    tag: int = 0,
) -> Source:
    """Scintillation light of a deposit, from `pos` to `end` (default: at a point).

    n              number of photons; or, for a Poisson number:
    mean           its mean; or, for the mean from the energy:
    energy         deposited, MeV, with yield_per_mev photons per unquenched MeV and
    birks          Birks' constant, mm/MeV: mean = yield E / (1 + birks E / length)
    decay          [k] time constants, ns; default: prompt
    weights        [k] their shares, any scale; default: equal
    rise           [k] rise times, ns
    t              start, or (at pos, at end), ns
    """
    start = _vector("pos", pos)
    fields: dict[str, Any] = {
        "end_mm": start if end is None else _vector("end", end),
        "mean_photons": float(mean),
        "energy_mev": float(energy),
        "yield_per_mev": float(yield_per_mev),
        "birks_mm_per_mev": float(birks),
    }
    for name in ("mean_photons", "energy_mev", "yield_per_mev", "birks_mm_per_mev"):
        _in_range(name, fields[name], 0.0, math.inf)
    if not n and not mean and not (energy and yield_per_mev):
        raise InvalidArgument("scintillation needs n, mean, or energy with yield_per_mev")
    if decay is not None:
        tau = _row("decay", decay)
        fields.update(n_decays=len(tau), decay_ns=tau)
        fields["decay_weight"] = (
            np.ones(len(tau)) if weights is None else _row("weights", weights, len(tau))
        )
        if rise is not None:
            fields["rise_ns"] = _row("rise", rise, len(tau))
    elif weights is not None or rise is not None:
        raise InvalidArgument("weights and rise belong to decay times")
    return _source("scintillation", n, start, wavelength, t, pol, tag, may_be_zero=True, **fields)


def cherenkov(
    pos: ArrayLike,
    end: ArrayLike,
    beta: float,
    medium: Material | str | int,
    *,
    charge: float = 1.0,
    n: int = 0,
    wavelength: tuple[float, float] | None = None,
    t: Any = None,
    t0: float = 0.0,
    tag: int = 0,
) -> Source:
    """Cherenkov light of a straight track from `pos` to `end` at constant speed.

    beta        speed over that of light, (0, 1]
    medium      the material that the track runs in: the object, its name, or its number
    charge      in units of e
    n           number of photons; 0: Poisson about the Frank-Tamm yield
    wavelength  limits (low, high) of the light, nm; default: those of the scene's tables
    t           (at pos, at end), ns; default: from t0 at that speed
    """
    start, stop = _vector("pos", pos), _vector("end", end)
    _in_range("beta", beta, 0.0, 1.0, open_low=True)
    if charge == 0 or not math.isfinite(charge):
        raise InvalidArgument(f"charge is {charge} (it must be finite and not 0)")
    if t is None:
        length = math.sqrt(sum((b - a) * (b - a) for a, b in zip(start, stop, strict=True)))
        t = (t0, t0 + length / (beta * SPEED_OF_LIGHT_MM_NS))
    limits = (0.0, 0.0) if wavelength is None else _pair("wavelength", wavelength)
    fields = _common(n, start, t, None, tag, may_be_zero=True)
    fields.update(end_mm=stop, beta=float(beta), charge=float(charge), wavelength_nm=limits)
    return Source("cherenkov", fields, medium)


def muon(
    energy: float,
    pos: ArrayLike,
    dir: ArrayLike,
    medium: Material | str | int,
    *,
    step: float = 10.0,
    wavelength: tuple[float, float] | None = None,
    t: float = 0.0,
    density: float = 1.0,
    tag: int = 0,
) -> list[Source]:
    """Cherenkov light of a muon that slows down in water along a straight line.

    energy      kinetic, MeV, at most 10,000 (beyond, radiative losses would be needed)
    pos, dir    where it starts, and its direction
    medium      the material that it runs in: the object, its name, or its number
    step        length of a track step of constant speed, mm
    density     of the water, g/cm^3
    t           time at `pos`, ns

    Returns one Cherenkov source a step, down to where the muon is too slow to shine in any medium
    of index below 1.6. Scattering, delta rays and the decay electron are left out.
    Energy loss: `muon_energy_loss`.
    """
    _in_range("energy", energy, 0.0, _MUON_TABLE[-1][0], open_low=True)
    _in_range("step", step, 0.0, math.inf, open_low=True)
    _in_range("density", density, 0.0, math.inf, open_low=True)
    here = _vector("pos", pos)
    d = _direction(dir)
    length = math.sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2])
    along = (d[0] / length, d[1] / length, d[2] / length)
    out: list[Source] = []
    time = float(t)
    kinetic = float(energy)
    while True:
        # Loss over half a step gives the speed in its middle (midpoint rule).
        half = kinetic - 0.5 * step * _loss_per_mm(kinetic, density)
        if half <= 0:
            break
        beta = _beta(half)
        if beta * 1.6 <= 1.0:
            break
        there = (here[0] + step * along[0], here[1] + step * along[1], here[2] + step * along[2])
        later = time + step / (beta * SPEED_OF_LIGHT_MM_NS)
        out.append(
            cherenkov(here, there, beta, medium, wavelength=wavelength, t=(time, later), tag=tag)
        )
        kinetic -= step * _loss_per_mm(half, density)
        here, time = there, later
        if kinetic <= 0:
            break
    return out


def muon_energy_loss(energy: float) -> float:
    """Mean ionization loss of a muon in water, MeV cm^2/g, at a kinetic energy of 1 - 10,000 MeV.

    A table, linear in between; outside it the end values hold.
    source  Groom, Mokhov & Striganov, At. Data Nucl. Data Tables 78, 183 (2001), eq. 4 (Bethe's
            formula for spin 1/2), evaluated with Z/A = 0.55509, I = 75.0 eV and the density effect
            of Sternheimer, Berger & Seltzer, At. Data Nucl. Data Tables 30, 261 (1984):
            C = 3.5017, x0 = 0.2400, x1 = 2.8004, a = 0.09116, k = 3.4773. The minimum is 1.990;
            the Particle Data Group lists 1.992.
    """
    e = float(energy)
    if e <= _MUON_TABLE[0][0]:
        return _MUON_TABLE[0][1]
    for (e0, loss0), (e1, loss1) in itertools.pairwise(_MUON_TABLE):
        if e <= e1:
            return loss0 + (e - e0) * (loss1 - loss0) / (e1 - e0)
    return _MUON_TABLE[-1][1]


# fmt: off
_MUON_TABLE: Final = (
    (1.0, 50.5412), (1.5, 36.3752), (2.0, 28.7733), (3.0, 20.6774), (4.0, 16.3762), (5.0, 13.6866),
    (6.0, 11.8372), (8.0, 9.4481), (10.0, 7.9648), (12.0, 6.9509), (14.0, 6.2129), (17.0, 5.4177),
    (20.0, 4.8521), (25.0, 4.2021), (30.0, 3.7642), (35.0, 3.4499), (40.0, 3.2142), (50.0, 2.8862),
    (60.0, 2.6713), (70.0, 2.5216), (80.0, 2.413), (90.0, 2.3317), (100.0, 2.2695),
    (120.0, 2.1774), (140.0, 2.1157), (170.0, 2.0584), (200.0, 2.0256), (250.0, 1.9992),
    (300.0, 1.9909), (350.0, 1.9916), (400.0, 1.9968), (500.0, 2.0135), (600.0, 2.0329),
    (800.0, 2.071), (1000.0, 2.1048), (1400.0, 2.1598), (2000.0, 2.2201), (3000.0, 2.2883),
    (4000.0, 2.3354), (6000.0, 2.3989), (8000.0, 2.4417), (10000.0, 2.4735),
)
# fmt: on


def _loss_per_mm(kinetic: float, density: float) -> float:
    return muon_energy_loss(kinetic) * density / 10.0


def _beta(kinetic: float) -> float:
    gamma = 1.0 + kinetic / MUON_MASS_MEV
    return math.sqrt(1.0 - 1.0 / (gamma * gamma))


# ------------------------------------------------------------------ parts


def flatten(sources: Any) -> list[Source]:
    """One flat list from a source, or lists of sources nested in any way."""
    if isinstance(sources, Source):
        return [sources]
    if type(sources) is list and set(map(type, sources)) == {Source}:
        return list(sources)
    if isinstance(sources, (str, bytes)) or not isinstance(sources, Sequence):
        raise InvalidType(
            f"sources holds a {type(sources).__name__} (it must hold what chroma2.sources makes)"
        )
    return [s for part in sources for s in flatten(part)]


def _source(
    kind: str,
    n: int,
    pos: ArrayLike,
    wavelength: Any,
    t: Any,
    pol: ArrayLike | None,
    tag: int,
    *,
    may_be_zero: bool = False,
    **fields: Any,
) -> Source:
    out = _common(n, _vector("pos", pos), t, pol, tag, may_be_zero=may_be_zero)
    out.update(_wavelength(wavelength))
    out.update(fields)
    return Source(kind, out)


def _common(
    n: int,
    pos: tuple[float, float, float],
    t: Any,
    pol: ArrayLike | None,
    tag: int,
    *,
    may_be_zero: bool,
) -> dict[str, Any]:
    if isinstance(n, bool) or int(n) != n or n < 0 or (n == 0 and not may_be_zero):
        raise InvalidArgument(f"n is {n!r} (it must be a whole number > 0)")
    if int(tag) != tag or not 0 <= tag < 2**32:
        raise InvalidArgument(f"tag is {tag!r} (it must lie in [0, 2^32))")
    out: dict[str, Any] = {"n_photons": int(n), "position_mm": pos}
    if tag:
        out["tag"] = int(tag)
    if _is_scalar(t):
        value = _number("t", t)
        out.update(time_law=_FIXED, time_ns=(value, value))
    else:
        out.update(time_law=_UNIFORM, time_ns=_pair("t", t, ascending=False))
    if pol is not None:
        out["polarization"] = _direction(pol, "pol")
    return out


def _wavelength(value: Any) -> dict[str, Any]:
    if _is_scalar(value):
        w = _number("wavelength", value)
        if not w > 0:
            raise InvalidArgument(f"wavelength is {w} nm (it must be > 0)")
        return {"wavelength_law": _FIXED, "wavelength_nm": (w, w)}
    if len(value) == 2 and all(_is_scalar(v) for v in value):
        return {"wavelength_law": _UNIFORM, "wavelength_nm": _pair("wavelength", value)}
    if len(value) != 2:
        raise InvalidArgument(
            "wavelength must be a number, a pair (low, high) or two arrays (nm, intensity)"
        )
    x = _row("wavelength[0]", value[0])
    y = _row("wavelength[1]", value[1], len(x))
    if len(x) < 2 or np.any(np.diff(x) <= 0) or x[0] <= 0:
        raise InvalidArgument(
            "wavelength[0] must hold two wavelengths > 0 or more, strictly ascending"
        )
    if np.any(y < 0) or not np.any(y > 0):
        raise InvalidArgument("wavelength[1] must be >= 0, and > 0 somewhere")
    return {"wavelength_law": _SPECTRUM, "n_spectrum": len(x), "spectrum_nm": x, "spectrum": y}


def _is_scalar(value: Any) -> bool:
    return not isinstance(value, (tuple, list)) and np.ndim(value) == 0


def _number(name: str, value: Any) -> float:
    try:
        x = float(value)
    except (TypeError, ValueError):
        raise InvalidType(f"{name} is {value!r} (it must be a number)") from None
    if not math.isfinite(x):
        raise InvalidArgument(f"{name} is {x} (it must be finite)")
    return x


def _in_range(name: str, value: float, low: float, high: float, *, open_low: bool = False) -> None:
    x = _number(name, value)
    if x < low or x > high or (open_low and x == low):
        bracket = "(" if open_low else "["
        raise InvalidArgument(f"{name} is {x} (it must lie in {bracket}{low:g}, {high:g}])")


def _pair(name: str, value: Any, *, ascending: bool = True) -> tuple[float, float]:
    if _is_scalar(value) or len(value) != 2:
        raise InvalidArgument(f"{name} is {value!r} (it must be a number or a pair)")
    a, b = _number(f"{name}[0]", value[0]), _number(f"{name}[1]", value[1])
    if ascending and a > b:
        raise InvalidArgument(f"{name} is ({a}, {b}) (the first must not exceed the second)")
    return a, b


def _vector(name: str, value: ArrayLike) -> tuple[float, float, float]:
    try:
        v = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidType(f"{name} is {value!r} (it must be three numbers)") from None
    if v.shape != (3,):
        raise InvalidArgument(f"{name} has shape {v.shape} (it must be [3])")
    bad = np.flatnonzero(~np.isfinite(v))
    if len(bad):
        raise InvalidArgument(f"{name}[{bad[0]}] is {v[bad[0]]} (it must be finite)")
    return float(v[0]), float(v[1]), float(v[2])


def _direction(value: ArrayLike, name: str = "dir") -> tuple[float, float, float]:
    v = _vector(name, value)
    if v == (0.0, 0.0, 0.0):
        raise InvalidArgument(f"{name} is zero (a direction is needed, of any length > 0)")
    return v


def _row(name: str, value: ArrayLike, n: int | None = None) -> NDArray[np.float64]:
    try:
        v = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidType(f"{name} is {value!r} (it must hold numbers)") from None
    v = np.atleast_1d(v)
    if v.ndim != 1 or len(v) == 0 or (n is not None and len(v) != n):
        wish = "[n]" if n is None else f"[{n}]"
        raise InvalidArgument(f"{name} has shape {v.shape} (it must be {wish})")
    bad = np.flatnonzero(~np.isfinite(v))
    if len(bad):
        raise InvalidArgument(f"{name}[{bad[0]}] is {v[bad[0]]} (it must be finite)")
    return v
