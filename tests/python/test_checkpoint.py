# SPDX-License-Identifier: BSD-3-Clause
"""Checkpoints from Python: what was pending goes on with its bytes, and typed refusals."""

import threading

import numpy as np
import pytest
from conftest import SMALL, event, water_box

import chroma2
from chroma2 import errors, sources

KEEP = ("hits", "photons_end")


def digest(result):
    tables = (result.hits, result.photons_end)
    return [table[name].tobytes() for table in tables for name in table]


def many_events():
    photons = chroma2.Photons(
        pos=np.linspace(-100, 100, 900, dtype=np.float32).reshape(300, 3),
        dir=np.tile(np.float32([0.3, -2.0, 0.5]), (300, 1)),
        wavelengths=np.linspace(300, 500, 300),
        t=np.arange(300),
    )
    spectrum = ([350.0, 400.0, 480.0], [0.1, 1.0, 0.3])
    decay = {"decay": [3.0, 40.0], "weights": [0.8, 0.2]}
    track = ((0, 0, 0), (100, 20, 5))
    return [
        event(n=3000, keep=KEEP, user_tag=7, t0=12.5),
        event(n=3000, keep=KEEP, first_photon=500, n_photons=1000, seed=99),
        chroma2.EventDescriptor(photons=photons, keep=KEEP),
        chroma2.EventDescriptor(photons=photons, keep=KEEP, first_photon=20, n_photons=200),
        chroma2.EventDescriptor(
            sources=[
                sources.scintillation(*track, wavelength=spectrum, mean=500, **decay),
                sources.scintillation(*track, wavelength=spectrum, mean=200, **decay),
                sources.cherenkov(*track, 0.99, "water"),
            ],
            keep=KEEP,
            prescale=0.5,
        ),
        event(n=3000, keep=("photon_tracks",), track_photons=[5, 17]),
    ]


class Gate:
    """An event that keeps all others of its session from ending until it is opened."""

    def __init__(self, session):
        self.opened, entered = threading.Event(), threading.Event()

        def wait(part):
            entered.set()
            self.opened.wait()

        self.future = session.submit_event(event(n=2000, event_id=999, on_block=wait))
        entered.wait()

    def open(self):
        self.opened.set()
        self.future.result()


def test_pending_events_go_on(box, tmp_path):
    path = tmp_path / "standing"
    with chroma2.Session(detector=box, seed=3, **SMALL) as session:
        gate = Gate(session)
        futures = [session.submit_event(e) for e in many_events()]
        assert [f.event_id for f in futures] == list(range(6))
        session.checkpoint(path, note=b"mine")
        gate.open()
        whole = [f.result() for f in futures]
    read = chroma2.Checkpoint(path)
    assert (read.n_pending, read.seed, read.next_event_id, read.note) == (7, 3, 6, b"mine")
    assert read.scene_hash == box.hash and "7 pending" in repr(read)
    seen = []

    def prepare(descriptor):
        seen.append(descriptor.event_id)
        return descriptor

    with chroma2.Session.restore(path, box, prepare=prepare, **SMALL) as session:
        assert session.note == b"mine" and session.info["seed"] == 3
        assert seen == [999, *range(6)]
        for future, before in zip(session.pending[1:], whole, strict=True):
            result = future.result()
            assert result.ledger == before.ledger and digest(result) == digest(before)
            assert (result.user_tag, result.t0) == (before.user_tag, before.t0)
            tracks, others = result.photon_tracks, before.photon_tracks
            assert [tracks[n].tobytes() for n in tracks] == [others[n].tobytes() for n in others]
        assert session.submit_event(event(n=10)).event_id == 6


def test_blocks_that_left_are_done(box, tmp_path):
    path, kept = tmp_path / "standing", []
    with chroma2.Session(detector=box, seed=3, **SMALL) as session:

        def take(part):
            if len(kept) == 5:
                session.checkpoint(path, note=b"5")
            kept.append(part.photons_end.t.tobytes())

        what = event(n=3000, event_id=1, keep=KEEP, on_block=take, block_log2=7)
        session.submit_event(what).result()
    again = []

    def prepare(descriptor):
        assert descriptor.first_photon == 5 << 7
        descriptor.on_block = lambda part: again.append(part.photons_end.t.tobytes())
        return descriptor

    with chroma2.Session.restore(path, box, prepare=prepare, **SMALL) as session:
        session.pending[0].result()
    assert kept[:5] + again == kept


def test_unsaved_results_are_made_again(box, tmp_path):
    path = tmp_path / "standing"
    with chroma2.Session(detector=box, seed=3, **SMALL) as session:
        futures = [session.submit_event(e) for e in many_events()]
        whole = [f.result() for f in futures]
        session.checkpoint(path)
        assert chroma2.Checkpoint(path).n_pending == 0 and chroma2.Checkpoint(path).n_done == 6
        session.checkpoint(path, unsaved=futures[2:])
    with chroma2.Session.restore(path, box, **SMALL) as session:
        assert [digest(f.result()) for f in session.pending] == [digest(w) for w in whole[2:]]


def test_an_event_of_another_scene_needs_it(box, tmp_path):
    path, other = tmp_path / "standing", water_box(300.0).build()
    with chroma2.Session(detector=box, seed=3, **SMALL) as session:
        future = session.submit_event(event(n=1000, keep=KEEP, detector=other))
        whole = future.result()
        session.checkpoint(path, unsaved=[future])
    with pytest.raises(errors.FileMismatch, match=other.hash[:16]):
        chroma2.Session.restore(path, box, **SMALL)
    with chroma2.Session.restore(path, box, scenes=[other], **SMALL) as session:
        assert digest(session.pending[0].result()) == digest(whole)


def test_refusals(box, tmp_path):
    path = tmp_path / "standing"
    with chroma2.Session(detector=box, seed=3, physics="precise", **SMALL) as session:
        session.checkpoint(path)
        with pytest.raises(errors.FileFailed) as caught:
            session.checkpoint(tmp_path / "no" / "such" / "folder")
        assert isinstance(caught.value, OSError)
        (tmp_path / "standing.partial").symlink_to("/dev/full")
        before = path.read_bytes()
        with pytest.raises(errors.DiskFull, match="No space left"):
            session.checkpoint(path)
        assert path.read_bytes() == before
    with pytest.raises(errors.Closed):
        session.checkpoint(path)
    for options, word in (
        ({"seed": 4}, "seed"),
        ({"physics": "chroma"}, "physics"),
        ({"switches": "timing=0"}, "switches"),
        ({"detector": water_box(300.0)}, "scene"),
    ):
        with pytest.raises(errors.FileMismatch, match=word):
            chroma2.Session.restore(path, **{"detector": box, **SMALL, **options})
    with chroma2.Session.restore(path, box, seed=3, physics="precise", **SMALL) as session:
        assert session.info["physics"] == "precise"
    for content, word in (
        (before[:-8], "cut short"),
        (before[:40], "cut short"),
        (b"x" * 99, "no"),
    ):
        path.write_bytes(content)
        with pytest.raises(errors.InvalidFile, match=word):
            chroma2.Checkpoint(path)
    path.write_bytes(before[:100] + bytes([before[100] ^ 1]) + before[101:])
    with pytest.raises(errors.InvalidFile, match="damaged"):
        chroma2.Checkpoint(path)
    with pytest.raises(errors.FileFailed, match="No such file"):
        chroma2.Checkpoint(tmp_path / "nothing")
