# SPDX-License-Identifier: BSD-3-Clause
"""What comes back of an event: tables of photons, the ledger, and quick looks."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from chroma2 import history
from chroma2.errors import InvalidArgument, require
from chroma2.photons import Photons

if TYPE_CHECKING:
    import awkward
    import pandas
    from matplotlib.figure import Figure

    from chroma2 import _capi
    from chroma2.detector import Scene

Array = NDArray[Any]


class Table(Mapping[str, Array]):
    """Rows of photons as named columns, each an attribute: ``table.pos``, ``table["t"]``.

    pos [n, 3] mm, dir, pol [n, 3], wavelengths [n] nm, t [n] ns, flags [n] uint32 history bits,
    weights [n], last_hit_triangles [n] int32 (-1 none), evidx [n] event id, n_steps [n],
    photon_id [n] uint64, lineage [n] (0 primary), source_index [n]

    The arrays are views of the result's memory, which lives as long as any of them. Of an event
    with keep_on_device they are `DeviceColumn`s; `to_host` makes NumPy arrays of them.
    """

    name = "photons"

    pos: NDArray[np.float32]
    dir: NDArray[np.float32]
    pol: NDArray[np.float32]
    wavelengths: NDArray[np.float32]
    t: NDArray[np.float32]
    flags: NDArray[np.uint32]
    weights: NDArray[np.float32]
    last_hit_triangles: NDArray[np.int32]
    evidx: NDArray[np.uint32]
    n_steps: NDArray[np.uint32]
    photon_id: NDArray[np.uint64]
    lineage: NDArray[np.uint32]
    source_index: NDArray[np.uint32]

    def __init__(self, columns: Mapping[str, _capi.Column]) -> None:
        self._columns = columns

    def __getattr__(self, name: str) -> Any:
        columns = self.__dict__.get("_columns", {})  # absent while a copy is being made
        if name not in columns:
            raise AttributeError(f"{type(self).__name__} has no attribute or column {name!r}")
        data = self.__dict__[name] = columns[name].data
        return data

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._columns]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(self._columns)

    @property
    def units(self) -> dict[str, str]:
        """Unit of every column; "1" if it has none."""
        return {name: c.unit for name, c in self._columns.items()}

    @property
    def meanings(self) -> dict[str, str]:
        """One sentence on every column."""
        return {name: c.meaning for name, c in self._columns.items()}

    @property
    def is_on_device(self) -> bool:
        """The columns stay where the session's device has them."""
        return bool(getattr(self._columns, "is_on_device", False))

    def to_host(self) -> Self:
        """The rows as NumPy arrays: a copy of those on a device, itself if it has such already."""
        if not self.is_on_device:
            return self
        return self._with([c._replace(data=np.asarray(c.data)) for c in self._columns.values()])

    def __len__(self) -> int:
        n_rows: int | None = getattr(self._columns, "n_rows", None)
        if n_rows is None:
            return next((len(column.data) for column in self._columns.values()), 0)
        return n_rows

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def __getitem__(self, key: Any) -> Any:
        """A column by name, or a table of some rows by slice, mask or indices."""
        if isinstance(key, str):
            if key not in self._columns:
                raise KeyError(f"{key} (the columns are {', '.join(self._columns)})")
            return self._columns[key].data
        if isinstance(key, (int, np.integer)):
            key = slice(key, key + 1 or None)
        return self._with([c._replace(data=c.data[key]) for c in self._columns.values()])

    def _with(self, columns: Sequence[_capi.Column]) -> Self:
        return type(self)(dict(zip(self._columns, columns, strict=True)))

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """The rows of several tables of one kind, in order."""
        first = parts[0]
        return cls(
            {
                name: column._replace(data=np.concatenate([p[name] for p in parts]))
                for name, column in first._columns.items()
            }
        )

    def flag_names(self) -> list[str]:
        """The history of every row in words: ``"SURFACE_DETECT|RAYLEIGH_SCATTER"``."""
        words, inverse = np.unique(self.flags, return_inverse=True)
        names = [history.flag_names(int(w)) for w in words]
        return [names[i] for i in inverse.reshape(-1)]

    def to_opticks(self) -> NDArray[np.uint32]:
        """The history of every row as an Opticks flag mask."""
        return history.to_opticks(self.flags)

    def to_photons(self) -> Photons:
        """The rows as photons that an event can start from; weights are kept, flags too.

        Columns that photons start with stay on their device.
        """
        extra = [np.asarray(self._columns["channel"].data)] if "channel" in self else []
        return Photons(
            self.pos,
            self.dir,
            self.pol,
            self.wavelengths,
            self.t,
            np.asarray(self.last_hit_triangles),
            self.flags,
            np.asarray(self.weights),
            np.asarray(self.evidx),
            *extra,
        )

    def flat_columns(self) -> dict[str, Array]:
        """Columns of one number a row: ``pos`` becomes ``pos_x``, ``pos_y``, ``pos_z``."""
        out: dict[str, Array] = {}
        for name, values in self._arrays():
            if values.ndim == 1:
                out[name] = values
            else:
                for i, axis in enumerate("xyz"):
                    out[f"{name}_{axis}"] = values[:, i]
        return out

    def _arrays(self) -> Iterator[tuple[str, Array]]:
        """Names and values of the columns, on the host."""
        return ((name, np.asarray(column.data)) for name, column in self._columns.items())

    def to_pandas(self) -> pandas.DataFrame:
        """A pandas.DataFrame of the flat columns."""
        try:
            import pandas
        except ImportError:
            raise require("pandas", "all", "to_pandas") from None
        return pandas.DataFrame(self.flat_columns())

    def to_awkward(self) -> awkward.Array:
        """An awkward.Array of records; vectors are records of x, y, z."""
        try:
            import awkward
        except ImportError:
            raise require("awkward", "root", "to_awkward") from None
        return awkward.zip(
            {
                name: values
                if values.ndim == 1
                else awkward.zip({axis: values[:, i] for i, axis in enumerate("xyz")})
                for name, values in self._arrays()
            },
            depth_limit=1,
        )

    def to_parquet(self, path: str | os.PathLike[str]) -> None:
        """Writes the flat columns, units in the field metadata, to a Parquet file."""
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            raise require("pyarrow", "parquet", "to_parquet") from None
        fields, arrays = [], []
        for name, values in self.flat_columns().items():
            base = name if name in self._columns else name[:-2]
            unit = self._columns[base].unit
            array = pyarrow.array(np.ascontiguousarray(values))
            arrays.append(array)
            fields.append(pyarrow.field(name, array.type, metadata={"unit": unit}))
        table = pyarrow.Table.from_arrays(arrays, schema=pyarrow.schema(fields))
        pyarrow.parquet.write_table(table, os.fspath(path))

    def to_root(self, path: str | os.PathLike[str], tree: str | None = None) -> None:
        """Writes the flat columns as a TTree (default name: the table's) to a ROOT file."""
        try:
            import uproot
        except ImportError:
            raise require("uproot", "root", "to_root") from None
        columns = {k: np.ascontiguousarray(v) for k, v in self.flat_columns().items()}
        with uproot.recreate(os.fspath(path)) as file:
            made = file.mktree(tree or self.name, {k: v.dtype for k, v in columns.items()})
            if len(self):
                made.extend(columns)

    def __repr__(self) -> str:
        units = ", ".join(
            name if c.unit == "1" else f"{name} [{c.unit}]" for name, c in self._columns.items()
        )
        return f"<{type(self).__name__}: {len(self):,} rows of {units}>"

    __hash__ = None  # type: ignore[assignment]


