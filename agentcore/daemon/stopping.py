# SPDX-License-Identifier: Apache-2.0
"""How the process is asked to stop, and how every wait then ends.

A signal ends the loop's own wait at once.  One that comes during a task gives it ``GRACE_S`` to
come to its end; then :class:`Stopped` is raised where the task waits.  A handler that raises ends
a blocking system call, one that only returns does not: it is begun again (PEP 475).
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from typing import Optional

#: What a task may take to end by itself; the rest of the promised 2 s is for the way out.
GRACE_S = 1.0
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Stopped(BaseException):
    """The process is asked to stop.  Not an Exception: nothing on the way may take it for one."""


class Stop:
    """One request to stop, once and for ever.

    :param grace_s: given to a task under way.
    """

    def __init__(self, grace_s: float = GRACE_S) -> None:
        self._grace_s = grace_s
        self.requested = False
        self._depth = 0  # of tasks under way: 0 or 1
        self._shields = 0
        self._late = False
        # Both ends close with the process; written to by a signal, read by the loop.
        self._reader, self._writer = os.pipe()
        for end in (self._reader, self._writer):
            os.set_blocking(end, False)
            os.set_inheritable(end, False)

    def fileno(self) -> int:
        """Readable from the request on: for select(2)."""
        return self._reader

    def request(self) -> None:
        """Ask to stop; the second time is no news."""
        if not self.requested:
            self.requested = True
            os.write(self._writer, b"\0")

    def close(self) -> None:
        """Give the descriptors back."""
        os.close(self._reader)
        os.close(self._writer)

    @contextlib.contextmanager
    def signals(self) -> Iterator[None]:
        """SIGTERM, SIGINT and SIGHUP ask to stop while this lasts (main thread only)."""
        before = {number: signal.signal(number, self._signalled) for number in _SIGNALS}
        before[signal.SIGALRM] = signal.signal(signal.SIGALRM, self._expired)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextlib.contextmanager
    def task(self) -> Iterator[None]:
        """A task is under way: its waits may be ended.

        :raises Stopped: from anywhere inside, after the grace.
        """
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1

    @contextlib.contextmanager
    def shield(self) -> Iterator[None]:
        """What is under way finishes first: an action, or a record of what was started.

        :raises Stopped: at the end, if it was due meanwhile.
        """
        self._shields += 1
        try:
            yield
        finally:
            self._shields -= 1
        if self._late and not self._shields and self._depth:
            raise Stopped

    def _signalled(self, number: int, frame: object) -> None:
        first = not self.requested
        self.request()
        if first:  # a task may be about to begin
            signal.setitimer(signal.ITIMER_REAL, self._grace_s)

    def _expired(self, number: int, frame: Optional[object]) -> None:
        self._late = True
        if self._depth and not self._shields:
            raise Stopped
