# SPDX-License-Identifier: BSD-3-Clause
"""Photons as arrays: what goes in, under Chroma's names and in Chroma's order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chroma2 import interop
from chroma2.errors import InvalidArgument, InvalidType, Unsupported

if TYPE_CHECKING:
    from chroma2 import _capi

Float32 = NDArray[np.float32]
Index = slice | NDArray[Any] | list[int]


class Photons:
    """n photons.

    pos                 [n, 3] mm
    dir                 [n, 3], of any length > 0; None: isotropic, made on the device
    pol                 [n, 3]; None: random, perpendicular to dir
    wavelengths         [n] or one number, nm, > 0
    t                   [n] or one number, ns, relative to the event's t0; default 0
    last_hit_triangles  [n] int32, default -1; not read when photons start
    flags               [n] uint32 history words, default 0; ended photons come back unchanged
    weights             [n], default 1; only 1 can be tracked in this version
    evidx, channel      [n] uint32 / int32, default 0 / -1; not read when photons start

    Arrays are NumPy's, whatever NumPy reads, or of other libraries, by DLPack. They are kept as
    given if they are float32 already, else converted. An event copies arrays that can be written
    to; arrays set read-only (`freeze`) are used where they lie.

    Arrays on a CUDA device (CuPy, PyTorch, ...; anything with ``__dlpack__`` or
    ``__cuda_array_interface__``) stay there and are used where they lie, by sessions on that
    device: then all of pos, dir, pol, wavelengths, t and flags that are given must lie on it. Work
    of theirs that is still running is waited for, on the device; they must stay as they are until
    the event has ended.

    Raises InvalidArgument (shapes), InvalidType and Unsupported; values are checked on submission.
    """

    __slots__ = (
        "channel",
        "device",
        "dir",
        "evidx",
        "flags",
        "last_hit_triangles",
        "pol",
        "pos",
        "t",
        "wavelengths",
        "weights",
    )

    def __init__(
        self,
        pos: ArrayLike = (),
        dir: ArrayLike | None = None,
        pol: ArrayLike | None = None,
        wavelengths: ArrayLike | None = None,
        t: ArrayLike | None = None,
        last_hit_triangles: ArrayLike | None = None,
        flags: ArrayLike | None = None,
        weights: ArrayLike | None = None,
        evidx: ArrayLike | None = None,
        channel: ArrayLike | None = None,
    ) -> None:
        given = {"pos": pos, "dir": dir, "pol": pol, "wavelengths": wavelengths, "t": t}
        given["flags"] = flags
        read = {n: interop.read(n, values) for n, values in given.items() if values is not None}
        pos, dir, pol, wavelengths, t, flags = map(read.get, given)  # type: ignore[assignment]
        self.device: int | None = _device_of(read)
        """The CUDA device that the arrays lie on; None: the host."""
        self.pos: Float32 = _vectors("pos", pos, None)
        n = len(self.pos)
        if wavelengths is None and n:
            raise InvalidArgument("wavelengths is missing (every photon needs one, nm)")
        self.dir: Float32 | None = None if dir is None else _vectors("dir", dir, n)
        self.pol: Float32 | None = None if pol is None else _vectors("pol", pol, n)
        self.wavelengths: Float32 = _scalars("wavelengths", wavelengths, n, np.float32, 0)
        self.t: Float32 = _scalars("t", t, n, np.float32, 0)
        self.last_hit_triangles: NDArray[np.int32] = _scalars(
            "last_hit_triangles", last_hit_triangles, n, np.int32, -1
        )
        self.flags: NDArray[np.uint32] = _scalars("flags", flags, n, np.uint32, 0)
        self.weights: Float32 = _scalars("weights", weights, n, np.float32, 1)
        self.evidx: NDArray[np.uint32] = _scalars("evidx", evidx, n, np.uint32, 0)
        self.channel: NDArray[np.int32] = _scalars("channel", channel, n, np.int32, -1)

    def __len__(self) -> int:
        return len(self.pos)

    def __getitem__(self, index: Index) -> Photons:
        """Some of the photons: a slice, a mask [n] or indices."""
        if isinstance(index, (int, np.integer)):
            index = slice(index, index + 1 or None)
        columns: list[Any] = [None if v is None else v[index] for v in self._columns()]
        return Photons(*columns)

    def __add__(self, other: Photons) -> Photons:
        if not isinstance(other, Photons):
            return NotImplemented
        return Photons.join([self, other])

    @classmethod
    def join(cls, parts: Iterable[Photons], concatenate: bool = True) -> Photons:
        """All photons of several sets, in order. Directions (polarizations) must be given in all
        of them or in none."""
        sets = [p for p in parts if len(p)] or [cls()]
        columns: list[Any] = []
        for name, values in zip(
            cls._names(), zip(*(p._columns() for p in sets), strict=True), strict=True
        ):
            absent = [v is None for v in values]
            if any(absent) and not all(absent):
                raise InvalidArgument(
                    f"{name} is given in some sets and absent in others "
                    "(photons with and without cannot be one set)"
                )
            columns.append(None if absent[0] else np.concatenate(values))
        return cls(*columns)

    @staticmethod
    def _names() -> tuple[str, ...]:
        return (
            "pos",
            "dir",
            "pol",
            "wavelengths",
            "t",
            "last_hit_triangles",
            "flags",
            "weights",
            "evidx",
            "channel",
        )

    def _columns(self) -> tuple[Any, ...]:
        if self.device is not None:
            raise Unsupported(f"these photons lie on device {self.device} (do it with its arrays)")
        return tuple(getattr(self, name) for name in self._names())

    def reduced(self, reduction_factor: float = 1.0, seed: int = 0) -> Photons:
        """A random share of the photons, in order; the same seed gives the same ones."""
        if not 0 <= reduction_factor <= 1:
            raise InvalidArgument(f"reduction_factor is {reduction_factor} (it must lie in [0, 1])")
        n = round(len(self) * reduction_factor)
        chosen = np.random.default_rng(seed).permutation(len(self))[:n]
        return self[np.sort(chosen)]

    def freeze(self) -> Photons:
        """Makes the arrays read-only, so that events use them where they lie; returns self."""
        for values in self._columns() if self.device is None else ():
            if values is not None:
                values.setflags(write=False)
        return self

    def __repr__(self) -> str:
        absent = [name for name in ("dir", "pol") if getattr(self, name) is None]
        note = f", {' and '.join(absent)} made on the device" if absent else ""
        note += "" if self.device is None else f", on device {self.device}"
        return f"<Photons: {len(self):,}{note}>"

    def _batch(self) -> dict[str, _capi.ColumnSpec]:
        """The columns that an event reads, safe from later changes."""
        from chroma2 import _capi

        heavy = np.flatnonzero(self.weights != 1)
        if len(heavy):
            i = heavy[0]
            raise Unsupported(
                f"weights[{i}] is {self.weights[i]} (this version tracks weights of 1 only)"
            )
        columns: dict[str, Any] = {
            "position": self.pos,
            "direction": self.dir,
            "polarization": self.pol,
            "wavelength": self.wavelengths,
        }
        if isinstance(self.t, interop.DeviceArray) or np.any(self.t != 0):
            columns["time"] = self.t
        if isinstance(self.flags, interop.DeviceArray) or np.any(self.flags):
            columns["history"] = self.flags
        given = {name: values for name, values in columns.items() if values is not None}
        if self.device is None:
            return {
                name: _capi.ColumnSpec(values.copy() if values.flags.writeable else values)
                for name, values in given.items()
            }
        return {
            name: _capi.ColumnSpec(values)
            for name, values in given.items()
            if isinstance(values, interop.DeviceArray)
        }


def _device_of(read: dict[str, NDArray[Any] | interop.DeviceArray]) -> int | None:
    """The device that all of the arrays lie on, None if that is the host."""
    places = {
        name: array.device if isinstance(array, interop.DeviceArray) else None
        for name, array in read.items()
    }
    different = sorted(set(places.values()), key=str)
    if len(different) > 1:
        found = ", ".join(
            f"{name} on {'the host' if place is None else f'device {place}'}"
            for name, place in places.items()
        )
        raise InvalidArgument(f"the arrays lie in different places: {found} (one place is needed)")
    return different[0] if different else None


def _device_array(name: str, a: interop.DeviceArray, dtype: Any) -> interop.DeviceArray:
    kinds = ("float32", "float64") if np.dtype(dtype).kind == "f" else (np.dtype(dtype).name,)
    if a.dtype.name not in kinds or not a.dtype.isnative:
        raise InvalidType(f"{name} is {a.dtype} (on a device it must hold {' or '.join(kinds)})")
    return a


def _convert(name: str, values: ArrayLike, dtype: Any) -> Any:
    a = interop.read(name, values)
    if isinstance(a, interop.DeviceArray):
        return _device_array(name, a, dtype)
    wish = np.dtype(dtype)
    kinds = "iuf" if wish.kind == "f" else "iu"
    if a.size and a.dtype.kind not in kinds:
        raise InvalidType(f"{name} is {a.dtype} (it must hold {wish.name})")
    if wish.kind in "iu" and a.size and a.dtype != wish:
        limits = np.iinfo(wish)
        bad = np.flatnonzero((a.reshape(-1) < limits.min) | (a.reshape(-1) > limits.max))
        if len(bad):
            raise InvalidArgument(
                f"{name}[{bad[0]}] is {a.reshape(-1)[bad[0]]} (it must fit {wish.name})"
            )
    with np.errstate(over="ignore"):
        return np.asarray(a, dtype=wish)


def _vectors(name: str, values: ArrayLike, n: int | None) -> Any:
    a = _convert(name, values, np.float32)
    if isinstance(a, np.ndarray) and a.size == 0 and a.ndim <= 2:
        a = a.reshape(0, 3)
    wish = "[n, 3]" if n is None else f"[{n}, 3]"
    if len(a.shape) != 2 or a.shape[1] != 3 or (n is not None and a.shape[0] != n):
        raise InvalidArgument(f"{name} has shape {list(a.shape)} (it must be {wish})")
    return a


def _scalars(name: str, values: ArrayLike | None, n: int, dtype: Any, default: float) -> Any:
    if values is None:
        return np.full(n, default, dtype=dtype)
    a = _convert(name, values, dtype)
    if isinstance(a, np.ndarray) and a.ndim == 0:
        return np.full(n, a, dtype=dtype)
    if a.shape != (n,):
        raise InvalidArgument(f"{name} has shape {list(a.shape)} (it must be [{n}])")
    return a
