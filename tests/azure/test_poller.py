# SPDX-License-Identifier: Apache-2.0
"""Following the goal state, against the simulated platform; only the clock is not real."""

from __future__ import annotations

import gc
import json
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Optional

import pytest

from agentcore.azure import desired, fasttrack, pace, poller
from agentcore.azure.certificates_child import Held
from agentcore.azure.goalstate import GoalState
from agentcore.azure.hostplugin import HostPlugin, Moved, NoSettings
from agentcore.azure.http import Client, Endpoint
from agentcore.azure.poller import CERTIFICATE_RECHECK_S, STALE_LIMIT, Poller
from agentcore.azure.retry import ONCE
from agentcore.azure.wireserver import Stale, WireServer
from agentcore.errors import Malformed, ServiceError, Throttled, Unreachable
from lab.platform.certificates import make
from lab.platform.faults import Fault
from lab.platform.machine import Machine, Plugin, RemoteUser
from lab.platform.server import Platform
from osdrivers.host import Host, Places
from tests.azure.goals import THUMBPRINT, vm_settings
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


def connections(it: Bed) -> dict[str, int]:
    return {name: one.connections for name, one in it.platform.listeners.items() if one.connections}


def test_a_poll_with_nothing_new_is_two_requests_on_two_kept_connections(tmp_path: Path) -> None:
    """Known fault 65: 42 requests in an idle minute."""
    with bed(tmp_path, plugins=OLD, fast_track=True) as it:
        assert it.poll() == ["Lab.Old"]
        before = len(it.platform.requests)
        begun = it.clock.now_s = it.clock.now_s + 60.0
        while it.clock.now_s < begun + 60.0:
            assert it.poll() is None
        idle = it.platform.requests[before:]
        assert {one.path for one in idle} == {"/machine/?comp=goalstate", "/vmSettings"}
        assert {one.status for one in idle if one.path == "/vmSettings"} == {304}
        assert connections(it) == {"wireserver": 1, "hostplugin": 1}
        assert len(idle) <= 22
        assert len(it.fetched) == 1
        assert it.platform.violations == ()


def test_hundreds_of_idle_polls_leave_nothing_behind(tmp_path: Path) -> None:
    with bed(tmp_path, plugins=OLD, fast_track=True) as it:
        for _ in range(20):
            it.poll()
        # The platform runs in this process too, and keeps a record: only the agent's is counted.
        ours = tracemalloc.Filter(True, f"{Path(poller.__file__).parent}/*")
        tracemalloc.start(1)
        try:
            sizes = []
            for _ in range(4):
                for _ in range(125):
                    assert it.poll() is None
                gc.collect()
                snapshot = tracemalloc.take_snapshot().filter_traces([ours])
                sizes.append(sum(one.size for one in snapshot.statistics("filename")))
        finally:
            tracemalloc.stop()
        # Something that is kept once is no leak; what stays of each poll shows in each part.
        assert min(after - before for before, after in zip(sizes, sizes[1:])) < 256, sizes


@pytest.mark.tools
def test_a_new_incarnation_is_taken_over_whole(tmp_path: Path) -> None:
    with bed(tmp_path, plugins=OLD) as it:
        it.poll()
        it.want(NEW, users=(RemoteUser("ann", "pw"),), certificates=(make("c"),))
        assert it.poll() == ["Lab.New"]
        update = it.poller.last
        assert update is not None
        assert update.desired.identity.name == "incarnation_4"
        assert [one.name for one in update.remote_access.users] == ["ann"]
        assert it.fetched[-1].incarnation == "4"
        assert b"<SharedConfig" in (it.state / "SharedConfig.xml").read_bytes()
        assert (it.state / "SharedConfig.xml").stat().st_mode & 0o777 == 0o600
        assert it.platform.violations == ()


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


def test_fast_track_brings_wishes_without_a_new_incarnation(tmp_path: Path) -> None:
    with bed(tmp_path, plugins=OLD, fast_track=True) as it:
        it.poll()
        it.wish(NEW)
        assert it.poll() == ["Lab.New"]
        assert (it.last().source, it.last().identity.incarnation) == (desired.FAST_TRACK, "")
        assert it.poller.last is not None
        assert not it.poller.last.fabric
        assert len(it.fetched) == 1
        assert it.poll() is None
        ticks = fasttrack.ticks_of(json.loads(it.record().read_text())["timestamp"])
        assert ticks == it.last().identity.created_ticks // 10 * 10


def test_of_two_wishes_the_later_made_holds(tmp_path: Path) -> None:
    with bed(tmp_path, plugins=OLD, fast_track=True) as it:
        it.poll()
        it.wish(NEW)
        it.poll()
        # A new incarnation for another reason: the wire server repeats its older wish.
        fabric = it.platform.state.fabric
        wish = it.platform.state.goal
        it.platform.state.push(fabric.machine)
        state = it.platform.state
        state.fabric = type(fabric)(state.goal.machine, fabric.ticks)
        state.goal = type(fabric)(wish.machine.changed(incarnation=4), wish.ticks)
        assert it.poll() == ["Lab.New"]
        assert it.last().source == desired.FAST_TRACK
        it.want(OLD)
        assert it.poll() == ["Lab.Old"]
        assert it.last().source == desired.FABRIC
        assert not it.record().exists()


