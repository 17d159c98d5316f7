# SPDX-License-Identifier: BSD-3-Clause
"""A result still being computed: a `concurrent.futures.Future`."""

from __future__ import annotations

import concurrent.futures
import os
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from chroma2 import _capi
from chroma2.errors import Cancelled, Error, SessionAfterFork, WrongThread
from chroma2.result import Part, Result

if TYPE_CHECKING:
    from chroma2.detector import Scene
    from chroma2.event import EventDescriptor
    from chroma2.session import Session

_settling = threading.RLock()
"""Held for moments, while a future changes its state; never while anything of the user's runs."""

_BASE_STATE = frozenset(
    {"_condition", "_state", "_result", "_exception", "_waiters", "_done_callbacks"}
)


class _Outcome(NamedTuple):
    """How the event ended: a result, or an error and perhaps what there is."""

    result: Result | None
    error: Error | None


class Future(concurrent.futures.Future[Result]):
    """The future of one event; works with `concurrent.futures.wait` and `as_completed`.

    ``result(timeout)`` gives the Result, or raises what the event failed with: Cancelled,
    CallbackFailed, OutOfMemory, ...; TimeoutError if it is not there after `timeout` seconds;
    WrongThread inside a callback of the session, where waiting would never end.
    """

    # What `concurrent.futures.Future` needs, a lock among it, is made when somebody asks for it:
    # `wait`, `as_completed`, `add_done_callback`. Most futures are only ever asked for their
    # result, and then C is asked directly: a hundred thousand small events a second are to fit.

    _parts: list[Part] | None = None
    _outcome: _Outcome | None = None
    _is_watched = False
    _is_published = False

    def __init__(
        self, session: Session, descriptor: EventDescriptor, scene: Scene, running: _capi.Running
    ) -> None:
        self.descriptor = descriptor
        self._running = running
        self._scene = scene
        self._session: Session | None = session  # a running event keeps its session
        self._pid = session._handle.pid

    def __getattr__(self, name: str) -> Any:
        if name not in _BASE_STATE:
            raise AttributeError(f"Future has no attribute {name!r}")
        with _settling:
            is_first = not self._is_watched
            if is_first:
                super().__init__()
                self._is_watched = True
        if is_first:
            self._running.watch(self._settle)
        return self.__dict__[name]

    # ---- called by C

    def _on_block(self, handle: _capi.ResultHandle) -> None:
        part = Part(handle, self._scene)
        d = self.descriptor
        if d.on_block is not None:
            d.on_block(part)
            return
        assert d.on_hits is not None
        d.on_hits(part.hits)
        if d.keep_bits() != 1:
            part.hits = part.hits[:0]
            if self._parts is None:
                self._parts = []
            self._parts.append(part)

    def _settle(self) -> None:
        """The event has ended: takes its result, and tells who waits for it."""
        with _settling:
            if self._outcome is None:
                self._outcome = self._take()
            must_publish = self._is_watched and not self._is_published
            self._is_published = self._is_published or must_publish
        if must_publish:
            self._publish(self._outcome)

    def _take(self) -> _Outcome:
        handle, error = self._running.take()
        self._session = None
        result = None if handle is None else Result(handle, self._scene, self._parts or ())
        self._parts = None
        if error is None and result is None:
            error = Error("the event ended without a result")
        return _Outcome(result, error)

    def _publish(self, outcome: _Outcome) -> None:
        """In the terms of the base class."""
        if isinstance(outcome.error, Cancelled):
            super().cancel()
            self.set_running_or_notify_cancel()
        elif outcome.error is not None:
            self.set_exception(outcome.error)
        else:
            assert outcome.result is not None
            self.set_result(outcome.result)

    # ---- for users

    @property
    def event_id(self) -> int | None:
        """As given, or the session's running number."""
        given: int | None = self.descriptor.event_id
        return self._running.event_id() if given is None else given

    @property
    def partial(self) -> Result | None:
        """What there is of an event that was cancelled or failed; None before, or if nothing."""
        if not self.done():
            return None
        self._settle()
        assert self._outcome is not None
        return None if self._outcome.error is None else self._outcome.result

    def cancel(self) -> bool:
        """Asks the event to stop, running or not; False if it has ended already.

        Its photons end as CANCELLED; the future becomes cancelled a little later, and `partial`
        holds what had been finished.
        """
        if self.done():
            return False
        self._running.cancel()
        return True

    def done(self) -> bool:
        """True if the event has ended, well or not."""
        return self._outcome is not None or self._running.is_done()

    def running(self) -> bool:
        """True until the event has ended."""
        return not self.done()

    def cancelled(self) -> bool:
        """True if the event was cancelled and has ended."""
        if not self.done():
            return False
        self._settle()
        assert self._outcome is not None
        return isinstance(self._outcome.error, Cancelled)

    def progress(self) -> tuple[int, int]:
        """(photons ended so far, photons to do)."""
        return self._running.progress()

    def wait(self, timeout: float | None = None) -> bool:
        """Waits up to `timeout` seconds; True if the event has ended, well or not."""
        if self._outcome is None:
            if not self._running.is_done():
                self._may_wait()
                if not self._running.wait(timeout):
                    return False
            self._settle()
        return True

    def result(self, timeout: float | None = None) -> Result:
        """The result; waits up to `timeout` seconds (None: without limit)."""
        outcome = self._outcome or self._await(timeout)
        if outcome.error is not None:
            raise self._error_of(outcome)
        assert outcome.result is not None
        return outcome.result

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """What the event failed with, None if it went well; waits like `result`."""
        outcome = self._outcome or self._await(timeout)
        if isinstance(outcome.error, Cancelled):
            raise self._error_of(outcome)
        return outcome.error

    def _await(self, timeout: float | None) -> _Outcome:
        if not self.wait(timeout):
            raise TimeoutError(f"the event has not ended after {timeout} s")
        assert self._outcome is not None
        return self._outcome

    def _error_of(self, outcome: _Outcome) -> BaseException:
        assert outcome.error is not None
        if not isinstance(outcome.error, Cancelled):
            return outcome.error
        name = "the event" if self.event_id is None else f"event {self.event_id}"
        return Cancelled(f"{name} was cancelled (its `partial` holds what had been finished)")

    def _may_wait(self) -> None:
        if os.getpid() != self._pid:
            raise SessionAfterFork("this future belongs to the parent process")
        if _capi.in_callback():
            raise WrongThread(
                "a callback waits for a future (only its own thread could resolve it)"
            )

    def __repr__(self) -> str:
        state = "cancelled" if self.cancelled() else "done" if self.done() else "running"
        ended, total = self.progress()
        number = "?" if self.event_id is None else self.event_id
        return f"<Future of event {number}: {state}, {ended:,} of {total:,} photons>"
