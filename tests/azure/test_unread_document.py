# SPDX-License-Identifier: Apache-2.0
"""A document of the wire server that cannot be read does not hold fast track up."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentcore.azure.unread import ATTEMPTS, RECHECK_S
from agentcore.errors import ServiceError
from lab.platform.faults import Fault
from tests.azure.test_poller import NEW, NO_SETTINGS, OLD, Bed, bed


def broken(it: Bed, kind: str, count: int | None = None) -> None:
    fault = Fault(kind, service="wireserver", path="type=extensionsConfig", count=count, status=500)
    it.platform.faults.add(fault)


def failures(it: Bed) -> int:
    """Polls that failed before one succeeded."""
    for number in range(10):
        try:
            it.poll()
        except ServiceError:
            continue
        return number
    raise AssertionError("every poll failed")


@pytest.mark.parametrize("kind", ["garbage", "status"])
def test_fast_track_goes_on_without_a_document_that_cannot_be_read(
    tmp_path: Path, kind: str
) -> None:
    with bed(tmp_path, plugins=OLD, fast_track=True) as it:
        broken(it, kind)
        assert failures(it) == ATTEMPTS - 1
        assert [one.name for one in it.last().handlers] == ["Lab.Old"]
        assert it.poller.last is not None
        assert "goes on" in it.poller.last.notes[0]
        it.wish(NEW)
        assert it.poll() == ["Lab.New"]
        assert it.poll() is None


def test_it_goes_on_in_a_machine_that_has_long_been_up(tmp_path: Path) -> None:
    with bed(tmp_path, plugins=OLD, fast_track=True) as it:
        it.poll()
        broken(it, "garbage")
        it.want(NEW, fast_track=True)
        failures(it)
        assert [one.name for one in it.last().handlers] == ["Lab.New"]


def test_the_document_is_asked_for_again_and_then_read(tmp_path: Path) -> None:
    with bed(tmp_path, plugins=OLD, fast_track=True) as it:
        broken(it, "garbage", ATTEMPTS + 1)
        failures(it)
        asked = [one for one in it.platform.requests if "extensionsConfig" in one.path]
        assert it.poll() is None
        again = [one for one in it.platform.requests if "extensionsConfig" in one.path]
        assert len(again) == len(asked)
        it.clock.now_s += RECHECK_S
        it.poll()
        assert it.poller.last is not None
        assert it.poller.last.notes
        it.clock.now_s += 2 * RECHECK_S
        it.poll()
        assert it.poller.last.notes == ()


def test_without_fast_track_the_document_is_waited_for(tmp_path: Path) -> None:
    with bed(tmp_path, NO_SETTINGS, plugins=OLD) as it:
        broken(it, "garbage", 2 * ATTEMPTS)
        assert failures(it) == 2 * ATTEMPTS
