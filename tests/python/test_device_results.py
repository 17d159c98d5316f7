# SPDX-License-Identifier: BSD-3-Clause
"""Results that stay on the session's device: the host's bytes, as CuPy, PyTorch and NumPy take
them; memory held as long as anybody looks at it, and used again. On the CPU too, and on the
emulated device, where NumPy plays the library."""

import ctypes
import gc
import pickle
import threading

import numpy as np
import pytest
from conftest import IS_EMULATED, SMALL, chosen_device, event

import chroma2
from chroma2 import errors, interop

DEVICE = chosen_device()
IS_GPU = DEVICE != "cpu"
N = 300 if IS_EMULATED else 20_000
ALL = ("hits", "photons_end", "photon_tracks")
ROOM = {} if not IS_GPU else {"device_result_bytes": 64 << 20}
if IS_GPU and not IS_EMULATED:
    SMALL = SMALL | {"memory_bytes": 1 << 30}

pytestmark = pytest.mark.filterwarnings("ignore::chroma2.errors.RepeatedEventWarning")


# ------------------------------------------------------------------ libraries


class Words:
    """Memory of the emulated device, as the host's."""

    def __init__(self, interface):
        self.__array_interface__ = {k: v for k, v in interface.items() if k != "stream"}


class Emulated:
    """How a test takes a column: a copy of its values, and something that holds it."""

    def take(self, column):
        assert column.__dlpack_device__() == (2, DEVICE)
        array = interop.read("column", column)
        view = Words(
            {
                "version": 3,
                "shape": array.shape,
                "typestr": array.dtype.str,
                "data": (array.pointer, False),
                "strides": array.strides,
            }
        )
        return np.asarray(view).copy(), array


class EmulatedByInterface:
    def take(self, column):
        return np.asarray(Words(column.__cuda_array_interface__)).copy(), column


class Numpy:
    """On the host."""

    def take(self, column):
        assert column.__dlpack_device__() == (1, 0)
        values = np.from_dlpack(column)
        return values.copy(), values


class Cupy:
    def __init__(self, cupy):
        self.cupy = cupy

    def lent(self, column):
        return self.cupy.from_dlpack(column)

    def take(self, column):
        array = self.lent(column)
        if array.size:
            assert array.data.ptr == column.__cuda_array_interface__["data"][0]
        return self.cupy.asnumpy(array), array


class CupyByInterface(Cupy):
    def lent(self, column):
        return self.cupy.asarray(column)


class Torch:
    def __init__(self, torch):
        self.torch = torch

    def take(self, column):
        tensor = self.torch.from_dlpack(column)
        assert tensor.device.type == "cuda" and tensor.device.index == DEVICE
        if column.size:
            assert tensor.data_ptr() == column.__cuda_array_interface__["data"][0]
        return tensor.cpu().numpy(), tensor


def libraries():
    if not IS_GPU:
        return ["numpy"]
    return ["emulated", "interface"] if IS_EMULATED else ["cupy", "bare", "torch"]


@pytest.fixture(params=libraries())
def library(request):
    if request.param == "torch":
        return Torch(pytest.importorskip("torch"))
    if request.param in ("cupy", "bare"):
        cupy = pytest.importorskip("cupy")
        return Cupy(cupy) if request.param == "cupy" else CupyByInterface(cupy)
    return {"numpy": Numpy, "emulated": Emulated, "interface": EmulatedByInterface}[request.param]()


# ------------------------------------------------------------------ results


@pytest.fixture(scope="module")
def session(box):
    with chroma2.Session(detector=box, seed=1, **SMALL, **ROOM) as open_session:
        yield open_session


def run(session, n=N, keep=("hits", "photons_end"), **options):
    return session.submit_event(event(n, event_id=7, keep=keep, **options)).result()


def pair(session, n=N, **options):
    """The same event on the host and on the device."""
    return run(session, n, **options), run(session, n, keep_on_device=True, **options)


def expect_same(result, expected, copy):
    assert result.ledger == expected.ledger
    for name in ALL:
        table, other = getattr(result, name), getattr(expected, name)
        assert len(table) == len(other) and table.columns == other.columns
        for column in other:
            values = copy(table[column])
            assert values.dtype == other[column].dtype and values.shape == other[column].shape
            assert values.tobytes() == other[column].tobytes(), (name, column)


def bytes_held(session):
    gc.collect()
    return session.telemetry()["result_bytes_on_device"]


@pytest.mark.parametrize("block_log2", [7, 20])
@pytest.mark.parametrize("keep", [ALL, ("hits",), ("hits", "photons_end")])
def test_the_bytes_of_the_host(session, library, keep, block_log2):
    n = N if "photon_tracks" not in keep else N // 4
    expected, result = pair(session, n, keep=keep, block_log2=block_log2)
    assert result.is_on_device and result.hits.is_on_device and not expected.hits.is_on_device
    assert all(isinstance(result.hits[name], chroma2.DeviceColumn) for name in result.hits)
    expect_same(result, expected, lambda column: library.take(column)[0])
    expect_same(result, expected, np.asarray)
    expect_same(result, expected, lambda column: column.to_host())


