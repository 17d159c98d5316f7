# SPDX-License-Identifier: BSD-3-Clause
"""Results in HDF5: flat tables keyed by event_id and photon_id, and all that a replay needs.

While events stream in, every flush writes a segment: a file of its own, complete and closed, in
``<path>.segments/``. `Writer.close` joins them into one file at <path> and removes them. After a
crash `open_results` reads the segments as if they were that file.

Layout, schema version 1; units are attributes of every column:

    /                 format, schema_version, chroma2_version, created, is_complete, seed, physics,
                      switches, arithmetic, backend, device, scene_hash, detector, units
    /events/          event_id, seed, t0, max_steps, first_photon, n_photons, user_tag, wall_s,
                      use_weights, scatter_first, prescale,
                      keep, sources (row of /sources), and every number of the ledger
    /sources/         json: the light sources of an event; [] for an event from arrays
    /hits/            columns of Hits           /photons_end/  columns of PhotonsEnd
    /photon_tracks/   columns of Tracks         /start/        photons that events started from
    /channels/        position, channel_id, channel_type, solid_id
"""

from __future__ import annotations

import contextlib
import datetime
import errno
import json
import os
import pathlib
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from chroma2.errors import DiskFull, InvalidArgument, InvalidFile
from chroma2.history import PROCESSES, History
from chroma2.photons import Photons
from chroma2.result import Hits, Ledger, Part, PhotonsEnd, Result, Table, Tracks
from chroma2.sources import Source

if TYPE_CHECKING:
    from chroma2.event import EventDescriptor
    from chroma2.session import Session

FORMAT: Final = "chroma2 results"
SCHEMA_VERSION: Final = 1

KeepStart = Literal["hits", "all", "none"]

_CHUNK_ROWS: Final = 1 << 16
_UNITS: Final = "lengths in mm, times in ns, wavelengths in nm; '1' marks numbers without a unit"
_TABLES: Final[dict[str, type[Table]]] = {
    "hits": Hits,
    "photons_end": PhotonsEnd,
    "photon_tracks": Tracks,
}
_SESSION: Final = ("seed", "physics", "switches", "arithmetic", "backend", "device")
_START_UNITS: Final = {"pos": "mm", "wavelengths": "nm", "t": "ns"}


class _Column(NamedTuple):
    data: NDArray[Any]
    unit: str
    meaning: str


def _text(value: str, meaning: str) -> _Column:
    """A column of one string."""
    return _Column(np.array([value], dtype=object), "1", meaning)


def _rows(table: Table) -> dict[str, _Column]:
    """A table's columns; event_id takes the place of evidx."""
    out = {}
    for name in table.columns:
        key = "event_id" if name == "evidx" else name
        out[key] = _Column(table[name], table.units[name], table.meanings[name])
    return out


class EventSummary(NamedTuple):
    """What is written of an event beside its rows; see Result."""

    event_id: int
    t0: float
    first_photon: int
    n_photons: int
    user_tag: int
    wall_s: float
    prescale: float
    ledger: Ledger


