# SPDX-License-Identifier: BSD-3-Clause
"""Arrays of other libraries: DLPack and __array_interface__ on the host, CUDA's interface."""

import gc
import weakref
from typing import ClassVar

import numpy as np
import pytest
from conftest import SMALL, light

import chroma2
from chroma2 import _capi, errors, interop

N = 1000


class ByDlpack:
    """An array that can do nothing but DLPack."""

    def __init__(self, values, kind=1):
        self.values = values
        self.kind = kind

    def __dlpack__(self, **options):
        return self.values.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.kind, 0


class ByInterface:
    """An array that can do nothing but NumPy's interface."""

    def __init__(self, values):
        self.values = values  # kept alive
        self.__array_interface__ = values.__array_interface__


class LentByDlpack:
    """Looks like an array on a CUDA device that speaks DLPack alone."""

    def __init__(self, values):
        self.values = values

    def __dlpack_device__(self):
        return 2, 0

    def __dlpack__(self, stream):
        return self.values.__dlpack__()


class OnCuda:
    """Looks like an array on a CUDA device. Nothing is there: a session must not read it."""

    def __init__(self, shape, typestr="<f4", *, device=0, at=0x7000, **fields):
        self.device = device
        self.__cuda_array_interface__ = {
            "shape": shape,
            "typestr": typestr,
            "data": (at, False),
            "version": 3,
            "strides": None,
            **fields,
        }

    def __dlpack_device__(self):
        return 2, self.device


def columns(seed=1):
    rng = np.random.default_rng(seed)
    return {
        "pos": rng.uniform(-100, 100, (N, 3)).astype(np.float32),
        "dir": rng.normal(size=(N, 3)).astype(np.float32),
        "wavelengths": rng.uniform(300, 600, N).astype(np.float32),
        "t": rng.uniform(0, 10, N).astype(np.float32),
    }


def run(session, photons):
    event = chroma2.EventDescriptor(photons=photons, event_id=3, keep=("photons_end",))
    return session.submit_event(event).result().photons_end


@pytest.mark.filterwarnings("ignore::chroma2.errors.RepeatedEventWarning")
@pytest.mark.parametrize("wrap", [ByDlpack, ByInterface])
def test_host_arrays_of_others_are_used_where_they_lie(session, wrap):
    given = columns()
    photons = chroma2.Photons(**{name: wrap(values) for name, values in given.items()})
    for name, values in given.items():
        assert np.shares_memory(getattr(photons, name), values), name
    ends, expected = run(session, photons), run(session, chroma2.Photons(**given))
    for name in expected:
        assert np.array_equal(ends[name], expected[name]), name


@pytest.mark.filterwarnings("ignore::chroma2.errors.RepeatedEventWarning")
def test_pytorch(session):
    torch = pytest.importorskip("torch")
    given = columns()
    photons = chroma2.Photons(**{name: torch.from_numpy(v) for name, v in given.items()})
    assert np.shares_memory(photons.pos, given["pos"])
    ends = run(session, photons)
    assert np.array_equal(ends.t, run(session, chroma2.Photons(**given)).t)
    assert torch.from_dlpack(ends.t).data_ptr() == ends.t.ctypes.data


def test_results_leave_by_dlpack_without_a_copy(session):
    event = chroma2.EventDescriptor(sources=[light(500)], keep=("photons_end",))
    ends = session.submit_event(event).result().photons_end
    for name in ends:
        assert np.shares_memory(np.from_dlpack(ends[name]), ends[name]), name
    t, values = np.from_dlpack(ends.t), ends.t.copy()
    del ends  # the memory lives as long as who looks at it
    assert np.array_equal(t, values)


def test_a_photon_without_direction_is_staged_in_20_bytes(box):
    """pos, wavelengths and t: 3 + 1 + 1 floats; directions are made where photons start."""
    given = columns()
    with chroma2.Session(detector=box, **SMALL) as session:
        staged = [session.telemetry()["bytes_in"]]
        for names in (("pos", "wavelengths", "t"), ("pos", "wavelengths"), tuple(given)):
            run_columns = {name: given[name] for name in names}
            event = chroma2.EventDescriptor(photons=chroma2.Photons(**run_columns))
            session.submit_event(event).result()
            staged.append(session.telemetry()["bytes_in"])
    assert np.diff(staged).tolist() == [20 * N, 20 * N, 32 * N]


def test_device_arrays_reach_the_descriptor_and_not_the_host():
    photons = chroma2.Photons(
        OnCuda((N, 3), at=0x1000, device=1, strides=(16, 4), stream=7),
        wavelengths=OnCuda((N,), "<f8", at=0x2000, device=1),
        t=OnCuda((N,), at=0x3000, device=1, stream=7),
    )
    assert photons.device == 1 and len(photons) == N and "on device 1" in repr(photons)
    spec = chroma2.EventDescriptor(photons=photons)._spec(None, None)
    pins = []
    batch = _capi._batch(pins, spec)
    address = {
        name: int(_capi.ffi.cast("uintptr_t", getattr(batch, name).data))
        for name in ("position", "direction", "wavelength", "time", "history")
    }
    assert address == {
        "position": 0x1000, "direction": 0, "wavelength": 0x2000, "time": 0x3000, "history": 0,
    }  # fmt: skip
    assert (batch.position.stride_bytes, batch.position.component_stride_bytes) == (16, 4)
    assert batch.wavelength.stride_bytes == 8
    assert batch.wavelength.dtype == _capi.lib.CHROMA2_FLOAT64
    assert (batch.n, batch.device) == (N, 1)
    assert int(_capi.ffi.cast("uintptr_t", batch.stream)) == 7
    assert any(p is photons.pos for p in pins)  # whoever lends it lives on
    for forbidden in (lambda: photons[:3], lambda: photons + photons, photons.reduced):
        with pytest.raises(errors.Unsupported, match="lie on device 1"):
            forbidden()


