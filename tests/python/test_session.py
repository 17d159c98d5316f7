# SPDX-License-Identifier: BSD-3-Clause
"""Sessions: options, rays, numbers, life and end."""

import gc
import os
import subprocess
import sys
import threading
import time
import warnings

import numpy as np
import pytest
from conftest import event, light, water_box

import chroma2
from chroma2 import errors

SMALL = {"memory_bytes": 64 << 20, "threads": 1}


def digest(result):
    tables = (result.hits, result.photons_end)
    return [table[name].tobytes() for table in tables for name in table]


OPTIONS = [
    {},
    {"threads": 2},
    {"threads": 3, "chunk_size": 1},
    {"chunk_size": 4096, "microsteps": 1},
    {"queue_capacity": 512},
    {"tree": "brute"},
    {"tree": 4, "cull": False},
    {"tree": 8, "memory_bytes": 256 << 20},
    {"tree": 14},
    {"events_in_flight": 1, "open_blocks": 1},
    {"secondaries": True},
    {"compact_occupancy": 0.9, "compact_age_us": 1},
    {"device_id": ["cpu"]},
    {"switches": {"timing": 0}},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_no_option_changes_a_result(box, options):
    def run(**changes):
        with chroma2.Session(**{"device_id": "cpu", **SMALL, **changes}, detector=box) as session:
            return session.submit_event(event(event_id=1, keep=("hits", "photons_end"))).result()

    first, second = run(), run(**options)
    assert first.ledger == second.ledger
    assert digest(first) == digest(second)


def test_seed_event_and_physics_change_it(box):
    seen = set()
    for options, number in (
        ({"seed": 0}, 1),
        ({"seed": 1}, 1),
        ({"seed": 1}, 2),
        ({"seed": 1, "physics": "precise"}, 1),
    ):
        with chroma2.Session("cpu", box, **options, **SMALL) as session:
            end = session.submit_event(event(event_id=number, keep=("photons_end",))).result()
            seen.add(end.photons_end.t.tobytes())
    assert len(seen) == 4


def test_event_seed_beats_the_sessions(box):
    with chroma2.Session("cpu", box, 7, **SMALL) as session:
        own = session.submit_event(event(event_id=1)).result().hits.t
        other = session.submit_event(event(event_id=1, seed=8, first_photon=0)).result().hits.t
    with chroma2.Session("cpu", box, 8, **SMALL) as session:
        again = session.submit_event(event(event_id=1)).result().hits.t
    assert np.array_equal(other, again) and not np.array_equal(own, other)


def test_info_and_repr(session):
    info = session.info
    assert info["backend"] == "cpu" and info["physics"] == "chroma" and info["seed"] == 1
    assert info["memory_bytes"] <= 64 << 20 and info["threads"] == 2
    assert "timing=0" in info["switches"]
    text = repr(session)
    assert "cpu" in text and "Scene" in text


BAD_OPTIONS = [
    ({"device_id": "gpu"}, errors.InvalidArgument, "'gpu'"),
    ({"device_id": -1}, errors.InvalidArgument, "-1"),
    ({"device_id": []}, errors.InvalidArgument, "empty"),
    ({"device_id": 63}, errors.NoDevice, "63"),
    ({"seed": -1}, errors.InvalidArgument, "seed is -1"),
    ({"seed": 1.5}, errors.InvalidType, "seed is 1.5"),
    ({"seed": 2**64}, errors.InvalidArgument, "seed is"),
    ({"physics": "magic"}, errors.InvalidArgument, "magic"),
    ({"physics": 3}, errors.InvalidType, "physics is 3"),
    ({"switches": {"timming": 1}}, errors.InvalidArgument, "timming"),
    ({"switches": "timing=9"}, errors.InvalidArgument, "timing"),
    ({"switches": 7}, errors.InvalidType, "switches is 7"),
    ({"switches": {"timing": "yes"}}, errors.InvalidArgument, "timing=yes"),
    ({"weights": "yes"}, errors.InvalidType, "weights is 'yes'"),
    ({"cull": None}, errors.InvalidType, "cull is None"),
    ({"memory_bytes": 1 << 20}, errors.InvalidArgument, "memory"),
    ({"threads": 0}, errors.InvalidArgument, "threads is 0"),
    ({"tree": "oak"}, errors.InvalidArgument, "'oak'"),
    ({"tree": 5}, errors.InvalidArgument, "tree"),
    ({"queue_capacity": -3}, errors.InvalidArgument, "queue_capacity is -3"),
    ({"microsteps": "many"}, errors.InvalidType, "microsteps is 'many'"),
    ({"detector": None}, errors.InvalidType, "detector is a NoneType"),
]


@pytest.mark.parametrize(("options", "kind", "sentence"), BAD_OPTIONS, ids=str)
def test_bad_options(box, options, kind, sentence):
    with pytest.raises(kind, match=f"(?i){sentence}"):
        chroma2.Session(**{"device_id": "cpu", "detector": box, **options})


def test_intersect(session):
    directions = [[1, 0, 0], [0, -2, 0], [0, 0, 1e-3], [1, 1, 0]]
    hit = session.intersect([0, 0, 0], directions)
    assert hit.distance == pytest.approx([500, 500, 500, 500 * 2**0.5])
    assert (hit.triangle >= 0).all() and (hit.instance == 0).all()
    away = session.intersect([[2000, 0, 0]], [1, 0, 0])
    assert np.isinf(away.distance) and away.triangle == -1 and away.instance == -1
    empty = session.intersect(np.zeros((0, 3)), np.zeros((0, 3)))
    assert len(empty.distance) == 0


@pytest.mark.parametrize(
    ("origins", "directions", "sentence"),
    [
        ([0, 0], [0, 0, 1], r"origins has shape \[2\]"),
        ([0, 0, 0], [[0, 0, 1], [0, 0, 0]], r"directions\[1\] is zero"),
        ([[0, np.nan, 0]], [0, 0, 1], r"origins\[0, 1\] is nan"),
        (np.zeros((2, 3)), np.ones((3, 3)), "2 rows"),
        ("origin", [0, 0, 1], "cannot be read"),
    ],
)
def test_bad_rays(session, origins, directions, sentence):
    with pytest.raises(chroma2.Error, match=sentence):
        session.intersect(origins, directions)


def test_telemetry(box):
    with chroma2.Session("cpu", box, **SMALL) as session:
        before = session.telemetry()
        result = session.submit_event(event()).result()
        after = session.telemetry()
        names = {m.name: m for m in session.metrics()}
    assert before["photons_ended"] == 0 and after["photons_ended"] == 2000
    assert after["steps"] == result.ledger.steps
    assert all(m.unit and m.meaning for m in names.values())
    assert {m.kind for m in names.values()} <= {"counter", "gauge", "high water"}


def test_subscribe(box):
    seen = []
    with chroma2.Session("cpu", box, **SMALL) as session:
        stop = session.subscribe(seen.append, 0.01)
        end = time.monotonic() + 10
        while len(seen) < 3 and time.monotonic() < end:
            session.submit_event(event(100)).result()
        stop()
        n = len(seen)
        time.sleep(0.1)
        assert len(seen) <= n + 1
        with pytest.raises(errors.InvalidType):
            session.subscribe("callback")
    assert len(seen) >= 3 and seen[-1]["photons_ended"] >= seen[0]["photons_ended"]


def test_close():
    session = chroma2.Session("cpu", water_box(), **SMALL)
    future = session.submit_event(event(50_000))
    session.close()
    assert session.closed and future.result(0).ledger.in_ == 50_000
    session.close()
    for call in (
        lambda: session.submit_event(event()),
        session.telemetry,
        lambda: session.info,
        lambda: session.intersect([0, 0, 0], [0, 0, 1]),
    ):
        with pytest.raises(errors.Closed):
            call()
    assert "closed" in repr(session)


def test_an_exception_in_the_block_cancels():
    with (
        pytest.raises(KeyError, match="mine"),
        chroma2.Session("cpu", water_box(), **SMALL) as session,
    ):
        future = session.submit_event(event(100_000_000))
        raise KeyError("mine")
    assert future.cancelled()


def test_results_outlive_session_and_future(box):
    with chroma2.Session("cpu", box, **SMALL) as session:
        hits = session.submit_event(event()).result().hits
        t = hits.t
        expected = t.copy()
    del session, hits
    gc.collect()
    assert np.array_equal(t, expected)


def test_a_dropped_session_finishes_nothing_but_frees(box):
    future = chroma2.Session("cpu", box, **SMALL).submit_event(event())
    assert future.result(60).ledger.in_ == 2000  # a running event keeps its session
    gc.collect()
    assert threading.active_count() < 50


def test_results_are_freed_without_the_collector(box):
    """No circle of references holds the arrays of a dropped result."""
    import weakref

    gc.disable()
    try:
        with chroma2.Session("cpu", box, **SMALL) as session:
            for on_hits in (None, lambda hits: None):
                future = session.submit_event(event(on_hits=on_hits))
                result = future.result()
                gone = weakref.ref(result)
                del future, result
                end = time.monotonic() + 5  # the dispatch thread may still be in its callback
                while gone() is not None and time.monotonic() < end:
                    time.sleep(0.01)
                assert gone() is None
    finally:
        gc.enable()


def test_two_sessions_at_once(box):
    with chroma2.Session("cpu", box, 1, **SMALL) as a, chroma2.Session("cpu", box, 1, **SMALL) as b:
        futures = [s.submit_event(event(event_id=4)) for s in (a, b)]
        one, two = (f.result().hits.t for f in futures)
    assert np.array_equal(one, two)


def test_another_detector_for_one_event(box):
    small = water_box(100.0)
    with chroma2.Session("cpu", box, 1, **SMALL) as session:
        here = session.submit_event(event(event_id=1)).result()
        there = session.submit_event(event(event_id=2, detector=small)).result()
    assert there.scene is small.build() and here.scene is box
    assert there.hits.t.mean() < 0.5 * here.hits.t.mean()


def test_set_scene_is_a_fresh_session_and_costs_the_change(box):
    aged = chroma2.Material("water")
    aged.set("refractive_index", [1.36, 1.33], [200.0, 800.0])
    aged.set("absorption_length", 700.0)
    aged.set("scattering_length", 2000.0)
    edited = box.edited(materials={box.material_index("water"): aged})
    what = event(event_id=3, keep=("hits", "photons_end"))
    with chroma2.Session("cpu", box, 5, **SMALL) as session:
        whole = session.telemetry()["scene_bytes_uploaded"]
        before = session.submit_event(what)
        session.set_scene(edited)
        assert session.scene is edited
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", errors.RepeatedEventWarning)
            after = session.submit_event(what)
        grown = session.telemetry()["scene_bytes_uploaded"] - whole
        session.set_scene(box)
        assert session.telemetry()["scene_bytes_uploaded"] == whole + grown
    tables = 4 * 188 * 4  # four tables of a material on the grid of 188 points
    assert tables <= grown < whole
    for result, scene in ((before.result(), box), (after.result(), edited)):
        with chroma2.Session("cpu", scene, 5, **SMALL) as fresh:
            assert digest(fresh.submit_event(what).result()) == digest(result)
    assert digest(before.result()) != digest(after.result())


def test_fork():
    """A forked child is told; the parent goes on."""
    program = """
import os, sys, chroma2
from chroma2 import errors
sys.path.insert(0, sys.argv[1])
from conftest import water_box, event
session = chroma2.Session("cpu", water_box(), threads=1, memory_bytes=64 << 20)
future = session.submit_event(event(200_000))
pid = os.fork()
if pid == 0:
    code = 0
    for call in (session.telemetry, lambda: session.submit_event(event()),
                 lambda: session.intersect([0, 0, 0], [0, 0, 1])):
        try:
            call()
            code = 1
        except errors.SessionAfterFork:
            pass
    try:
        future.result()
    except errors.SessionAfterFork:
        pass
    session.close()
    sys.exit(code)
assert os.waitpid(pid, 0)[1] == 0
assert future.result().ledger.in_ == 200_000
session.close()
"""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        done = subprocess.run(
            [sys.executable, "-c", program, os.path.dirname(__file__)],
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert done.returncode == 0, done.stderr


def test_exit_with_work_pending_and_callbacks():
    """The interpreter may go away while events run."""
    program = """
import sys, chroma2
sys.path.insert(0, sys.argv[1])
from conftest import water_box, event
session = chroma2.Session("cpu", water_box(), threads=2, memory_bytes=64 << 20)
session.subscribe(lambda numbers: None, 0.001)
session.submit_event(event(1_000_000_000, on_hits=lambda hits: None))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, os.path.dirname(__file__)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0 and not done.stderr, done.stderr


def test_light_from_python_threads(box):
    """Submissions from many threads."""
    with chroma2.Session("cpu", box, **SMALL) as session:
        out = []

        def work(k):
            for i in range(5):
                result = session.submit_event(event(200, event_id=100 * k + i)).result()
                out.append((result.event_id, result.ledger.in_))

        threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    assert sorted(out) == [(100 * k + i, 200) for k in range(4) for i in range(5)]


def test_count_photons(session):
    sources = [light(10), [light(20), chroma2.sources.scintillation((0, 0, 0), wavelength=400.0,
                                                                    mean=100.0)]]  # fmt: skip
    counted = session.count_photons(chroma2.EventDescriptor(sources=sources, event_id=3))
    result = session.submit_event(chroma2.EventDescriptor(sources=sources, event_id=3)).result()
    assert counted == result.ledger.in_ and 30 < counted < 200
