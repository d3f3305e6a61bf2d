# SPDX-License-Identifier: Apache-2.0
"""The one retry policy: a total deadline, growing pauses with jitter, a monotonic clock.

Nothing else in this package waits.  Whether waiting can help is said by the error itself
(``AgentError.retryable``), and how long at least, by ``Throttled.retry_after_s``.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Callable, Optional, Protocol, TypeVar

from agentcore.errors import Throttled
from osdrivers.errors import AgentError, ConfigError

T = TypeVar("T")


class Clock(Protocol):
    """The time of one process; tests and accelerated runs hand in their own."""

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never goes back (clock_gettime(2) CLOCK_MONOTONIC)."""

    def wait(self, seconds: float) -> bool:
        """Let time pass; True, at once, when the process is asked to stop."""


class StopEvent(Protocol):
    """What of ``threading.Event`` a clock needs."""

    def wait(self, timeout: Optional[float] = None) -> bool:
        """Block until the event is set (True) or the time is over (False)."""


class SystemClock:
    """The machine's clock.  ``stop`` ends every wait; without one a wait is a plain sleep."""

    def __init__(self, stop: Optional[StopEvent] = None) -> None:
        self._stop = stop

    def monotonic(self) -> float:
        return time.monotonic()

    def wait(self, seconds: float) -> bool:
        if self._stop is not None:
            return self._stop.wait(seconds)
        time.sleep(seconds)
        return False


def _draw() -> float:
    """A number in [0, 1).  The random module would load OpenSSL's hashes (hashlib) for it."""
    return int.from_bytes(os.urandom(4), "big") / 2**32


def _nobody(error: AgentError, pause_s: float) -> None:
    """The default listener."""


@dataclass(frozen=True)
class RetryPolicy:
    """How long, and how patiently, something is tried again.

    :param deadline_s: total time for all attempts and pauses; no new attempt begins after it.
        An attempt that is under way is not cut: it has a limit of its own.
    :param first_s: the pause after the first failure.
    :param factor: what each pause is multiplied with to give the next.
    :param cap_s: the longest pause.
    :param jitter: the share by which a pause varies either way, 0 to below 1, so that machines
        that started together do not come back together.
    """

    deadline_s: float
    first_s: float = 1.0
    factor: float = 2.0
    cap_s: float = 15.0
    jitter: float = 0.2

    def __post_init__(self) -> None:
        sound = self.first_s > 0 and self.factor >= 1 and self.cap_s >= self.first_s
        if not (sound and self.deadline_s >= 0 and 0 <= self.jitter < 1):
            raise ConfigError(
                f"{self} would not end",
                hint="a first pause above 0, a factor of at least 1, a cap not below the first "
                "pause and a jitter below 1 are needed",
            )

    def run(
        self,
        call: Callable[[], T],
        clock: Clock,
        *,
        told: Callable[[AgentError, float], None] = _nobody,
        draw: Callable[[], float] = _draw,
    ) -> T:
        """Call until it succeeds; the last error is raised when the time is over.

        An error that is not ``retryable`` is raised at once, and so is one that asks for more
        patience than there is time left.  A stop of the process raises the last error too.

        :param told: is given each error that is going to be retried, and the pause in seconds.
        :param draw: a number in [0, 1) for the jitter.
        """
        end = clock.monotonic() + self.deadline_s
        pause_s = self.first_s
        while True:
            try:
                return call()
            except AgentError as error:
                left_s = end - clock.monotonic()
                asked_s = error.retry_after_s if isinstance(error, Throttled) else 0.0
                if not error.retryable or left_s <= 0 or asked_s > left_s:
                    raise
                varied_s = pause_s * (1 + self.jitter * (2 * draw() - 1))
                chosen_s = min(max(varied_s, asked_s), left_s)
                told(error, chosen_s)
                if clock.wait(chosen_s):
                    raise
            pause_s = min(pause_s * self.factor, self.cap_s)


#: A request to a service on the same host: it answers soon or is being moved.
PATIENT = RetryPolicy(deadline_s=60.0, first_s=1.0, factor=2.0, cap_s=15.0)
#: One attempt, for callers that have a loop of their own.
ONCE = RetryPolicy(deadline_s=0.0)
