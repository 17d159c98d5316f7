# SPDX-License-Identifier: BSD-3-Clause
"""Results files: what goes in comes out, also after a crash; and they are enough for a replay."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from conftest import event, light

import chroma2
from chroma2 import errors
from chroma2.io import hdf5

h5py = pytest.importorskip("h5py")


def photons(n=500):
    rng = np.random.default_rng(n)
    return chroma2.Photons(rng.uniform(-400, 400, (n, 3)), wavelengths=420.0)


def write(session, path, events, **options):
    results = []
    with hdf5.Writer(path, session, **options) as writer:
        for e in events:
            results.append(session.submit_event(e).result())
            writer.write(e, results[-1])
    return results


def test_round_trip(session, tmp_path):
    path = tmp_path / "results.h5"
    keep = ("hits", "photons_end", "photon_tracks")
    events = [
        event(800, event_id=300, keep=keep, t0=2.5, user_tag=9),
        event(200, event_id=301, keep=keep, seed=77, max_steps=3, prescale=0.5),
    ]
    results = write(session, path, events)
    with hdf5.open_results(path) as file:
        assert file.is_complete and bool(file.attributes["is_complete"])
        assert file.attributes["scene_hash"] == session.scene.hash
        assert file.attributes["seed"] == 1 and file.attributes["physics"] == "chroma"
        assert file.attributes["arithmetic"] == session.info["arithmetic"]
        for e, result in zip(events, results, strict=True):
            row = file.event(e.event_id)
            assert (row.t0, row.user_tag, row.max_steps) == (e.t0, e.user_tag, e.max_steps)
            assert row.prescale == result.prescale == e.prescale
            assert row.seed == (1 if e.seed is None else e.seed)
            assert row.ledger == result.ledger and set(row.keep) == set(keep)
            assert repr(row.sources) == repr(tuple(e.source_list()))
            for name in keep:
                table, original = getattr(file, name)(e.event_id), getattr(result, name)
                assert type(table) is type(original)
                assert table.columns == original.columns and table.units == original.units
                assert all(np.array_equal(table[c], original[c]) for c in table)
        tracks = file.photon_tracks(300)
        assert tracks.medium_names() == results[0].photon_tracks.medium_names()
        assert tracks.sequences() == results[0].photon_tracks.sequences()
        assert file.n_rows("hits") == sum(len(r.hits) for r in results)
        assert "2 events" in repr(file)
        assert np.array_equal(file.channel_positions(), session.scene.channels.position)
        with pytest.raises(errors.InvalidFile, match="no event 5"):
            file.event(5)
    assert not (tmp_path / "results.h5.segments").exists()


def test_layout_for_other_programs(session, tmp_path):
    """Flat columns with units; the bits of flags are spelled out."""
    path = tmp_path / "results.h5"
    keep = ("hits", "tracks")
    light = [event(300, event_id=310 + i, keep=keep) for i in range(3)]
    write(session, path, light, compression="gzip")
    with h5py.File(path) as file:
        assert file.attrs["format"] == "chroma2 results" and file.attrs["schema_version"] == 1
        hits = file["hits"]
        assert hits["pos"].attrs["units"] == "mm" and hits["t"].attrs["units"] == "ns"
        assert hits["wavelengths"].attrs["units"] == "nm" and "event_id" in hits
        assert len({len(column) for column in hits.values()}) == 1
        assert json.loads(hits["flags"].attrs["bits"])["SURFACE_DETECT"] == 4
        process, medium = file["photon_tracks"]["process"], file["photon_tracks"]["medium"]
        assert json.loads(process.attrs["names"])[3] == "RAYLEIGH"
        assert json.loads(medium.attrs["names"])[medium[-1]] == "water"
        sources = json.loads(file["sources"]["json"][file["events"]["sources"][0]])
        assert len(file["sources"]["json"]) == 1  # equal ones are stored once
        assert sources[0]["kind"] == "isotropic" and sources[0]["n_photons"] == 300
        assert all("units" in c.attrs for group in file.values() for c in group.values())


def test_streaming(session, tmp_path):
    path = tmp_path / "stream.h5"
    with hdf5.Writer(path, session, flush_rows=200) as writer:
        e = event(4000, event_id=320, on_hits=writer.add_hits, block_log2=8)
        result = session.submit_event(e).result()
        segments = sorted((tmp_path / "stream.h5.segments").glob("*.h5"))
        assert len(segments) > 2 and not path.exists()
        for segment in segments:  # every one is closed and readable by itself
            with h5py.File(segment) as file:
                assert len(file["hits"]["t"]) >= 200
        with hdf5.open_results(path) as so_far:
            assert not so_far.is_complete and so_far.n_rows("hits") > 400
        writer.write(e, result)
    with hdf5.open_results(path) as file:
        hits = file.hits()
        assert len(hits) == result.ledger.hits and file.event(320).ledger == result.ledger
        assert (np.diff(hits.photon_id.astype(np.int64)) > 0).all()


def test_segments_survive_a_kill(tmp_path):
    program = """
