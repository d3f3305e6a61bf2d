# SPDX-License-Identifier: Apache-2.0
"""The loop's one wait: until a time, a request to stop, or a socket that has something to read."""

from __future__ import annotations

import selectors
from typing import Callable, Protocol

from .stopping import Stop


class Readable(Protocol):
    """A socket, a pipe, a pidfd."""

    def fileno(self) -> int: ...


class Waiter(Protocol):
    """What the scheduler needs of time; accelerated runs hand in their own."""

    def monotonic(self) -> float:
        """Seconds since some fixed moment (CLOCK_MONOTONIC)."""

    def wait(self, seconds: float) -> tuple[Callable[[], None], ...]:
        """Let at most so much time pass.  Returns what is to be called for what became readable;
        nothing when the time is over or a stop was requested."""


class Selection:
    """The machine's clock and its descriptors.  epoll(7) or kqueue(2): nothing is polled."""

    def __init__(self, stop: Stop) -> None:
        import time

        self._now = time.monotonic
        self._selector = selectors.DefaultSelector()
        self._selector.register(stop, selectors.EVENT_READ, None)

    def monotonic(self) -> float:
        return self._now()

    def watch(self, source: Readable, call: Callable[[], None]) -> None:
        """Call when ``source`` becomes readable; it must stay open until :meth:`forget`."""
        self._selector.register(source, selectors.EVENT_READ, call)

    def forget(self, source: Readable) -> None:
        """Watch it no more."""
        self._selector.unregister(source)

    def wait(self, seconds: float) -> tuple[Callable[[], None], ...]:
        events = self._selector.select(max(seconds, 0.0))
        return tuple(key.data for key, _ in events if key.data is not None)

    def close(self) -> None:
        """Give the descriptor back."""
        self._selector.close()
