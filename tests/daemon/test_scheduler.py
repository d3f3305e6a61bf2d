# SPDX-License-Identifier: Apache-2.0
"""The loop and its tasks, with a clock that only the test moves."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Callable

import pytest

from agentcore.daemon.scheduler import FAILED_CAP_S, FAILED_S, Scheduler
from agentcore.daemon.stopping import Stop
from agentcore.daemon.troubles import VARIETY_LIMIT, Troubles
from osdrivers.errors import Busy


class Waiter:
    """Time passes when the loop waits; a stop is requested at the end."""

    def __init__(self, stop: Stop, end_s: float) -> None:
        self.now_s, self._stop, self._end_s = 0.0, stop, end_s

    def monotonic(self) -> float:
        return self.now_s

    def wait(self, seconds: float) -> tuple[Callable[[], None], ...]:
        self.now_s += seconds
        if self.now_s >= self._end_s:
            self._stop.request()
        return ()


class Ticking:
    """Is called every ``period_s``; fails when told to."""

    def __init__(self, name: str, period_s: float, failures: int = 0) -> None:
        self.name, self.period_s, self.failures = name, period_s, failures
        self.at: list[float] = []

    def step(self, now_s: float) -> float:
        self.at.append(now_s)
        if len(self.at) <= self.failures:
            raise RuntimeError("a bug")
        return self.period_s


class Bed:
    def __init__(self, end_s: float, quiet: float = 1.0) -> None:
        self.stop = Stop()
        self.lines: list[tuple[str, str]] = []
        self.waiter = Waiter(self.stop, end_s)
        self.troubles = Troubles(lambda *line: self.lines.append(line), lambda: 0.0)
        self.idled = 0
        self.loop = Scheduler(
            self.waiter, self.stop, self.troubles, quiet=quiet, idle=self._idle, longest_s=45.0
        )

    def _idle(self) -> None:
        self.idled += 1


@pytest.fixture
def bed() -> Iterator[Callable[..., Bed]]:
    made: list[Bed] = []

    def make(end_s: float, quiet: float = 1.0) -> Bed:
        made.append(Bed(end_s, quiet))
        return made[-1]

    yield make
    for one in made:
        one.stop.close()


def test_each_task_comes_at_its_own_period(bed: Callable[..., Bed]) -> None:
    found = bed(30.0)
    quick, slow = Ticking("quick", 6.0), Ticking("slow", 10.0)
    found.loop.add((quick, slow))
    found.loop.run()
    assert quick.at == [0.0, 6.0, 12.0, 18.0, 24.0]
    assert slow.at == [0.0, 10.0, 20.0]


def test_quiet_mode_slows_every_task(bed: Callable[..., Bed]) -> None:
    found = bed(100.0, quiet=10.0)
    tasks = Ticking("a", 6.0), Ticking("b", 3.0)
    found.loop.add(tasks)
    found.loop.run()
    assert [task.at for task in tasks] == [[0.0, 60.0], [0.0, 30.0, 60.0, 90.0]]


def test_a_failing_task_harms_no_other_and_comes_back_later(bed: Callable[..., Bed]) -> None:
    found = bed(120.0)
    broken, sound = Ticking("broken", 6.0, failures=2), Ticking("sound", 50.0)
    found.loop.add((broken, sound))
    found.loop.run()
    assert broken.at[:4] == [0.0, FAILED_S, 3 * FAILED_S, 3 * FAILED_S + 6]
    assert sound.at == [0.0, 50.0, 100.0]
    assert [level for level, _ in found.lines] == ["ERROR", "INFO"]
    assert "a bug" not in found.lines[0][1], "what an unexpected exception says may be secret"
    assert not found.troubles.open


def test_pauses_after_failures_have_a_cap(bed: Callable[..., Bed]) -> None:
    found = bed(10_000.0)
    broken = Ticking("broken", 6.0, failures=10**6)
    found.loop.add((broken,))
    found.loop.run()
    pauses = [later - sooner for sooner, later in zip(broken.at, broken.at[1:])]
    assert max(pauses) == pauses[-1] == FAILED_CAP_S
    assert found.troubles.open[0].count == len(broken.at)


def test_a_woken_task_comes_at_once_and_then_as_it_said(bed: Callable[..., Bed]) -> None:
    found = bed(20.0)
    sleeper = Ticking("sleeper", math.inf)

    class Waking(Ticking):
        def step(self, now_s: float) -> float:
            if now_s == 7.0:
                found.loop.wake("sleeper")
                found.loop.wake("nobody")
            return super().step(now_s)

    found.loop.add((sleeper, Waking("waking", 7.0)))
    found.loop.run()
    assert sleeper.at == [0.0, 7.0]


def test_a_task_that_wants_no_pause_gets_one(bed: Callable[..., Bed]) -> None:
    found = bed(1.0)
    greedy = Ticking("greedy", 0.0)
    found.loop.add((greedy,))
    found.loop.run()
    assert 10 < len(greedy.at) < 30


def test_the_loop_looks_about_although_nothing_is_due(bed: Callable[..., Bed]) -> None:
    found = bed(450.0)
    found.loop.add((Ticking("rare", 1000.0),))
    found.loop.run()
    assert found.idled >= 10, "a watchdog must be fed"


def test_a_failure_is_told_when_it_starts_changes_and_ends() -> None:
    lines: list[tuple[str, str]] = []
    troubles = Troubles(lambda *line: lines.append(line), lambda: 5.0)
    for text in ("a", "a", "b", "a", "b"):
        troubles.failed("poll", Busy(text))
    assert len(lines) == 2
    assert troubles.open[0].count == 5
    assert troubles.open[0].reason == "Busy"
    troubles.worked("poll")
    troubles.worked("poll")
    assert [level for level, _ in lines] == ["WARNING", "WARNING", "INFO"]


def test_an_endless_variety_of_one_failure_is_no_flood() -> None:
    lines: list[tuple[str, str]] = []
    troubles = Troubles(lambda *line: lines.append(line), lambda: 5.0)
    for number in range(100):
        troubles.failed("poll", Busy(f"attempt {number}"))
    assert len(lines) == VARIETY_LIMIT


def test_signatures_of_uris_are_told_to_nobody() -> None:
    lines: list[tuple[str, str]] = []
    troubles = Troubles(lambda *line: lines.append(line), lambda: 5.0)
    troubles.failed(
        "upload", Busy("PUT https://a/b?sv=1&sig=CANARY", hint="see https://a?sig=CANARY")
    )
    assert "CANARY" not in f"{lines}{troubles.open}"
