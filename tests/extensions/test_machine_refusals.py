# SPDX-License-Identifier: Apache-2.0
"""What the extension machine does not begin, or not yet, and how it says so."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from agentcore.extensions.policy import Policy, read
from lab.handlers import Sample
from tests.extensions.machine_bed import NAME, Bed, at_level, handler, told

pytestmark = pytest.mark.tools

LISTED_ONLY = '{"policyVersion": "0.1.0", "extensionPolicies": {"allowListedExtensionsOnly": true}}'


@pytest.fixture
def bed(tmp_path: Path) -> Bed:
    return Bed(tmp_path)


def test_a_goal_state_on_hold_is_reported_on_and_not_worked_on(bed: Bed) -> None:
    bed.offer(Sample(NAME))
    bed.want(1, handler())
    bed.run()
    bed.restart()
    bed.want(2, handler(), on_hold=True)
    for _ in range(5):
        bed.machine.step(bed.now)
    assert [one[1] for one in told(bed)] == ["Ready"]
    assert len(bed.calls()) == 2


def test_an_unknown_state_fails_that_handler_alone(bed: Bed) -> None:
    bed.offer(Sample(NAME))
    odd = handler(name="Lab.Odd", state="", problem="state 'x' is unknown")
    bed.want(1, odd, handler())
    bed.run()
    assert told(bed) == [
        ("Lab.Odd", "NotReady", -1, "transitioning"), (NAME, "Ready", 0, "success"),
    ]  # fmt: skip


def test_dependencies_wait_for_success_and_removals_come_first(bed: Bed) -> None:
    names = ["Lab.A", "Lab.B", "Lab.C"]
    bed.offer(*(Sample(name) for name in names))
    gone = handler(name="Lab.C")
    bed.want(1, gone)
    bed.run()
    after, before = at_level(handler(name="Lab.A"), 2), at_level(handler(name="Lab.B"), 1)
    bed.want(2, after, before, replace(gone, state="uninstall"))
    bed.run(lambda: bool(bed.calls("Lab.A")))
    assert bed.calls("Lab.B")[-1].startswith("enable")
    assert bed.calls("Lab.C")[-1].startswith("uninstall")
    bed.run()
    assert [entry[1] for entry in told(bed)] == ["Ready", "Ready"]


@pytest.mark.parametrize(
    ("temper", "reason"),
    [("failing", "failed"), ("reporting-error", "error"), ("transitioning", "90 minutes")],
)
def test_what_depends_on_a_failure_is_not_tried(bed: Bed, temper: str, reason: str) -> None:
    bed.offer(Sample("Lab.A"), Sample("Lab.B", temper=temper))
    after, before = at_level(handler(name="Lab.A"), 2), at_level(handler(name="Lab.B"), 1)
    bed.want(1, after, before)
    bed.run()
    entry = next(one for one in bed.report() if one.name == "Lab.A")
    assert (entry.status, entry.code) == ("NotReady", -1)
    assert "depends on Lab.B" in entry.message and reason in entry.message
    assert bed.calls("Lab.A") == []


@pytest.mark.parametrize(
    "policy",
    [
        Policy(enabled=False),
        Policy(deny=("lab.*",)),
        Policy(allow=("Other.*",)),
        read('{"policyVersion": "0.1.0", "extensionPolicies": {"x": 1}}', Policy()),
        read(LISTED_ONLY, Policy()),
    ],
)  # fmt: skip
def test_what_is_not_allowed_is_not_fetched_and_told(bed: Bed, policy: Policy) -> None:
    bed.offer(Sample(NAME))
    bed.policy = policy
    bed.restart()
    bed.want(1, handler())
    bed.run()
    assert told(bed) == [(NAME, "NotReady", 1009, "error")]
    assert bed.jobs.started == []


def test_required_features_that_are_not_ours_fail_the_goal_state(bed: Bed) -> None:
    bed.want(1, handler(), required_features=("Telepathy",))
    bed.run()
    status = bed.machine.goal_status()
    assert status is not None and status.code == 2001
    assert bed.jobs.started == []


def test_nothing_begins_before_it_may_and_on_hold_holds(bed: Bed) -> None:
    bed.offer(Sample(NAME))
    bed.want(1, handler(), on_hold=True)
    assert bed.machine.step(bed.now) > 0
    bed.may_begin = False
    bed.want(1, handler())
    assert bed.machine.step(bed.now) > 0
    assert bed.machine.progress.goal == ""
    bed.may_begin = True
    bed.run()
    assert len(bed.calls()) == 2


def test_a_place_for_logs_that_cannot_be_had_fails_the_extension_and_is_told(bed: Bed) -> None:
    bed.offer(Sample(NAME))
    bed.logs.write_text("a file where a directory should be")
    bed.want(1, handler())
    bed.run()
    ((_, status, code, _),) = told(bed)
    assert (status, code) == ("NotReady", -1)
    assert str(bed.logs) in bed.report()[0].message


def test_nothing_is_fetched_to_where_nothing_can_run(bed: Bed) -> None:
    class Noexec(type(bed.host)):  # type: ignore[misc]
        def space(self, path: str) -> object:
            found = super().space(path)
            return os.statvfs_result([*found[:8], found.f_flag | os.ST_NOEXEC, found.f_namemax])

    bed.host = Noexec(places=bed.host.places)
    bed.restart()
    bed.offer(Sample(NAME))
    bed.want(1, handler())
    bed.run()
    assert "noexec" in bed.report()[0].message
    assert bed.jobs.started == []


def test_a_job_that_cannot_be_started_is_not_started_in_another_way(bed: Bed) -> None:
    bed.offer(Sample(NAME))
    bed.want(1, handler())
    bed.run(lambda: bed.machine.progress.done > 0)
    (bed.state.parent / "run/systemd/system").mkdir(parents=True)

    class NoBus(type(bed.host.commands)):  # type: ignore[misc]
        def find(self, command: str) -> str:
            return "/bin/false" if command == "systemd-run" else str(super().find(command))

    bed.host.commands = NoBus()
    bed.run()
    assert told(bed)[0][1] == "NotReady"
    assert "systemd-run" in bed.report()[0].message
    assert bed.calls() == []
