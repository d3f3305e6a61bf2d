# SPDX-License-Identifier: Apache-2.0
"""What the daemon looks at, and what it does about it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Optional

import pytest

from agentcore.azure.http import Endpoint
from agentcore.configuration import Configuration
from agentcore.daemon import monitors
from agentcore.daemon.applying import Applier
from agentcore.daemon.driver_child import Chosen
from agentcore.daemon.frame import Frame
from agentcore.daemon.scheduler import Scheduler
from agentcore.daemon.stopping import Stop
from agentcore.daemon.troubles import Troubles
from agentcore.daemon.waiting import Selection
from osdrivers import loader
from osdrivers.actions import Plan
from osdrivers.api import DhcpClient
from osdrivers.errors import AgentError, Busy
from osdrivers.host import Host, Secret


class Client:
    """A DHCP client that is started again when a test says so."""

    pid = 100

    def clients(self) -> tuple[DhcpClient, ...]:
        return (DhcpClient("dhclient", "eth0", self.pid),)

    def ensure_published(self, interface: str, name: str, *, allow_bounce: bool = False) -> Plan:
        raise AssertionError("it is applied, not done here")

    def ensure_recovered(self, interface: str) -> Plan:
        raise AssertionError("it is applied, not done here")


class Applied(Applier):
    """Notes what is applied; fails as often as told."""

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame.driver, frame.settings, lambda _: None, frame.stop)
        self.words: list[tuple[str, ...]] = []
        self.failure: Optional[AgentError] = None

    def __call__(self, *words: str, stdin: Secret = Secret()) -> None:  # noqa: B008
        self.words.append(words)
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure


class Bed:
    def __init__(self, root: Path) -> None:
        (root / "etc").mkdir()
        (root / "var/lib/waagent").mkdir(parents=True)
        (root / "etc/os-release").write_text("ID=debian\nVERSION_ID=12\n")
        (root / "etc/hostname").write_text("vm1\n")
        self.root, self.client, self.lines = root, Client(), list[str]()
        host = Host(str(root), offline=False, assume_tools=True)
        driver = replace(loader.load(host).driver, links=self.client)
        self.stop = Stop()
        self.selection = Selection(self.stop)
        troubles = Troubles(self._log, lambda: 0.0)
        self.frame = Frame(
            driver=driver,
            chosen=Chosen("", "debian", "", "debian", "12"),
            configuration=Configuration(),
            selection=self.selection,
            stop=self.stop,
            scheduler=Scheduler(self.selection, self.stop, troubles),
            troubles=troubles,
            log=self._log,
            now=lambda: 0.0,
        )
        self.applied = Applied(self.frame)

    def _log(self, level: str, text: str) -> None:
        self.lines.append(text)


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Bed]:
    made = Bed(tmp_path)
    yield made
    made.selection.close()
    made.stop.close()


def test_routes_come_back_after_the_client_was_restarted(bed: Bed) -> None:
    task = monitors.DhcpMonitor(bed.frame, bed.applied)
    bed.frame.board.routes = ("168.63.129.16/32,10.0.0.1,eth0",)
    task.step(0.0)
    task.step(30.0)
    assert bed.applied.words == []
    bed.client.pid = 101
    task.step(60.0)
    assert bed.applied.words == [("routes", "168.63.129.16/32,10.0.0.1,eth0")]
    task.step(90.0)
    assert len(bed.applied.words) == 1


def test_routes_that_could_not_be_restored_are_tried_again(bed: Bed) -> None:
    task = monitors.DhcpMonitor(bed.frame, bed.applied)
    bed.frame.board.routes = ("0.0.0.0/0,10.0.0.1,eth0",)
    task.step(0.0)
    bed.client.pid = 101
    bed.applied.failure = Busy("the tool is at work")
    with pytest.raises(Busy):
        task.step(30.0)
    task.step(60.0)
    assert len(bed.applied.words) == 2


def test_a_new_host_name_is_published_once_it_stays(bed: Bed) -> None:
    task = monitors.HostNameMonitor(bed.frame, bed.applied)
    (bed.root / "var/lib/waagent/published_hostname").write_text("another\n")
    name = bed.frame.driver.hostname.get()
    if not name:
        pytest.skip("this machine has no host name")
    task.step(0.0)
    assert bed.applied.words == []
    task.step(30.0)
    task.step(60.0)
    assert bed.applied.words == [("host-name", name.lower())]
    record = (bed.root / "var/lib/waagent/published_hostname").read_text()
    assert record == name.lower()


def test_the_wire_server_is_guarded_once_it_is_known(bed: Bed) -> None:
    task = monitors.FirewallMonitor(bed.frame, bed.applied)
    task.step(0.0)
    assert bed.applied.words == []
    bed.frame.board.endpoint = Endpoint("168.63.129.16", 80)
    assert task.step(60.0) == bed.frame.settings.daemon.firewall_period_s
    assert bed.applied.words == [("firewall", "168.63.129.16")]
    assert bed.frame.board.guarded == "guards 168.63.129.16"


def test_rules_that_cannot_be_made_are_told_and_tried_again(bed: Bed) -> None:
    task = monitors.FirewallMonitor(bed.frame, bed.applied)
    bed.frame.board.endpoint = Endpoint("168.63.129.16", 80)
    bed.applied.failure = Busy("locked")
    task.step(0.0)
    assert bed.frame.board.guarded == "failed"
    assert [each.what for each in bed.frame.troubles.open] == ["firewall-rules"]
    task.step(300.0)
    assert not bed.frame.troubles.open


def test_what_belongs_to_a_start_is_done_once(bed: Bed) -> None:
    task = monitors.StartWork(bed.frame, bed.applied)
    assert task.step(0.0) == math.inf
    assert bed.applied.words == [("start",)]