def test_the_cpu_gives_the_same_bytes(session, box):
    with chroma2.Session("cpu", box, seed=1) as on_cpu:
        expected = run(on_cpu, min(N, 3000))
    result = run(session, min(N, 3000), keep_on_device=True)
    expect_same(result, expected, np.asarray)


def test_rows_without_order_are_the_same_set(session):
    expected, result = run(session), run(session, keep_on_device=True, ordered=False)
    ids = np.sort(np.asarray(result.photons_end.photon_id))
    assert np.array_equal(ids, expected.photons_end.photon_id)


def test_what_a_column_says_of_itself(session):
    expected, result = pair(session)
    for name in expected.hits:
        column, values = result.hits[name], expected.hits[name]
        for fact in ("shape", "dtype", "ndim", "size", "nbytes"):
            assert getattr(column, fact) == getattr(values, fact)
        assert len(column) == len(values)
        assert column.device == (DEVICE if IS_GPU else None)
        if IS_GPU:
            interface = column.__cuda_array_interface__
            assert interface["shape"] == values.shape and interface["typestr"] == values.dtype.str
            assert interface["version"] == 3 and interface["stream"] is None
        else:
            assert not hasattr(column, "__cuda_array_interface__")
    assert "DeviceColumn" in repr(column) and repr(result)
    assert np.asarray(result.hits.t, dtype=np.float64).dtype == np.float64
    assert np.array_equal(pickle.loads(pickle.dumps(result.hits.t)), expected.hits.t)


