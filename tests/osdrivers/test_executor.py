# SPDX-License-Identifier: Apache-2.0
"""Plans carried out and shown: order, failures thrown in, the journal."""

from __future__ import annotations

import json
import os
import pathlib
import stat
from typing import Any

import pytest

from osdrivers import trace
from osdrivers.actions import (
    EditFile,
    MakeDirectory,
    Plan,
    Remove,
    Run,
    Verify,
    WriteFile,
)
from osdrivers.errors import CommandFailed, DriverFault, PostconditionFailed
from osdrivers.executor import Outcome, Task, carry_out
from osdrivers.host import Host, Secret
from osdrivers.trace import Journal, json_to, lines_to


@pytest.fixture
def host(tmp_path: pathlib.Path) -> Host:
    (tmp_path / "etc").mkdir()
    return Host(str(tmp_path), offline=False)


def carried(host: Host, *plans: Any, dry_run: bool = False) -> tuple[list[Outcome], list[str]]:
    lines: list[str] = []
    tasks = [Task(f"task-{number}", plan) for number, plan in enumerate(plans, 1)]
    return carry_out(tasks, host, lines_to(lines.append), dry_run=dry_run), lines


def test_a_shown_plan_says_what_a_real_one_does_and_changes_nothing(host):
    def plan() -> Plan:
        yield MakeDirectory("/var/lib/x", 0o700)
        yield WriteFile("/var/lib/x/f", Secret(b"s"), 0o600)
        yield EditFile("/etc/f", lambda data: data + b"line\n", "add line")

    _, shown = carried(host, plan, dry_run=True)
    assert host.names("/") == ("etc",)
    _, real = carried(host, plan)
    assert shown == real
    assert host.read("/etc/f") == "line\n"
    assert stat.S_IMODE(os.stat(host.locate("/var/lib/x/f")).st_mode) == 0o600


def test_a_failure_is_thrown_into_the_plan_which_may_undo(host):
    def plan() -> Plan:
        yield WriteFile("/etc/half", b"")
        try:
            yield Run(("/nowhere/tool",))
        except Exception:
            yield Remove("/etc/half")
            raise

    outcomes, lines = carried(host, plan, plan)
    assert len(outcomes) == 1, "a required task that failed ends the run"
    assert outcomes[0].error is not None
    assert [line.split()[1] for line in lines] == ["write", "run", "failed", "remove"]
    assert not host.exists("/etc/half")


def test_a_plan_may_take_another_way_after_a_failure(host):
    def plan() -> Plan:
        try:
            yield Run(("/nowhere/tool",))
        except Exception:
            yield WriteFile("/etc/other", b"way")

    outcomes, _ = carried(host, plan)
    assert outcomes[0].error is None
    assert host.read("/etc/other") == "way"


def test_a_drivers_own_exception_is_its_fault_and_not_the_end(host):
    def broken() -> Plan:
        yield WriteFile("/etc/a", b"")
        raise KeyError("oops")

    lines: list[str] = []
    tasks = [Task("broken", broken, required=False), Task("next", lambda: iter(()))]  # type: ignore[arg-type, return-value]
    outcomes = carry_out(tasks, host, lines_to(lines.append))
    assert isinstance(outcomes[0].error, DriverFault)
    assert isinstance(outcomes[0].error.__cause__, KeyError)
    assert len(outcomes) == 2
    assert "failed" in lines[-1]


def test_a_postcondition_catches_a_tool_that_lies(host):
    def plan() -> Plan:
        yield WriteFile("/etc/a", b"")
        yield Verify("/etc/b exists", lambda: host.exists("/etc/b"))

    outcomes, _ = carried(host, plan)
    assert isinstance(outcomes[0].error, PostconditionFailed)
    assert outcomes[0].changes == 1


def test_a_secret_needs_a_private_mode():
    with pytest.raises(ValueError, match="private mode"):
        WriteFile("/etc/key", Secret(b"s"), 0o644)


def test_actions_that_need_a_running_machine_are_skipped_offline(tmp_path):
    def plan() -> Plan:
        yield Run(("/nowhere/tool",), booted=True)

    lines: list[str] = []
    host = Host(str(tmp_path))
    outcomes = carry_out([Task("t", plan)], host, json_to(lines.append))
    assert outcomes[0].error is None
    assert json.loads(lines[0]) == {
        "seq": 1,
        "task": "t",
        "kind": "run",
        "argv": ["/nowhere/tool"],
        "skipped": "offline",
    }


def test_the_journal_keeps_starts_and_ends_private_and_bounded(host):
    def plan() -> Plan:
        yield MakeDirectory(host.places.state, 0o700)
        yield WriteFile("/etc/a", Secret(b"canary"), 0o600)
        yield Run(("sh", "-c", "exit 3"))

    carry_out([Task("t", plan)], host, Journal(host, lambda: 1.5))
    path = host.locate(host.places.journal)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    entries = [json.loads(line) for line in pathlib.Path(path).read_text().splitlines()]
    assert [(entry["seq"], entry["status"]) for entry in entries] == [
        (1, "started"),
        (1, "done"),
        (2, "started"),
        (2, "done"),
        (3, "started"),
        (3, "failed"),
    ]
    assert "canary" not in pathlib.Path(path).read_text()
    host.append(host.places.journal, b"x" * 4096, limit_bytes=trace.JOURNAL_LIMIT_BYTES)
    host.append(host.places.journal, b"x" * 4096, limit_bytes=4096)
    host.append(host.places.journal, b"x", limit_bytes=4096)
    assert host.names(host.places.state) == ("journal.jsonl", "journal.jsonl.1")


def test_a_failed_command_names_itself(host):
    def plan() -> Plan:
        yield Run(("sh", "-c", "echo because >&2; exit 3"))

    outcomes, lines = carried(Host("/"), plan)
    assert isinstance(outcomes[0].error, CommandFailed)
    assert "sh exited with 3: because" in lines[-1]
