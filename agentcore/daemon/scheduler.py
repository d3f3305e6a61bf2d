# SPDX-License-Identifier: Apache-2.0
"""One loop: whichever task is due takes a step, and says when it wants to be called again.

This is the frame for everything resident.  A task is an object with a name and a ``step``; it
waits for nothing itself, so that none delays another: what lasts is a job of its own that the
next steps look after.  A task that fails is called again later, and harms no other.
"""

from __future__ import annotations

import contextlib
import heapq
import math
from collections.abc import Iterable
from typing import Callable, Protocol

from osdrivers.errors import AgentError

from .stopping import Stop, Stopped
from .troubles import Troubles
from .waiting import Waiter

#: The pause after a first failure that the task did not handle itself; twice as long each time.
FAILED_S, FAILED_CAP_S = 15.0, 300.0
#: What a task that wants to be called again at once must wait: no loop without a pause.
LEAST_S = 0.05
#: With nothing to do the loop still looks about so often.
LONGEST_S = 3600.0


class Task(Protocol):
    """Something that is done now and then."""

    @property
    def name(self) -> str:
        """A stable name, e.g. ``goal-state``: for logs, ``status`` and :meth:`Scheduler.wake`."""

    def step(self, now_s: float) -> float:
        """Do what is due and return the seconds until the next step; ``inf``: only when woken.

        :param now_s: the scheduler's monotonic clock.
        :raises AgentError: the step failed; the next comes after a pause that grows.
        """


class Scheduler:
    """Runs tasks until a stop is requested.

    :param quiet: what every pause is multiplied with (quiet mode); 1 is normal.
    :param idle: called before each wait and after it, e.g. to ping a watchdog.
    :param longest_s: the longest wait, e.g. half of a watchdog's time.
    """

    def __init__(
        self, waiter: Waiter, stop: Stop, troubles: Troubles, *,
        quiet: float = 1.0,
        idle: Callable[[], object] = lambda: None,
        longest_s: float = LONGEST_S,
    ) -> None:  # fmt: skip
        self._waiter, self._stop, self._troubles = waiter, stop, troubles
        self._quiet, self._idle, self._longest_s = quiet, idle, longest_s
        self._heap: list[tuple[float, int, str]] = []
        self._tasks: dict[str, Task] = {}
        self._due: dict[str, float] = {}
        self._failures: dict[str, int] = {}
        self._count = 0

    def add(self, tasks: Iterable[Task], *, after_s: float = 0.0) -> None:
        """Take tasks up; each name once.  They are first called ``after_s`` from now on."""
        for task in tasks:
            if task.name in self._tasks:
                raise ValueError(f"two tasks are named {task.name}")
            self._tasks[task.name] = task
            self._at(task.name, self._waiter.monotonic() + after_s)

    def wake(self, name: str) -> None:
        """Call a task as soon as the loop comes round, whenever it was due; one that is not
        there is no error."""
        if name in self._tasks:
            self._at(name, self._waiter.monotonic())

    def run(self) -> None:
        """Until a stop is requested; what it cut short is taken up at the next start."""
        with contextlib.suppress(Stopped):
            while not self._stop.requested:
                self._turn()

    def _turn(self) -> None:
        now_s = self._waiter.monotonic()
        self._idle()
        name = self._next(now_s)
        if name:
            self._step(name, now_s)
            return
        until_s = self._heap[0][0] - now_s if self._heap else self._longest_s
        for call in self._waiter.wait(min(until_s, self._longest_s)):
            self._guarded("sockets", call)

    # ---- one step

    def _next(self, now_s: float) -> str:
        """The task that is due, taken from the heap; "" when none is."""
        while self._heap and (self._heap[0][0] <= now_s or self._stale(self._heap[0])):
            entry = heapq.heappop(self._heap)
            if not self._stale(entry):
                self._due[entry[2]] = math.inf
                return entry[2]
        return ""

    def _stale(self, entry: tuple[float, int, str]) -> bool:
        return self._due.get(entry[2]) != entry[0]

    def _step(self, name: str, now_s: float) -> None:
        task, pause_s = self._tasks[name], 0.0

        def step() -> None:
            nonlocal pause_s
            pause_s = task.step(now_s)

        if self._guarded(name, step):
            self._failures.pop(name, None)
            self._troubles.worked(name)
        else:
            failures = self._failures.get(name, 0)
            self._failures[name] = failures + 1
            pause_s = min(FAILED_S * 2.0 ** min(failures, 16), FAILED_CAP_S)
        next_s = self._waiter.monotonic() + max(pause_s * self._quiet, LEAST_S)
        if next_s < self._due[name]:  # else it was woken meanwhile
            self._at(name, next_s)

    def _guarded(self, name: str, call: Callable[[], None]) -> bool:
        """The one place around a task that catches everything; False when it failed."""
        try:
            with self._stop.task():
                call()
        except AgentError as error:
            self._troubles.failed(name, error)
            return False
        except Exception as bug:
            self._troubles.failed(name, bug)
            return False
        return True

    def _at(self, name: str, due_s: float) -> None:
        """The old entry, if any, becomes stale and is dropped when it comes up."""
        self._due[name] = due_s
        if math.isinf(due_s):
            return
        self._count += 1
        heapq.heappush(self._heap, (due_s, self._count, name))
