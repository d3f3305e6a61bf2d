# SPDX-License-Identifier: Apache-2.0
"""Scripts for a running platform, and what its controller reads of the guest's report."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agentcore.azure.status import ExtensionStatus, HandlerStatus, Report, document
from lab import cli
from lab.platform import control, documents, script
from lab.platform.faults import Fault
from lab.platform.machine import Instance, Machine, Plugin
from osdrivers.errors import FileFailed, InvalidInput
from tests.lab.platform.conftest import Guest

OUTAGE = """[{"do": "fault", "fault": {"kind": "status", "count": null, "name": "outage"}},
 {"do": "lift", "name": "outage", "after_s": 240},
 {"do": "push", "changes": {"plugins": [{"name": "Lab.Ext", "version": "1.0",
   "instances": [{"name": "one", "settings": {"n": 1}}]}]}, "after_s": 10}]"""


class Time:
    """Time that passes at once; ``seen`` is done at each pause."""

    def __init__(self, seen: Callable[[], object]) -> None:
        self.waited: list[float] = []
        self._seen = seen

    def wait(self, timeout: float) -> bool:
        self.waited.append(timeout)
        self._seen()
        return False


def test_an_outage_of_four_minutes_is_three_lines(guest: Guest) -> None:
    seen: list[int] = []
    time = Time(lambda: seen.append(guest.goal_state().status))
    answers = script.play(
        script.read(OUTAGE), lambda step: control.obey(guest.platform, step), time
    )
    assert (time.waited, seen) == ([240.0, 10.0], [503, 200])
    assert answers == [{}, {"lifted": 1}, {"incarnation": 2}]
    assert guest.platform.machine.plugins[0].instances == (Instance("one", {"n": 1}),)


def test_a_script_is_played_on_a_running_platform(
    guest: Guest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "script.json"
    path.write_text('[{"do": "touch"}, {"do": "state", "after_s": 0}]')
    arguments = ["play", "--dir", str(guest.platform.directory), str(path)]
    assert cli.main(arguments) == 0
    etag, state = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert etag["etag"] == guest.platform.state.goal.etag
    assert state["incarnation"] == 1


def test_a_step_that_is_refused_ends_the_script(guest: Guest) -> None:
    steps = script.read('[{"do": "fly"}, {"do": "touch"}]')
    before = guest.platform.state.goal.etag
    with pytest.raises(InvalidInput):
        script.play(steps, lambda step: control.obey(guest.platform, step), Time(list))
    assert guest.platform.state.goal.etag == before


@pytest.mark.parametrize(
    "text", ["", "{}", "[1]", "[{}]", '[{"do": 1}]', '[{"do": "x", "after_s": "1"}]']
)
def test_what_is_no_script_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        script.read(text)


def test_a_script_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileFailed):
        script.main(["--dir", str(tmp_path), str(tmp_path / "none")])


def report(status: str) -> bytes:
    extension = ExtensionStatus("Lab.Ext", status, sequence=2, extension="one", message="m")
    entries = (
        HandlerStatus("Lab.Ext", "1.0", "Ready", extension=extension),
        HandlerStatus("Lab.Alone", "2.0", "NotReady", 1007, "no"),
    )
    return document(Report("vm1", "debian", "12", entries), "2030-01-01T00:00:00Z")


def write(guest: Guest, content: bytes) -> None:
    path = documents.status_url(guest.platform.machine, "")
    guest.platform.blobs.put(path, content)


def test_the_report_is_read_and_waited_for(guest: Guest) -> None:
    platform = guest.platform
    assert control.obey(platform, {"do": "status"}) == {"status": {}}
    write(guest, report("success") + b"   ")
    wait: dict[str, Any] = {"do": "wait", "for": "status", "timeout_s": 5}
    found = control.obey(platform, {**wait, "handler": "Lab.Ext", "status": "success"})["entries"]
    assert found == [
        {
            "handler": "Lab.Ext",
            "version": "1.0",
            "handler_status": "Ready",
            "code": 0,
            "extension": "one",
            "status": "success",
            "sequence": 2,
            "message": "m",
        }
    ]
    alone = control.obey(platform, {**wait, "code": 1007})["entries"]
    assert [(one["handler"], one["message"]) for one in alone] == [("Lab.Alone", "no")]
    with pytest.raises(TimeoutError):
        control.obey(platform, {**wait, "handler": "Lab.Ext", "status": "error", "timeout_s": 0.01})


def test_fast_track_wants_something_else_than_the_wire_server(
    running: Callable[..., Guest],
) -> None:
    old, new = Plugin("Lab.Old", "1"), Plugin("Lab.New", "1")
    guest = running(plugins=(old,), fast_track=True, tenant_certificate=False)
    guest.goal_state()
    guest.platform.touch(guest.platform.machine.changed(plugins=(new,), incarnation=9))
    fabric = guest.document("comp=config&type=extensionsConfig").body
    assert b"Lab.Old" in fabric
    assert b"Lab.New" not in fabric
    settings = json.loads(guest.host("/vmSettings").body)
    assert [one["name"] for one in settings["extensionGoalStates"]] == ["Lab.New"]
    assert f'createdOnTicks="{settings["extensionsLastModifiedTickCount"]}"'.encode() not in fabric
    assert guest.platform.machine.incarnation == 1
    guest.platform.push(guest.platform.machine)
    assert b"Lab.New" in guest.document("comp=config&type=extensionsConfig").body


def test_the_plugins_version_and_what_is_required_are_the_machines(
    running: Callable[..., Guest],
) -> None:
    guest = running(host_plugin_version="1.0.8.116", required_features=("Flying",))
    settings = json.loads(guest.host("/vmSettings").body)
    assert settings["hostGAPluginVersion"] == "1.0.8.116"
    assert settings["requiredFeatures"] == [{"name": "Flying"}]
    guest.goal_state()
    fabric = guest.document("comp=config&type=extensionsConfig").body
    assert b"<RequiredFeature><Name>Flying</Name></RequiredFeature>" in fabric


def test_a_plugin_can_be_gone_for_a_while(running: Callable[..., Guest]) -> None:
    gone = Fault("status", service="hostplugin", path="vmSettings", status=410)
    guest = running(faults=(gone,))
    assert [guest.host("/vmSettings").status for _ in range(2)] == [410, 200]


def test_a_machine_with_instances_survives_json() -> None:
    plugin = Plugin("Lab.Ext", "1", instances=(Instance("one", {"n": 1}, level=2),), signature="s")
    machine = replace(Machine.example(), plugins=(plugin,))
    assert Machine.from_json(json.dumps(machine.to_json())) == machine
