# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
from typing import Callable

import pytest

from agentcore.azure.retry import ONCE, RetryPolicy, SystemClock
from agentcore.errors import Refused, Throttled, Unreachable
from osdrivers.errors import AgentError, ConfigError
from tests.azure.servers import PretendClock

PLAIN = RetryPolicy(deadline_s=100.0, first_s=1.0, factor=2.0, cap_s=10.0, jitter=0.0)


def failing(*errors: AgentError) -> Callable[[], str]:
    """A call that fails so often, then succeeds."""
    left = list(errors)

    def call() -> str:
        if left:
            raise left.pop(0)
        return "done"

    return call


def always(error: AgentError) -> Callable[[], str]:
    def call() -> str:
        raise error

    return call


def test_success_waits_for_nothing() -> None:
    clock = PretendClock()
    assert PLAIN.run(failing(), clock) == "done"
    assert clock.waits == []


def test_pauses_grow_up_to_the_cap() -> None:
    clock = PretendClock()
    assert PLAIN.run(failing(*[Unreachable("x")] * 6), clock) == "done"
    assert clock.waits == [1, 2, 4, 8, 10, 10]


def test_an_error_that_waiting_cannot_help_is_raised_at_once() -> None:
    clock = PretendClock()
    with pytest.raises(Refused):
        PLAIN.run(always(Refused("no", 404)), clock)
    assert clock.waits == []


def test_the_deadline_is_total_and_the_last_error_is_raised() -> None:
    clock = PretendClock()
    with pytest.raises(Unreachable, match="absent"):
        PLAIN.run(always(Unreachable("absent")), clock)
    assert clock.now_s == PLAIN.deadline_s


def test_time_spent_in_the_call_counts() -> None:
    clock = PretendClock()

    def slow() -> str:
        clock.now_s += 60
        raise Unreachable("slow")

    with pytest.raises(Unreachable):
        PLAIN.run(slow, clock)
    assert clock.waits == [1]


def test_a_service_that_asks_for_patience_gets_it() -> None:
    clock = PretendClock()
    assert PLAIN.run(failing(Throttled("busy", 30.0)), clock) == "done"
    assert clock.waits == [30]


def test_more_patience_than_there_is_time_is_refused_at_once() -> None:
    clock = PretendClock()
    with pytest.raises(Throttled):
        PLAIN.run(always(Throttled("busy", 3600.0)), clock)
    assert clock.waits == []


@pytest.mark.parametrize(("drawn", "pause_s"), [(0.0, 0.5), (0.5, 1.0), (0.75, 1.25)])
def test_jitter_varies_the_pause_either_way(drawn: float, pause_s: float) -> None:
    clock = PretendClock()
    policy = RetryPolicy(deadline_s=100, first_s=1, jitter=0.5)
    policy.run(failing(Unreachable("x")), clock, draw=lambda: drawn)
    assert clock.waits == [pause_s]


def test_the_own_draw_stays_within_the_jitter() -> None:
    clock = PretendClock()
    policy = RetryPolicy(deadline_s=1000, first_s=1, factor=1, cap_s=1, jitter=0.5)
    policy.run(failing(*[Unreachable("x")] * 200), clock)
    assert all(0.5 <= pause_s < 1.5 for pause_s in clock.waits)
    assert len(set(clock.waits)) > 100


def test_a_stop_of_the_process_ends_the_retries() -> None:
    clock = PretendClock(stop_after=2)
    with pytest.raises(Unreachable):
        PLAIN.run(always(Unreachable("x")), clock)
    assert len(clock.waits) == 2


def test_once_never_waits() -> None:
    clock = PretendClock()
    with pytest.raises(Unreachable):
        ONCE.run(always(Unreachable("x")), clock)
    assert clock.waits == []


def test_the_listener_hears_of_each_pause() -> None:
    heard: list[tuple[str, float]] = []
    PLAIN.run(
        failing(Unreachable("a"), Throttled("b", 5.0)),
        PretendClock(),
        told=lambda error, pause_s: heard.append((error.message, pause_s)),
    )
    assert heard == [("a", 1.0), ("b", 5.0)]


@pytest.mark.parametrize(
    "options",
    [
        {"first_s": 0.0},
        {"factor": 0.5},
        {"cap_s": 0.1},
        {"jitter": 1.0},
        {"deadline_s": -1.0},
        {"first_s": float("nan")},
    ],
)
def test_a_policy_that_would_not_end_is_refused(options: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        RetryPolicy(**{"deadline_s": 1.0, **options})


def test_the_system_clock_ends_a_wait_when_stopped() -> None:
    stop = threading.Event()
    stop.set()
    clock = SystemClock(stop)
    assert clock.wait(3600)
    assert not SystemClock().wait(0)
    assert clock.monotonic() <= clock.monotonic()
