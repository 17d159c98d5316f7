# SPDX-License-Identifier: BSD-3-Clause
"""Checkpoints: where a session stands, in a file. `Session.checkpoint` writes one,
`Session.restore` goes on from it; the format is in docs/howto/checkpoints.md.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from chroma2 import _capi
from chroma2.errors import FileMismatch
from chroma2.event import KEEP, EventDescriptor
from chroma2.photons import Photons
from chroma2.sources import KINDS, Source

if TYPE_CHECKING:
    from chroma2.scene import Scene

KEPT = ("hits", "photons_end", "photon_tracks")


class Checkpoint:
    """A checkpoint that was read.

    path           where it was
    note           the caller's own bytes
    n_done         events done since the first session
    n_pending      events to go on with
    next_event_id  the running number
    seed, physics, switches, arithmetic, version, scene_hash
                   of the session that wrote it
    Raises FileFailed, InvalidFile, FileMismatch (another format).
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self._handle = _capi.CheckpointHandle(self.path)
        about = self._handle.about()
        self.note: bytes = about["note"]
        self.n_done: int = about["n_done"]
        self.n_pending: int = about["n_pending"]
        self.next_event_id: int = about["next_event_id"]
        self.seed: int = about["seed"]
        self.physics: str = about["physics"]
        self.switches: str = about["switches"]
        self.arithmetic: str = about["arithmetic"]
        self.version: str = about["version"]
        self.scene_hash: str = about["scene_hash"].hex()

    def events(self, scenes: Sequence[Scene] = ()) -> list[EventDescriptor]:
        """The pending events in the order of submission, without callbacks.

        scenes  for events that ran in another scene than the session's
        Raises FileMismatch if one of these is not given.
        """
        by_hash = {scene.hash: scene for scene in scenes}
        out = []
        for i in range(self.n_pending):
            record = self._handle.event(i)
            event = _descriptor(record)
            if record["scene_hash"].hex() != self.scene_hash:
                event.detector = by_hash.get(record["scene_hash"].hex())
                if event.detector is None:
                    raise FileMismatch(
                        f"event {event.event_id} ran in scene {record['scene_hash'].hex()[:16]} "
                        "(give it in `scenes`)"
                    )
            out.append(event)
        return out

    def __repr__(self) -> str:
        return (
            f"<Checkpoint {self.path}: {self.n_done:,} events done, {self.n_pending:,} pending, "
            f"seed {self.seed}, scene {self.scene_hash[:12]}>"
        )


def _descriptor(record: Mapping[str, Any]) -> EventDescriptor:
    sources = [
        Source(KINDS[fields.pop("kind")], fields, fields.pop("material", None))
        for fields in record["sources"]
    ]
    same = "event_id max_steps seed first_photon n_photons track_photons ordered user_tag"
    more = "block_log2 use_weights scatter_first prescale"
    return EventDescriptor(
        sources=sources or None,
        photons=None if sources else Photons(**record["photons"]),
        keep=tuple(name for name in KEPT if record["keep"] & KEEP[name]),
        t0=record["t0_ns"],
        **{name: record[name] for name in f"{same} {more}".split()},
    )
