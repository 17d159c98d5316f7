# SPDX-License-Identifier: BSD-3-Clause
"""Events of arrays that lie on a GPU: the bytes of the same arrays on the host, whatever library
made them and on whichever stream; a bad photon fails its event and no other. Skipped without
CHROMA2_TEST_DEVICE. On the emulated device memory is the host's, and NumPy plays the library."""

import contextlib

import numpy as np
import pytest
from conftest import IS_EMULATED, SMALL, chosen_device

import chroma2
from chroma2 import errors

DEVICE = chosen_device()
N = 300 if IS_EMULATED else 200_000

pytestmark = [
    pytest.mark.skipif(DEVICE == "cpu", reason="no GPU: CHROMA2_TEST_DEVICE is not set"),
    pytest.mark.filterwarnings("ignore::chroma2.errors.RepeatedEventWarning"),
]


# ------------------------------------------------------------------ libraries


class Lent:
    """Memory of the host in the words of a device's, for the emulated device."""

    def __init__(self, values, device=0):
        self.values = values
        self.device = device

    def __dlpack_device__(self):
        return 2, self.device


class LentByDlpack(Lent):
    def __dlpack__(self, stream=None):
        assert stream == 1
        return self.values.__dlpack__()


class LentByInterface(Lent):
    @property
    def __cuda_array_interface__(self):
        return self.values.__array_interface__ | {"version": 3, "stream": None}


class Emulated:
    """How a test makes arrays of a library.

    send  copies an array to the device, with its layout
    late  zeros there, which become the array on a stream that waits for nobody, some 50 ms from
          now; and the context in which the library knows of that
    """

    def __init__(self, lent):
        self.send = lent


class Cupy:
    def __init__(self, cupy):
        self.cupy = cupy

    def send(self, values):
        base = values if values.base is None else values.base
        memory = self.cupy.asarray(np.frombuffer(base.tobytes(), np.uint8)).data
        memory += values.ctypes.data - base.ctypes.data
        return self.cupy.ndarray(values.shape, values.dtype, memory, strides=values.strides)

    def late(self, values):
        stream = self.cupy.cuda.Stream(non_blocking=True)
        source = Cupy.send(self, values)
        out = self.cupy.zeros_like(source)
        self.cupy.cuda.Device().synchronize()
        with stream:
            spin = self.cupy.ones((4096, 4096), self.cupy.float32)
            for _ in range(30):
                spin = self.cupy.matmul(spin, spin)
            out[...] = source
        return out, stream


class Interface:
    """An array that speaks CUDA's interface alone, with the stream that it is ready on. None: with
    its owner's."""

    def __init__(self, array, stream):
        self.kept = array, stream
        self.__cuda_array_interface__ = array.__cuda_array_interface__
        if stream is not None:
            self.__cuda_array_interface__ |= {"stream": stream.ptr}


class CupyByInterface(Cupy):
    def send(self, values):
        return Interface(super().send(values), None)

    def late(self, values):
        out, stream = super().late(values)
        return Interface(out, stream), contextlib.nullcontext()

    def ready(self, array):
        """The same array, which waits for no stream."""
        self.cupy.cuda.Device().synchronize()
        array.__cuda_array_interface__ |= {"stream": None}
        return array


class Torch:
    def __init__(self, torch):
        self.torch = torch

    def send(self, values):
        base = values if values.base is None else values.base
        flat = self.torch.from_numpy(np.frombuffer(base.tobytes(), values.dtype).copy())
        steps = [s // values.itemsize for s in values.strides]
        first = (values.ctypes.data - base.ctypes.data) // values.itemsize
        return flat.to(f"cuda:{DEVICE}").as_strided(values.shape, steps, first)

    def late(self, values):
        stream = self.torch.cuda.Stream()
        source = self.send(values)
        out = self.torch.zeros_like(source)
        self.torch.cuda.synchronize()
        with self.torch.cuda.stream(stream):
            spin = self.torch.ones((4096, 4096), device=source.device)
            for _ in range(30):
                spin = self.torch.matmul(spin, spin)
            out.copy_(source)
        return out, self.torch.cuda.stream(stream)


@pytest.fixture(params=["dlpack", "interface"] if IS_EMULATED else ["cupy", "bare", "torch"])
def library(request):
    if IS_EMULATED:
        return Emulated(LentByDlpack if request.param == "dlpack" else LentByInterface)
    if request.param == "torch":
        return Torch(pytest.importorskip("torch"))
    cupy = pytest.importorskip("cupy")
    return Cupy(cupy) if request.param == "cupy" else CupyByInterface(cupy)


# ------------------------------------------------------------------ photons


@pytest.fixture(scope="module")
def session(box):
    with chroma2.Session(detector=box, seed=1, **SMALL) as open_session:
        yield open_session


def columns(n=N, seed=1):
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(n, 3))
    return {
        "pos": rng.uniform(-100, 100, (n, 3)).astype(np.float32),
        "dir": directions.astype(np.float32),
        "pol": np.cross(directions, rng.normal(size=(n, 3))).astype(np.float32),
        "wavelengths": rng.uniform(300, 600, n).astype(np.float32),
        "t": rng.uniform(0, 10, n).astype(np.float32),
        "flags": np.where(rng.random(n) < 0.01, 2, 0).astype(np.uint32),
    }