def test_settings_that_repeat_the_wire_server_are_passed_over(tmp_path: Path) -> None:
    with bed(tmp_path, plugins=OLD, fast_track=False) as it:
        assert it.poll() == ["Lab.Old"]
        it.platform.touch(it.platform.machine.changed(plugins=NEW))
        assert it.poll() is None


def test_a_plugin_without_settings_is_left_in_peace_for_hours(tmp_path: Path) -> None:
    with bed(tmp_path, NO_SETTINGS, plugins=OLD) as it:
        assert it.poll() == ["Lab.Old"]
        assert isinstance(it.poller.plugin_failure, NoSettings)
        for _ in range(20):
            assert it.poll() is None
        asked = [one for one in it.platform.requests if one.path == "/vmSettings"]
        assert len(asked) == 1
        it.platform.faults.lift()
        it.wish(NEW)
        it.clock.now_s += fasttrack.RECHECK_S
        assert it.poll() == ["Lab.New"]
        assert it.poller.fast_track_supported


def test_a_lost_plugin_outdates_the_older_goal_state_until_it_was_reported(tmp_path: Path) -> None:
    with bed(tmp_path, plugins=OLD, fast_track=True) as it:
        it.poll()
        it.wish(NEW)
        it.poll()
        it.platform.faults.add(NO_SETTINGS)
        assert it.poll() == ["Lab.Old"]
        assert it.last().outdated
        assert it.poll() is None
        it.poller.reported()
        assert not it.record().exists()
        it.want(OLD)
        assert it.poll() == ["Lab.Old"]
        assert not it.last().outdated


def test_what_fast_track_wanted_last_is_known_after_a_restart(tmp_path: Path) -> None:
    with bed(tmp_path, plugins=OLD, fast_track=True) as it:
        it.poll()
        it.wish(NEW)
        it.poll()
        it.platform.faults.add(Fault("status", path="vmSettings", status=500))
        it.poller.close()
        it.poller = it.another()
        assert it.poll() == ["Lab.Old"]
        assert it.last().outdated
        assert it.poll() == ["Lab.New"]
        assert not it.last().outdated


def test_a_record_that_cannot_be_read_outdates_nothing(tmp_path: Path) -> None:
    """Known fault 50: it was answered with the present, and every goal state was outdated."""
    for text in ("", "{", "[]", '{"timestamp": "now"}', '{"timestamp": 5}'):
        with bed(tmp_path, NO_SETTINGS, plugins=OLD) as it:
            it.record().write_text(text)
            it.poller = it.another()
            assert it.poll() == ["Lab.Old"]
            assert not it.last().outdated


def test_fast_track_can_be_switched_off(tmp_path: Path) -> None:
    with bed(tmp_path, plugins=OLD, fast_track=True, options={"fast_track": False}) as it:
        assert it.poll() == ["Lab.Old"]
        it.wish(NEW)
        assert it.poll() is None
        assert {one.service for one in it.platform.requests} == {"wireserver"}


@pytest.mark.parametrize("kind", ["status", "garbage", "reset", "no-etag", "truncate"])
def test_a_failing_plugin_does_not_hold_up_the_wire_server_and_is_asked_less(
    tmp_path: Path, kind: str
) -> None:
    fault = Fault(kind, service="hostplugin", path="vmSettings", status=500, count=None)
    with bed(tmp_path, fault, plugins=OLD, fast_track=True) as it:
        assert it.poll() == ["Lab.Old"]
        for _ in range(20):
            assert it.poll() is None
        assert it.poller.plugin_failure is not None
        asked = [one for one in it.platform.requests if one.path == "/vmSettings"]
        assert 2 <= len(asked) <= 7
        it.want(NEW)
        assert it.poll() == ["Lab.New"]


def test_certificates_are_fetched_once_for_each_change(tmp_path: Path) -> None:
    """Known fault 64: they were unpacked for every operation."""
    with bed(tmp_path, plugins=OLD, fast_track=True) as it:
        it.held = (Held("AB" * 20, has_private_key=True),)
        it.poll()
        it.wish(NEW)
        it.poll()
        it.want(OLD)
        it.poll()
        it.poll()
        assert [one.incarnation for one in it.fetched] == ["3", "4"]
        assert it.poller.last is not None
        assert it.poller.last.certificates == it.held


PROTECTED = (Plugin("Lab.Secret", "1.0", protected={"p": 1}),)