import sys, chroma2
from chroma2.io.hdf5 import Writer
sys.path.insert(0, sys.argv[1])
from conftest import water_box, event
with chroma2.Session("cpu", water_box(), threads=1, memory_bytes=64 << 20) as session:
    writer = Writer(sys.argv[2], session, flush_rows=1000)
    session.submit_event(event(10**9, on_hits=writer.add_hits, block_log2=10)).result()
"""
    path = tmp_path / "killed.h5"
    child = subprocess.Popen([sys.executable, "-c", program, os.path.dirname(__file__), str(path)])
    segments = tmp_path / "killed.h5.segments"
    end = time.monotonic() + 60
    while len(list(segments.glob("*.h5"))) < 4 and time.monotonic() < end:
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.wait()
    with hdf5.open_results(path) as file:
        n = file.n_rows("hits")
        assert n >= 4000 and not file.is_complete
    hdf5.join_segments(path)
    with hdf5.open_results(path) as file:
        assert len(file.hits()) == n
        assert file.attributes["is_complete"] == False  # noqa: E712 (a NumPy bool)
    assert not segments.exists()


@pytest.mark.parametrize("keep_start", ["hits", "all", "none"])
def test_starts_of_arrays(session, tmp_path, keep_start):
    number = 330 + ["hits", "all", "none"].index(keep_start)
    path = tmp_path / "arrays.h5"
    e = chroma2.EventDescriptor(photons=photons(), event_id=number)
    (result,) = write(session, path, [e], keep_start=keep_start)
    hit = int(result.hits.photon_id[0])
    missed = int(np.setdiff1d(np.arange(500), result.hits.photon_id)[0])
    with hdf5.open_results(path) as file:
        assert file.event(number).sources == ()
        for photon, is_there in ((hit, keep_start != "none"), (missed, keep_start == "all")):
            if not is_there:
                with pytest.raises(errors.InvalidFile, match=f"start of photon {photon}"):
                    file.start(number, photon)
                continue
            start = file.start(number, photon)
            assert start.dir is None and start.pol is None  # made on the device
            assert np.array_equal(start.pos[0], photons().pos[photon])
            assert start.wavelengths[0] == 420.0


def test_nothing_is_overwritten_by_accident(session, tmp_path):
    path = tmp_path / "results.h5"
    write(session, path, [event(10)])
    with pytest.raises(errors.InvalidArgument, match="exists"):
        hdf5.Writer(path, session)
    write(session, path, [event(20)], overwrite=True)
    with hdf5.open_results(path) as file:
        assert [row.ledger.in_ for row in file.events()] == [20]
    writer = hdf5.Writer(tmp_path / "closed.h5", session)
    writer.close()
    writer.close()
    with pytest.raises(errors.InvalidArgument, match="closed"):
        writer.flush()
    with pytest.raises(errors.InvalidArgument, match="keep_start"):
        hdf5.Writer(tmp_path / "x.h5", session, keep_start="some")


def test_files_that_are_not_ours(tmp_path):
    with pytest.raises(errors.InvalidFile, match="does not exist"):
        hdf5.open_results(tmp_path / "nothing.h5")
    (tmp_path / "text.h5").write_text("hits")
    with pytest.raises(errors.InvalidFile, match="cannot be read"):
        hdf5.open_results(tmp_path / "text.h5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = [1]
    with pytest.raises(errors.InvalidFile, match="not a results file"):
        hdf5.open_results(tmp_path / "other.h5")
    with h5py.File(tmp_path / "future.h5", "w") as file:
        file.attrs["format"], file.attrs["schema_version"] = "chroma2 results", 99
    with pytest.raises(errors.InvalidFile, match="schema version 99"):
        hdf5.open_results(tmp_path / "future.h5")
    with pytest.raises(errors.InvalidFile, match="no segments"):
        hdf5.join_segments(tmp_path / "nothing.h5")


def test_no_hits_at_all(session, tmp_path):
    path = tmp_path / "dark.h5"
    e = chroma2.EventDescriptor(sources=light(5), event_id=340, keep=())
    write(session, path, [e])
    with hdf5.open_results(path) as file:
        assert file.hits() is None and file.n_rows("hits") == 0 and file.n_rows("events") == 1
