# SPDX-License-Identifier: Apache-2.0
"""Failures that repeat: logged when they start, when they change, and when they end."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Callable

from agentcore.redaction import redacted
from osdrivers.errors import AgentError

#: So many different texts of one failure are logged; an endless variety is a flood too.
VARIETY_LIMIT = 8


@dataclass(frozen=True)
class Trouble:
    """Something that does not work now.

    :param what: a stable name: of a task, or of a part of one.
    :param reason: a stable word: the class of the error, ``InternalError`` for a bug.
    :param hint: what to do about it, "" where only waiting helps.
    :param since: the first failure, seconds since 1970-01-01 (UTC).
    """

    what: str
    reason: str
    text: str
    hint: str
    since: float
    count: int = 1

    def described(self) -> dict[str, Any]:
        """For the state file."""
        return {
            "what": self.what,
            "reason": self.reason,
            "text": self.text,
            "hint": self.hint,
            "since": round(self.since),
            "count": self.count,
        }


class Troubles:
    """What fails now, and the log of it.

    :param log: level and text of a line.  :param now: the wall clock, in seconds.
    """

    def __init__(self, log: Callable[[str, str], object], now: Callable[[], float]) -> None:
        self._log, self._now = log, now
        self._open: dict[str, Trouble] = {}
        self._told: dict[str, set[str]] = {}

    def failed(self, what: str, error: BaseException) -> None:
        """Once more, or for the first time."""
        text, hint, reason = _words(error)
        before = self._open.get(what)
        told = self._told.setdefault(what, set())
        if text not in told and len(told) < VARIETY_LIMIT:
            told.add(text)
            level = "WARNING" if isinstance(error, AgentError) else "ERROR"
            again = "" if before is None else ", now otherwise"
            self._log(level, f"{what} failed{again}: {text}{f' ({hint})' if hint else ''}")
        if before is None:
            self._open[what] = Trouble(what, reason, text, hint, self._now())
        else:
            count = before.count + 1
            self._open[what] = replace(before, reason=reason, text=text, hint=hint, count=count)

    def worked(self, what: str) -> None:
        """It works; a line only when it did not before."""
        before = self._open.pop(what, None)
        self._told.pop(what, None)
        if before is not None:
            times = "once" if before.count == 1 else f"{before.count} times"
            self._log("INFO", f"{what} works again; it had failed {times}: {before.text}")

    @property
    def open(self) -> tuple[Trouble, ...]:
        """What fails now, the oldest first."""
        return tuple(self._open.values())


def _words(error: BaseException) -> tuple[str, str, str]:
    """Text, hint and reason; no secret, no signature, one line."""
    if isinstance(error, AgentError):
        return redacted(" ".join(error.message.split())), redacted(error.hint), error.reason
    where = error.__traceback__
    while where is not None and where.tb_next is not None:
        where = where.tb_next
    at = f"{where.tb_frame.f_code.co_filename}:{where.tb_lineno}" if where else "?"
    # The text of an unexpected exception may hold anything, so only its class is told.
    text = f"internal error at {at}: {type(error).__name__}"
    return text, "report this line to the developers", "InternalError"
