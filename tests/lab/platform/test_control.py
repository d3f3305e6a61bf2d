# SPDX-License-Identifier: Apache-2.0
"""Commands to a running platform."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab import cli
from lab.platform import control
from lab.platform.machine import Machine
from lab.platform.server import Platform
from osdrivers.errors import InvalidInput, NotFound
from tests.lab.platform.conftest import Guest, health_report


def test_faults_are_put_and_lifted(guest: Guest) -> None:
    directory = guest.platform.directory
    fault = {"kind": "status", "count": None, "name": "outage"}
    assert control.ask(directory, {"do": "fault", "fault": fault}) == {}
    assert guest.goal_state().status == 503
    listed = control.ask(directory, {"do": "faults"})["faults"]
    assert [(one["name"], one["met"]) for one in listed] == [("outage", 1)]
    assert control.ask(directory, {"do": "lift", "name": "outage"}) == {"lifted": 1}
    assert guest.goal_state().status == 200


def test_a_goal_is_pushed_whole_or_by_its_changes(guest: Guest) -> None:
    directory = guest.platform.directory
    command: dict[str, Any] = {"do": "push", "changes": {"hostname": "vm2"}}
    assert control.ask(directory, command) == {"incarnation": 2}
    assert guest.platform.machine.hostname == "vm2"
    assert guest.platform.machine.custom_data == Machine.example().custom_data
    command = {"do": "push", "machine": {"hostname": "vm3", "user": "ada"}}
    assert control.ask(directory, command) == {"incarnation": 3}
    assert guest.platform.machine.user == "ada"


def test_settings_are_touched(guest: Guest) -> None:
    before = guest.platform.state.goal.etag
    assert control.ask(guest.platform.directory, {"do": "touch"})["etag"] != before


def test_the_state_is_told(guest: Guest) -> None:
    guest.goal_state()
    guest.post("health", health_report(guest.platform.machine))
    state = control.ask(guest.platform.directory, {"do": "state"})
    assert (state["ready"], state["requests"], state["violations"]) == (True, 2, [])
    assert state["addresses"]["wireserver"].endswith(f":{guest.platform.wire_address[1]}")


def test_waiting_for_ready_and_for_a_request(guest: Guest) -> None:
    directory = guest.platform.directory
    guest.goal_state()
    guest.post("health", health_report(guest.platform.machine))
    found = control.ask(directory, {"do": "wait", "for": "ready", "timeout_s": 5})
    assert found["health"]["state"] == "Ready"
    wanted = {"do": "wait", "for": "request", "path": "comp=health", "body": ">Ready<"}
    assert [one["seq"] for one in control.ask(directory, wanted)["requests"]] == [2]
    wanted = {"do": "wait", "for": "request", "service": "imds", "timeout_s": 0.01}
    with pytest.raises(InvalidInput, match=r"within 0\.01 s"):
        control.ask(directory, wanted)


@pytest.mark.parametrize(
    "command",
    [{}, {"do": "dance"}, {"do": "fault"}, {"do": "push", "machine": {}}, [],
     {"do": "wait", "for": "x"}, {"do": "wait", "for": "request", "path": "("}],
)  # fmt: skip
def test_a_wrong_command_is_refused(guest: Guest, command: Any) -> None:
    with pytest.raises(InvalidInput, match="refused"):
        control.ask(guest.platform.directory, command)


def test_nobody_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"lab serve"):
        control.ask(tmp_path, {"do": "state"})
    with pytest.raises(NotFound, match=r"lab serve"):
        control.ask(tmp_path / "none", {"do": "state"})


def test_a_long_directory_name_is_no_obstacle(tmp_path: Path) -> None:
    directory = tmp_path / ("d" * 120)
    with Platform(Machine.example(), directory):
        assert control.ask(directory, {"do": "state"})["requests"] == 0
        assert stat.S_IMODE((directory / control.SOCKET).stat().st_mode) == 0o600
    assert not (directory / control.SOCKET).exists()


def test_the_command_line_asks(
    running: Callable[..., Guest], capsys: pytest.CaptureFixture[str]
) -> None:
    directory = str(running().platform.directory)
    assert cli.main(["ask", "--dir", directory, '{"do": "faults"}']) == 0
    assert '"faults": []' in capsys.readouterr().out
    assert cli.main(["ask", "--dir", directory, "{"]) == InvalidInput.exit_status
    assert "not JSON" in capsys.readouterr().err
