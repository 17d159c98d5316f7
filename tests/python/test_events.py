# SPDX-License-Identifier: BSD-3-Clause
"""Events: futures, callbacks, replay, shards, tables, and bad descriptors."""

import asyncio
import concurrent.futures
import pickle
import threading
import time

import numpy as np
import pytest
from conftest import IS_EMULATED, SMALL, event, light, water_box
from hypothesis import given
from hypothesis import strategies as st

import chroma2
from chroma2 import errors

ALL = ("hits", "photons_end", "photon_tracks")
long_on_the_emulated_device = pytest.mark.skipif(IS_EMULATED, reason="takes a minute there")
COLUMNS = {
    "pos", "dir", "pol", "wavelengths", "t", "flags", "weights", "last_hit_triangles", "evidx",
    "n_steps", "photon_id",
}  # fmt: skip


# ------------------------------------------------------------------ results


def test_tables(session):
    result = session.submit_event(event(event_id=50, keep=ALL, user_tag=12345, t0=7.5)).result()
    end, hits, tracks = result.photons_end, result.hits, result.photon_tracks
    assert set(end.columns) >= COLUMNS
    assert set(hits.columns) >= COLUMNS | {"channel"}
    assert len(end) == 2000 and len(hits) == result.ledger.hits == result.ledger.surface_detect
    assert np.array_equal(end.photon_id, np.arange(2000))
    for table in (end, hits, tracks):
        assert table.pos.shape == (len(table), 3) and table.pos.dtype == np.float32
        assert np.linalg.norm(table.dir, axis=1) == pytest.approx(1.0, abs=1e-5)
        assert np.einsum("ij,ij->i", table.dir, table.pol) == pytest.approx(0.0, abs=1e-5)
        assert (table.evidx == 50).all()
        assert all(np.isfinite(table[name]).all() for name in table)
    assert (hits.flags & int(chroma2.SURFACE_DETECT)).all()
    detected = end[(end.flags & int(chroma2.SURFACE_DETECT)) != 0]
    assert np.array_equal(detected.t, hits.t) and (hits.channel == 0).all()
    assert end.units["pos"] == "mm" and end.units["t"] == "ns" and end.units["dir"] == "1"
    assert len(tracks) == 2000 + result.ledger.steps
    assert (result.event_id, result.user_tag, result.t0) == (50, 12345, 7.5)
    ledger = result.ledger
    assert ledger.is_balanced and sum(ledger.fates.values()) == 2000
    assert ledger.steps == end.n_steps.sum()
    assert result.channels.q.tolist() == [len(hits)]
    assert result.channels.t[0] == hits.t.min()
    ids, times, charges = result.channels.hit_channels()
    assert (ids.tolist(), times.tolist(), charges.tolist()) == ([0], [hits.t.min()], [len(hits)])


def test_not_kept_is_empty(session):
    result = session.submit_event(event(event_id=51, keep=())).result()
    assert len(result.hits) == len(result.photons_end) == len(result.photon_tracks) == 0
    assert result.hits.pos.shape == (0, 3) and result.ledger.hits > 0
    assert "Result of event 51" in repr(result)


def test_table_is_a_mapping_with_rows(session):
    hits = session.submit_event(event(event_id=52)).result().hits
    assert list(hits) == list(hits.columns) and "t" in hits and "x" not in hits
    late = hits[hits.t > np.median(hits.t)]
    assert isinstance(late, chroma2.Hits) and 0 < len(late) < len(hits)
    assert len(hits[3]) == 1 and hits[3].t == hits.t[3]
    assert hits[:5].pos.base is not None
    with pytest.raises(KeyError, match="the columns are"):
        hits["x"]
    with pytest.raises(AttributeError):
        _ = hits.x
    assert hits.flag_names()[0].startswith("SURFACE_DETECT")
    again = hits.to_photons()
    assert len(again) == len(hits) and np.array_equal(again.channel, hits.channel)
    assert sum(len(h) for h in hits.by_channel().values()) == len(hits)
    assert hits.to_opticks().dtype == np.uint32
    assert f"{len(hits):,} rows" in repr(hits)


def test_ledger_shows_itself(session):
    ledger = session.submit_event(event(event_id=53)).result().ledger
    assert "detected at a surface" in repr(ledger) and "<table>" in ledger._repr_html_()
    assert ledger["in"] == ledger.in_ == 2000 and ledger.to_dict()["in"] == 2000
    with pytest.raises(AttributeError):
        _ = ledger.nonsense
    assert "surface_detect" in dir(ledger)