class Writer:
    """Writes results of one session to <path>.

    path          the file; it must not exist, unless overwrite
    session       the session that makes the results
    keep_start    for events that started from arrays: "hits" stores the start of every photon that
                  made a hit, "all" of every photon, "none" nothing (then they cannot be replayed)
    flush_rows    rows that are gathered before a segment is written
    compression   None or "gzip": smaller and much slower
    resume        go on after so many segments that an interrupted writer left; later ones go

    Use `write(descriptor, result)` for finished events, or `add_hits` / `add_part` as callbacks of
    a running one and `write` at its end. A context manager; `close` joins the segments.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        session: Session,
        *,
        keep_start: KeepStart = "hits",
        flush_rows: int = 1 << 20,
        overwrite: bool = False,
        compression: str | None = None,
        attributes: Mapping[str, Any] | None = None,
        resume: int | None = None,
    ) -> None:
        if keep_start not in ("hits", "all", "none"):
            raise InvalidArgument(
                f"keep_start is {keep_start!r} (it must be 'hits', 'all' or 'none')"
            )
        self.path = pathlib.Path(path)
        self.segments = self.path.with_name(self.path.name + ".segments")
        for old in (self.path, self.segments):
            if old.exists() and not overwrite and resume is None:
                raise InvalidArgument(f"{old} exists (pass overwrite=True, or choose another name)")
        if self.segments.exists() and resume is None:
            shutil.rmtree(self.segments)
        self.segments.mkdir(parents=True, exist_ok=resume is not None)
        self.keep_start = keep_start
        self.flush_rows = flush_rows
        self.compression = compression
        info = session.info
        self.attributes: dict[str, Any] = {
            "format": FORMAT,
            "schema_version": SCHEMA_VERSION,
            "units": _UNITS,
            "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "scene_hash": session.scene.hash,
            "detector": session.scene.source,
            **{name: info[name] for name in _SESSION},
            **dict(attributes or {}),
        }
        from chroma2 import __version__

        self.attributes["chroma2_version"] = __version__
        self._channels = session.scene.channels
        self._media = [m.name for m in session.scene.materials]
        self._default_seed = int(info["seed"])
        self._pending: dict[str, list[dict[str, _Column]]] = {}
        self._pending_rows = 0
        self._n_segments = 0
        self._hit_ids: dict[int, list[NDArray[np.uint64]]] = {}
        self._source_rows: dict[str, int] = {}
        self._is_closed = False
        self._lock = threading.RLock()  # callbacks come from another thread than `write`
        if resume is not None:
            self._resume(resume)

    def _resume(self, n_segments: int) -> None:
        """Takes up segments that are there; what came after them goes."""
        import h5py

        for stray in self.segments.iterdir():
            if stray.suffix != ".h5" or int(stray.stem) >= n_segments:
                stray.unlink()
        for i in range(n_segments):
            path = self.segments / f"{i:06d}.h5"
            if not path.exists():
                raise InvalidFile(f"{path} is missing (the run had written {n_segments} segments)")
            with h5py.File(path, "r") as file:
                for text in file["sources/json"].asstr()[:] if "sources" in file else ():
                    self._source_rows.setdefault(text, len(self._source_rows))
        self._n_segments = n_segments

    @property
    def n_segments(self) -> int:
        """Segments that are closed and complete."""
        return self._n_segments

    # ---- adding

    def add_hits(self, hits: Hits) -> None:
        """Takes the hits of a block: usable as `on_hits`."""
        with self._lock:
            self._add_table("hits", hits)

    def add_part(self, part: Part | Result) -> None:
        """Takes all rows of a block, usable as `on_block`, or of a finished part of an event."""
        with self._lock:
            for name in _TABLES:
                self._add_table(name, getattr(part, name))

    def write(self, event: EventDescriptor, result: Result) -> None:
        """Takes a finished event: its row in /events, its starts, and the tables it still holds."""
        with self._lock:
            for name in _TABLES:
                self._add_table(name, getattr(result, name))
            self._add_start(event, result)
            self.end_event(
                event,
                EventSummary(*(getattr(result, name) for name in EventSummary._fields)),
            )

    def end_event(self, event: EventDescriptor, result: EventSummary) -> None:
        """Writes the event's row in /events, once all of its rows were added."""
        with self._lock:
            self._hit_ids.pop(result.event_id, None)
            seed = self._default_seed if event.seed is None else event.seed
            row: dict[str, tuple[Any, Any, str, str]] = {
                "event_id": (result.event_id, np.uint32, "1", "event id"),
                "seed": (seed, np.uint64, "1", "seed of its random numbers"),
                "t0": (result.t0, np.float64, "ns", "time that photon times are relative to"),
                "max_steps": (event.max_steps, np.uint32, "1", "steps a photon may make"),
                "first_photon": (
                    result.first_photon,
                    np.uint64,
                    "1",
                    "first photon id of the range",
                ),
                "n_photons": (result.n_photons, np.uint64, "1", "photon ids in the range"),
                "user_tag": (result.user_tag, np.uint64, "1", "the user's"),
                "wall_s": (result.wall_s, np.float64, "s", "from first start to last end"),
                "use_weights": (event.use_weights, np.uint32, "1", "1: photons have weights"),
                "scatter_first": (event.scatter_first, np.int32, "1", "1 forced, -1 forbidden, 0"),
                "prescale": (result.prescale, np.float64, "1", "share of the light that was made"),
            }
            for name, value in result.ledger.to_dict().items():
                row[f"ledger_{name}"] = (value, np.uint64, "1", "of the ledger")
            columns = {
                name: _Column(np.array([value], dtype), unit, meaning)
                for name, (value, dtype, unit, meaning) in row.items()
            }
            columns["sources"] = _Column(
                np.array([self._source_row(event)], np.uint32), "1", "row of /sources"
            )
            columns["keep"] = _text("|".join(event.keep), "what was kept")
            self._add("events", columns)
            self._flush_if_full()

    def _source_row(self, event: EventDescriptor) -> int:
        """The row of /sources that holds the event's; equal ones are stored once."""
        text = json.dumps([s.to_dict() for s in event.source_list()])
        if text not in self._source_rows:
            self._source_rows[text] = len(self._source_rows)
            self._add("sources", {"json": _text(text, "light sources of an event")})
        return self._source_rows[text]

    def _add_table(self, name: str, table: Table) -> None:
        if len(table) == 0:
            return
        table = table.to_host()
        if name == "hits" and self.keep_start == "hits":
            for event in np.unique(table.evidx):
                ids = table.photon_id[table.evidx == event]
                self._hit_ids.setdefault(int(event), []).append(np.unique(ids))
        self._add(name, _rows(table))
        self._flush_if_full()

    def _add_start(self, event: EventDescriptor, result: Result) -> None:
        photons = event.photons
        ids = self._hit_ids.pop(result.event_id, [])
        if photons is None or self.keep_start == "none":
            return
        if self.keep_start == "all":
            chosen = np.arange(
                result.first_photon, result.first_photon + result.n_photons, dtype=np.uint64
            )
        elif ids:
            chosen = np.unique(np.concatenate(ids))
        else:
            return
        some = photons[chosen.astype(np.int64)]
        columns = {
            "event_id": _Column(np.full(len(chosen), result.event_id, np.uint32), "1", "event id"),
            "photon_id": _Column(chosen, "1", "number of the primary in its event"),
        }
        for name in ("pos", "dir", "pol", "wavelengths", "t", "flags"):
            values = getattr(some, name)
            if values is None:  # made on the device: a row of zeros says so
                values = np.zeros((len(chosen), 3), np.float32)
            columns[name] = _Column(
                values, _START_UNITS.get(name, "1"), f"{name} as given; zeros: made on the device"
            )
        self._add("start", columns)

    def _add(self, table: str, columns: dict[str, _Column]) -> None:
        self._require_open()
        self._pending.setdefault(table, []).append(columns)
        self._pending_rows += len(next(iter(columns.values())).data)

    def _flush_if_full(self) -> None:
        if self._pending_rows >= self.flush_rows:
            self.flush()

    def _require_open(self) -> None:
        if self._is_closed:
            raise InvalidArgument(f"the writer of {self.path} is closed")

    # ---- writing

    def flush(self) -> None:
        """Writes what was gathered as a closed segment."""
        with self._lock:
            self._require_open()
            if not self._pending:
                return
            tables = {
                name: {
                    column: first._replace(
                        data=np.concatenate([part[column].data for part in parts])
                    )
                    for column, first in parts[0].items()
                }
                for name, parts in self._pending.items()
            }
            target = self.segments / f"{self._n_segments:06d}.h5"
            with _in_memory(target) as file:
                self._describe(file, complete=False)
                for name, columns in tables.items():
                    for column, value in columns.items():
                        _append(file, name, column, value, self.compression)
                if "photon_tracks" in file:
                    file["photon_tracks"]["medium"].attrs["names"] = json.dumps(self._media)
            self._n_segments += 1
            self._pending.clear()
            self._pending_rows = 0

    def close(self) -> None:
        """Joins all segments into <path> and removes them; a second call does nothing."""
        with self._lock:
            if self._is_closed:
                return
            self.flush()
            self._is_closed = True
            segments = sorted(self.segments.glob("*.h5"))
            with _on_disk(self.path, _size(segments)) as file:
                for segment in segments:
                    _join(file, segment, self.compression)
                self._describe(file, complete=True)
            shutil.rmtree(self.segments)

    def leave(self) -> None:
        """Ends without joining: the segments stay, for `resume` or `join_segments`. After `close`
        it does nothing."""
        with self._lock:
            self._is_closed = True
            self._pending.clear()

    def _describe(self, file: Any, *, complete: bool) -> None:
        for name, value in self.attributes.items():
            file.attrs[name] = value
        file.attrs["is_complete"] = complete
        if "channels" in file or len(self._channels) == 0:
            return
        c = self._channels
        for name, data, unit, meaning in (
            ("position", c.position, "mm", "place of the channel's solid"),
            ("channel_id", c.channel_id, "1", "the experiment's number"),
            ("channel_type", c.channel_type, "1", "the user's"),
            ("solid_id", c.solid_id, "1", "solid of the channel"),
        ):
            _append(file, "channels", name, _Column(data, unit, meaning), self.compression)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Writer of {self.path}: {self._n_segments} segments>"


