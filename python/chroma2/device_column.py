# SPDX-License-Identifier: BSD-3-Clause
"""Columns of results that stay on their device, as other libraries take them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from chroma2.errors import CannotLend, InvalidType

_CPU: Final = 1  # kDLCPU of dlpack.h
_CUDA: Final = 2  # kDLCUDA


class DeviceColumn:
    """A column of an event with keep_on_device, where the event left it: [n] or [n, 3].

    Libraries take it without a copy, by DLPack or by CUDA's array interface::

        cupy.from_dlpack(hits.pos), cupy.asarray(hits.pos), torch.from_dlpack(hits.t)

    `to_host`, or numpy.asarray, copies it. All values are there when the event's future has
    resolved: no stream has to wait for any. The memory stays until this object, its result and all
    arrays made of it are gone, also if the session is closed before. It may then be used again by
    what comes behind the default stream's work, so work on other streams that do not block (those
    of torch.cuda.Stream, cupy.cuda.Stream(non_blocking=True)) has to end before its arrays go.

    shape, dtype  as of an array
    device        number of the CUDA device that it lies on; None: the host, after a session on the
                  CPU
    """

    __slots__ = ("_lend", "_pointer", "_read", "device", "dtype", "shape")

    def __init__(
        self,
        lend: Callable[[bool], Any],
        read: Callable[[], NDArray[Any]],
        pointer: int,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        device: int | None,
    ) -> None:
        self._lend = lend
        self._read = read
        self._pointer = pointer
        self.shape = shape
        self.dtype = dtype
        self.device = device

    @property
    def ndim(self) -> int:
        """1 or 2."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of values."""
        return int(np.prod(self.shape))

    @property
    def nbytes(self) -> int:
        """Bytes of all values."""
        return self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def to_host(self) -> NDArray[Any]:
        """A copy of the values as a NumPy array; waits for it. Raises DeviceLost."""
        return self._read()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("a column of a result that stays on its device is copied to the host")
        values = self.to_host()
        return values if dtype is None else values.astype(dtype, copy=False)

    def __getitem__(self, key: Any) -> Any:
        raise InvalidType(
            "this column stays on its device, where a library takes its values apart "
            "(cupy.from_dlpack(column)[...], or column.to_host()[...])"
        )

    def __iter__(self) -> Any:
        return iter(self.to_host())

    def __dlpack_device__(self) -> tuple[int, int]:
        """(kDLCUDA, number), or (kDLCPU, 0)."""
        return (_CPU, 0) if self.device is None else (_CUDA, self.device)

    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        """A capsule of DLPack: of version 1 if max_version allows that.

        stream     of the taker; it has nothing to wait for
        dl_device  where the taker wants it: here, or on the host, to where it is copied
        copy       True: the taker wants a copy, which only the host's can be

        Raises CannotLend, a BufferError.
        """
        is_here = dl_device is None or tuple(map(int, dl_device)) == self.__dlpack_device__()
        if is_here and not copy:
            return self._lend(max_version is not None and max_version[0] >= 1)
        wanted = self.__dlpack_device__() if dl_device is None else tuple(map(int, dl_device))
        if wanted[0] != _CPU or copy is False:
            raise CannotLend(
                f"a column on DLPack's device {self.__dlpack_device__()} is asked for on {wanted} "
                f"with copy={copy} (it is lent as it lies, or copied to the host). "
                "Take it, and copy it there?"
            )
        host = self.to_host()
        return host.__dlpack__(max_version=max_version) if max_version else host.__dlpack__()

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        """Version 3, ready on all streams. Not on the host."""
        if self.device is None:
            raise AttributeError("this column lies on the host: it has no __cuda_array_interface__")
        return {
            "version": 3,
            "shape": self.shape,
            "typestr": self.dtype.str,
            "data": (self._pointer, False),
            "strides": None,
            "stream": None,
        }

    def __reduce__(self) -> Any:  # what is pickled is an array
        return np.asarray, (self.to_host(),)

    def __repr__(self) -> str:
        place = "the host" if self.device is None else f"device {self.device}"
        return f"<DeviceColumn: {list(self.shape)} of {self.dtype} on {place}>"