def test_a_cpu_session_says_what_to_do_with_device_arrays(box):
    photons = chroma2.Photons(OnCuda((N, 3)), wavelengths=OnCuda((N,)))
    with chroma2.Session("cpu", box, threads=1, memory_bytes=64 << 20) as session:
        with pytest.raises(errors.Unsupported, match=r"photons lie on device 0 .*x\.cpu\(\)"):
            session.submit_event(chroma2.EventDescriptor(photons=photons))
        result = session.submit_event(chroma2.EventDescriptor(sources=[light(10)])).result()
    assert result.ledger.n_photons == 10  # nothing is left of the refused one


@pytest.mark.parametrize(
    ("given", "kind", "sentence"),
    [
        ({"pos": OnCuda((N, 3)), "wavelengths": 400.0}, errors.InvalidArgument,
         "different places: pos on device 0, wavelengths on the host"),
        ({"pos": OnCuda((N, 3)), "wavelengths": OnCuda((N,), device=1)}, errors.InvalidArgument,
         "pos on device 0, wavelengths on device 1"),
        ({"pos": OnCuda((N, 2)), "wavelengths": OnCuda((N,))}, errors.InvalidArgument,
         r"pos has shape \[1000, 2\]"),
        ({"pos": OnCuda((N, 3)), "wavelengths": OnCuda((N + 1,))}, errors.InvalidArgument,
         r"wavelengths has shape \[1001\]"),
        ({"pos": OnCuda((N, 3), "<f2"), "wavelengths": OnCuda((N,))}, errors.InvalidType,
         "pos is float16 .*float32 or float64"),
        ({"pos": OnCuda((N, 3), stream=0), "wavelengths": OnCuda((N,))}, errors.InvalidArgument,
         "stream 0"),
        ({"pos": OnCuda((N, 3), mask=1), "wavelengths": OnCuda((N,))}, errors.Unsupported,
         "masked"),
        ({"pos": ByDlpack(np.zeros((N, 3)), kind=2), "wavelengths": 400.0}, errors.InvalidType,
         "pos cannot be read by DLPack .*stream"),
        ({"pos": ByDlpack(np.zeros((N, 3)), kind=10), "wavelengths": 400.0}, errors.Unsupported,
         "type 10"),
        ({"pos": ByDlpack(object()), "wavelengths": 400.0}, errors.InvalidType, "by DLPack"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named(given, kind, sentence):
    with pytest.raises(kind, match=sentence):
        chroma2.Photons(**given)


@pytest.mark.parametrize(
    "values",
    [
        np.arange(12, dtype=np.float32).reshape(4, 3),
        np.arange(24, dtype=np.float64).reshape(2, 4, 3)[1],
        np.asfortranarray(np.arange(12, dtype=np.float32).reshape(4, 3)),
        np.arange(10, dtype=np.uint32)[8:1:-3],
        np.zeros((0, 3), np.float32),
        np.zeros((3,), np.float16),
        np.zeros((1, 2, 3), np.int64),
    ],
)
def test_a_capsule_says_what_numpy_says(values):
    class Lent:
        streams: ClassVar = []

        def __dlpack_device__(self):
            return 2, 5

        def __dlpack__(self, stream):
            self.streams.append(stream)
            return values.__dlpack__()

    array = interop.read("pos", Lent())
    assert isinstance(array, interop.DeviceArray) and array.device == 5
    assert (array.shape, array.dtype, len(array)) == (values.shape, values.dtype, len(values))
    if values.size:
        assert array.pointer == values.ctypes.data
        ours = zip(array.shape, array.strides, strict=True)
        theirs = zip(values.shape, values.strides, strict=True)
        assert [s for n, s in ours if n > 1] == [s for n, s in theirs if n > 1]
    assert array.ordered_stream() == 1 and Lent.streams == [1, 1]  # read, and about to be used


def test_memory_is_given_back_by_who_borrowed_it():
    class Values(np.ndarray):
        pass

    values = np.zeros((N, 3), np.float32).view(Values)
    gone = weakref.ref(values)
    array = interop.read("pos", LentByDlpack(values))
    del values
    gc.collect()
    assert gone() is not None
    del array
    gc.collect()
    assert gone() is None


def test_columns_on_two_streams_are_refused():
    photons = chroma2.Photons(OnCuda((N, 3), stream=7), wavelengths=OnCuda((N,), stream=9))
    with pytest.raises(errors.Unsupported, match="2 streams"):
        _capi._batch([], chroma2.EventDescriptor(photons=photons)._spec(None, None))
    old = OnCuda((N,), version=2)  # before streams were told: the legacy one
    assert interop.read("t", old).stream == 1