def _size(paths: Sequence[pathlib.Path]) -> int:
    return sum(path.stat().st_size for path in paths)


def _create(path: pathlib.Path) -> Any:
    import h5py

    # HDF5 1.10 tools read what this writes.
    return h5py.File(path, "w", libver=("earliest", "v110"))


@contextlib.contextmanager
def _in_memory(target: pathlib.Path) -> Iterator[Any]:
    """A file that is made in memory and then written, whole or not at all: the HDF5 library does
    not survive a full disk."""
    import h5py

    with h5py.File(
        target.name, "w", libver=("earliest", "v110"), driver="core", backing_store=False
    ) as file:
        yield file
        file.flush()
        image = file.id.get_file_image()
    partial = target.with_suffix(".partial")
    with _named_when_whole(partial, target):
        partial.write_bytes(image)


@contextlib.contextmanager
def _on_disk(target: pathlib.Path, n_bytes: int) -> Iterator[Any]:
    """A file of about n_bytes, too large for memory. Raises DiskFull if there is no room for it."""
    free = shutil.disk_usage(target.parent).free
    if free < n_bytes:
        raise DiskFull(
            f"{target} needs about {n_bytes / 1e6:,.0f} MB (the disk has {free / 1e6:,.0f} MB left)"
        )
    partial = target.with_name(target.name + ".partial")
    with _named_when_whole(partial, target), _create(partial) as file:
        yield file


