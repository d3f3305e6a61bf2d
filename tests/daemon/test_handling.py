# SPDX-License-Identifier: Apache-2.0
"""The task that looks after extensions."""

from __future__ import annotations

import select
from dataclasses import replace
from pathlib import Path
from typing import Optional

import pytest

from agentcore.azure.desired import FABRIC, Desired, Identity
from agentcore.azure.goalstate import GoalState
from agentcore.azure.http import Endpoint
from agentcore.daemon.handling import ExtensionTask
from agentcore.settings import AgentSettings, ExtensionSettings, Settings
from lab.handlers import Sample
from lab.handlers.offering import offered
from lab.platform import documents
from lab.platform.machine import Machine
from lab.platform.server import Platform
from osdrivers.host import Host, Places
from tests.extensions.machine_bed import NAME, handler

GOAL = GoalState("1", "container", "i", "config", "Started", None, "", "", "", "", "", b"")


class Bed:
    def __init__(self, directory: Path, **chosen: object) -> None:
        self.state = directory / "state"
        self.state.mkdir()
        settings = Settings(
            agent=AgentSettings(state_dir=str(self.state)),
            extensions=ExtensionSettings(log_dir=str(directory / "log"), **chosen),  # type: ignore[arg-type]
        )
        self.wanted: Optional[tuple[Desired, GoalState]] = None
        self.changes, self.now = 0, 1.0
        self.task = ExtensionTask(
            Host(places=Places(run=str(directory), state=str(self.state))),
            settings,
            wanted=lambda: self.wanted,
            services=lambda: (Endpoint("127.0.0.1"), None),
            changed=self.change,
            log=lambda line: None,
            now=lambda: self.now,
            wall=lambda: 0.0,
            proxies={},
            environment={},
        )

    def change(self) -> None:
        self.changes += 1

    def want(self, name: str, uri: str) -> None:
        given = replace(handler(), manifest_uris=(uri,))
        self.wanted = Desired(FABRIC, Identity(name, sequence="7"), (given,)), GOAL


def test_without_a_goal_state_there_is_nothing_to_do_or_to_say(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    assert bed.task.step(bed.now) >= 5
    assert bed.task.report() == ((), None)


def test_what_is_refused_is_reported_with_the_goal_state(tmp_path: Path) -> None:
    bed = Bed(tmp_path, deny=NAME)
    bed.want("one", "https://a/m")
    assert bed.task.step(bed.now) >= 5
    (entry,), goal = bed.task.report()
    assert (entry.status, entry.code) == ("NotReady", 1009)
    assert goal is not None and (goal.sequence, goal.time) == ("7", "1970-01-01T00:00:00Z")
    told = bed.changes
    bed.task.step(bed.now)
    assert bed.changes == told > 0


@pytest.mark.tools
def test_an_extension_is_brought_to_ready_and_each_news_is_told(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    with Platform(Machine.example(), tmp_path / "platform") as platform:
        plugin = offered(platform, Sample(NAME))
        platform.touch(platform.machine.changed(plugins=(plugin,)))
        address, port = platform.blobs_address
        bed.want("one", documents.manifest_url(plugin, f"http://{address}:{port}"))
        for _ in range(6000):
            if bed.task.step(bed.now) >= 5:
                break
            select.select([], [], [], 0.01)
    (entry,), _ = bed.task.report()
    assert entry.status == "Ready"
    assert entry.extension is not None and entry.extension.status == "success"
    assert bed.changes >= 3


@pytest.mark.tools
def test_what_an_extension_says_later_is_told_soon(tmp_path: Path) -> None:
    bed = Bed(tmp_path)
    with Platform(Machine.example(), tmp_path / "platform") as platform:
        plugin = offered(platform, Sample(NAME, temper="transitioning"))
        platform.touch(platform.machine.changed(plugins=(plugin,)))
        address, port = platform.blobs_address
        bed.want("one", documents.manifest_url(plugin, f"http://{address}:{port}"))
        for _ in range(6000):
            bed.task.step(bed.now)
            if bed.task.machine.converged:
                break
            select.select([], [], [], 0.01)
    bed.now += 3
    assert bed.task.step(bed.now) == 3.0
    told = bed.changes
    status = bed.state / f"{NAME}-1.0.0.0/status/1.status"
    status.write_text(status.read_text().replace("transitioning", "success"))
    bed.now += 3
    assert bed.task.step(bed.now) > 3.0
    assert bed.changes == told + 1