class ChannelHits(NamedTuple):
    """Per channel, [n_channels]: was it hit, earliest time (ns), photons detected, flags OR-ed."""

    hit: NDArray[np.bool_]
    t: NDArray[np.float32]
    q: NDArray[np.float32]
    flags: NDArray[np.uint32]

    def hit_channels(self) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]:
        """(channel indices, times, charges) of the channels that were hit."""
        index = np.flatnonzero(self.hit)
        return index, self.t[index], self.q[index]


class Hits(Table):
    """Photons detected on a channel: the columns of a `Table`, and

    channel  [n] int32, channel index: the place in channel arrays
    """

    name = "hits"

    channel: NDArray[np.int32]

    def by_channel(self) -> dict[int, Hits]:
        """{channel index: its hits}, for the channels that were hit."""
        if self.is_on_device:
            return self.to_host().by_channel()
        order = np.argsort(self.channel, kind="stable")
        channels, first = np.unique(self.channel[order], return_index=True)
        return {
            int(c): self[rows] for c, rows in zip(channels, np.split(order, first[1:]), strict=True)
        }

    def channels(self, n_channels: int | None = None) -> ChannelHits:
        """Earliest time, number of photons and flags of every channel: no jitter, unit charge.

        n_channels  default: one more than the highest channel that was hit
        """
        if self.is_on_device:
            return self.to_host().channels(n_channels)
        n = int(self.channel.max(initial=-1)) + 1 if n_channels is None else n_channels
        t = np.full(n, np.inf, np.float32)
        q = np.zeros(n, np.float32)
        flags = np.zeros(n, np.uint32)
        np.minimum.at(t, self.channel, self.t)
        np.add.at(q, self.channel, self.weights)
        np.bitwise_or.at(flags, self.channel, self.flags)
        hit = np.isfinite(t)
        return ChannelHits(hit, t, q, flags)