@contextlib.contextmanager
def _named_when_whole(partial: pathlib.Path, target: pathlib.Path) -> Iterator[None]:
    """Gives a file its name when it was written and is on the disk; if that fails, it goes."""
    try:
        yield
        _sync(partial)
        partial.replace(target)
        _sync(target.parent)
    except OSError as error:
        partial.unlink(missing_ok=True)
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise DiskFull(f"{partial} cannot be written ({error.strerror})") from error
        raise
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _sync(path: pathlib.Path) -> None:
    """Waits until a file's content, or the names in a folder, are on the disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _append(file: Any, table: str, name: str, column: _Column, compression: str | None) -> None:
    import h5py

    group = file[table] if table in file else file.create_group(table, track_order=True)
    data = column.data
    if name not in group:
        dtype = h5py.string_dtype() if data.dtype == object else data.dtype
        chunk = (max(1, min(_CHUNK_ROWS, len(data))), *data.shape[1:])
        made = group.create_dataset(
            name,
            shape=(0, *data.shape[1:]),
            maxshape=(None, *data.shape[1:]),
            dtype=dtype,
            chunks=chunk,
            compression=compression,
        )
        made.attrs["units"] = column.unit
        made.attrs["meaning"] = column.meaning
        if name == "flags":
            made.attrs["bits"] = json.dumps({bit.name: bit.value for bit in History})
        if name == "process":
            made.attrs["names"] = json.dumps(PROCESSES)
    dataset = group[name]
    n = len(dataset)
    dataset.resize(n + len(data), axis=0)
    dataset[n:] = data


def _join(file: Any, segment: pathlib.Path, compression: str | None) -> None:
    import h5py

    with h5py.File(segment, "r") as part:
        for table, group in part.items():
            if table == "channels":
                continue
            for name, dataset in group.items():
                for start in range(0, len(dataset), 1 << 22):
                    rows = dataset[start : start + (1 << 22)]
                    _append(
                        file,
                        table,
                        name,
                        _Column(rows, dataset.attrs["units"], dataset.attrs["meaning"]),
                        compression,
                    )
                for key, value in dataset.attrs.items():
                    file[table][name].attrs[key] = value


# ------------------------------------------------------------------ reading


class EventRow(NamedTuple):
    """One event of a file."""

    event_id: int
    seed: int
    t0: float
    max_steps: int
    first_photon: int
    n_photons: int
    user_tag: int
    wall_s: float
    keep: tuple[str, ...]
    sources: tuple[Source, ...]
    ledger: Ledger
    use_weights: bool = False
    scatter_first: int = 0
    prescale: float = 1.0


class ResultFile:
    """A results file, or the segments of one that was not finished; open until `close`.

    attributes    of the root: seed, scene_hash, physics, ...
    is_complete   False if it was read from segments
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        import h5py

        self.path = pathlib.Path(path)
        segments = self.path.with_name(self.path.name + ".segments")
        names = [self.path] if self.path.exists() else sorted(segments.glob("*.h5"))
        if not names:
            raise InvalidFile(f"{self.path} does not exist, nor do segments of it")
        try:
            self._files = [h5py.File(name, "r") for name in names]
        except OSError as error:
            raise InvalidFile(f"{self.path} cannot be read as HDF5 ({error})") from None
        self.attributes: dict[str, Any] = dict(self._files[0].attrs)
        if self.attributes.get("format") != FORMAT:
            self.close()
            raise InvalidFile(f"{self.path} is not a results file of chroma2")
        version = int(self.attributes["schema_version"])
        if version > SCHEMA_VERSION:
            self.close()
            raise InvalidFile(
                f"{self.path} has schema version {version} (this chroma2 knows {SCHEMA_VERSION})"
            )
        self.is_complete = self.path.exists()

    def _column(self, table: str, name: str, rows: slice = slice(None)) -> NDArray[Any]:
        parts = [f[table][name][rows] for f in self._files if table in f]
        return np.concatenate(parts)

    def n_rows(self, table: str) -> int:
        """Rows of a table: hits, photons_end, photon_tracks, events, start."""
        return sum(len(next(iter(f[table].values()))) for f in self._files if table in f)

    def _table(self, name: str, event_id: int | None) -> Table | None:
        groups = [f[name] for f in self._files if name in f]
        if not groups:
            return None
        mask = None if event_id is None else self._column(name, "event_id") == event_id
        columns = {}
        for key, dataset in groups[0].items():
            data = np.concatenate([g[key][:] for g in groups])
            columns["evidx" if key == "event_id" else key] = _Column(
                data if mask is None else data[mask],
                dataset.attrs["units"],
                dataset.attrs["meaning"],
            )
        if name == "photon_tracks":
            names = groups[0]["medium"].attrs.get("names", "[]")
            return Tracks(columns, json.loads(names))  # type: ignore[arg-type]
        return _TABLES[name](columns)  # type: ignore[arg-type]

    def hits(self, event_id: int | None = None) -> Hits | None:
        """All hits, or those of one event; None if the file has none."""
        return self._table("hits", event_id)  # type: ignore[return-value]

    def photons_end(self, event_id: int | None = None) -> PhotonsEnd | None:
        """Final photons, of all events or of one; None if they were not kept."""
        return self._table("photons_end", event_id)  # type: ignore[return-value]

    def photon_tracks(self, event_id: int | None = None) -> Tracks | None:
        """Steps, of all events or of one; None if they were not kept."""
        return self._table("photon_tracks", event_id)  # type: ignore[return-value]

    def events(self) -> Iterator[EventRow]:
        """Every event, in the order they were written."""
        made: dict[int, tuple[Source, ...]] = {}
        texts: Any = self._column("sources", "json") if self.n_rows("events") else []
        for file in self._files:
            group = file.get("events")
            if group is None:
                continue
            columns = {name: dataset[:] for name, dataset in group.items()}
            for i in range(len(columns["event_id"])):
                ledger = {
                    name.removeprefix("ledger_"): int(values[i])
                    for name, values in columns.items()
                    if name.startswith("ledger_")
                }
                number = int(columns["sources"][i])
                if number not in made:
                    records = json.loads(texts[number])
                    made[number] = tuple(Source.from_dict(s) for s in records)
                yield EventRow(
                    int(columns["event_id"][i]),
                    int(columns["seed"][i]),
                    float(columns["t0"][i]),
                    int(columns["max_steps"][i]),
                    int(columns["first_photon"][i]),
                    int(columns["n_photons"][i]),
                    int(columns["user_tag"][i]),
                    float(columns["wall_s"][i]),
                    tuple(columns["keep"][i].decode().split("|")),
                    made[number],
                    Ledger(ledger),
                    bool(columns["use_weights"][i]) if "use_weights" in columns else False,
                    int(columns["scatter_first"][i]) if "scatter_first" in columns else 0,
                    float(columns["prescale"][i]) if "prescale" in columns else 1.0,
                )

    def event(self, event_id: int) -> EventRow:
        """One event by its id. Raises InvalidFile if it is not there."""
        for row in self.events():
            if row.event_id == event_id:
                return row
        raise InvalidFile(f"{self.path} has no event {event_id}")

    def start(self, event_id: int, photon_id: int) -> Photons:
        """The state that one photon of an event from arrays started in, as it was given."""
        for file in self._files:
            group = file.get("start")
            if group is None:
                continue
            found = np.flatnonzero(
                (group["event_id"][:] == event_id) & (group["photon_id"][:] == photon_id)
            )
            if len(found):
                i = int(found[0])
                row = {
                    n: group[n][i : i + 1]
                    for n in ("pos", "dir", "pol", "wavelengths", "t", "flags")
                }
                given = {n: v if np.any(v) else None for n, v in row.items() if n in ("dir", "pol")}
                return Photons(
                    row["pos"],
                    given["dir"],
                    given["pol"],
                    row["wavelengths"],
                    row["t"],
                    flags=row["flags"],
                )
        raise InvalidFile(
            f"{self.path} does not hold the start of photon {photon_id} of event {event_id} "
            "(written with keep_start='hits', only photons that made a hit are there)"
        )

    def channel_positions(self) -> NDArray[np.float64]:
        """Place of every channel, [n, 3] mm."""
        for file in self._files:
            if "channels" in file:
                return np.asarray(file["channels"]["position"][:], dtype=np.float64)
        return np.zeros((0, 3))

    def close(self) -> None:
        """Closes the files."""
        for file in self._files:
            file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        a = self.attributes
        return (
            f"<ResultFile {self.path}: {self.n_rows('events'):,} events, "
            f"{self.n_rows('hits'):,} hits, seed {a['seed']}, scene {str(a['scene_hash'])[:12]}>"
        )


def open_results(path: str | os.PathLike[str]) -> ResultFile:
    """Opens a results file, or the segments of one that is still being written.

    Raises InvalidFile if it is not there or not ours.
    """
    return ResultFile(path)


def join_segments(path: str | os.PathLike[str]) -> None:
    """Makes <path> from the segments that a run left behind when it was stopped."""
    target = pathlib.Path(path)
    segments = target.with_name(target.name + ".segments")
    names: Sequence[pathlib.Path] = sorted(segments.glob("*.h5"))
    if not names:
        raise InvalidFile(f"there are no segments of {target}")
    import h5py

    with _on_disk(target, _size(names)) as file, h5py.File(names[0], "r") as first:
        for name, value in first.attrs.items():
            file.attrs[name] = value
        if "channels" in first:
            first.copy("channels", file)
        for segment in names:
            _join(file, segment, None)
    shutil.rmtree(segments)