def test_tracks(session):
    chosen = [3, 17, 1999]
    result = session.submit_event(event(event_id=54, keep=ALL, track_photons=chosen[::-1])).result()
    by_photon = result.photon_tracks.by_photon()
    assert [photon for photon, _ in by_photon] == chosen
    for (photon, _), track in by_photon.items():
        assert track.n_steps.tolist() == list(range(len(track)))
        last, end = track[-1], result.photons_end[photon]
        assert all(np.array_equal(last[c], end[c]) for c in end.columns)
        assert track.process[0] == 65535 and (np.diff(track.t) >= 0).all()


def test_tracks_in_words(session):
    result = session.submit_event(event(200, event_id=59, keep="tracks")).result()
    tracks = result.photon_tracks
    assert len(tracks.process_names()) == len(tracks.medium_names()) == len(tracks)
    assert set(tracks.medium_names()) == {"", "water"}  # unknown only at the start
    assert all(
        n == 0 for n, name in zip(tracks.n_steps, tracks.medium_names(), strict=True) if not name
    )
    sequences = tracks.sequences()
    assert len(sequences) == 200
    fates = {"SURFACE_DETECT": "SD", "SURFACE_ABSORB": "SA", "BULK_ABSORB": "AB"}
    between = {"RAYLEIGH_SCATTER": "SC", "REFLECT_DIFFUSE": "DR"}
    for key, track in tracks.by_photon().items():
        letters = sequences[key].split()
        assert len(letters) == len(track) and letters[0] == "TO"
        names = chroma2.History(int(track.flags[-1]))
        for name, pair in {**fates, **between}.items():
            assert (pair in letters) == bool(names & chroma2.History[name]), (letters, names)
        assert track[0].medium_names() in ([""], ["water"])
        # every step moves by flight time times the speed in the medium
        way = np.linalg.norm(np.diff(track.pos.astype(float), axis=0), axis=1)
        n = np.interp(400.0, [200, 800], [1.36, 1.33])
        assert way == pytest.approx(np.diff(track.t) * 299.792458 / n, abs=5e-3)


def test_tracks_of_a_streaming_event_know_media(session):
    parts = []
    descriptor = event(400, event_id=58, keep="tracks", on_block=parts.append, block_log2=7)
    session.submit_event(descriptor).result()
    tracks = [part.photon_tracks for part in parts]
    assert len(tracks) == 4
    whole = chroma2.Tracks.concatenate(tracks)
    assert set(whole.medium_names()) == {"", "water"}
    assert len(whole.sequences()) == 400
    bare = chroma2.Tracks({name: whole._columns[name] for name in whole})
    with pytest.raises(errors.InvalidArgument, match="do not know"):
        bare.medium_names()


def test_prescale(session):
    """A share of the light, the same everywhere; weights are untouched."""
    s = chroma2.sources
    sources = [
        light(10_000),
        s.scintillation((0, 0, 0), wavelength=400.0, mean=10_000.0),
        s.cherenkov((0, 0, -100), (0, 0, 100), 1.0, "water", wavelength=(300, 500)),
    ]

    def run(event_id, prescale):
        descriptor = chroma2.EventDescriptor(
            sources=sources, event_id=event_id, prescale=prescale, keep=("hits", "photons_end")
        )
        result = session.submit_event(descriptor).result()
        assert session.count_photons(descriptor) == result.n_photons
        return result

    whole, part = run(130, 1.0), run(131, 0.125)
    assert (whole.prescale, part.prescale) == (1.0, 0.125)
    assert "prescale" in part.summary() and "prescale" not in whole.summary()
    assert np.all(part.hits.weights == 1)
    counts = [np.bincount(r.photons_end.source_index, minlength=3) for r in (whole, part)]
    assert counts[0][0] == 10_000 and counts[1][0] == 1250
    for i in (1, 2):  # Poisson both times
        assert abs(counts[1][i] / 0.125 - counts[0][i]) < 6 * np.sqrt(counts[0][i] * 9)
    one = session.submit_event(chroma2.EventDescriptor(sources=light(1), prescale=1e-9)).result()
    assert one.n_photons == 0 and one.ledger.is_balanced and len(one.hits) == 0


