# SPDX-License-Identifier: Apache-2.0
"""When to ask the platform again: soon after a change, seldom in quiet mode, later after errors."""

from __future__ import annotations

from dataclasses import dataclass

from agentcore.errors import Throttled
from osdrivers.errors import AgentError


@dataclass(frozen=True)
class Periods:
    """How often to ask.

    :param period_s: when nothing happens (``Extensions.GoalStatePeriod``).
    :param quick_s: after a change, for ``quick_for_s``: wishes seldom come alone.  Also the pause
        after a first failure; each following one is twice the last.
    :param cap_s: the longest pause between attempts that fail.  An outage ends unannounced, so
        this is also how late its end may be noticed.
    :param quiet: what every period is multiplied with (quiet mode); 1 is normal.
    """

    period_s: float = 6.0
    quick_s: float = 2.0
    quick_for_s: float = 30.0
    cap_s: float = 30.0
    quiet: float = 1.0


NORMAL = Periods()


class Pace:
    """The moment of the next attempt, in seconds of a monotonic clock that is handed in."""

    def __init__(self, periods: Periods = NORMAL) -> None:
        self.periods = periods
        self._next_s = 0.0
        self._quick_until_s = 0.0
        self._failures = 0

    def due_in_s(self, now_s: float) -> float:
        """Seconds until the next attempt; 0 when it is due."""
        return max(self._next_s - now_s, 0.0)

    def succeeded(self, now_s: float, *, changed: bool) -> None:
        """An attempt came through."""
        periods = self.periods
        self._failures = 0
        if changed:
            self._quick_until_s = now_s + periods.quick_for_s * periods.quiet
        quick = now_s < self._quick_until_s
        chosen_s = min(periods.quick_s, periods.period_s) if quick else periods.period_s
        self._next_s = now_s + chosen_s * periods.quiet

    def failed(self, now_s: float, error: AgentError) -> None:
        """An attempt failed: soon at first, then ever later, and as late as the service asks."""
        first_s = min(self.periods.quick_s, self.periods.period_s)
        cap_s = max(self.periods.cap_s, self.periods.period_s)
        pause_s = min(first_s * 2.0 ** min(self._failures, 16), cap_s)
        asked_s = error.retry_after_s if isinstance(error, Throttled) else 0.0
        self._failures += 1
        self._next_s = now_s + max(pause_s * self.periods.quiet, asked_s)
