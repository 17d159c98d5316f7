# SPDX-License-Identifier: BSD-3-Clause
"""What to simulate: an event's photons, its limits, and what to keep of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import compress
from operator import attrgetter, is_, is_not
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chroma2 import _capi
from chroma2.errors import InvalidArgument, InvalidType
from chroma2.photons import Photons
from chroma2.sources import Source, flatten

if TYPE_CHECKING:
    from chroma2.detector import Detector, Scene
    from chroma2.result import Hits, Part

KEEP: Final = {"hits": 1, "photons_end": 2, "photon_tracks": 4, "tracks": 4}
"""Names for `EventDescriptor.keep`, and their bits in C."""


@dataclass
class EventDescriptor:
    """One event. Give `sources` or `photons`.

    sources        what `chroma2.sources` makes, or a list of it, nested in any way
    photons        a chroma2.Photons
    event_id       [0, 2^32 - 2]; None: the session's running number. Same id and seed, same light
    max_steps      steps after which a photon is given up, [1, 2^20)
    keep           any of "hits", "photons_end", "tracks" (or "photon_tracks")
    on_hits        called with the Hits of each block as soon as it has ended; the hits then go
                   there only. Called on the session's dispatch thread, serially; if it raises,
                   this event fails and no other
    on_block       the same for all that is kept, with a Part; not together with on_hits
    seed           None: the session's
    t0             ns, kept apart as float64: photon times are relative to it
    detector       a Detector or Scene; None: the session's
    first_photon, n_photons  a range of the event's photon ids, for shards; None: to the end
    track_photons  with "tracks": the ids to follow, those that there are; None: all
    ordered        False hands rows out as they come, the same set in another order
    user_tag       [0, 2^64), travels untouched
    block_log2     a block is 2^block_log2 photons, [7, 20]
    use_weights    absorption and detection take from the photons' weights: a photon may leave many
                   hits, and sums of their weights have the same expectations
    scatter_first  1: the first step of every photon scatters, -1: it does not, with the weight of
                   that; 0: by chance. Both need Session(weights=True)
    prescale       (0, 1]: sources make this share of their photons, n and Poisson means alike;
                   rows keep their weight, and `result.prescale` says what to divide counts by.
                   Not with `photons`
    keep_pinned    the result's arrays are the session's own pinned memory, without a copy, as far
                   as that goes (`result.is_pinned`). Each such result holds a buffer from
                   submission until it and its arrays are gone; if all are held, submitting raises
                   ResultsHeld. Not together with on_hits or on_block
    keep_on_device the result's columns stay on the session's device, as `DeviceColumn`s, which
                   CuPy, PyTorch and others take without a copy, and which `to_host` copies; on the
                   CPU they lie in ordinary memory. The memory is set aside (`Session`'s
                   device_result_bytes) and held until result and columns are gone: rows that find
                   no room in it fail the event, with ResultsHeld if others hold it, else with
                   OutOfMemory. Not together with keep_pinned, on_hits or on_block

    Raises InvalidArgument and InvalidType, naming the field, the value and the rule.
    """

    sources: Any = None
    photons: Photons | None = None
    event_id: int | None = None
    max_steps: int = 1000
    keep: Sequence[str] = ("hits",)
    on_hits: Callable[[Hits], None] | None = None
    on_block: Callable[[Part], None] | None = None
    seed: int | None = None
    t0: float = 0.0
    detector: Detector | Scene | None = None
    first_photon: int = 0
    n_photons: int | None = None
    track_photons: ArrayLike | None = None
    ordered: bool = True
    user_tag: int = 0
    block_log2: int = 20
    use_weights: bool = False
    scatter_first: int = 0
    prescale: float = 1.0
    keep_pinned: bool = False
    keep_on_device: bool = False

    def __post_init__(self) -> None:
        self.validate()

    def validate(self) -> None:
        """Checks every field; called again on submission if one was changed since."""
        if (self.sources is None) == (self.photons is None):
            raise InvalidArgument("give either sources or photons")
        self._flat: list[Source] = [] if self.sources is None else flatten(self.sources)
        if self.photons is not None:
            self._validate_photons()
        elif not self._flat:
            raise InvalidArgument("sources is empty (an event needs at least one)")
        self._tracks: NDArray[np.uint64] | None = None
        self._numbers: Mapping[str, int | float] = _capi.NO_NUMBERS
        self._checked: tuple[Any, ...] = _values(self)
        if not all(map(is_, self._checked[2:], _USUAL[2:])):
            self._validate_changes()

    def _validate_photons(self) -> None:
        if not isinstance(self.photons, Photons):
            raise InvalidType(
                f"photons is a {type(self.photons).__name__} (it must be a chroma2.Photons)"
            )
        if len(self.photons) == 0:
            raise InvalidArgument("photons is empty (an event needs at least one)")
        if self.prescale != 1.0:
            raise InvalidArgument(
                f"prescale is {self.prescale} with photons (it scales what sources make). "
                "Give fewer photons?"
            )

    def _validate_changes(self) -> None:
        """Checks what is not at its default: nothing but the light, in most small events."""
        if isinstance(self.keep, str):
            self.keep = (self.keep,)
        self._numbers = numbers = {}
        for name in compress(_FIELDS, map(is_not, self._checked, _USUAL)):
            if name in _RULES:
                _RULES[name](name, getattr(self, name))
                numbers[_NUMBERS[name]] = self._number(name)
        if self.keep_pinned and self.keep_on_device:
            raise InvalidArgument("give keep_pinned or keep_on_device, not both")
        if self.on_hits is not None or self.on_block is not None:
            self._validate_callbacks()
        if self.track_photons is not None:
            if not (self.keep_bits() & KEEP["photon_tracks"]):
                raise InvalidArgument("track_photons needs 'tracks' in keep")
            self._tracks = photon_ids("track_photons", self.track_photons)

    def _require_valid(self) -> None:
        """Checks again what may have changed: many small events are submitted as they were made."""
        is_unchanged = (
            all(map(is_, self._checked, _values(self)))
            and (self.sources is None or self.sources == self._flat)
            and type(self.keep) is tuple
            and self.track_photons is None
        )
        if not is_unchanged:
            self.validate()

    def _number(self, name: str) -> int | float:
        """A field that is not at its default, as C wants it."""
        value = getattr(self, name)
        if name == "keep":
            return self.keep_bits()
        if name == "ordered":
            return int(not value)
        return float(value) if name in ("t0", "prescale") else int(value)

    def _validate_callbacks(self) -> None:
        for name in ("on_hits", "on_block"):
            value = getattr(self, name)
            if value is not None and not callable(value):
                raise InvalidType(f"{name} is {value!r} (it must be callable)")
        if self.on_hits is not None and self.on_block is not None:
            raise InvalidArgument("give on_hits or on_block, not both")
        for name in ("keep_pinned", "keep_on_device"):
            if getattr(self, name):
                raise InvalidArgument(f"{name} is for results: rows go to on_hits or on_block here")
        if self.on_hits is not None and "hits" not in self.keep:
            raise InvalidArgument("on_hits needs 'hits' in keep")

    def keep_bits(self) -> int:
        """`keep` as C wants it."""
        bits = 0
        for name in self.keep:
            bits |= KEEP[name]
        return bits

    def source_list(self) -> list[Source]:
        """The sources as one flat list; empty if the event has photons."""
        return list(self._flat)

    def _spec(self, scene: Scene, other: Scene | None) -> _capi.EventSpec:
        """What C needs; `scene` is the one that counts, `other` it again if not the session's."""
        photons = self.photons
        return _capi.EventSpec(
            self._numbers,
            None if other is None else other._handle,
            [s._image(scene) for s in self._flat] if photons is None else None,
            0 if photons is None else len(photons),
            _capi.NO_COLUMNS if photons is None else photons._batch(),
            self._tracks,
        )


