# SPDX-License-Identifier: Apache-2.0
"""Wishes that come through the host plugin, beside those of the wire server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentcore.azure import desired, fasttrack
from agentcore.azure.certificates_child import Held
from agentcore.azure.hostplugin import NoSettings
from lab.platform.faults import Fault
from tests.azure.goals import THUMBPRINT, vm_settings
from tests.azure.poller_bed import NEW, NO_SETTINGS, OLD, bed


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
