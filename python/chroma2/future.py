# SPDX-License-Identifier: BSD-3-Clause
"""A result still being computed: a `concurrent.futures.Future`."""

from __future__ import annotations

import concurrent.futures
import os
from typing import TYPE_CHECKING

from chroma2.errors import Cancelled, Error, SessionAfterFork, WrongThread
from chroma2.result import Part, Result

if TYPE_CHECKING:
    from chroma2 import _capi
    from chroma2.detector import Scene
    from chroma2.event import EventDescriptor
    from chroma2.session import Session


class Future(concurrent.futures.Future[Result]):
    """The future of one event; works with `concurrent.futures.wait` and `as_completed`.

    ``result(timeout)`` gives the Result, or raises what the event failed with: Cancelled,
    CallbackFailed, OutOfMemory, ...; TimeoutError if it is not there after `timeout` seconds;
    WrongThread inside a callback of the session, where waiting would never end.
    """

    def __init__(self, session: Session, descriptor: EventDescriptor, scene: Scene) -> None:
        super().__init__()
        from chroma2 import _capi

        self.descriptor = descriptor
        self.event_id: int | None = descriptor.event_id
        self._scene = scene
        self._session: Session | None = session  # a running event keeps its session
        self._parts: list[Part] = []
        self._partial: Result | None = None
        self._pid = os.getpid()
        self._in_callback = _capi.in_callback
        on_block = None
        if descriptor.on_hits is not None or descriptor.on_block is not None:
            on_block = self._on_block
        self._submission = _capi.Submission(on_block, self._on_end, self)

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
            self._parts.append(part)

    def _on_end(self, ended: _capi.Ended) -> None:
        self._session = None
        result: Result | None = None
        if ended.result is not None:
            result = Result(ended.result, self._scene, self._parts, streamed_hits=True)
            self.event_id = result.event_id
        self._parts = []
        if ended.error is None and result is not None:
            self.set_result(result)
            return
        self._partial = result
        if isinstance(ended.error, Cancelled):
            super().cancel()
            self.set_running_or_notify_cancel()
        else:
            self.set_exception(ended.error or Error("the event ended without a result"))

    # ---- for users

    @property
    def partial(self) -> Result | None:
        """What there is of an event that was cancelled or failed; None before, or if nothing."""
        return self._partial

    def cancel(self) -> bool:
        """Asks the event to stop, running or not; False if it has ended already.

        Its photons end as CANCELLED; the future becomes cancelled a little later, and `partial`
        holds what had been finished.
        """
        if self.done():
            return False
        self._submission.cancel()
        return True

    def running(self) -> bool:
        """True until the event has ended."""
        return not self.done()

    def progress(self) -> tuple[int, int]:
        """(photons ended so far, photons to do)."""
        return self._submission.progress()

    def wait(self, timeout: float | None = None) -> bool:
        """Waits up to `timeout` seconds; True if the event has ended, well or not."""
        self._may_wait()
        concurrent.futures.wait([self], timeout)
        return self.done()

    def result(self, timeout: float | None = None) -> Result:
        """The result; waits up to `timeout` seconds (None: without limit)."""
        self._may_wait()
        try:
            return super().result(timeout)
        except concurrent.futures.CancelledError:
            raise Cancelled(self._cancel_text()) from None

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """What the event failed with, None if it went well; waits like `result`."""
        self._may_wait()
        try:
            return super().exception(timeout)
        except concurrent.futures.CancelledError:
            raise Cancelled(self._cancel_text()) from None

    def _cancel_text(self) -> str:
        name = "the event" if self.event_id is None else f"event {self.event_id}"
        return f"{name} was cancelled (its `partial` holds what had been finished)"

    def _may_wait(self) -> None:
        if self.done():
            return
        if os.getpid() != self._pid:
            raise SessionAfterFork("this future belongs to the parent process")
        if self._in_callback():
            raise WrongThread(
                "a callback waits for a future (only its own thread could resolve it)"
            )

    def __repr__(self) -> str:
        state = "cancelled" if self.cancelled() else "done" if self.done() else "running"
        ended, total = self.progress()
        number = "?" if self.event_id is None else self.event_id
        return f"<Future of event {number}: {state}, {ended:,} of {total:,} photons>"
