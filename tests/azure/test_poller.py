# SPDX-License-Identifier: Apache-2.0
"""Following the goal state, against the simulated platform; only the clock is not real."""

from __future__ import annotations

import gc
import tracemalloc
from pathlib import Path

import pytest

from agentcore.azure import pace, poller
from lab.platform.certificates import make
from lab.platform.machine import RemoteUser
from tests.azure.poller_bed import NEW, NO_SETTINGS, OLD, Bed, bed


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


def test_a_goal_state_without_its_extensions_wants_nothing(tmp_path: Path) -> None:
    with bed(tmp_path, NO_SETTINGS) as it:
        update = it.poller.poll()
        assert update is not None
        assert update.desired.handlers == ()


def test_a_refresh_fetches_all_of_it_anew(tmp_path: Path) -> None:
    with bed(tmp_path, plugins=OLD, fast_track=True) as it:
        it.poll()
        before = len(it.platform.requests)
        update = it.poller.refresh()
        assert update.desired == it.last()
        assert len(it.platform.requests) - before >= 4
        assert it.poll() is None


def test_polls_are_quick_after_a_change_and_slow_in_quiet_mode() -> None:
    normal = pace.Pace(pace.Periods())
    normal.succeeded(0.0, changed=True)
    assert normal.due_in_s(0.0) == 2.0
    normal.succeeded(31.0, changed=False)
    assert (normal.due_in_s(31.0), normal.due_in_s(50.0)) == (6.0, 0.0)
    quiet = pace.Pace(pace.Periods(quiet=10.0))
    quiet.succeeded(400.0, changed=False)
    assert quiet.due_in_s(400.0) == 60.0
