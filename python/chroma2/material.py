# SPDX-License-Identifier: BSD-3-Clause
"""Materials and surfaces: optical properties against wavelength.

Lengths in mm, wavelengths in nm. Names and argument orders are Chroma's where it had them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chroma2.errors import InvalidArgument, InvalidType
from chroma2.units import HC_EV_NM

if TYPE_CHECKING:
    from chroma2 import _capi

Floats = NDArray[np.float64]
Row = tuple["Floats | None", "Floats", bool]

STANDARD_WAVELENGTHS: Final[Floats] = np.arange(60.0, 1000.0, 5.0)
"""Chroma's grid, nm: 60, 65, ..., 995."""
STANDARD_WAVELENGTHS.setflags(write=False)

_SURFACE_MODELS = {0: "default", 1: "complex", 2: "wls", 3: "dichroic"}


def _numbers(name: str, value: ArrayLike) -> Floats:
    try:
        return np.array(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidType(f"{name} cannot be read as numbers ({error})") from None


def _row(name: str, value: ArrayLike, x: ArrayLike | None, in_ev: bool) -> Row:
    """A checked table (x, y, in_ev); a scalar has x None."""
    y = _numbers(name, value)
    if y.ndim == 0:
        return None, y.reshape(1), False
    if y.ndim == 2 and y.shape[1] == 2:  # rows of (x, value), as Chroma has them too
        return np.ascontiguousarray(y[:, 0]), np.ascontiguousarray(y[:, 1]), in_ev
    grid = STANDARD_WAVELENGTHS if x is None else _numbers(f"the x values of {name}", x)
    if y.ndim != 1 or grid.ndim != 1 or len(y) != len(grid):
        what = "the standard grid 60, 65, ..., 995 nm" if x is None else "its x values"
        raise InvalidArgument(
            f"{name} has shape {y.shape} and {what} {grid.shape} (they must be [n] and [n])"
        )
    if len(y) < 2:
        raise InvalidArgument(f"{name} has {len(y)} points (give a number, or two points or more)")
    return np.ascontiguousarray(grid), y, in_ev


def _x_of(
    wavelengths: ArrayLike | None, energies: ArrayLike | None
) -> tuple[ArrayLike | None, bool]:
    if wavelengths is not None and energies is not None:
        raise InvalidArgument("give wavelengths or energies, not both")
    return (energies, True) if energies is not None else (wavelengths, False)


def _table(row: Row) -> _capi.Table:
    from chroma2 import _capi

    return _capi.Table(*row)


class Material:
    """A medium: refractive index, absorption and scattering lengths, re-emission.

    ``set("refractive_index", ...)`` is needed; absent lengths are infinite.
    """

    __slots__ = ("_components", "_tables", "name")

    TABLES: Final = {
        "refractive_index": "refractive_index",
        "absorption_length": "absorption_length_mm",
        "scattering_length": "scattering_length_mm",
        "group_velocity": "group_velocity_mm_ns",
        "mie_length": "mie_length_mm",
        "mie_g": "mie_g",
    }

    def __init__(self, name: str = "none") -> None:
        self.name = name
        self._tables: dict[str, Row] = {}
        self._components: list[dict[str, Row]] = []

    def set(
        self,
        name: str,
        value: ArrayLike,
        wavelengths: ArrayLike | None = None,
        *,
        energies: ArrayLike | None = None,
    ) -> None:
        """Sets a property.

        name         refractive_index (> 0), absorption_length, scattering_length (mm, > 0, may be
                     infinite), group_velocity (mm/ns; default: from the index), mie_length (mm) and
                     mie_g ([-1, 1]): scattering by particles after Henyey and Greenstein
        value        a number, or [n] values, linear between points and constant beyond the ends;
                     or rows [n, 2] of wavelength and value
        wavelengths  [n] nm, in either order; default: the standard grid 60, 65, ..., 995
        energies     [n] eV, instead of wavelengths
        """
        if name not in self.TABLES:
            raise InvalidArgument(
                f"material {self.name!r} has no property {name!r} "
                f"(it has {', '.join(self.TABLES)}; re-emission goes through add_component)"
            )
        self._tables[name] = _row(f"{self.name}.{name}", value, *_x_of(wavelengths, energies))

    def get(self, name: str) -> tuple[Floats, Floats] | None:
        """A property as (wavelengths nm ascending, values), None if it was not set."""
        row = self._tables.get(name)
        if row is None:
            return None
        x, y, in_ev = row
        if x is None:
            return STANDARD_WAVELENGTHS.copy(), np.full(len(STANDARD_WAVELENGTHS), y[0])
        w = HC_EV_NM / x if in_ev else x
        order = np.argsort(w)
        return w[order], y[order]

    def add_component(
        self,
        absorption_length: ArrayLike,
        reemission_prob: ArrayLike = 0.0,
        reemission_wvl_cdf: ArrayLike | None = None,
        reemission_time: ArrayLike | None = None,
        reemission_time_cdf: ArrayLike | None = None,
        wavelengths: ArrayLike | None = None,
        *,
        energies: ArrayLike | None = None,
    ) -> None:
        """Adds one absorber of a scintillator or wavelength shifter.

        absorption_length    a number or [n], mm; 1/total = sum of 1/component
        reemission_prob      mean photons out per photon absorbed, a number or [n], [0, 40]
        reemission_wvl_cdf   [n] cumulative distribution of the emitted wavelength
        reemission_time      [m] ns, >= 0, with
        reemission_time_cdf  [m] cumulative distribution of the delay; default: no delay
        wavelengths          [n] nm, of the tables above; or energies [n], eV. A table of its own
                             grid is given as rows [n, 2] of wavelength and value
        """
        x, in_ev = _x_of(wavelengths, energies)
        label = f"{self.name}.component[{len(self._components)}]"
        tables = {
            "absorption_length_mm": _row(f"{label}.absorption_length", absorption_length, x, in_ev),
            "reemission_yield": _row(f"{label}.reemission_prob", reemission_prob, x, in_ev),
        }
        if reemission_wvl_cdf is not None:
            tables["reemission_wavelength_cdf"] = _row(
                f"{label}.reemission_wvl_cdf", reemission_wvl_cdf, x, in_ev
            )
        if (reemission_time is None) != (reemission_time_cdf is None):
            raise InvalidArgument(
                f"{label}: reemission_time and reemission_time_cdf must be given together"
            )
        if reemission_time is not None and reemission_time_cdf is not None:
            tables["reemission_delay_cdf"] = _row(
                f"{label}.reemission_time_cdf", reemission_time_cdf, reemission_time, False
            )
        self._components.append(tables)

    def __repr__(self) -> str:
        parts = ", ".join([*self._tables, *(["components"] if self._components else [])])
        return f"<Material {self.name!r}: {parts or 'empty'}>"

    def _spec(self) -> _capi.MaterialSpec:
        from chroma2 import _capi

        return _capi.MaterialSpec(
            self.name,
            {self.TABLES[k]: _table(v) for k, v in self._tables.items()},
            [{k: _table(v) for k, v in c.items()} for c in self._components],
        )


class Surface:
    """What covers a boundary: probabilities against wavelength, and a model that uses them.

    model  the name of a surface model; `surface_models()` lists them with what they use.
           "default": absorbs, detects, reflects, and lets the remainder through
    faces  "both", "outside_only", "inside_only": light from the other side meets the bare boundary
    """

    __slots__ = ("_angle_tables", "_angles", "_tables", "_values", "faces", "model", "name")

    FACES: Final = ("both", "outside_only", "inside_only")

    TABLES: Final = (
        "detect",
        "absorb",
        "reemit",
        "reflect_diffuse",
        "reflect_specular",
        "eta",
        "k",
        "reemission_cdf",
    )

    def __init__(
        self, name: str = "none", model: str | int = "default", faces: str = "both"
    ) -> None:
        self.name = name
        self.model: str | int = model
        self.faces = faces
        self._tables: dict[str, Row] = {}
        self._values: dict[str, float] = {}
        self._angles: Floats | None = None
        self._angle_tables: dict[str, list[Row]] = {}

    def set(
        self,
        name: str,
        value: ArrayLike,
        wavelengths: ArrayLike | None = None,
        *,
        energies: ArrayLike | None = None,
    ) -> None:
        """Sets a table: detect, absorb, reemit, reflect_diffuse, reflect_specular ([0, 1]), eta, k
        (>= 0) or reemission_cdf, as for `Material.set`.
        """
        if name not in self.TABLES:
            raise InvalidArgument(
                f"surface {self.name!r} has no table {name!r} (it has {', '.join(self.TABLES)})"
            )
        row = _row(f"{self.name}.{name}", value, *_x_of(wavelengths, energies))
        negative = np.flatnonzero(row[1] < 0)
        if len(negative):
            i = negative[0]
            raise InvalidArgument(
                f"{self.name}.{name}[{i}] is {row[1][i]} (surface tables must be >= 0)"
            )
        self._tables[name] = row

    def set_value(self, name: str, value: float) -> None:
        """Sets a number: thickness_nm, transmissive (0, 1), detect_reference (0, 1), fill_factor,
        dead_reflect_diffuse ([0, 1]).
        """
        if not isinstance(name, str):
            raise InvalidType(f"{self.name!r} has no value {name!r} (names are words)")
        number = _numbers(f"{self.name}.{name}", value)
        if number.ndim != 0:
            raise InvalidArgument(
                f"{self.name}.{name} has shape {number.shape} (it must be one number)"
            )
        self._values[name] = float(number)

    def set_delay(self, times: ArrayLike, cdf: ArrayLike) -> None:
        """Sets the delay of re-emission: times [n] ns, >= 0, and their cumulative distribution."""
        self._tables["reemission_delay_cdf"] = _row(
            f"{self.name}.reemission_delay_cdf", cdf, times, False
        )

    def set_by_angle(
        self, angles: ArrayLike, wavelengths: ArrayLike | None = None, **tables: ArrayLike
    ) -> None:
        """Sets tables against the angle of incidence; all tables of a surface share the angles.

        angles       [a] rad, ascending within [0, pi/2]
        wavelengths  [n] nm, for tables of two dimensions; default: the standard grid
        tables       reflect, transmit, reflect_specular, reflect_diffuse, relative_pde:
                     [a] or [a, n] probabilities
        """
        at = np.atleast_1d(_numbers(f"{self.name}: angles", angles))
        if at.ndim != 1:
            raise InvalidArgument(f"{self.name}: angles has shape {at.shape} (it must be [a])")
        for name, values in tables.items():
            rows = _numbers(f"{self.name}.{name}", values)
            if rows.ndim not in (1, 2) or len(rows) != len(at):
                raise InvalidArgument(
                    f"{self.name}.{name} has shape {rows.shape} (there are {len(at)} angles)"
                )
            self._angle_tables[name] = [
                _row(
                    f"{self.name}.{name}[{i}]", row, wavelengths if rows.ndim == 2 else None, False
                )
                for i, row in enumerate(rows)
            ]
        self._angles = at

    def get(self, name: str) -> tuple[Floats, Floats] | None:
        """A table as (wavelengths nm ascending, values), None if it was not set."""
        row = self._tables.get(name)
        if row is None:
            return None
        x, y, in_ev = row
        if x is None:
            return STANDARD_WAVELENGTHS.copy(), np.full(len(STANDARD_WAVELENGTHS), y[0])
        w = HC_EV_NM / x if in_ev else x
        order = np.argsort(w)
        return w[order], y[order]

    def __repr__(self) -> str:
        return f"<Surface {self.name!r}: {self.model_name()}: {', '.join(self._tables) or 'empty'}>"

    def model_name(self) -> str:
        """The model's name; Chroma's numbers 0-3 are understood."""
        if isinstance(self.model, str):
            return self.model
        if isinstance(self.model, int) and self.model in _SURFACE_MODELS:
            return _SURFACE_MODELS[self.model]
        raise InvalidArgument(
            f"surface {self.name!r} has model {self.model!r} "
            "(numbers above 3 mean different things in different codes: give the model's name)"
        )

    def _spec(self) -> _capi.SurfaceSpec:
        from chroma2 import _capi

        if self.faces not in self.FACES:
            raise InvalidArgument(
                f"surface {self.name!r} has faces {self.faces!r} (one of {', '.join(self.FACES)})"
            )
        tables = {k: _table(v) for k, v in self._tables.items()}
        return _capi.SurfaceSpec(
            self.name,
            self.model_name(),
            {k: v for k, v in tables.items() if not k.endswith("_cdf")},
            tables.get("reemission_cdf"),
            tables.get("reemission_delay_cdf"),
            self.FACES.index(self.faces),
            self._values,
            self._angles,
            {k: [_table(row) for row in rows] for k, rows in self._angle_tables.items()},
        )


def surface_models() -> list[dict[str, Any]]:
    """Every surface model: name, meaning, and the tables, angle tables and values that it uses."""
    from chroma2 import _capi

    return _capi.surface_models()
