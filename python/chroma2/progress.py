# SPDX-License-Identifier: BSD-3-Clause
"""A progress bar on a terminal or in a notebook, and silence in batch logs."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from chroma2.future import Future


def wanted(stream: TextIO | None = None) -> bool:
    """True if somebody is watching: a terminal, or a Jupyter kernel."""
    stream = sys.stderr if stream is None else stream
    return "ipykernel" in sys.modules or bool(getattr(stream, "isatty", lambda: False)())


class Progress:
    """Counts up to `total` photons: tqdm if it is installed, else one rewritten line.

    total   photons to do; 0 if not known yet
    show    None asks `wanted()`
    """

    def __init__(self, total: int, label: str = "photons", *, show: bool | None = None) -> None:
        self.total = total
        self.label = label
        self.done = 0
        self._show = wanted() if show is None else show
        self._start = time.monotonic()
        self._last = 0.0
        self._bar: Any = None
        if self._show:
            try:
                from tqdm.auto import tqdm
            except ImportError:
                return
            self._bar = tqdm(total=total or None, desc=label, unit=" photons", unit_scale=True)

    def update(self, done: int, total: int | None = None) -> None:
        """Shows that `done` photons (of `total`) have ended."""
        if total is not None and total != self.total:
            self.total = total
            if self._bar is not None:
                self._bar.total = total
        step, self.done = done - self.done, done
        if self._bar is not None:
            self._bar.update(step)
        elif self._show and time.monotonic() - self._last > 0.1:
            self._last = time.monotonic()
            self._line()

    def _line(self) -> None:
        share = min(1.0, self.done / self.total) if self.total else 0.0
        rate = self.done / max(1e-9, time.monotonic() - self._start)
        bar = ("#" * int(30 * share)).ljust(30, ".")
        sys.stderr.write(f"\r{self.label} [{bar}] {100 * share:3.0f} %  {rate / 1e6:.2f} M/s ")
        sys.stderr.flush()

    def close(self) -> None:
        """Leaves the bar as it is and goes to the next line."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        elif self._show:
            self._line()
            sys.stderr.write("\n")
        self._show = False

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def watch(future: Future, label: str = "photons", *, show: bool | None = None) -> None:
    """Waits for a future and shows its progress meanwhile; does not raise what it failed with."""
    with Progress(future.progress()[1], label, show=show) as bar:
        while not future.wait(0.1):
            bar.update(*future.progress())
        bar.update(*future.progress())