class PhotonsEnd(Table):
    """The last state of every photon, in order of photon id and lineage."""

    name = "photons_end"


class Tracks(Table):
    """The state of photons after every step, step 0 the start: the columns of a `Table`, and

    process  [n] what happened in this step, 65535 for the start; `process_names` in words
    medium   [n] number of the material that the photon goes on in, -1 before the first boundary is
             known; `medium_names` in words

    media    names of the detector's materials by number; () if they are not known
    """

    name = "photon_tracks"

    process: NDArray[np.uint32]
    medium: NDArray[np.int32]

    def __init__(self, columns: Mapping[str, _capi.Column], media: Sequence[str] = ()) -> None:
        super().__init__(columns)
        self.media = tuple(media)

    def _with(self, columns: Sequence[_capi.Column]) -> Self:
        return type(self)(dict(zip(self._columns, columns, strict=True)), self.media)

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """The rows of several tables of one detector, in order."""
        joined = super().concatenate(parts)
        joined.media = parts[0].media
        return joined

    def process_names(self) -> list[str]:
        """What happened in every row's step: ``"START"``, ``"RAYLEIGH"``, ``"REFRACT"``."""
        return [history.process_name(int(p)) for p in self.process]

    def medium_names(self) -> list[str]:
        """The material of every row; "" before the first boundary is known."""
        if not self.media and len(self):
            raise InvalidArgument("these tracks do not know their detector's materials")
        return [self.media[m] if m >= 0 else "" for m in self.medium]

    def sequences(self) -> dict[tuple[int, int], str]:
        """{(photon id, lineage): its history in Opticks' letters, in order: ``"TO BT SC SD"``}.

        Needs every step of a photon, as they come from an event. See `history.step_letters`.
        """
        return {
            key: " ".join(history.step_letters(track.process, track.flags, key[1]))
            for key, track in self.by_photon().items()
        }

    def by_photon(self) -> dict[tuple[int, int], Tracks]:
        """{(photon id, lineage): its steps in order}."""
        if self.is_on_device:
            return self.to_host().by_photon()
        order = np.lexsort((self.n_steps, self.lineage, self.photon_id))
        key = np.stack([self.photon_id[order], self.lineage[order].astype(np.uint64)], axis=1)
        if len(key) == 0:
            return {}
        cuts = np.flatnonzero(np.any(key[1:] != key[:-1], axis=1)) + 1
        return {
            (int(self.photon_id[rows[0]]), int(self.lineage[rows[0]])): self[rows]
            for rows in np.split(order, cuts)
        }


FATES: tuple[tuple[str, str], ...] = (
    ("surface_detect", "detected at a surface"),
    ("surface_absorb", "absorbed at a surface"),
    ("bulk_absorb", "absorbed in a medium"),
    ("no_hit", "left the world"),
    ("max_steps", "still alive at max_steps"),
    ("as_given", "came in ended"),
    ("stuck", "stuck"),
    ("lineage_full", "no room for its lineage"),
    ("nan_abort", "numerical fault"),
    ("cancelled", "cancelled"),
)
"""Fates of the ledger and what they mean."""