def test_exports(session, tmp_path):
    hits = session.submit_event(event(event_id=55)).result().hits
    frame = pytest.importorskip("pandas") and hits.to_pandas()
    assert len(frame) == len(hits) and np.array_equal(frame["pos_z"], hits.pos[:, 2])
    records = pytest.importorskip("awkward") and hits.to_awkward()
    assert records.pos.x.to_list() == hits.pos[:, 0].tolist()
    assert records.t.to_list() == hits.t.tolist()
    parquet = pytest.importorskip("pyarrow.parquet")
    hits.to_parquet(tmp_path / "hits.parquet")
    table = parquet.read_table(tmp_path / "hits.parquet")
    assert np.array_equal(table["t"].to_numpy(), hits.t)
    assert table.schema.field("pos_x").metadata[b"unit"] == b"mm"
    uproot = pytest.importorskip("uproot")
    hits.to_root(tmp_path / "hits.root")
    with uproot.open(tmp_path / "hits.root") as file:
        assert np.array_equal(file["hits"]["channel"].array(library="np"), hits.channel)


def test_plot(session, tmp_path):
    pytest.importorskip("matplotlib")
    result = session.submit_event(event(event_id=56)).result()
    figure = result.plot(tmp_path / "event.png")
    assert (tmp_path / "event.png").stat().st_size > 10_000 and len(figure.axes) >= 3
    session.submit_event(event(1, event_id=57, max_steps=1)).result().plot()  # perhaps no hit


def test_plots_of_other_shapes(scenes):
    """A cylinder unrolls into barrel and ends, the rest by direction."""
    from chroma2 import plot

    demo = np.array([d for _, d in chroma2.demo.pmt_poses()])
    flat = plot.unroll(demo)
    assert flat.kind == "cylinder"
    assert len(np.unique(np.round(np.stack([flat.x, flat.y]), 3), axis=1).T) == len(demo)
    cube = chroma2.Detector.from_arrays(**scenes.build("S3")).channels.position
    flat = plot.unroll(cube)
    assert flat.kind == "direction" and np.isfinite(flat.x).all()
    assert plot.unroll(np.zeros((1, 3))).radius >= 0


# ------------------------------------------------------------------ futures


def test_wait_and_as_completed(session):
    futures = session.submit_events([event(1000 * (i + 1)) for i in range(6)])
    seen = {f.result().ledger.in_ for f in concurrent.futures.as_completed(futures, 60)}
    assert seen == {1000 * (i + 1) for i in range(6)}
    done, pending = concurrent.futures.wait(futures)
    assert len(done) == 6 and not pending
    ids = [f.event_id for f in futures]
    assert ids == list(range(ids[0], ids[0] + 6))  # the session's running number
    assert all(isinstance(f, concurrent.futures.Future) for f in futures)


def test_done_callback_and_progress(session):
    called = threading.Event()
    future = session.submit_event(event(300_000))
    future.add_done_callback(lambda f: called.set())
    assert "Future of event" in repr(future)
    future.result()
    assert called.wait(10)
    assert future.progress() == (300_000, 300_000) and future.done() and not future.running()
    assert future.exception() is None and future.partial is None


def test_asyncio(session):
    async def both():
        futures = [asyncio.wrap_future(session.submit_event(event(500))) for _ in range(2)]
        return [r.ledger.in_ for r in await asyncio.gather(*futures)]

    assert asyncio.run(both()) == [500, 500]


@long_on_the_emulated_device
def test_timeout_and_cancel(session):
    future = session.submit_event(event(2_000_000_000))
    with pytest.raises(TimeoutError):
        future.result(0.05)
    assert not future.wait(0) and future.running() and not future.done()
    assert future.cancel()
    with pytest.raises(errors.Cancelled, match="cancelled") as caught:
        future.result(60)
    assert isinstance(caught.value, concurrent.futures.CancelledError)
    assert future.cancelled() and future.done() and not future.cancel()
    with pytest.raises(concurrent.futures.CancelledError):
        future.exception()
    done, _ = concurrent.futures.wait([future], 10)
    assert done == {future}
    partial = future.partial.ledger
    assert partial.is_balanced and partial.cancelled > 0 and partial.alive == 0
    assert session.submit_event(event(100)).result().ledger.in_ == 100


@long_on_the_emulated_device
def test_short_event_overtakes_a_long_one(session):
    long = session.submit_event(event(1_000_000_000))
    assert session.submit_event(event(1000)).result(60).ledger.in_ == 1000
    assert not long.done()
    long.cancel()
    concurrent.futures.wait([long], 60)