def photon_ids(name: str, values: ArrayLike) -> NDArray[np.uint64]:
    """Photon ids [n] as uint64, checked."""
    ids = np.atleast_1d(np.asarray(values))
    if ids.ndim != 1 or len(ids) == 0:
        raise InvalidArgument(f"{name} has shape {ids.shape} (it must be [n], n > 0)")
    if ids.dtype.kind not in "iu":
        raise InvalidType(f"{name} is {ids.dtype} (it must hold integers)")
    bad = np.flatnonzero((ids < 0) | (ids >= 2**40))
    if len(bad):
        raise InvalidArgument(f"{name}[{bad[0]}] is {ids[bad[0]]} (it must lie in [0, 2^40))")
    return ids.astype(np.uint64)


def _truth(name: str, value: Any) -> None:
    if not isinstance(value, (bool, np.bool_)):
        raise InvalidType(f"{name} is {value!r} (it must be True or False)")


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise InvalidType(f"{name} is {value!r} (it must be a number)")
    return float(value)


def _whole(name: str, value: Any, low: int, high: int) -> None:
    if type(value) is int and low <= value <= high:
        return
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise InvalidType(f"{name} is {value!r} (it must be a whole number)")
    if not low <= value <= high:
        raise InvalidArgument(f"{name} is {value} (it must lie in [{low}, {high}])")


def _names(name: str, value: Any) -> None:
    if not isinstance(value, Iterable):
        raise InvalidType(f"{name} is {value!r} (it must hold names)")
    for part in value:
        if part not in KEEP:
            raise InvalidArgument(f"{name} holds {part!r} (it may hold {', '.join(KEEP)})")


def _finite(name: str, value: Any) -> None:
    if not math.isfinite(_number(name, value)):
        raise InvalidArgument(f"{name} is {value} (it must be finite)")


def _share(name: str, value: Any) -> None:
    if not 0.0 < _number(name, value) <= 1.0:
        raise InvalidArgument(f"{name} is {value} (it must lie in (0, 1])")


def _within(low: int, high: int) -> Callable[[str, Any], None]:
    return lambda name, value: _whole(name, value, low, high)


_RULES: Final[dict[str, Callable[[str, Any], None]]] = {
    "keep": _names,
    "event_id": _within(0, 2**32 - 2),
    "max_steps": _within(1, 2**20 - 1),
    "seed": _within(0, 2**64 - 1),
    "first_photon": _within(0, 2**40 - 1),
    "n_photons": _within(1, 2**40),
    "user_tag": _within(0, 2**64 - 1),
    "block_log2": _within(7, 20),
    "scatter_first": _within(-1, 1),
    "use_weights": _truth,
    "ordered": _truth,
    "keep_pinned": _truth,
    "keep_on_device": _truth,
    "t0": _finite,
    "prescale": _share,
}
"""What a field that is not at its default must obey."""

_NUMBERS: Final = {
    "t0": "t0_ns",
    "ordered": "order",
    **{name: name for name in _RULES if name not in ("t0", "ordered")},
}
"""Fields that are numbers in C, and their names there. The defaults are C's own."""

_FIELDS: Final = tuple(f.name for f in fields(EventDescriptor) if f.init)
_USUAL: Final = tuple(f.default for f in fields(EventDescriptor) if f.init)
"""Fields in their order, and their defaults."""

_values: Final[Callable[[EventDescriptor], tuple[Any, ...]]] = attrgetter(*_FIELDS)