class Ledger:
    """Where all photons went: in_ + spawned = sum of fates + alive, always.

    in_, spawned, alive  photons
    the fates            `FATES`, as attributes
    steps, hits, medium_mismatches, wavelengths_clamped  counts
    """

    def __init__(self, values: Mapping[str, int]) -> None:
        self._values = dict(values)
        self.in_ = self._values["in"]

    def __getattr__(self, name: str) -> int:
        values: dict[str, int] = self.__dict__.get("_values", {})
        if name in values:
            return values[name]
        raise AttributeError(name)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._values]

    def __getitem__(self, name: str) -> int:
        return self._values[name]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ledger) and self._values == other._values

    __hash__ = None  # type: ignore[assignment]

    def to_dict(self) -> dict[str, int]:
        """Every number by its C name."""
        return dict(self._values)

    @property
    def n_photons(self) -> int:
        """All photons: started and spawned."""
        return self._values["in"] + self._values["spawned"]

    @property
    def fates(self) -> dict[str, int]:
        """{fate: photons that ended so}, in a fixed order."""
        return {name: self._values[name] for name, _ in FATES}

    @property
    def is_balanced(self) -> bool:
        """True if no photon was lost."""
        return self.n_photons == sum(self.fates.values()) + self._values["alive"]

    def _rows(self) -> list[tuple[str, int, float]]:
        total = max(1, self.n_photons)
        return [
            (meaning, self._values[name], self._values[name] / total)
            for name, meaning in FATES
            if self._values[name] or name in ("surface_detect", "no_hit")
        ]

    def table(self) -> str:
        """The fates as lines of text."""
        lines = [f"{'photons in':<28}{self._values['in']:>16,}"]
        if self._values["spawned"]:
            lines.append(f"{'born on the way':<28}{self._values['spawned']:>16,}")
        lines += [f"  {m:<26}{n:>16,}{100 * share:>9.3f} %" for m, n, share in self._rows()]
        if self._values["alive"]:
            lines.append(f"  {'still alive':<26}{self._values['alive']:>16,}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Ledger\n{self.table()}\n>"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{m}</td><td>{n:,}</td><td>{100 * share:.3f} %</td></tr>"
            for m, n, share in self._rows()
        )
        return (
            "<table><tr><th>fate</th><th>photons</th><th>share</th></tr>"
            f"{rows}<tr><th>in</th><th>{self._values['in']:,}</th><th></th></tr></table>"
        )


def _media(scene: Scene | None) -> tuple[str, ...]:
    """Names of a detector's materials, by number."""
    return () if scene is None else tuple(m.name for m in scene.materials)


class Part:
    """One block of an event that is still running: copies, free to keep.

    hits, photons_end, photon_tracks  tables; those not kept are empty
    """

    def __init__(self, handle: _capi.ResultHandle, scene: Scene | None = None) -> None:
        info = handle.info()
        self.hits = Hits(handle.columns("hits"))
        self.photons_end = PhotonsEnd(handle.columns("photons_end"))
        self.photon_tracks = Tracks(handle.columns("photon_tracks"), _media(scene))
        self.event_id = int(info["event_id"])
        self.first_photon = int(info["first_photon"])
        self.n_photons = int(info["n_photons"])
        self.user_tag = int(info["user_tag"])
        self.prescale = float(info["prescale"])

    def __repr__(self) -> str:
        return (
            f"<Part of event {self.event_id}: photons {self.first_photon:,} to "
            f"{self.first_photon + self.n_photons - 1:,}, {len(self.hits):,} hits>"
        )


