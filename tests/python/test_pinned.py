# SPDX-License-Identifier: BSD-3-Clause
"""Results in the session's pinned memory: the same rows, without a copy; held, and let go."""

import gc
import itertools
import threading

import numpy as np
import pytest
from conftest import event

import chroma2
from chroma2 import errors

BUFFER = 256 << 10
ALL = ("hits", "photons_end", "photon_tracks")
pytestmark = pytest.mark.filterwarnings("ignore::chroma2.errors.RepeatedEventWarning")


def open_with(box, n_buffers, **options):
    return chroma2.Session(
        "cpu", box, 1, threads=2, memory_bytes=64 << 20, pinned_bytes=n_buffers * (BUFFER + 256),
        **options,
    )  # fmt: skip


def address(values):
    return values.ctypes.data


def run(session, n=500, keep=("hits",), **options):
    return session.submit_event(event(n, event_id=7, keep=keep, **options)).result()


def same_rows(a, b):
    for name in ALL:
        left, right = getattr(a, name), getattr(b, name)
        assert len(left) == len(right)
        for column in left:
            assert np.array_equal(left[column], right[column]), (name, column)
    assert a.ledger == b.ledger


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize(
    ("n", "keep", "block_log2", "is_pinned"),
    [
        (100, ALL, 20, True),
        (500, ("hits",), 20, True),
        (2000, ("hits", "photons_end"), 7, False),  # some tables outgrow their part on the way
        (20_000, ("hits",), 10, False),  # begins in the buffer, leaves it later
        (20_000, ALL, 20, False),  # never fits
    ],
)
def test_pinned_results_have_the_same_rows(box, n, keep, block_log2, is_pinned, ordered):
    with open_with(box, 2) as session:
        expected = run(session, n, keep, block_log2=block_log2)
        pinned = run(session, n, keep, block_log2=block_log2, keep_pinned=True, ordered=ordered)
        assert (expected.is_pinned, pinned.is_pinned) == (False, is_pinned)
        if ordered:
            same_rows(expected, pinned)
        else:
            assert sorted(pinned.hits.photon_id) == sorted(expected.hits.photon_id)


def test_arrays_lie_in_one_buffer_that_comes_round_again(box):
    with open_with(box, 1) as session:
        result = run(session, keep=ALL, n=50, keep_pinned=True)
        tables = [getattr(result, name) for name in ALL]
        starts = [address(table[c]) for table in tables for c in table]
        ends = [s + table[c].nbytes for s, (table, c) in
                zip(starts, ((t, c) for t in tables for c in t), strict=True)]  # fmt: skip
        assert all(s % 64 == 0 for s in starts) and max(ends) - min(starts) <= BUFFER
        spans = sorted(zip(starts, ends, strict=True))
        assert all(a[1] <= b[0] for a, b in itertools.pairwise(spans))
        first = min(starts)
        del result, tables
        gc.collect()
        again = run(session, keep_pinned=True)
        assert min(address(again.hits[c]) for c in again.hits) == first


def test_held_results_are_counted_and_refuse_the_next(box):
    with open_with(box, 2, held_timeout=0.05) as session:
        held = [run(session, keep_pinned=True) for _ in range(2)]
        assert session.telemetry()["results_held"] == 2
        with pytest.raises(errors.ResultsHeld, match=r"all 2 buffers .* for 50 ms"):
            session.submit_event(event(500, keep_pinned=True))
        with pytest.raises(errors.ResultsHeld):
            session.submit_events([event(100), event(100, keep_pinned=True)])
        same_rows(run(session), held[0])  # others go on
        t = held.pop().hits.t  # one array is enough to hold its result's buffer
        gc.collect()
        assert session.telemetry()["results_held"] == 2
        del t
        gc.collect()
        assert session.telemetry()["results_held"] == 1
        same_rows(run(session, keep_pinned=True), held[0])


def test_a_submission_waits_for_a_result_to_be_let_go(box):
    with open_with(box, 1, held_timeout=60) as session:
        held = [run(session, keep_pinned=True)]
        futures = []
        thread = threading.Thread(
            target=lambda: futures.append(session.submit_event(event(100, keep_pinned=True)))
        )
        thread.start()
        thread.join(0.05)
        assert thread.is_alive() and not futures
        held.clear()
        thread.join()
        assert futures[0].result().is_pinned


def test_a_submission_that_waits_learns_that_the_session_closes(box):
    session = open_with(box, 1, held_timeout=60)
    held = run(session, keep_pinned=True)
    caught = []

    def submit():
        try:
            session.submit_event(event(100, keep_pinned=True))
        except errors.Error as error:
            caught.append(error)

    thread = threading.Thread(target=submit)
    thread.start()
    thread.join(0.05)
    session.close()
    thread.join()
    assert isinstance(caught[0], errors.Closed) and held.is_pinned


def test_pinned_results_outlive_their_session(box):
    session = open_with(box, 1)
    expected = run(session)
    pinned = run(session, keep_pinned=True)
    session.close()
    del session
    gc.collect()
    same_rows(expected, pinned)


def test_a_result_without_rows_holds_nothing(box):
    with open_with(box, 1, held_timeout=0.05) as session:
        results = [run(session, keep=(), keep_pinned=True) for _ in range(3)]
        results += [run(session, 1, max_steps=1, keep_pinned=True) for _ in range(3)]
        assert not any(len(r.hits) for r in results)
        assert session.telemetry()["results_held"] == 0


def test_what_cannot_be_pinned(box):
    with pytest.raises(errors.InvalidArgument, match="on_hits or on_block here"):
        event(10, keep_pinned=True, on_hits=print)
    with pytest.raises(errors.InvalidType, match="keep_pinned is 1"):
        event(10, keep_pinned=1)
    with pytest.raises(errors.InvalidArgument, match=r"pinned_bytes is .* part of memory_bytes"):
        chroma2.Session("cpu", box, memory_bytes=64 << 20, pinned_bytes=65 << 20)
    with pytest.raises(errors.InvalidArgument, match="held_timeout"):
        chroma2.Session("cpu", box, held_timeout=0)
    with (
        chroma2.Session("cpu", box, memory_bytes=64 << 20, pinned_bytes=1) as session,
        pytest.raises(errors.Unsupported, match="no pinned memory left for results"),
    ):
        session.submit_event(event(10, keep_pinned=True))