@long_on_the_emulated_device
def test_simulate_is_in_order(session):
    photons = [chroma2.Photons(np.zeros((n, 3)), wavelengths=400.0) for n in (5, 4, 3, 2, 1)]
    results = session.simulate(photons, in_flight=2, keep=("photons_end",))
    assert [len(r.photons_end) for r in results] == [5, 4, 3, 2, 1]
    assert [r.ledger.in_ for r in session.simulate(event(7))] == [7]


# ------------------------------------------------------------------ callbacks


def test_on_hits_streams(session):
    parts = []
    streamed = session.submit_event(
        event(5000, event_id=70, on_hits=parts.append, block_log2=8, keep=("hits", "photons_end"))
    ).result()
    with pytest.warns(errors.RepeatedEventWarning, match="event id 70"):
        whole = session.submit_event(event(5000, event_id=70)).result()
    assert len(parts) == 20 and len(streamed.hits) == 0
    assert all(isinstance(p, chroma2.Hits) for p in parts)
    joined = chroma2.Hits.concatenate(parts)  # kept after the callback: they are copies
    assert all(np.array_equal(joined[c], whole.hits[c]) for c in joined)
    assert len(streamed.photons_end) == 5000  # the other tables are in the result
    assert streamed.ledger == whole.ledger


def test_on_block(session):
    parts = []
    result = session.submit_event(
        event(1000, event_id=71, on_block=parts.append, block_log2=7, keep=ALL)
    ).result()
    assert [p.first_photon for p in parts] == list(range(0, 1000, 128))
    assert sum(len(p.photons_end) for p in parts) == 1000 and len(result.photons_end) == 0
    assert all(p.event_id == 71 for p in parts) and "Part of event 71" in repr(parts[0])


def test_callbacks_come_from_one_other_thread(session):
    threads = set()
    futures = [
        session.submit_event(event(3000, on_hits=lambda h: threads.add(threading.get_ident())))
        for _ in range(3)
    ]
    concurrent.futures.wait(futures)
    assert len(threads) == 1 and threading.get_ident() not in threads


def test_a_failing_callback_fails_its_event_only(session):
    def fail(hits):
        raise RuntimeError("the disk is full")

    bad, good = session.submit_events([event(3000, on_hits=fail), event(3000)])
    with pytest.raises(errors.CallbackFailed, match="RuntimeError: the disk is full") as caught:
        bad.result(60)
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert isinstance(bad.exception(), errors.CallbackFailed)
    assert good.result(60).ledger.in_ == 3000


def test_waiting_in_a_callback_raises(session):
    caught = []

    def wait(hits):
        for call in (future.result, session.close):
            try:
                call()
            except errors.WrongThread as error:
                caught.append(error)

    started = threading.Event()
    future = session.submit_event(event(3000, on_hits=lambda h: started.wait(10) and wait(h)))
    started.set()
    assert future.result(60).ledger.in_ == 3000
    assert len(caught) == 2
    assert not session.closed


def test_slow_callback_stalls_nothing_for_ever(session):
    calls = []

    def slow(hits):
        time.sleep(0.02)
        calls.append(len(hits))

    future = session.submit_event(event(20_000, on_hits=slow, block_log2=10))
    assert future.result(60).ledger.hits == sum(calls) and len(calls) == 20


# ------------------------------------------------------------------ replay, shards


def same_rows(table, other):
    return all(np.array_equal(table[c], other[c]) for c in table.columns)


@pytest.mark.parametrize("form", ["sources", "photons", "bare photons"])
def test_replay(session, form):
    if form == "sources":
        descriptor = event(3000, event_id=80, keep=("photons_end",))
    else:
        rng = np.random.default_rng(1)
        p = rng.uniform(-300, 300, (3000, 3))
        d = rng.normal(size=(3000, 3)) if form == "photons" else None
        photons = chroma2.Photons(p, d, None, 400.0, rng.uniform(0, 5, 3000))
        number = {"photons": 81, "bare photons": 82}[form]
        descriptor = chroma2.EventDescriptor(
            photons=photons, event_id=number, keep=("photons_end",)
        )
    original = session.submit_event(descriptor).result().photons_end
    chosen = [0, 5, 1234, 2999]
    again = session.replay(descriptor, chosen)
    assert same_rows(again.photons_end, original[chosen])
    for (photon, _), track in again.photon_tracks.by_photon().items():
        assert same_rows(original[photon], track[-1])
        assert len(track) == original.n_steps[photon] + 1
    with pytest.raises(errors.InvalidArgument):
        session.replay(descriptor, [3000])


