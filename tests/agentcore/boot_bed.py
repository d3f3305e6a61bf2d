# SPDX-License-Identifier: Apache-2.0
"""First boots of a pretend machine beside the simulated platform; only the clock is not real."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Optional

from agentcore.provisioning.link import Link
from agentcore.provisioning.progress import Progress
from agentcore.provisioning.session import Session
from agentcore.settings import Settings
from lab.platform.server import Platform
from osdrivers import loader
from osdrivers.executor import Event
from osdrivers.host import Host

MACHINE = Path(__file__).parents[1] / "machines" / "debian-12"
STATE, DISC = "/var/lib/waagent", ".machine/volumes/sr0/ovf-env.xml"


class FastClock:
    """Waits take no time, but count; ``meanwhile`` is called at each."""

    def __init__(self, meanwhile: Optional[Callable[[], Any]] = None) -> None:
        self.now, self._meanwhile = 1000.0, meanwhile

    def monotonic(self) -> float:
        return self.now

    def wait(self, seconds: float) -> bool:
        self.now += max(seconds, 0.01)
        if self._meanwhile is not None:
            self._meanwhile()
        return False


class Boot:
    """One boot of the machine with the agent in it."""

    def __init__(
        self,
        host: Host,
        platform: Optional[Platform] = None,
        *,
        settings: Optional[Settings] = None,
        clock: Optional[FastClock] = None,
        endpoint: str = "",
    ) -> None:
        driver = loader.load(host).driver
        clock = clock or FastClock()
        settings = settings or Settings()
        if platform is not None:
            address, port = platform.wire_address
            endpoint = f"{address}:{port}"
        link = Link(driver, settings, clock, endpoint) if endpoint else None
        self.said: list[str] = []
        self.events: list[Event] = []
        self.run = Progress(driver, settings, clock, self.events.append, self.said.append, link)

    def at_boot(self) -> Boot:
        try:
            Session(self.run).at_boot()
        finally:
            if self.run.link is not None:
                self.run.link.close()
        return self

    @property
    def changed(self) -> list[str]:
        return [
            f"{event.task} {event.action}"
            for event in self.events
            if event.status == "done" and event.action is not None
        ]


def states(platform: Platform) -> list[str]:
    return [report.state for report in platform.health]
