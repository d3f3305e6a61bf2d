# SPDX-License-Identifier: Apache-2.0
"""When and how a status report is sent: a changed one at once, the same one once a minute.

Through the host's plugin first, which costs one request on a kept connection; directly, which
costs a process, where the host does not take it.  A report that failed is due again, with growing
pauses: it is never given up, and never counted as sent.
"""

from __future__ import annotations

import time
from typing import Callable, Optional

from agentcore.errors import ServiceError
from osdrivers.errors import AgentError

from .desired import StatusBlob
from .hostplugin import HostPlugin, Moved
from .pace import Pace, Periods
from .retry import Clock
from .status import Report
from .storage import Put, puts
from .wholereport import whole

#: How long an unchanged report is not sent again.
UNCHANGED_S = 60.0
#: How long a plugin that failed is passed by, at first; each time twice as long, up to the cap.
PLUGIN_PAUSE_S, PLUGIN_CAP_S = 60.0, 600.0


class NoPlace(ServiceError):
    """The goal state names no place for the report; ``Poller.refresh`` may find one."""


class StatusReporter:
    """Sends the reports of one machine.

    :param direct: sends requests to storage without the host, e.g. ``storage.send``.
    :param reidentify: asks for the container's name again (``Poller.reidentify``).
    :param now: the wall clock, in seconds since 1970-01-01 (UTC).
    :param quiet: what the pause between equal reports is multiplied with.
    """

    def __init__(
        self, plugin: HostPlugin, clock: Clock, *,
        direct: Callable[[tuple[Put, ...]], None],
        reidentify: Callable[[], None],
        now: Callable[[], float] = time.time, quiet: float = 1.0,
    ) -> None:  # fmt: skip
        self._plugin, self._clock = plugin, clock
        self._direct, self._reidentify, self._now = direct, reidentify, now
        self._unchanged_s = UNCHANGED_S * quiet
        self._sent: Optional[int] = None
        self._sent_s = 0.0
        self._again = Pace(Periods(cap_s=60.0, quiet=quiet))
        self._failing = False
        self._plugin_again = Pace(
            Periods(period_s=PLUGIN_PAUSE_S, quick_s=PLUGIN_PAUSE_S, cap_s=PLUGIN_CAP_S)
        )
        self._plugin_failing = False
        #: How the last report went: ``host``, ``direct``, or "" before the first.
        self.way = ""

    def due(self, report: Report) -> bool:
        """Whether the report would be sent now."""
        now_s = self._clock.monotonic()
        if self._failing and self._again.due_in_s(now_s):
            return False
        return hash(report) != self._sent or now_s - self._sent_s >= self._unchanged_s

    def send(self, report: Report, blob: Optional[StatusBlob]) -> bool:
        """Send the report if it is due.  Whether it was sent.

        :raises NoPlace: there is no blob.  :raises AgentError: neither way took it; it stays due.
        """
        if not self.due(report):
            return False
        try:
            if blob is None:
                raise NoPlace("the goal state names no place for the status report")
            stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._now()))
            self._put(puts(blob, whole(report, stamp), stamp))
        except AgentError as error:
            self._failing = True
            self._again.failed(self._clock.monotonic(), error)
            raise
        # The values' hash instead of the values: 64 bits, keyed anew in each process.
        self._sent, self._sent_s = hash(report), self._clock.monotonic()
        self._failing = False
        self._again.succeeded(self._sent_s, changed=False)
        return True

    def _put(self, wanted: tuple[Put, ...]) -> None:
        refused = self._through_host(wanted)
        if refused is None:
            self.way = "host"
            return
        try:
            self._direct(wanted)
        except AgentError as error:
            error.hint = f"{error.hint}; " * bool(error.hint) + f"before: {refused.message}"
            raise
        self.way = "direct"

    def _through_host(self, wanted: tuple[Put, ...]) -> Optional[AgentError]:
        """None when the host has taken all of it, else why not."""
        now_s = self._clock.monotonic()
        if self._plugin_failing and self._plugin_again.due_in_s(now_s):
            return ServiceError("the host's plugin failed lately and is passed by")
        try:
            self._all(wanted)
        except ServiceError as error:
            self._plugin_failing = True
            self._plugin_again.failed(self._clock.monotonic(), error)
            return error
        if self._plugin_failing:
            self._plugin_again.succeeded(now_s, changed=False)
        self._plugin_failing = False
        return None

    def _all(self, wanted: tuple[Put, ...]) -> None:
        try:
            for one in wanted:
                self._plugin.put(one.uri, one.headers, one.content)
        except Moved:
            self._reidentify()
            for one in wanted:
                self._plugin.put(one.uri, one.headers, one.content)