def test_replay_needs_an_id(session):
    with pytest.raises(errors.InvalidArgument, match="event_id"):
        session.replay(event(10), [0])
    for bad in ([], [-1], [0.5], [[1, 2]]):
        with pytest.raises(chroma2.Error, match="photon_ids"):
            session.replay(event(10, event_id=0), bad)


def test_shards_make_the_whole(session):
    whole = session.submit_event(event(3000, event_id=90, keep=ALL)).result()
    parts = [
        session.submit_event(
            event(3000, event_id=90, keep=ALL, first_photon=first, n_photons=n)
        ).result()
        for first, n in ((0, 1000), (1000, 1), (1001, 1999))
    ]
    for table in ("hits", "photons_end", "photon_tracks"):
        tables = [getattr(p, table) for p in parts]
        assert same_rows(type(tables[0]).concatenate(tables), getattr(whole, table))
    assert [p.first_photon for p in parts] == [0, 1000, 1001]


def test_unordered_is_the_same_set(session):
    ordered = session.submit_event(event(5000, event_id=91)).result().hits
    with pytest.warns(errors.RepeatedEventWarning):
        loose = session.submit_event(event(5000, event_id=91, ordered=False)).result().hits
    assert same_rows(ordered, loose[np.argsort(loose.photon_id)])


# ------------------------------------------------------------------ sources


def test_every_source_shines(session):
    s = chroma2.sources
    spectrum = chroma2.optics.emission_spectrum(420.0, 25.0)
    made = [
        s.isotropic(500, wavelength=(350, 450), t=(1, 2)),
        s.cone(500, (0, 0, -100), (0, 0, 1), 0.5, wavelength=spectrum),
        s.beam(500, (0, 0, 0), (1, 0, 0), pol=(0, 1, 0)),
        s.beam(500, (0, 0, 0), (1, 0, 0), radius=20.0, profile="gaussian"),
        s.volume(500, box=(100, 200, 300)),
        s.volume(500, radius=100.0),
        s.volume(500, (0, 0, 10), radius=100.0, length=50.0, axis=(0, 1, 0)),
        s.scintillation((0, 0, 0), wavelength=spectrum, n=500, decay=[5, 50], weights=[3, 1]),
        s.cherenkov((0, 0, 0), (100, 0, 0), 0.99, "water", n=500, tag=9),
    ]
    descriptor = chroma2.EventDescriptor(
        sources=made, event_id=95, keep=("photon_tracks",), max_steps=1
    )
    tracks = session.submit_event(descriptor).result().photon_tracks
    start = tracks[tracks.n_steps == 0]
    rows = [start[start.source_index == i] for i in range(len(made))]
    assert [len(r) for r in rows] == [500] * len(made)
    assert rows[0].wavelengths.min() >= 350 and rows[0].wavelengths.max() <= 450
    assert rows[0].t.min() >= 1 and rows[0].t.max() <= 2
    assert rows[1].dir[:, 2].min() >= np.cos(0.5) - 1e-6
    assert abs(rows[1].wavelengths.mean() - 420) < 5
    assert (rows[2].dir == [1, 0, 0]).all() and (rows[2].pol == [0, 1, 0]).all()
    assert 15 < rows[3].pos[:, 1].std() < 25
    assert (np.abs(rows[4].pos) <= [50, 100, 150]).all()
    assert np.linalg.norm(rows[5].pos, axis=1).max() <= 100.001
    assert np.abs(rows[6].pos[:, 1]).max() <= 25.001
    assert 10 < rows[7].t.mean() < 22 and (rows[7].flags & int(chroma2.SCINTILLATION)).all()
    assert (rows[8].flags & int(chroma2.CHERENKOV)).all()
    n = np.interp(rows[8].wavelengths, [200, 800], [1.36, 1.33])
    assert rows[8].dir[:, 0] == pytest.approx(1 / (0.99 * n), abs=2e-3)
    for source in made:  # and all of it survives JSON
        assert repr(chroma2.sources.Source.from_dict(source.to_dict())) == repr(source)