def wide(values):
    """A view with room between its values: every fourth of a wider array."""
    out = np.zeros((*values.shape, 4), values.dtype)
    out[..., 1] = values
    return out[..., 1]


def by_components(values):
    """x of all, then y, then z."""
    return np.ascontiguousarray(values.T).T


LAYOUTS = {
    "contiguous": lambda name, v: v,
    "by components": lambda name, v: by_components(v),
    "wide": lambda name, v: wide(v),
    "backwards": lambda name, v: np.ascontiguousarray(v[::-1])[::-1],
    "float64": lambda name, v: v if name == "flags" else v.astype(np.float64),
    "mixed": lambda name, v: wide(v.astype(np.float64)) if name in ("pos", "t") else v,
}


def submit(session, photons, event_id=3):
    keep = ("hits", "photons_end")
    event = chroma2.EventDescriptor(photons=photons, event_id=event_id, keep=keep)
    return session.submit_event(event)


def expect_same(result, expected):
    assert result.ledger == expected.ledger
    for table, other in (
        (result.hits, expected.hits),
        (result.photons_end, expected.photons_end),
    ):
        assert len(table) == len(other) > 0
        for name in other:
            assert table[name].tobytes() == other[name].tobytes(), name


def bytes_in(session):
    return session.telemetry()["bytes_in"]


# ------------------------------------------------------------------ in


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_bytes_of_the_host(session, library, layout):
    given = {name: LAYOUTS[layout](name, values) for name, values in columns().items()}
    if layout == "backwards" and isinstance(library, Torch):
        pytest.skip("PyTorch has no negative strides")
    expected = submit(session, chroma2.Photons(**given)).result()
    photons = chroma2.Photons(**{name: library.send(v) for name, v in given.items()})
    assert photons.device == DEVICE and len(photons) == N
    before = bytes_in(session)
    expect_same(submit(session, photons).result(), expected)
    assert bytes_in(session) == before  # nothing came through the host


@pytest.mark.parametrize("names", [("pos", "wavelengths"), ("pos", "dir", "wavelengths", "t")])
def test_absent_columns_are_made_there(session, library, names):
    given = {name: values for name, values in columns().items() if name in names}
    expected = submit(session, chroma2.Photons(**given)).result()
    photons = chroma2.Photons(**{name: library.send(v) for name, v in given.items()})
    expect_same(submit(session, photons).result(), expected)


def test_the_cpu_gives_the_same_bytes(session, library, box):
    given = columns(n=min(N, 20_000))
    with chroma2.Session("cpu", box, seed=1) as on_cpu:
        expected = submit(on_cpu, chroma2.Photons(**given)).result()
    photons = chroma2.Photons(**{name: library.send(v) for name, v in given.items()})
    expect_same(submit(session, photons).result(), expected)


def test_work_that_is_still_running_is_waited_for(session, library):
    """The columns are filled on streams that do not wait for anybody, some time from now."""
    if IS_EMULATED:
        pytest.skip("nothing runs late on the emulated device")
    given = columns()
    expected = submit(session, chroma2.Photons(**given)).result()
    for _ in range(3):
        others = {n: library.send(v) for n, v in given.items() if n != "pos"}
        if isinstance(library, CupyByInterface):  # one stream is waited for, that of the late one
            others = {n: library.ready(array) for n, array in others.items()}
        late, context = library.late(given["pos"])
        with context:
            future = submit(session, chroma2.Photons(pos=late, **others))
        expect_same(future.result(), expected)


def test_arrays_live_as_long_as_the_event(session, library):
    given = columns()
    expected = submit(session, chroma2.Photons(**given)).result()
    futures = [
        submit(session, chroma2.Photons(**{name: library.send(v) for name, v in given.items()}))
        for _ in range(4)
    ]
    for future in futures:
        expect_same(future.result(), expected)