def test_tables_come_to_the_host(session, tmp_path):
    expected, result = pair(session, keep=ALL, n=N // 4)
    for name in ALL:
        table, other = getattr(result, name).to_host(), getattr(expected, name)
        assert not table.is_on_device and table.to_host() is table
        assert all(np.array_equal(table[c], other[c]) for c in other)
        assert table.units == other.units
    assert result.hits.flag_names() == expected.hits.flag_names()
    assert np.array_equal(result.hits.to_opticks(), expected.hits.to_opticks())
    assert result.hits.by_channel().keys() == expected.hits.by_channel().keys()
    assert all(
        np.array_equal(a, b) for a, b in zip(result.channels, expected.channels, strict=True)
    )
    assert result.photon_tracks.sequences() == expected.photon_tracks.sequences()
    assert result.photon_tracks.process_names() == expected.photon_tracks.process_names()
    assert result.summary()["hits"] == expected.summary()["hits"]
    flat, other = result.hits.flat_columns(), expected.hits.flat_columns()
    assert all(np.array_equal(flat[name], other[name]) for name in other)
    joined = chroma2.Hits.concatenate([result.hits, result.hits])
    assert len(joined) == 2 * len(expected.hits) and isinstance(joined.t, np.ndarray)


def test_what_came_out_goes_in(session):
    """The last states of one event start another, without a copy through the host."""
    expected, result = pair(session, max_steps=1)
    starts = [r.photons_end.to_photons() for r in (expected, result)]
    assert starts[1].device == (DEVICE if IS_GPU else None)
    keep = ("hits", "photons_end")
    ends = [
        session.submit_event(chroma2.EventDescriptor(photons=p, event_id=8, keep=keep)).result()
        for p in starts
    ]
    expect_same(ends[1], ends[0], np.asarray)


def test_an_event_without_rows(session, library):
    result = run(session, 5, keep=(), keep_on_device=True)
    assert result.is_on_device and len(result.hits) == 0
    values, _ = library.take(result.hits.pos)
    assert values.shape == (0, 3) and np.asarray(result.hits.t).shape == (0,)
    if IS_GPU:
        assert bytes_held(session) == 0


def test_many_events_of_both_kinds(session):
    events = [
        event(50 + i, event_id=i, keep=("hits", "photons_end"), keep_on_device=stays)
        for i in range(15)
        for stays in (False, True)
    ]
    results = [future.result() for future in session.submit_events(events)]
    for expected, result in zip(results[::2], results[1::2], strict=True):
        expect_same(result, expected, np.asarray)


def test_a_replay_stays_too(session):
    chosen = event(N, event_id=7, keep_on_device=True)
    result = session.replay(chosen, [1, 5, 9])
    again = session.replay(event(N, event_id=7), [1, 5, 9])
    assert result.is_on_device
    expect_same(result, again, np.asarray)


# ------------------------------------------------------------------ memory


@pytest.mark.skipif(not IS_GPU, reason="no GPU: CHROMA2_TEST_DEVICE is not set")
def test_columns_are_held_one_by_one(session, library):
    assert bytes_held(session) == 0
    expected, result = pair(session)
    _, lent = library.take(result.photons_end.pos)
    held = bytes_held(session)
    assert held >= sum(c.nbytes for t in (result.hits, result.photons_end) for c in
                       (t[name] for name in t))  # fmt: skip
    column = result.photons_end.t
    del result
    assert bytes_held(session) == held
    del column
    assert bytes_held(session) == held
    del lent
    assert bytes_held(session) == 0
    assert len(expected.photons_end) == N


def test_a_capsule_that_nobody_takes_gives_back(session):
    result = run(session, keep_on_device=True)
    for version in (None, (1, 0)):
        capsule = result.hits.t.__dlpack__(max_version=version)
        assert ("dltensor_versioned" in repr(capsule)) == (version is not None)
        del capsule
    del result
    assert bytes_held(session) == 0


def test_columns_outlive_their_session(box, library):
    session = chroma2.Session(detector=box, seed=1, **SMALL, **ROOM)
    expected, result = pair(session)
    column = result.photons_end.pos
    _, lent = library.take(result.photons_end.dir)
    session.close()
    del session, result
    gc.collect()
    assert np.array_equal(column.to_host(), expected.photons_end.pos)
    assert np.array_equal(library.take(column)[0], expected.photons_end.pos)
    thread = threading.Thread(target=lambda held: held.clear(), args=([lent],))
    del lent, column
    thread.start()  # the last one, on a thread that never saw the library
    thread.join()


@pytest.mark.skipif(not IS_GPU, reason="no GPU: CHROMA2_TEST_DEVICE is not set")
def test_memory_comes_round_again(box, library):
    room = 4 * 100 * N
    with chroma2.Session(detector=box, seed=1, **SMALL, device_result_bytes=room) as session:
        expected = run(session)
        for _ in range(10):
            result = run(session, keep_on_device=True)
            expect_same(result, expected, lambda column: library.take(column)[0])


@pytest.mark.skipif(not IS_GPU, reason="no GPU: CHROMA2_TEST_DEVICE is not set")
def test_no_room_fails_an_event_and_no_other(box):
    room = 2 * 100 * N
    with chroma2.Session(detector=box, seed=1, **SMALL, device_result_bytes=room) as session:
        expected = run(session)
        held = [run(session, keep_on_device=True)]
        with pytest.raises(errors.ResultsHeld, match=rf"\({room} are set aside .* hold \d+ now"):
            held.append(run(session, keep_on_device=True))
        with pytest.raises(errors.OutOfMemory, match="raise device_result_bytes"):
            run(session, 8 * N, keep_on_device=True)
        expect_same(held[0], expected, np.asarray)
        held.clear()
        gc.collect()
        expect_same(run(session, keep_on_device=True), expected, np.asarray)


@pytest.mark.skipif(not IS_GPU, reason="no GPU: CHROMA2_TEST_DEVICE is not set")
def test_nothing_comes_through_the_host(session):
    n = 4000 if IS_EMULATED else 10 * N  # more rows than an epoch brings to the host anyway
    before = session.telemetry()["bytes_out"]
    run(session, n, keep_on_device=True)
    assert session.telemetry()["bytes_out"] == before


# ------------------------------------------------------------------ refused


def test_what_cannot_be(box, session):
    with pytest.raises(errors.InvalidArgument, match="keep_pinned or keep_on_device, not both"):
        event(10, keep_pinned=True, keep_on_device=True)
    with pytest.raises(errors.InvalidArgument, match="keep_on_device is for results"):
        event(10, keep_on_device=True, on_hits=print)
    with pytest.raises(errors.InvalidType, match="keep_on_device is 1"):
        event(10, keep_on_device=1)
    with pytest.raises(errors.InvalidArgument, match=r"device_result_bytes is .* part of memory"):
        chroma2.Session("cpu", box, memory_bytes=64 << 20, device_result_bytes=65 << 20)
    column = run(session, 100, keep_on_device=True).photons_end.t
    with pytest.raises(errors.InvalidType, match="stays on its device"):
        column[0]
    with pytest.raises(ValueError, match="copied to the host"):
        np.asarray(column, copy=False)
    with pytest.raises(BufferError, match="asked for on"):
        column.__dlpack__(dl_device=(2, 99))
    if IS_GPU:
        with pytest.raises(errors.CannotLend, match="copy=True"):
            column.__dlpack__(copy=True)
        with pytest.raises(errors.CannotLend, match="copy=False"):
            column.__dlpack__(dl_device=(1, 0), copy=False)


@pytest.mark.skipif(not IS_GPU, reason="no GPU: CHROMA2_TEST_DEVICE is not set")
def test_a_session_without_room(box):
    with (
        chroma2.Session(detector=box, seed=1, **SMALL, device_result_bytes=1) as session,
        pytest.raises(errors.OutOfMemory, match="1 are set aside"),
    ):
        run(session, keep_on_device=True)


def test_a_copy_on_the_host_by_dlpack(session):
    expected, result = pair(session, 200)

    class OnHost:
        """What numpy.from_dlpack(column, device="cpu") asks for."""

        def __init__(self, column):
            self.column = column

        def __dlpack_device__(self):
            return 1, 0

        def __dlpack__(self, **wishes):
            wishes.pop("dl_device", None)
            wishes.pop("copy", None)
            return self.column.__dlpack__(dl_device=(1, 0), copy=True, **wishes)

    values = np.from_dlpack(OnHost(result.photons_end.pos))
    assert np.array_equal(values, expected.photons_end.pos)
    assert values.ctypes.data != ctypes.addressof(ctypes.c_char())
