# SPDX-License-Identifier: Apache-2.0
"""A poller whose platform fails, hesitates or moves the machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentcore.azure import desired, pace
from agentcore.azure.hostplugin import Moved
from agentcore.azure.poller import STALE_LIMIT
from agentcore.azure.wireserver import Stale
from agentcore.errors import Malformed, ServiceError, Throttled, Unreachable
from lab.platform.faults import Fault
from lab.platform.machine import RemoteUser
from tests.azure.poller_bed import NEW, OLD, Bed, bed

DOCUMENTS = ("extensionsConfig", "sharedConfig", "remoteaccess")


@pytest.mark.tools
@pytest.mark.parametrize("document", DOCUMENTS)
@pytest.mark.parametrize("kind", ["garbage", "truncate", "reset", "status"])
def test_a_document_that_fails_leaves_the_old_goal_state_and_is_asked_for_again(
    tmp_path: Path, document: str, kind: str
) -> None:
    """Known faults 43 and 46: a goal state is done with only when all of it has been read."""
    with bed(tmp_path, plugins=OLD, users=(RemoteUser("ann", "pw"),)) as it:
        it.poll()
        # A dropped connection is opened once more at once, without a word.
        count = 2 if kind == "reset" else 1
        it.platform.faults.add(Fault(kind, service="wireserver", path=document, count=count))
        it.want(NEW)
        with pytest.raises(ServiceError):
            it.poll()
        assert [one.name for one in it.last().handlers] == ["Lab.Old"]
        assert it.poll() == ["Lab.New"]
        assert it.poll() is None


def undisturbed(it: Bed) -> tuple[object, ...]:
    """What is left when a first goal state and a change have been taken over."""
    update = it.poller.last
    assert update is not None
    names = [one.name for one in update.desired.handlers]
    kept = sorted(path.name for path in it.state.iterdir())
    shared = (it.state / "SharedConfig.xml").read_bytes()
    return update.desired.identity.incarnation, names, update.missing, kept, shared


@pytest.mark.parametrize("kind", ["status", "hangup", "truncate", "garbage"])
def test_a_failure_at_any_request_changes_nothing_in_the_end(tmp_path: Path, kind: str) -> None:
    def follow(directory: Path, *faults: Fault) -> tuple[tuple[object, ...], int, list[list[str]]]:
        directory.mkdir()
        with bed(directory, *faults, plugins=OLD, fast_track=True, on_hold=True) as it:
            updates, changed = [], False
            for _ in range(40):
                try:
                    names = it.poll()
                except ServiceError:
                    continue
                if names is not None:
                    updates.append(names)
                    if not changed:
                        changed = True
                        it.want(NEW)
            return undisturbed(it), len(it.platform.requests), updates

    expected, _, updates = follow(tmp_path / "sound")
    assert updates == [["Lab.Old"], ["Lab.New"]]
    for number in range(12):
        # Twice: the first may be made good on the spot, by a new connection.
        fault = Fault(kind, skip=number, count=2, status=500)
        found, _, updates = follow(tmp_path / f"{number}", fault)
        assert found == expected
        assert updates == [["Lab.Old"], ["Lab.New"]]


def test_a_stale_incarnation_is_not_taken_for_news(tmp_path: Path) -> None:
    with bed(tmp_path, plugins=OLD) as it:
        it.poll()
        it.platform.faults.add(Fault("stale-incarnation", path="comp=goalstate"))
        with pytest.raises(Stale):
            it.poll()
        assert it.poll() is None
        assert it.last().identity.incarnation == "3"


def test_a_platform_that_counts_anew_is_believed_in_the_end(tmp_path: Path) -> None:
    with bed(tmp_path, plugins=OLD) as it:
        it.poll()
        it.platform.faults.add(Fault("stale-incarnation", service="wireserver", count=None))
        for _ in range(STALE_LIMIT - 1):
            with pytest.raises(Stale):
                it.poll()
        assert it.poll() == ["Lab.Old"]
        assert it.last().identity.incarnation == "2"


def test_a_machine_that_was_moved_gets_everything_anew(tmp_path: Path) -> None:
    """Waking from hibernation: the same incarnation, another container, other certificates."""
    with bed(tmp_path, plugins=OLD, fast_track=True) as it:
        it.poll()
        moved = "c0ffee00-0000-0000-0000-000000000002"
        it.platform.state.push(it.platform.machine.changed(container_id=moved, incarnation=3))
        it.poll()
        assert it.fetched[-1].container_id == moved
        assert it.platform.violations == ()


def test_a_container_that_the_plugin_does_not_know_is_asked_for_once_more(tmp_path: Path) -> None:
    gone = Fault("status", service="hostplugin", path="vmSettings", status=410)
    with bed(tmp_path, gone, plugins=OLD, fast_track=True) as it:
        assert it.poll() == ["Lab.Old"]
        assert it.last().source == desired.FABRIC  # equal times
        assert it.poller.plugin_failure is None
        it.platform.faults.add(Fault("status", path="vmSettings", status=410, count=2))
        assert it.poll() is None
        assert isinstance(it.poller.plugin_failure, Moved)


def test_a_role_instance_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    with bed(tmp_path, Fault("no-role-instance", path="comp=goalstate", count=2)) as it:
        for _ in range(2):
            with pytest.raises(Malformed):
                it.poll()
        assert it.poll() == []


def test_four_minutes_without_the_wire_server_lose_nothing(tmp_path: Path) -> None:
    with bed(tmp_path, plugins=OLD, fast_track=True) as it:
        it.poll()
        it.platform.faults.add(Fault("reset", service="wireserver", count=None, name="outage"))
        begun, attempts = it.clock.now_s, 0
        while it.clock.now_s < begun + 240.0:
            with pytest.raises(Unreachable):
                it.poll()
            attempts += 1
        assert 8 <= attempts <= 15
        it.want(NEW)
        it.platform.faults.lift("outage")
        assert it.poll() == ["Lab.New"]


def test_errors_make_polls_rarer_up_to_a_cap() -> None:
    it = pace.Pace(pace.Periods())
    pauses = []
    for _ in range(9):
        it.failed(0.0, Unreachable("x"))
        pauses.append(it.due_in_s(0.0))
    assert pauses == [2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0, 30.0, 30.0]
    it.failed(0.0, Throttled("x", 1000.0))
    assert it.due_in_s(0.0) == 1000.0
    it.succeeded(0.0, changed=False)
    assert it.due_in_s(0.0) == 6.0