FAULTS = [
    ("pos", (N - 1, 1), np.inf, rf"pos\[{N - 1}, 1\] is inf \(values must be finite\)"),
    ("pos", (5, 2), np.nan, r"pos\[5, 2\] is -?nan"),
    ("dir", (N // 2,), 0.0, rf"dir\[{N // 2}\]"),
    ("dir", (1, 0), np.nan, r"dir\[1, 0\]"),
    ("pol", (77,), 0.0, r"pol\[77\]"),
    ("wavelengths", (137,), -1.0, r"wavelengths\[137\] is -1 nm \(it must be finite and > 0\)"),
    ("wavelengths", (0,), 0.0, r"wavelengths\[0\] is 0 nm"),
    ("t", (3,), np.nan, r"t\[3\]"),
]


@pytest.mark.parametrize(("name", "index", "value", "sentence"), FAULTS)
def test_a_bad_photon_fails_its_event_and_no_other(session, library, name, index, value, sentence):
    good = columns()
    bad = {n: v.copy() for n, v in good.items()}
    bad[name][index] = value
    bad["flags"][:] = 0
    expected = submit(session, chroma2.Photons(**good)).result()
    sent = [
        chroma2.Photons(**{n: library.send(v) for n, v in given.items()})
        for given in (good, bad, good)
    ]
    before, failed, after = [submit(session, photons, 3) for photons in sent]
    with pytest.raises(errors.InvalidPhoton, match=sentence):
        failed.result()
    expect_same(before.result(), expected)
    expect_same(after.result(), expected)


# ------------------------------------------------------------------ refused


def test_arrays_of_another_device(session):
    other = DEVICE + 1
    given = columns(10)
    photons = chroma2.Photons(
        **{name: LentByInterface(values, other) for name, values in given.items()}
    )
    with pytest.raises(errors.Unsupported, match=f"photons lie on device {other}"):
        submit(session, photons)


@pytest.mark.parametrize(
    ("change", "kind", "sentence"),
    [
        ({"wavelengths": lambda v: v.astype(np.float16)}, errors.InvalidType,
         "wavelengths is float16 .*float32 or float64"),
        ({"pos": lambda v: v.astype(np.int32)}, errors.InvalidType, "pos is int32"),
        ({"flags": lambda v: v.astype(np.int64)}, errors.InvalidType, "flags is int64 .*uint32"),
        ({"pos": lambda v: v[:, :2].copy()}, errors.InvalidArgument, r"pos has shape \[10, 2\]"),
        ({"dir": lambda v: v[:9].copy()}, errors.InvalidArgument, r"dir has shape \[9, 3\]"),
        ({"t": lambda v: v[:, None].copy()}, errors.InvalidArgument, r"t has shape \[10, 1\]"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(library, change, kind, sentence):
    given = {n: change[n](v) if n in change else v for n, v in columns(10).items()}
    with pytest.raises(kind, match=sentence):
        chroma2.Photons(**{name: library.send(v) for name, v in given.items()})


def test_the_host_and_the_device_together(library):
    given = columns(10)
    sent = {name: library.send(v) for name, v in given.items()}
    with pytest.raises(errors.InvalidArgument, match=r"different places: .*pos on the host"):
        chroma2.Photons(**(sent | {"pos": given["pos"]}))


def test_tensors_that_pytorch_does_not_lend(session):
    torch = pytest.importorskip("torch")
    given = {n: Torch(torch).send(v) for n, v in columns(10).items()}
    with pytest.raises(errors.InvalidType, match=r"pos cannot be read by DLPack .*grad"):
        chroma2.Photons(**(given | {"pos": given["pos"].clone().requires_grad_()}))
    with pytest.raises(errors.InvalidType, match="t cannot be read by DLPack"):
        chroma2.Photons(**(given | {"t": given["t"].to(torch.bfloat16)}))
    on_host = {n: v.cpu() for n, v in given.items() if n != "pos"}
    with pytest.raises(errors.InvalidArgument, match="different places"):
        chroma2.Photons(pos=given["pos"].detach(), **on_host)
    expected = submit(session, chroma2.Photons(**columns(10))).result()
    all_on_host = {n: torch.from_numpy(v) for n, v in columns(10).items()}  # as NumPy's
    expect_same(submit(session, chroma2.Photons(**all_on_host)).result(), expected)


# ------------------------------------------------------------------ out


def test_results_leave_for_the_device(session):
    """Columns are arrays of the host that any library takes over, by DLPack or as NumPy's."""
    if IS_EMULATED:
        pytest.skip("for CuPy and PyTorch")
    hits = submit(session, chroma2.Photons(**columns())).result().hits
    cupy, torch = pytest.importorskip("cupy"), pytest.importorskip("torch")
    for name in hits:
        assert cupy.asnumpy(cupy.asarray(hits[name])).tobytes() == hits[name].tobytes(), name
    for name in ("pos", "t", "channel"):
        tensor = torch.from_dlpack(hits[name])
        assert tensor.data_ptr() == hits[name].ctypes.data
        back = tensor.to(f"cuda:{DEVICE}").cpu().numpy()
        assert back.tobytes() == hits[name].tobytes()