BAD_SOURCES = [
    (lambda s: s.isotropic(0), "n is 0"),
    (lambda s: s.isotropic(1.5), "n is 1.5"),
    (lambda s: s.isotropic(True), "n is True"),
    (lambda s: s.isotropic(1, pos=(0, 0)), r"pos has shape \(2,\)"),
    (lambda s: s.isotropic(1, pos=(0, 0, np.nan)), r"pos\[2\] is nan"),
    (lambda s: s.isotropic(1, wavelength=0), "wavelength is 0"),
    (lambda s: s.isotropic(1, wavelength=(500, 400)), "wavelength is"),
    (lambda s: s.isotropic(1, wavelength=([400, 300], [1, 1])), "ascending"),
    (lambda s: s.isotropic(1, wavelength=([400, 500], [0, 0])), "> 0 somewhere"),
    (lambda s: s.isotropic(1, wavelength=([400, 500], [1, 2, 3])), "shape"),
    (lambda s: s.isotropic(1, t="now"), "t is 'now'"),
    (lambda s: s.isotropic(1, pol=(0, 0, 0)), "pol is zero"),
    (lambda s: s.isotropic(1, tag=-1), "tag is -1"),
    (lambda s: s.cone(1, (0, 0, 0), (0, 0, 0), 1), "dir is zero"),
    (lambda s: s.cone(1, (0, 0, 0), (0, 0, 1), 4), "half_angle is 4"),
    (lambda s: s.beam(1, (0, 0, 0), (0, 0, 1), -1), "radius is -1"),
    (lambda s: s.beam(1, (0, 0, 0), (0, 0, 1), profile="square"), "'square'"),
    (lambda s: s.volume(1), "a box or a radius"),
    (lambda s: s.volume(1, box=(1, 1, -1)), "box is"),
    (lambda s: s.volume(1, box=(1, 1, 1), radius=1), "a box, or a radius"),
    (lambda s: s.scintillation((0, 0, 0), wavelength=400), "needs n, mean, or energy"),
    (lambda s: s.scintillation((0, 0, 0), wavelength=400, n=1, weights=[1]), "belong to decay"),
    (lambda s: s.scintillation((0, 0, 0), wavelength=400, n=1, decay=[1], rise=[1, 2]), "rise"),
    (lambda s: s.cherenkov((0, 0, 0), (1, 0, 0), 1.1, 0), "beta is 1.1"),
    (lambda s: s.cherenkov((0, 0, 0), (1, 0, 0), 0.9, 0, charge=0), "charge is 0"),
    (lambda s: s.muon(1e6, (0, 0, 0), (1, 0, 0), 0), "energy is"),
]


@pytest.mark.parametrize(("make", "sentence"), BAD_SOURCES)
def test_bad_sources(make, sentence):
    with pytest.raises(chroma2.Error, match=sentence) as caught:
        make(chroma2.sources)
    assert isinstance(caught.value, (ValueError, TypeError))


def test_cherenkov_needs_a_material_of_the_scene(session):
    source = chroma2.sources.cherenkov((0, 0, 0), (100, 0, 0), 0.99, "mercury")
    with pytest.raises(errors.InvalidArgument, match="mercury"):
        session.submit_event(chroma2.EventDescriptor(sources=source))


# ------------------------------------------------------------------ descriptors

BAD_EVENTS = [
    ({}, "either sources or photons"),
    ({"sources": [light(1)], "photons": chroma2.Photons()}, "either sources or photons"),
    ({"sources": []}, "sources is empty"),
    ({"sources": [[], []]}, "sources is empty"),
    ({"sources": "light"}, "sources holds a str"),
    ({"sources": [1]}, "sources holds a int"),
    ({"photons": chroma2.Photons()}, "photons is empty"),
    ({"photons": np.zeros((3, 3))}, "photons is a ndarray"),
    ({"sources": light(1), "keep": ("hits", "mits")}, "'mits'"),
    ({"sources": light(1), "max_steps": 0}, "max_steps is 0"),
    ({"sources": light(1), "max_steps": 2**20}, "max_steps is 1048576"),
    ({"sources": light(1), "max_steps": 10.0}, "max_steps is 10.0"),
    ({"sources": light(1), "event_id": -1}, "event_id is -1"),
    ({"sources": light(1), "event_id": 2**32 - 1}, "event_id is 4294967295"),
    ({"sources": light(1), "seed": "x"}, "seed is 'x'"),
    ({"sources": light(1), "t0": np.inf}, "t0 is inf"),
    ({"sources": light(1), "block_log2": 3}, "block_log2 is 3"),
    ({"sources": light(1), "n_photons": 0}, "n_photons is 0"),
    ({"sources": light(1), "on_hits": 3}, "on_hits is 3"),
    ({"sources": light(1), "on_hits": print, "on_block": print}, "not both"),
    ({"sources": light(1), "on_hits": print, "keep": ()}, "'hits' in keep"),
    ({"sources": light(1), "keep": 5}, "keep is 5"),
    ({"sources": light(1), "keep": None}, "keep is None"),
    ({"sources": light(1), "keep": ("tracks", 3)}, "keep holds 3"),
    ({"sources": light(1), "t0": "late"}, "t0 is 'late'"),
    ({"sources": light(1), "prescale": 0}, r"prescale is 0 \(it must lie in \(0, 1\]"),
    ({"sources": light(1), "prescale": 1.5}, "prescale is 1.5"),
    ({"sources": light(1), "prescale": np.nan}, "prescale is nan"),
    ({"sources": light(1), "prescale": True}, "prescale is True"),
    ({"sources": light(1), "prescale": "half"}, "prescale is 'half'"),
    ({"sources": light(1), "scatter_first": 0.5}, "scatter_first is 0.5"),
    ({"sources": light(1), "use_weights": "yes"}, "use_weights is 'yes'"),
    ({"sources": light(1), "track_photons": [1]}, "'tracks' in keep"),
    ({"sources": light(1), "keep": ALL, "track_photons": [-1]}, r"track_photons\[0\] is -1"),
]


