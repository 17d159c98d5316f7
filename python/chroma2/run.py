# SPDX-License-Identifier: BSD-3-Clause
"""A run of a configuration file, which may be killed at any time and resumed.

A run is a sequence of pieces: small events whole, large ones in ranges of photons. Pieces are
submitted ahead and written in order. Now and then the writer closes a segment, and a checkpoint of
the session says which pieces are in the segments that are there: the others are pending. What a
killed run wrote after its last checkpoint is thrown away and made again, byte for byte.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pathlib
import shutil
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from chroma2.errors import Error, FileMismatch, InvalidArgument, InvalidFile
from chroma2.io.hdf5 import EventSummary, Writer
from chroma2.progress import Progress
from chroma2.result import Ledger
from chroma2.session import Session

if TYPE_CHECKING:
    from chroma2.checkpoint import Checkpoint
    from chroma2.config import Config
    from chroma2.event import EventDescriptor
    from chroma2.future import Future
    from chroma2.result import Result

PIECE: Final = 1 << 20
"""Photons of a piece: larger events run in several."""

_AHEAD: Final = 16  # pieces submitted before the one waited for, if they are small
_AHEAD_LARGE: Final = 4  # each holds the rows of PIECE photons


class Piece(NamedTuple):
    """Part of a run: an event, or a range of its photons."""

    event: EventDescriptor  # whole
    first_photon: int
    n_photons: int | None  # None: all
    is_last: bool  # of its event

    def descriptor(self) -> EventDescriptor:
        """What is submitted."""
        if self.n_photons is None:
            return self.event
        return dataclasses.replace(
            self.event, first_photon=self.first_photon, n_photons=self.n_photons
        )


@dataclass
class Tally:
    """What a run came to so far: the part of its state that goes into checkpoints."""

    n_written: int = 0  # pieces
    n_submitted: int = 0
    n_segments: int = 0
    done: int = 0  # events
    failed: int = 0
    photons: int = 0
    hits: int = 0
    seconds: float = 0.0
    ledger: dict[str, int] = field(default_factory=dict)  # of the event that is under way
    event_seconds: float = 0.0
    has_failed: bool = False  # a piece of that event did


def checkpoint_path(results: pathlib.Path) -> pathlib.Path:
    """Where a run keeps its checkpoint."""
    return results.with_name(results.name + ".checkpoint")


def config_digest(config: Config) -> str:
    """Names what must not change before a run is resumed, beside what the session compares."""
    what = [config.sources, dataclasses.asdict(config.event)]
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


def read_tally(checkpoint: Checkpoint, config: Config) -> Tally:
    """The state of the run that wrote a checkpoint. Raises InvalidFile, FileMismatch."""
    try:
        note = json.loads(checkpoint.note)
        tally = Tally(**note["tally"])
        digest = note["config"]
    except (ValueError, KeyError, TypeError):
        raise InvalidFile(f"{checkpoint.path} is not the checkpoint of a run") from None
    if digest != config_digest(config):
        raise FileMismatch(
            f"{checkpoint.path} belongs to a run with other sources or another [event] table (a "
            "resumed run goes on with what it began)"
        )
    return tally


class Run:
    """One run.

    config   what to do
    session  where
    writer   for the results, in a file named as the run's
    tally    where the run stands; a new one begins
    stop     once set, the run writes what has ended and stops
    """

    def __init__(
        self, config: Config, session: Session, writer: Writer, tally: Tally, stop: threading.Event
    ) -> None:
        self.tally = tally
        self._config = config
        self._session = session
        self._writer = writer
        self._stop = stop
        self._digest = config_digest(config)
        self._path = checkpoint_path(writer.path)
        self._window: deque[tuple[Piece, Future]] = deque()
        self._last_checkpoint = time.monotonic()
        first = next(config.descriptors())
        self.n_photons = session.count_photons(first)
        self._is_large = self.n_photons > PIECE

    def pieces(self) -> Iterator[Piece]:
        """All of them, in order; the same for every run of the same configuration."""
        for event in self._config.descriptors():
            if not self._is_large:
                yield Piece(event, 0, None, True)
                continue
            n = self._session.count_photons(event)
            for first in range(0, max(1, n), PIECE):
                left = n - first
                yield Piece(event, first, min(PIECE, left) if n else None, left <= PIECE)

    def go(self) -> bool:
        """Runs to the end, or until `stop` is set: then False. Raises OSError if the disk is full;
        what is in the last checkpoint is kept."""
        begin = time.monotonic()
        before = self.tally.seconds
        pieces = self.pieces()
        self._resume(pieces)
        if not self._path.exists():
            self._checkpoint()
        with Progress(self._config.event.n_events * self.n_photons) as bar:
            while self._fill(pieces) and self._wait(bar):
                piece, future = self._window[0]
                self._write(piece, future)
                self._window.popleft()
                self.tally.n_written += 1
                self.tally.seconds = before + time.monotonic() - begin
                self._checkpoint_if_due()
        is_over = not self._window
        self._checkpoint()
        return is_over

    def _resume(self, pieces: Iterator[Piece]) -> None:
        """Takes up the pieces that the checkpoint held; the session runs them already."""
        pending = {(f.event_id, f.descriptor.first_photon): f for f in self._session.pending}
        for i in range(self.tally.n_submitted):
            piece = next(pieces)
            if i >= self.tally.n_written:
                future = pending.get((piece.event.event_id, piece.first_photon))
                if future is None:
                    raise InvalidFile(
                        f"{self._path} lacks event {piece.event.event_id} from photon "
                        f"{piece.first_photon} on"
                    )
                self._window.append((piece, future))

    def _fill(self, pieces: Iterator[Piece]) -> bool:
        """Submits pieces ahead; False if none is left."""
        while len(self._window) < (_AHEAD_LARGE if self._is_large else _AHEAD):
            piece = next(pieces, None)
            if piece is None:
                break
            self._window.append((piece, self._session.submit_event(piece.descriptor())))
            self.tally.n_submitted += 1
        return bool(self._window)

    def _wait(self, bar: Progress) -> bool:
        """Waits for the oldest piece; False if the run is to stop before."""
        piece, future = self._window[0]
        ended = (self.tally.done + self.tally.failed) * self.n_photons + piece.first_photon
        while not self._stop.is_set():
            if future.wait(0.25):
                return True
            bar.update(ended + future.progress()[0])
        return False

    def _write(self, piece: Piece, future: Future) -> None:
        tally = self.tally
        try:
            result = future.result()
        except Error as error:
            print(f"event {piece.event.event_id}: {type(error).__name__}: {error}", file=sys.stderr)
            tally.has_failed = True
        else:
            self._writer.add_part(result)
            self._add(result)
            if piece.is_last and not tally.has_failed:
                self._end_event(piece, result)
        if piece.is_last:
            tally.done += not tally.has_failed
            tally.failed += tally.has_failed
            tally.ledger, tally.event_seconds, tally.has_failed = {}, 0.0, False

    def _add(self, result: Result) -> None:
        tally = self.tally
        for name, value in result.ledger.to_dict().items():
            tally.ledger[name] = tally.ledger.get(name, 0) + value
        tally.event_seconds += result.wall_s
        tally.photons += result.ledger.n_photons
        tally.hits += result.ledger.hits

    def _end_event(self, piece: Piece, result: Result) -> None:
        summary = EventSummary(
            event_id=result.event_id,
            t0=result.t0,
            first_photon=0,
            n_photons=piece.first_photon + result.n_photons,
            user_tag=result.user_tag,
            wall_s=self.tally.event_seconds,
            prescale=result.prescale,
            ledger=Ledger(self.tally.ledger),
        )
        self._writer.end_event(piece.event, summary)

    def _checkpoint_if_due(self) -> None:
        is_due = time.monotonic() - self._last_checkpoint >= self._config.output.checkpoint_s
        if is_due or self._writer.n_segments != self.tally.n_segments:
            self._checkpoint()

    def _checkpoint(self) -> None:
        """Closes a segment and says that it counts."""
        self._writer.flush()
        self.tally.n_segments = self._writer.n_segments
        note = {"config": self._digest, "tally": dataclasses.asdict(self.tally)}
        self._session.checkpoint(
            self._path, unsaved=[f for _, f in self._window], note=json.dumps(note).encode()
        )
        self._last_checkpoint = time.monotonic()


def discard(results: pathlib.Path) -> None:
    """Removes the checkpoint of a run that is over or begins anew."""
    checkpoint_path(results).unlink(missing_ok=True)


def begin_anew(results: pathlib.Path, *, overwrite: bool) -> None:
    """Removes what an earlier run left: were its results to stay, a new run that is interrupted
    would seem to have ended with them."""
    if overwrite:
        results.unlink(missing_ok=True)
    discard(results)


def require_new(results: pathlib.Path, *, overwrite: bool) -> None:
    """Raises InvalidArgument if a run left something that a new one would destroy."""
    if checkpoint_path(results).exists() and not overwrite:
        raise InvalidArgument(
            f"{checkpoint_path(results)} exists: a run was interrupted. Go on with --resume, or "
            "begin anew with --overwrite?"
        )


def is_joined(results: pathlib.Path) -> bool:
    """Whether a run ended, and was interrupted only while it cleaned up."""
    return results.exists()


def finish(results: pathlib.Path) -> None:
    """Cleans up after a run whose results are whole."""
    segments = results.with_name(results.name + ".segments")
    if segments.exists():
        shutil.rmtree(segments)
    discard(results)


def describe(tally: Tally, n_events: int) -> list[tuple[str, Any]]:
    """Names and values for people."""
    return [
        ("events", f"{tally.done:,} of {n_events:,}"),
        ("photons", f"{tally.photons:,}"),
        ("photons/s", f"{tally.photons / max(1e-9, tally.seconds):,.0f}"),
        ("hits", f"{tally.hits:,}"),
    ]
