# SPDX-License-Identifier: Apache-2.0
"""A poller that follows the simulated platform."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Optional

from agentcore.azure import desired, fasttrack
from agentcore.azure.certificates_child import Held
from agentcore.azure.goalstate import GoalState
from agentcore.azure.hostplugin import HostPlugin
from agentcore.azure.http import Client, Endpoint
from agentcore.azure.poller import Poller
from agentcore.azure.retry import ONCE
from agentcore.azure.wireserver import WireServer
from agentcore.errors import ServiceError
from lab.platform.certificates import make
from lab.platform.faults import Fault
from lab.platform.machine import Machine, Plugin
from lab.platform.server import Platform
from osdrivers.host import Host, Places
from tests.azure.servers import PretendClock

MACHINE = Machine(hostname="vm1", user="azureuser", incarnation=3, tenant_certificate=False)
OLD = (Plugin("Lab.Old", "1.0", settings={"n": 1}),)
NEW = (Plugin("Lab.New", "1.0", settings={"n": 2}),)
NO_SETTINGS = Fault("status", service="hostplugin", path="vmSettings", status=404, count=None)


class Bed:
    """A platform, a machine below a directory, and the poller between them."""

    def __init__(self, platform: Platform, directory: Path, **options: Any) -> None:
        self.platform = platform
        self.state = directory / "state"
        self.state.mkdir(exist_ok=True)
        self.clock = PretendClock()
        self.fetched: list[GoalState] = []
        self.held: tuple[Held, ...] = ()
        self.refused: list[ServiceError] = []
        self.options = options
        self.poller = self.another()

    def another(self) -> Poller:
        """A poller as after a restart of the agent."""
        wire, plugin = self.platform.wire_address, self.platform.hostplugin_address
        server, host_plugin = Endpoint(*wire), Endpoint(*plugin)
        return Poller(
            WireServer(
                server, self.clock, retry=ONCE, fresh=ONCE, client=Client(server, deadline_s=60.0)
            ),
            HostPlugin(host_plugin, client=Client(host_plugin, deadline_s=60.0)),
            Host("/", places=Places(state=str(self.state))),
            self.clock,
            certificates=self.certificates,
            transport_certificate=lambda: "".join(TRANSPORT.splitlines()[1:-1]),
            **self.options,
        )

    def certificates(self, goal: GoalState) -> tuple[Held, ...]:
        self.fetched.append(goal)
        if self.refused:
            raise self.refused.pop(0)
        for one in self.held:
            (self.state / f"{one.thumbprint}.prv").write_text("key")
        return self.held

    def poll(self) -> Optional[list[str]]:
        """The names of the handlers that are wanted; None when nothing is new."""
        self.clock.now_s += self.poller.due_in_s()
        update = self.poller.poll()
        return None if update is None else [one.name for one in update.desired.handlers]

    def want(self, plugins: tuple[Plugin, ...], **changes: Any) -> None:
        """By a new incarnation."""
        self.platform.push(self.platform.machine.changed(plugins=plugins, **changes))

    def wish(self, plugins: tuple[Plugin, ...]) -> None:
        """By fast track."""
        self.platform.touch(self.platform.machine.changed(plugins=plugins, fast_track=True))

    def record(self) -> Path:
        return self.state / fasttrack.NAME

    def last(self) -> desired.Desired:
        assert self.poller.last is not None
        return self.poller.last.desired


TRANSPORT = make("transport").certificate


@contextmanager
def bed(
    directory: Path, *faults: Fault, options: Optional[dict[str, Any]] = None, **changes: Any
) -> Iterator[Bed]:
    machine = MACHINE.changed(**changes)
    with Platform(machine, directory / "platform", faults=faults) as platform:
        made = Bed(platform, directory, **(options or {}))
        yield made
        made.poller.close()