@pytest.mark.tools
def test_settings_whose_certificate_is_missing_wait_for_it(tmp_path: Path) -> None:
    """Known fault 47: an empty list of certificates was taken for the truth."""
    with bed(tmp_path, plugins=OLD, tenant_certificate=True) as it:
        it.poll()
        it.want(PROTECTED)
        with pytest.raises(Unreachable):
            it.poll()
        it.held = (Held(it.platform.state.tenant().thumbprint, has_private_key=True),)
        assert it.poll() == ["Lab.Secret"]
        assert it.poller.last is not None
        assert it.poller.last.missing == frozenset()


@pytest.mark.tools
def test_the_rest_goes_on_without_a_certificate_that_never_comes(tmp_path: Path) -> None:
    with bed(tmp_path, plugins=PROTECTED, tenant_certificate=True) as it:
        for _ in range(2):
            with pytest.raises(Unreachable):
                it.poll()
        assert it.poll() == ["Lab.Secret"]
        update = it.poller.last
        thumbprint = it.platform.state.tenant().thumbprint
        assert update is not None
        assert update.missing == {thumbprint}
        assert any(thumbprint in note for note in update.notes)
        assert it.poll() is None
        it.held = (Held(thumbprint, has_private_key=True),)
        it.clock.now_s += CERTIFICATE_RECHECK_S
        assert it.poll() == ["Lab.Secret"]
        assert it.poller.last.missing == frozenset()
        it.clock.now_s += CERTIFICATE_RECHECK_S
        assert it.poll() is None


def test_certificates_that_cannot_be_read_hold_up_the_rest_for_some_polls_only(
    tmp_path: Path,
) -> None:
    with bed(tmp_path, plugins=OLD) as it:
        it.refused = [Malformed("no PFX")] * 3
        for _ in range(2):
            with pytest.raises(Malformed):
                it.poll()
        assert it.poll() == ["Lab.Old"]
        assert it.poller.last is not None
        assert it.poller.last.notes == ("no PFX",)


def test_what_is_on_hold_says_so_both_ways(tmp_path: Path) -> None:
    with bed(tmp_path, plugins=OLD, on_hold=True) as it:
        it.poll()
        assert it.last().on_hold
        it.want(OLD, on_hold=False)
        it.poll()
        assert not it.last().on_hold
        it.platform.faults.add(Fault("garbage", path="extensionArtifact"))
        it.want(OLD, on_hold=True)
        it.poll()
        assert not it.last().on_hold
        it.platform.touch(it.platform.machine.changed(fast_track=True))
        it.poll()
        assert it.last().on_hold


def test_a_profile_that_the_plugin_cannot_fetch_is_fetched_directly(tmp_path: Path) -> None:
    asked: list[str] = []

    def fetch(uri: str) -> bytes:
        asked.append(uri)
        return b'{"onHold": "True"}'

    gone = Fault("status", path="extensionArtifact", status=404, count=None)
    with bed(tmp_path, gone, plugins=OLD, on_hold=True, options={"fetch": fetch}) as it:
        it.poll()
        assert it.last().on_hold
    assert "vmArtifactsProfile" in asked[0]


def test_a_goal_state_without_its_extensions_wants_nothing(tmp_path: Path) -> None:
    with bed(tmp_path, NO_SETTINGS) as it:
        update = it.poller.poll()
        assert update is not None
        assert update.desired.handlers == ()


def test_a_role_instance_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    with bed(tmp_path, Fault("no-role-instance", path="comp=goalstate", count=2)) as it:
        for _ in range(2):
            with pytest.raises(Malformed):
                it.poll()
        assert it.poll() == []


def test_a_refresh_fetches_all_of_it_anew(tmp_path: Path) -> None:
    with bed(tmp_path, plugins=OLD, fast_track=True) as it:
        it.poll()
        before = len(it.platform.requests)
        update = it.poller.refresh()
        assert update.desired == it.last()
        assert len(it.platform.requests) - before >= 4
        assert it.poll() is None


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


def test_polls_are_quick_after_a_change_and_slow_in_quiet_mode() -> None:
    normal = pace.Pace(pace.Periods())
    normal.succeeded(0.0, changed=True)
    assert normal.due_in_s(0.0) == 2.0
    normal.succeeded(31.0, changed=False)
    assert (normal.due_in_s(31.0), normal.due_in_s(50.0)) == (6.0, 0.0)
    quiet = pace.Pace(pace.Periods(quiet=10.0))
    quiet.succeeded(400.0, changed=False)
    assert quiet.due_in_s(400.0) == 60.0


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


def test_a_plugin_that_repeats_its_settings_says_nothing_new(tmp_path: Path) -> None:
    with bed(tmp_path, plugins=OLD, fast_track=True) as it:
        it.poll()
        body = vm_settings(extensionsLastModifiedTickCount=9 * 10**17)
        again = Fault(
            "status", path="vmSettings", status=200, body=body.decode(), count=None,
            headers={"ETag": "7"},
        )  # fmt: skip
        it.platform.faults.add(again)
        it.held = (Held(THUMBPRINT, has_private_key=True),)
        assert it.poll() == ["Pub.Type"]
        assert it.poll() is None