@pytest.mark.parametrize(("fields", "sentence"), BAD_EVENTS, ids=lambda v: str(v)[:50])
def test_bad_descriptors(fields, sentence):
    with pytest.raises(chroma2.Error, match=sentence) as caught:
        chroma2.EventDescriptor(**fields)
    assert isinstance(caught.value, (ValueError, TypeError))


def test_changed_descriptors_are_checked_again(session):
    descriptor = event(10)
    descriptor.max_steps = -5
    with pytest.raises(errors.InvalidArgument, match="max_steps is -5"):
        session.submit_event(descriptor)
    with pytest.raises(errors.InvalidType, match="event is a int"):
        session.submit_event(5)
    with pytest.raises(errors.InvalidArgument, match="first_photon"):
        session.submit_event(event(10, first_photon=11))


def test_all_or_none(session):
    """One bad event of many: none is accepted."""
    before = session.telemetry()["events_submitted"]
    with pytest.raises(errors.InvalidArgument):
        session.submit_events([event(10), event(10, first_photon=99)])
    assert session.telemetry()["events_submitted"] == before
    assert session.submit_events([]) == []


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "event_id": st.one_of(st.none(), st.integers(-1, 2**33)),
            "max_steps": st.integers(-1, 2**21),
            "seed": st.one_of(st.none(), st.integers(-1, 2**65)),
            "t0": st.floats(),
            "first_photon": st.integers(-1, 60),
            "n_photons": st.one_of(st.none(), st.integers(-1, 2**41)),
            "block_log2": st.integers(0, 40),
            "user_tag": st.integers(-1, 2**65),
            "keep": st.lists(st.sampled_from([*ALL, "none"]), max_size=3),
        },
    )
)
@pytest.mark.filterwarnings("ignore::chroma2.errors.RepeatedEventWarning")
def test_any_descriptor_is_refused_or_run(session, fields):
    try:
        result = session.submit_event(event(50, **fields)).result(60)
    except chroma2.Error as error:
        assert isinstance(error, (ValueError, TypeError))
        return
    assert result.ledger.is_balanced and result.ledger.alive == 0
    assert result.ledger.in_ == min(fields.get("n_photons") or 50, 50 - result.first_photon)


def test_secondaries():
    """A wavelength shifter with a yield of 2: children, lineages, and the same with a replay."""
    shifter = chroma2.Material("shifter")
    shifter.set("refractive_index", 1.5)
    shifter.set("absorption_length", [50.0, 50.0, 1e6, 1e6], [200, 400, 405, 800])
    emitted = [(200.0, 0.0), (445.0, 0.0), (455.0, 1.0), (800.0, 1.0)]  # on its own grid
    shifter.add_component([50.0, 50.0, 1e6, 1e6], 2.0, emitted, wavelengths=[200, 400, 405, 800])
    wall = chroma2.Surface("wall")
    wall.set("detect", 1.0)
    detector = chroma2.Detector()
    cube = chroma2.make.cube(1000.0)
    detector.add_pmt(chroma2.Solid(cube, shifter, chroma2.optics.vacuum(), wall))
    with chroma2.Session(detector=detector, seed=1, **SMALL) as session:
        descriptor = chroma2.EventDescriptor(
            sources=[light(1000, wavelength=350.0)], event_id=1, keep=("photons_end",)
        )
        result = session.submit_event(descriptor).result()
        again = session.replay(descriptor, [3]).photons_end
    end = result.photons_end
    assert result.ledger.is_balanced and 1700 < result.ledger.spawned < 2300
    assert result.ledger.n_photons == len(end) and (end.lineage != 0).sum() == result.ledger.spawned
    assert same_rows(again, end[end.photon_id == 3])


