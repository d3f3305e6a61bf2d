# SPDX-License-Identifier: Apache-2.0
"""What a daemon looks at now and then: the host name, DHCP clients, names of interfaces (H3, N1,
N6).

Nothing here waits, reads a file or changes the machine.  The scheduler calls ``look``; what it
reports is for the caller to act on, who says how that went.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Callable, Optional

from .api import DhcpClient
from .errors import AgentError

LIMIT_BYTES = 253
RETRY_S, RETRY_LIMIT_S = 30.0, 3600.0
_NAME = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)(?:\.[a-z0-9-]{1,63})*\Z")
_LOCAL = re.compile(r"localhost\d*(\.|\Z)")


class HostNameWatch:
    """Reports a name that differs from the one published last.

    It is reported when two looks in a row have seen it: those who build images rename a machine
    several times while it starts.  ``localhost`` and what cannot be a name never are.  Without a
    record the name of the first look is taken for published: it was sent when the link came up.

    :param ask: the present name.  :param recall: the record, "" when there is none; what it cannot
        read, or no name, counts as none.  :param record: keeps the name published last.
    :param clock: seconds, monotonic.
    """

    def __init__(
        self,
        ask: Callable[[], str],
        recall: Callable[[], str],
        record: Callable[[str], None],
        clock: Callable[[], float],
    ) -> None:
        self._ask, self._recall, self._record, self._clock = ask, recall, record, clock
        self._known: Optional[str] = None
        self._before = ""
        self._pause_s, self._not_before_s = 0.0, float("-inf")

    def look(self) -> str:
        """The name to publish now, "" for none."""
        name = _usable(self._ask())
        before, self._before = self._before, name
        if self._known is None:
            self._known = self._recorded()
            if not self._known:
                self._known = name
                if name:
                    self._record(name)
                return ""
        if not name or name == self._known or name != before:
            return ""
        return name if self._clock() >= self._not_before_s else ""

    def published(self, name: str) -> None:
        """The name was published: it is recorded, and not reported again."""
        self._known = _usable(name)
        self._record(self._known)
        self._pause_s, self._not_before_s = 0.0, float("-inf")

    def failed(self) -> None:
        """Publishing failed: it is reported again after 30 s, then after twice that, up to 1 h."""
        self._pause_s = min(RETRY_LIMIT_S, self._pause_s * 2 or RETRY_S)
        self._not_before_s = self._clock() + self._pause_s

    def _recorded(self) -> str:
        try:
            return _usable(self._recall())
        except AgentError:
            return ""


class DhcpClientWatch:
    """Reports clients that were restarted: routes and rules that came with a lease may be gone.

    A client that is not there is no news; when it comes back with another pid, that is.
    """

    def __init__(self, ask: Callable[[], Sequence[DhcpClient]]) -> None:
        self._ask = ask
        self._pids: Optional[Mapping[tuple[str, str], frozenset[int]]] = None

    def look(self) -> tuple[DhcpClient, ...]:
        """Those with a new pid since the last look; none on the first."""
        found = [each for each in self._ask() if each.pid is not None]
        now: dict[tuple[str, str], frozenset[int]] = {}
        for each in found:
            key = (each.kind, each.interface)
            now[key] = now.get(key, frozenset()) | {each.pid or 0}
        before, first = self._pids or {}, self._pids is None
        self._pids = {**before, **now}
        if first:
            return ()
        return tuple(
            each
            for each in found
            if each.pid not in before.get((each.kind, each.interface), frozenset((each.pid,)))
        )


class StaleNamesWatch:
    """Reports names that are kept for interfaces which are gone (N6).

    Two looks in a row must have missed the interface: a function that is serviced comes back.

    :param pinned: hardware address -> name.  :param present: hardware addresses of interfaces.
    """

    def __init__(
        self, pinned: Callable[[], Mapping[str, str]], present: Callable[[], Iterable[str]]
    ) -> None:
        self._pinned, self._present = pinned, present
        self._before: Mapping[str, str] = {}

    def look(self) -> Mapping[str, str]:
        """Those to be given free now; none where no interface is seen at all."""
        pinned = self._pinned()
        present = frozenset(self._present()) if pinned else frozenset[str]()
        missing = {mac: name for mac, name in pinned.items() if mac not in present}
        before, self._before = self._before, missing if present else {}
        return {mac: name for mac, name in self._before.items() if before.get(mac) == name}


def _usable(name: str) -> str:
    """The name in lower case; "" when it is not one to publish."""
    name = name.strip().lower()
    fits = len(name) <= LIMIT_BYTES and _NAME.match(name) and not _LOCAL.match(name)
    return name if fits else ""
