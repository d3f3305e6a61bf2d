# SPDX-License-Identifier: Apache-2.0
"""What every task of the daemon is given, and what tasks tell each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Callable, Optional

from agentcore.azure.http import Endpoint
from agentcore.azure.poller import Poller
from agentcore.azure.status import GoalStateStatus, HandlerStatus
from agentcore.azure.update import Update
from agentcore.configuration import Configuration
from agentcore.settings import Settings
from osdrivers.api import Driver
from osdrivers.host import Host

from .driver_child import Chosen
from .scheduler import Scheduler
from .stopping import Stop
from .troubles import Troubles
from .waiting import Selection


def nothing_done() -> tuple[tuple[HandlerStatus, ...], Optional[GoalStateStatus]]:
    """Before somebody looks after extensions there is nothing to report of them."""
    return (), None


@dataclass
class Board:
    """What one task knows and others need; whoever changes something wakes those it concerns.

    :param update: the goal state that holds; None before the first.
    :param contact: when the platform answered last, seconds since 1970-01-01 (UTC); 0: never.
    :param taken: when the goal state was taken over.
    :param reported: when it took the last status report, and ``reported_way`` how.
    :param handlers: asks whoever looks after extensions what became of them.
    """

    endpoint: Optional[Endpoint] = None
    poller: Optional[Poller] = None
    update: Optional[Update] = None
    contact: float = 0.0
    taken: float = 0.0
    reported: float = 0.0
    reported_way: str = ""
    handlers: Callable[[], tuple[tuple[HandlerStatus, ...], Optional[GoalStateStatus]]] = (
        nothing_done
    )
    guarded: str = "unknown"
    routes: tuple[str, ...] = ()
    wished_version: str = ""


@dataclass
class Frame:
    """The daemon's surroundings.

    :param log: level and text of a line.  :param now: the wall clock, in seconds.
    :param endpoint: the wire server's, instead of discovery; "" for discovery.
    :param plugin: the host plugin's, instead of its port at the wire server's address.
    """

    driver: Driver
    chosen: Chosen
    configuration: Configuration
    selection: Selection
    stop: Stop
    scheduler: Scheduler
    troubles: Troubles
    log: Callable[[str, str], None]
    now: Callable[[], float]
    endpoint: str = ""
    plugin: str = ""
    configuration_file: str = ""
    board: Board = field(default_factory=Board)

    @property
    def settings(self) -> Settings:
        """The options."""
        return self.configuration.settings

    @property
    def proxies(self) -> Mapping[str, str]:
        """URL of the proxy for each scheme of storage; {} for none."""
        options = self.settings.daemon
        if options.proxy_host is None:
            return {}
        url = f"http://{options.proxy_host}:{options.proxy_port or 80}"
        return {"http": url, "https": url}

    @property
    def host(self) -> Host:
        """The machine."""
        return self.driver.host

    def wait(self, seconds: float) -> bool:
        """Nothing in the daemon waits but its loop: a policy that wants to gets a stop."""
        return True

    def monotonic(self) -> float:
        """The loop's clock; together with ``wait`` a :class:`agentcore.azure.retry.Clock`."""
        return self.selection.monotonic()
