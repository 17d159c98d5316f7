# SPDX-License-Identifier: BSD-3-Clause
"""What can go wrong: one exception per status of the C library, all derived from `Error`.

Where a built-in exception means the same, the class derives from it as well, so that
``except ValueError`` works as expected.
"""

from __future__ import annotations

import concurrent.futures


class Error(Exception):
    """Base of everything that chroma2 raises. `status` is the name of the C status."""

    status: str = "INTERNAL"


class InvalidArgument(Error, ValueError):
    """An argument breaks a rule of the interface."""

    status = "INVALID_ARGUMENT"


class InvalidType(Error, TypeError):
    """An argument is of a type that cannot be used here."""

    status = "INVALID_ARGUMENT"


class InvalidPhoton(Error, ValueError):
    """A photon of the batch breaks a rule; names the array, the index, the value and the rule."""

    status = "INVALID_PHOTON"


class InvalidScene(Error, ValueError):
    """The detector cannot be committed."""

    status = "INVALID_SCENE"


class InvalidConfig(Error, ValueError):
    """A configuration file has an unknown key or a value that cannot be used."""

    status = "INVALID_ARGUMENT"


class FileFailed(Error, OSError):
    """A file could not be read or written."""

    status = "FILE_FAILED"


class DiskFull(FileFailed):
    """There is no room left on the disk."""

    status = "DISK_FULL"


class InvalidFile(Error, ValueError):
    """A file is damaged, not one of ours, or lacks what the operation needs."""

    status = "FILE_INVALID"


class FileMismatch(InvalidFile):
    """A file belongs to another scene, seed, physics or version."""

    status = "FILE_MISMATCH"


class OutOfMemory(Error, MemoryError):
    """Memory could not be had."""

    status = "OUT_OF_MEMORY"


class NotReady(Error, TimeoutError):
    """The result is not there yet."""

    status = "NOT_READY"


class Cancelled(Error, concurrent.futures.CancelledError):
    """The event was cancelled."""

    status = "CANCELLED"


class WrongState(Error, RuntimeError):
    """The object is not in the state that this call needs."""

    status = "WRONG_STATE"


class WrongThread(Error, RuntimeError):
    """This call would wait for the thread it is made on, for example inside a callback."""

    status = "WRONG_THREAD"


class Closed(Error, RuntimeError):
    """The session is closed."""

    status = "CLOSED"


class SessionAfterFork(Error, RuntimeError):
    """The session belongs to the parent process: open another one in the child."""

    status = "SESSION_AFTER_FORK"


class CallbackFailed(Error, RuntimeError):
    """A callback of the event raised; `__cause__` is what it raised."""

    status = "CALLBACK_FAILED"


class NoDevice(Error, RuntimeError):
    """There is no such device."""

    status = "NO_DEVICE"


class DeviceLost(Error, RuntimeError):
    """The device stopped working."""

    status = "DEVICE_LOST"


class ResultsHeld(Error, RuntimeError):
    """All memory for such results is lent out: release a result first."""

    status = "RESULTS_HELD"


class Unsupported(Error, NotImplementedError):
    """This build or backend cannot do that."""

    status = "UNSUPPORTED"


class CannotLend(Unsupported, BufferError):
    """A column cannot be lent to another library in the way it asks for."""


class MissingDependency(Error, ImportError):
    """An optional package is needed here; the message says which extra installs it."""

    status = "UNSUPPORTED"


class InternalError(Error, RuntimeError):
    """chroma2 found a mistake of its own: please report it."""

    status = "INTERNAL"


class SceneWarning(UserWarning):
    """The detector can be simulated, but something about it is probably not meant."""


class RepeatedEventWarning(UserWarning):
    """An event id was used before in this session: both events have the same random numbers."""


BY_STATUS: dict[str, type[Error]] = {
    cls.status: cls
    for cls in (
        InvalidArgument,
        OutOfMemory,
        NotReady,
        Cancelled,
        InvalidScene,
        InvalidPhoton,
        WrongState,
        WrongThread,
        Closed,
        SessionAfterFork,
        CallbackFailed,
        NoDevice,
        DeviceLost,
        ResultsHeld,
        Unsupported,
        InternalError,
        FileFailed,
        InvalidFile,
        FileMismatch,
        DiskFull,
    )
}
"""Status name, as in ``chroma2/status.h``, to exception class."""


def require(package: str, extra: str, purpose: str) -> MissingDependency:
    """The exception to raise if an optional package is missing."""
    return MissingDependency(
        f"{purpose} needs the package {package}: pip install 'chroma2[{extra}]'"
    )