def test_water_box_ledger(session):
    """Shares of fates in a bouncing box: detection : absorption at the wall = 4 : 3."""
    ledger = session.submit_event(event(50_000)).result().ledger
    ratio = ledger.surface_detect / ledger.surface_absorb
    assert abs(ratio - 4 / 3) < 6 * ratio * (1 / ledger.surface_detect**0.5)
    assert ledger.no_hit == ledger.stuck == ledger.nan_abort == ledger.medium_mismatches == 0
    assert water_box().num_channels == 1


def test_whoever_asks_first_settles_a_future_for_all(session):
    """Readers of the result, waiters and callbacks of many threads see the same result object."""
    for _ in range(30):
        futures = session.submit_events([event(50) for _ in range(8)])
        called = []
        seen = []

        def read(futures=futures, seen=seen):
            seen.append([f.result(60) for f in futures])

        def watch(futures=futures, called=called):
            for f in futures:
                f.add_done_callback(called.append)

        threads = [threading.Thread(target=t) for t in (read, watch, read)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert concurrent.futures.wait(futures, 60).not_done == set()
        assert all(a is b for a, b in zip(seen[0], seen[1], strict=True))
        while len(called) < len(futures):  # callbacks come after waiters
            time.sleep(0.001)
        assert sorted(map(id, called)) == sorted(map(id, futures))


def test_a_result_makes_only_what_is_asked_for(session):
    result = session.submit_event(event(500)).result()
    assert "pos" in result.hits and len(result.hits) == result.ledger.hits
    assert "pos" not in vars(result.hits)  # no array was made so far
    assert result.hits.pos is result.hits.pos
    copy = pickle.loads(pickle.dumps(result.hits))
    assert copy.columns == result.hits.columns
    assert all(np.array_equal(copy[name], result.hits[name]) for name in copy)
    with pytest.raises(AttributeError, match="no attribute or column 'poz'"):
        _ = result.hits.poz


# ------------------------------------------------------------------ descriptors that change


def test_the_usual_descriptor_is_the_usual_event_of_c():
    """What is not written into the C struct has C's default."""
    from chroma2 import _capi
    from chroma2 import event as descriptors

    usual = _capi._plain(_capi._DEFAULT_EVENT)
    plain = event()
    assert plain._numbers == {} and plain.keep_bits() == usual["keep"]
    for name, in_c in descriptors._NUMBERS.items():
        value = getattr(plain, name)
        if value is None:  # the session's own, or all
            assert usual[in_c] in (_capi.NEXT_EVENT_ID, _capi.ALL_PHOTONS, 0)
        elif name not in ("keep", "ordered"):
            assert usual[in_c] == value, name
    assert usual["order"] == 0 and not usual["has_seed"]


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("max_steps", 0, errors.InvalidArgument),
        ("keep", ["hats"], errors.InvalidArgument),
        ("seed", "x", errors.InvalidType),
        ("t0", float("nan"), errors.InvalidArgument),
        ("prescale", 0.0, errors.InvalidArgument),
        ("ordered", 1, errors.InvalidType),
        ("photons", 3, errors.InvalidArgument),
        ("sources", [], errors.InvalidArgument),
        ("track_photons", [1], errors.InvalidArgument),
        ("on_hits", 5, errors.InvalidType),
    ],
)
def test_a_changed_field_is_checked_on_submission(session, name, value, kind):
    descriptor = event()
    setattr(descriptor, name, value)
    with pytest.raises(kind):
        session.submit_event(descriptor)


def test_lists_that_change_in_place_are_read_again(session):
    sources, keep, ids = [light(100)], ["photon_tracks"], np.array([3, 5])
    descriptor = chroma2.EventDescriptor(sources=sources, keep=keep, track_photons=ids)
    first = session.submit_event(descriptor)
    sources.append([light(50)])
    keep.append("photons_end")
    ids[0] = 120
    second = session.submit_event(descriptor)
    assert first.result().ledger.in_ == 100 and second.result().ledger.in_ == 150
    assert set(first.result().photon_tracks.photon_id) == {3, 5}
    assert set(second.result().photon_tracks.photon_id) == {5, 120}
    assert len(first.result().photons_end) == 0 and len(second.result().photons_end) == 150
    sources.append("light")
    with pytest.raises(errors.InvalidType, match="sources holds a str"):
        session.submit_event(descriptor)
