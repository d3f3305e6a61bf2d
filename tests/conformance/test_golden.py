# SPDX-License-Identifier: Apache-2.0
"""The whole of first boot on every captured machine, line by line: the golden traces."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import pytest

from agentcore.azure import ovf
from agentcore.provisioning.goal import goal_of
from agentcore.provisioning.instance import instance_id
from agentcore.provisioning.tasks import FirstBoot, Materials, routes_task
from agentcore.settings import ResourceDiskSettings, Settings
from osdrivers import loader
from osdrivers.conformance.machines import PretendCommands, machine
from osdrivers.conformance.operations import ROUTE
from osdrivers.conformance.selection import machines
from osdrivers.conformance.trial import tools
from osdrivers.executor import Outcome, carry_out
from osdrivers.host import Host
from osdrivers.trace import lines_to
from tests.agentcore.documents import PASSWORD
from tests.agentcore.documents import ovf as document

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: accounts own files"),
]
GOLDEN = Path(__file__).parents[1] / "golden"


def first_boot(host: Host, *, dry_run: bool = False) -> tuple[list[str], list[Outcome]]:
    """Every task of a first boot with a password, a key, custom data, swap and a route."""
    driver = loader.load(host).driver
    assert driver.network is not None
    primary = driver.network.primary()
    assert primary is not None
    disk = ResourceDiskSettings(
        filesystem="ufs" if host.exists("/sbin/newfs") else "ext4",
        enable_swap=True,
        swap_size_mib=1,
    )
    settings = dataclasses.replace(Settings(), resource_disk=disk)
    data = document(custom_data="aGVsbG8=")
    materials = Materials(ovf.scrub(data), instance_id(driver), report_due=True)
    boot = FirstBoot(driver, goal_of(ovf.parse(data), settings), settings, materials)
    route = dataclasses.replace(ROUTE, interface=primary.name)
    tasks = (routes_task(driver, [route]), *boot.tasks(), *boot.every_boot())
    lines: list[str] = []
    outcomes = carry_out(tasks, driver.host, lines_to(lines.append), dry_run=dry_run)
    return lines, outcomes


@pytest.fixture
def host(request: pytest.FixtureRequest, machine_name: str, tmp_path: Path) -> Host:
    directory = machines(request.config)[machine_name]
    return machine(str(directory), str(tmp_path / "root"))


def test_the_trace_is_the_golden_one(
    host: Host, machine_name: str, request: pytest.FixtureRequest
) -> None:
    lines, outcomes = first_boot(host)
    assert [str(each.error) for each in outcomes if each.error is not None] == []
    golden = GOLDEN / f"{machine_name}.trace"
    text = "".join(f"{line}\n" for line in lines)
    if request.config.getoption("--update"):
        golden.write_text(text)
    assert golden.is_file(), f"no {golden.name}: look at the trace, then run with --update"
    assert text == golden.read_text()
    assert PASSWORD not in text


def test_a_shown_first_boot_is_the_real_one(host: Host) -> None:
    shown, _ = first_boot(host, dry_run=True)
    real, _ = first_boot(host)
    assert shown == real


def test_a_second_first_boot_changes_nothing(host: Host) -> None:
    first_boot(host)
    again, outcomes = first_boot(host)
    assert again == []
    assert all(each.error is None for each in outcomes)


def test_every_command_that_runs_is_declared(
    host: Host, machine_name: str, request: pytest.FixtureRequest
) -> None:
    """G10: asking or changing, nothing else is executed; packagers depend on this list."""
    first_boot(host)
    commands = host.commands
    assert isinstance(commands, PretendCommands)
    declared = GOLDEN / "commands.json"
    known = json.loads(declared.read_text()) if declared.is_file() else {}
    if request.config.getoption("--update"):
        known[machine_name] = tools(commands.calls)
        declared.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")
    assert tools(commands.calls) == known.get(machine_name)


def test_no_golden_trace_is_left_without_its_machine(request: pytest.FixtureRequest) -> None:
    names = {path.stem for path in GOLDEN.glob("*.trace")}
    assert names == set(machines(request.config))
