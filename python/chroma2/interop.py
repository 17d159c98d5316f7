# SPDX-License-Identifier: BSD-3-Clause
"""Arrays of other libraries: where they lie, and how they are read without a copy.

On the host: anything that NumPy reads, and anything with ``__dlpack__``. On a CUDA device: anything
with ``__dlpack__`` or ``__cuda_array_interface__`` (CuPy, PyTorch, JAX, Numba, ...).
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from chroma2.errors import InvalidArgument, InvalidType, Unsupported

_ON_HOST: Final = {1, 3}  # kDLCPU, kDLCUDAHost of dlpack.h
_ON_CUDA: Final = {2, 13}  # kDLCUDA, kDLCUDAManaged
_LEGACY_STREAM: Final = 1


@dataclass(frozen=True)
class DeviceArray:
    """An array on a device, borrowed.

    pointer        device address of the first value
    shape, strides as NumPy has them, strides in bytes
    device         its number
    stream         the CUDA stream that it is ready on, as an address; 0: ready now
    owner          keeps the memory alive
    lender         the array itself, if it speaks DLPack: it lets `stream` wait for its own work
    """

    pointer: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: np.dtype[Any]
    device: int
    stream: int
    owner: Any
    lender: Any = None

    def __len__(self) -> int:
        return self.shape[0]

    def ordered_stream(self) -> int:
        """`stream`, behind all work that the array's library has launched until now."""
        if self.lender is not None:
            self.lender.__dlpack__(stream=self.stream)
        return self.stream


def read(name: str, values: Any) -> NDArray[Any] | DeviceArray:
    """The values as a NumPy array, or as what they are on their device; no copy of either.

    Raises InvalidType if they are no array, Unsupported for devices that are not CUDA's.
    """
    if isinstance(values, DeviceArray):
        return values
    if isinstance(values, np.ndarray):
        return values
    if hasattr(values, "__dlpack__") and hasattr(values, "__dlpack_device__"):
        return _by_dlpack(name, values)
    interface = getattr(values, "__cuda_array_interface__", None)
    if interface is not None:
        return _from_cuda(name, values, interface)
    try:
        return np.asarray(values)
    except Exception as error:
        raise InvalidType(f"{name} cannot be read as an array ({error})") from None


def _by_dlpack(name: str, values: Any) -> NDArray[Any] | DeviceArray:
    kind, device = map(int, values.__dlpack_device__())
    if kind not in _ON_HOST | _ON_CUDA:
        raise Unsupported(f"{name} lies on a device of DLPack's type {kind} (CUDA or the host)")
    try:
        if kind in _ON_HOST:
            return np.from_dlpack(values)
        return _from_capsule(values, values.__dlpack__(stream=_LEGACY_STREAM), device)
    except Exception as error:  # whatever the other library raises
        raise InvalidType(f"{name} cannot be read by DLPack ({error})") from None


class _Tensor(ctypes.Structure):
    """DLTensor of dlpack.h, which is what a capsule "dltensor" begins with."""

    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    )


_KINDS: Final = {0: "i", 1: "u", 2: "f"}  # kDLInt, kDLUInt, kDLFloat

_capsule_pointer: Final = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)


def _from_capsule(lender: Any, capsule: Any, device: int) -> DeviceArray:
    """What a capsule "dltensor" describes. It is kept as it is, and gives the memory back when it
    goes."""
    t = _Tensor.from_address(_capsule_pointer(capsule, b"dltensor"))
    if t.code not in _KINDS or t.lanes != 1 or t.bits not in (8, 16, 32, 64):
        raise TypeError(f"values of DLPack's type ({t.code}, {t.bits}, {t.lanes})")
    dtype = np.dtype(f"{_KINDS[t.code]}{t.bits // 8}")
    shape = tuple(t.shape[: t.ndim])
    if t.strides:
        steps = tuple(t.strides[: t.ndim])
    else:
        steps = _steps_in_c_order(shape)
    return DeviceArray(
        pointer=(t.data or 0) + t.byte_offset,
        shape=shape,
        strides=tuple(_signed(dtype.itemsize * step) for step in steps),
        dtype=dtype,
        device=device,
        stream=_LEGACY_STREAM,
        owner=capsule,
        lender=lender,
    )


def _signed(stride: int) -> int:
    """A stride in bytes. CuPy divides one below 0 as an unsigned number: the product undoes that."""
    return (stride + 2**63) % 2**64 - 2**63


def _steps_in_c_order(shape: tuple[int, ...]) -> tuple[int, ...]:
    steps = [1]
    for n in reversed(shape[1:]):
        steps.append(steps[-1] * n)
    return tuple(reversed(steps)) if shape else ()


def _from_cuda(name: str, owner: Any, interface: Mapping[str, Any]) -> DeviceArray:
    if interface.get("mask") is not None:
        raise Unsupported(f"{name} is a masked array")
    dtype = np.dtype(interface["typestr"])
    shape = tuple(int(n) for n in interface["shape"])
    strides = interface.get("strides")
    if strides is None:
        strides = tuple(dtype.itemsize * step for step in _steps_in_c_order(shape))
    device = 0
    if hasattr(owner, "__dlpack_device__"):  # the interface itself does not tell
        device = int(owner.__dlpack_device__()[1])
    stream = interface.get("stream")
    if stream == 0:
        raise InvalidArgument(f"{name} has stream 0 in its interface (which is ambiguous there)")
    return DeviceArray(
        pointer=int(interface["data"][0] or 0),
        shape=shape,
        strides=tuple(int(s) for s in strides),
        dtype=dtype,
        device=device,
        # Before version 3 of the interface nobody told: then the legacy stream orders everything.
        stream=_LEGACY_STREAM if interface.get("version", 0) < 3 else int(stream or 0),
        owner=owner,
    )
