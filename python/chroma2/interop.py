# SPDX-License-Identifier: BSD-3-Clause
"""Arrays of other libraries: where they lie, and how they are read without a copy.

On the host: anything that NumPy reads, and anything with ``__dlpack__``. On a CUDA device: anything
with ``__cuda_array_interface__`` (CuPy, PyTorch, Numba, JAX, ...).
"""

from __future__ import annotations

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
    """

    pointer: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: np.dtype[Any]
    device: int
    stream: int
    owner: Any

    def __len__(self) -> int:
        return self.shape[0]


def read(name: str, values: Any) -> NDArray[Any] | DeviceArray:
    """The values as a NumPy array, or as what they are on their device; no copy of either.

    Raises InvalidType if they are no array, Unsupported for devices that are not CUDA's.
    """
    if isinstance(values, DeviceArray):
        return values
    if isinstance(values, np.ndarray):
        return values
    interface = getattr(values, "__cuda_array_interface__", None)
    if interface is not None:
        return _from_cuda(name, values, interface)
    if hasattr(values, "__dlpack__") and hasattr(values, "__dlpack_device__"):
        kind = int(values.__dlpack_device__()[0])
        if kind in _ON_CUDA:
            raise Unsupported(
                f"{name} lies on a CUDA device and has no __cuda_array_interface__. "
                "Wrap it by cupy.from_dlpack(...) or torch.from_dlpack(...)?"
            )
        if kind not in _ON_HOST:
            raise Unsupported(f"{name} lies on a device of DLPack's type {kind} (CUDA or the host)")
        try:
            return np.from_dlpack(values)
        except Exception as error:  # whatever the other library raises
            raise InvalidType(f"{name} cannot be read by DLPack ({error})") from None
    try:
        return np.asarray(values)
    except Exception as error:
        raise InvalidType(f"{name} cannot be read as an array ({error})") from None


def _from_cuda(name: str, owner: Any, interface: Mapping[str, Any]) -> DeviceArray:
    if interface.get("mask") is not None:
        raise Unsupported(f"{name} is a masked array")
    dtype = np.dtype(interface["typestr"])
    shape = tuple(int(n) for n in interface["shape"])
    strides = interface.get("strides")
    if strides is None:  # C order
        steps = [dtype.itemsize]
        for n in reversed(shape[1:]):
            steps.append(steps[-1] * n)
        strides = tuple(reversed(steps)) if shape else ()
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