class Result:
    """A finished event: tables, those not kept empty; the ledger; and what the event was.

    Everything is made when it is first asked for, so an event of which little is looked at costs
    little.
    """

    _collected: Sequence[Part] = ()  # what callbacks saw besides the hits
    _hits: Hits | None = None
    _photons_end: PhotonsEnd | None = None
    _photon_tracks: Tracks | None = None
    _ledger: Ledger | None = None
    _about: dict[str, Any] | None = None

    def __init__(
        self,
        handle: _capi.ResultHandle,
        scene: Scene | None = None,
        collected: Sequence[Part] = (),
    ) -> None:
        self._handle = handle
        self.scene = scene
        if collected:
            self._collected = collected

    @property
    def hits(self) -> Hits:
        """Photons detected on a channel."""
        if self._hits is None:
            self._hits = Hits(self._handle.columns("hits"))
        return self._hits

    @property
    def photons_end(self) -> PhotonsEnd:
        """The last state of every photon."""
        if self._photons_end is None:
            if self._collected:
                parts = [p.photons_end for p in self._collected]
                self._photons_end = PhotonsEnd.concatenate(parts)
            else:
                self._photons_end = PhotonsEnd(self._handle.columns("photons_end"))
        return self._photons_end

    @property
    def photon_tracks(self) -> Tracks:
        """The state of photons after every step."""
        if self._photon_tracks is None:
            if self._collected:
                parts = [p.photon_tracks for p in self._collected]
                self._photon_tracks = Tracks.concatenate(parts)
            else:
                columns = self._handle.columns("photon_tracks")
                self._photon_tracks = Tracks(columns, _media(self.scene))
        return self._photon_tracks

    @property
    def ledger(self) -> Ledger:
        """Where all photons went."""
        if self._ledger is None:
            self._ledger = Ledger(self._handle.ledger())
        return self._ledger

    @property
    def _info(self) -> dict[str, Any]:
        if self._about is None:
            self._about = self._handle.info()
        return self._about

    @property
    def event_id(self) -> int:
        """As given, or the session's running number."""
        return int(self._info["event_id"])

    @property
    def user_tag(self) -> int:
        """As given."""
        return int(self._info["user_tag"])

    @property
    def t0(self) -> float:
        """ns, as given."""
        return float(self._info["t0_ns"])

    @property
    def first_photon(self) -> int:
        """The first of the photon ids that were run."""
        return int(self._info["first_photon"])

    @property
    def n_photons(self) -> int:
        """How many were run, without secondaries."""
        return int(self._info["n_photons"])

    @property
    def wall_s(self) -> float:
        """Seconds from the first photon started to the last ended."""
        return float(self._info["wall_s"])

    @property
    def prescale(self) -> float:
        """Share of the light that was made: counts over it are those of all the light."""
        return float(self._info["prescale"])

    @property
    def is_pinned(self) -> bool:
        """True if the tables lie in the session's pinned memory: see keep_pinned of events."""
        return bool(self._info["is_pinned"])

    @property
    def is_on_device(self) -> bool:
        """True if the tables stay on the session's device: see keep_on_device of events."""
        return bool(self._info["is_on_device"])

    @property
    def memory_bytes(self) -> int:
        """Memory that the tables take."""
        return int(self._info["memory_bytes"])

    @property
    def flat_hits(self) -> Hits:
        """Chroma's name for `hits`."""
        return self.hits

    @property
    def channels(self) -> ChannelHits:
        """Earliest time, number of photons and flags of every channel of the detector."""
        n = self.scene.num_channels if self.scene is not None else None
        return self.hits.channels(n)

    def plot(self, path: str | os.PathLike[str] | None = None) -> Figure:
        """A picture of the hits: unrolled map, times, summary; needs matplotlib (extra `plot`).

        path  writes it there as well (png, pdf, svg)
        Returns the matplotlib figure.
        """
        from chroma2 import plot

        if self.scene is None:
            raise InvalidArgument("this result does not know its detector")
        figure = plot.event_figure(self.hits, self.scene.channels.position, self.summary())
        if path is not None:
            figure.savefig(os.fspath(path))
        return figure

    def summary(self) -> dict[str, str]:
        """A few lines about the event, for people."""
        n = self.ledger.n_photons
        rate = n / self.wall_s if self.wall_s > 0 else float("nan")
        channels = len(np.unique(self.hits.channel))
        total = f" of {self.scene.num_channels:,}" if self.scene is not None else ""
        scale = {} if self.prescale == 1.0 else {"prescale": f"{self.prescale:g}"}
        return {
            "event": f"{self.event_id}",
            "photons": f"{n:,}",
            **scale,
            "steps per photon": f"{self.ledger.steps / max(1, n):.2f}",
            "photons per second": f"{rate:,.0f}",
            "hits": f"{len(self.hits):,}",
            "channels hit": f"{channels:,}{total}",
        }

    def __repr__(self) -> str:
        kept = [repr(t) for t in (self.hits, self.photons_end, self.photon_tracks) if len(t)]
        return (
            "\n  ".join(
                [
                    f"<Result of event {self.event_id}: {self.ledger.n_photons:,} photons, "
                    f"{self.ledger.hits:,} hits, {self.wall_s:.3f} s",
                    *kept,
                ]
            )
            + ">"
        )
