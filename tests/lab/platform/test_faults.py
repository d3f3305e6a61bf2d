# SPDX-License-Identifier: Apache-2.0
"""Faults on request, as a client sees them."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from defusedxml import ElementTree

from lab.platform import faults
from lab.platform.faults import KINDS, Fault, Faults
from osdrivers.errors import FileFailed, InvalidInput
from tests.lab.platform.conftest import TIMEOUT_S, Guest, health_report

GOAL = "/machine/?comp=goalstate"


def test_a_status_comes_for_the_requests_counted(running: Callable[..., Guest]) -> None:
    guest = running([Fault("status", path="goalstate", skip=1, count=2, status=429, body="slow")])
    assert [guest.goal_state().status for _ in range(4)] == [200, 429, 429, 200]
    assert [one.fault for one in guest.platform.requests] == ["", "status", "status", ""]


def test_a_fault_holds_until_it_is_lifted(running: Callable[..., Guest]) -> None:
    guest = running([Fault("status", count=None, name="outage", headers={"Retry-After": "7"})])
    answer = guest.goal_state()
    assert (answer.status, answer.headers["retry-after"]) == (503, "7")
    assert guest.goal_state().status == 503
    assert guest.platform.faults.lift("other") == 0
    assert guest.platform.faults.lift("outage") == 1
    assert guest.goal_state().status == 200


def test_only_the_requests_meant_are_hit(running: Callable[..., Guest]) -> None:
    guest = running([Fault("status", service="imds"), Fault("status", method="post", status=500)])
    assert guest.goal_state().status == 200
    assert guest.post("health", health_report(guest.platform.machine)).status == 500
    assert guest.metadata("/metadata/versions").status == 503


def test_an_unhandled_request_leaves_no_trace_a_handled_one_does(
    running: Callable[..., Guest],
) -> None:
    guest = running(
        [Fault("status", path="health"), Fault("status", path="health", skip=1, handled=True)]
    )
    guest.goal_state()
    report = health_report(guest.platform.machine)
    assert guest.post("health", report).status == 503
    assert not guest.platform.ready
    assert guest.post("health", report).status == 503
    assert guest.platform.ready


def test_a_reset_is_a_reset(running: Callable[..., Guest]) -> None:
    guest = running([Fault("reset")])
    with pytest.raises(ConnectionResetError):
        guest.fresh(GOAL)
    assert guest.fresh(GOAL).status == 200


def test_a_hangup_is_an_end_without_answer(running: Callable[..., Guest]) -> None:
    with pytest.raises(http.client.RemoteDisconnected):
        running([Fault("hangup")]).fresh(GOAL)


def test_silence_lasts_until_the_client_gives_up(running: Callable[..., Guest]) -> None:
    guest = running([Fault("silence")])
    with pytest.raises(socket.timeout):
        guest.fresh(GOAL, timeout_s=0.2)
    guest.platform.wait_for(lambda platform: platform.requests, TIMEOUT_S)
    assert guest.platform.requests[0].fault == "silence"


def test_a_truncated_body_ends_early(running: Callable[..., Guest]) -> None:
    guest = running([Fault("truncate", bytes=10)])
    with pytest.raises(http.client.IncompleteRead) as caught:
        guest.fresh(GOAL).read()
    assert len(caught.value.partial) == 10


@pytest.mark.parametrize("more", [10, -10])
def test_a_wrong_length_is_announced(running: Callable[..., Guest], more: int) -> None:
    guest = running([Fault("content-length", bytes=more)])
    answer = guest.fresh(GOAL)
    announced = int(answer.headers["Content-Length"])
    if more > 0:
        with pytest.raises(http.client.IncompleteRead) as caught:
            answer.read()
        assert announced == len(caught.value.partial) + 10
    else:
        assert len(answer.read()) == announced
        assert guest.platform.requests[0].bytes == announced + 10


def test_an_endless_body_goes_on_until_somebody_ends_it(running: Callable[..., Guest]) -> None:
    guest = running([Fault("endless", body="<GoalState>")])
    answer = guest.fresh(GOAL)
    assert answer.headers["Content-Length"] is None
    assert len(answer.read(5_000_000)) == 5_000_000
    answer.close()
    assert guest.goal_state().status == 200


def test_the_platform_stops_in_the_middle_of_an_endless_body(
    running: Callable[..., Guest],
) -> None:
    guest = running(
        [Fault("endless"), Fault("silence", skip=1), Fault("delay", skip=2, delay_s=99)]
    )
    answer = guest.fresh(GOAL)
    assert answer.read(100)
    guest.platform.stop()


def test_garbage_is_no_document(running: Callable[..., Guest]) -> None:
    guest = running([Fault("garbage"), Fault("garbage", skip=1, body="<a><b></a>")])
    for _ in range(2):
        answer = guest.goal_state()
        assert answer.status == 200
        with pytest.raises(ElementTree.ParseError):
            ElementTree.fromstring(answer.body)


def test_a_delay_is_an_answer_all_the_same(running: Callable[..., Guest]) -> None:
    guest = running([Fault("delay", delay_s=0.01)])
    assert guest.goal_state().status == 200
    assert guest.platform.requests[0].fault == "delay"


def test_a_stale_goal_state_has_the_incarnation_before(running: Callable[..., Guest]) -> None:
    guest = running([Fault("stale-incarnation", path="goalstate", count=1)], incarnation=5)
    found = [
        ElementTree.fromstring(guest.goal_state().body).findtext("Incarnation") for _ in range(2)
    ]
    assert found == ["4", "5"]


def test_a_goal_state_without_role_instance(running: Callable[..., Guest]) -> None:
    guest = running([Fault("no-role-instance")])
    found = [b"<RoleInstance>" in guest.goal_state().body for _ in range(2)]
    assert found == [False, True]


def test_versions_that_nobody_speaks(running: Callable[..., Guest]) -> None:
    guest = running([Fault("wrong-versions")])
    assert b"2012-11-30" not in guest.wire("/?comp=versions").body
    assert b"2012-11-30" in guest.wire("/?comp=versions").body


@pytest.mark.parametrize(
    "data", [{}, {"kind": "status", "colour": 1}, {"kind": "none"}, [], "x",
             {"kind": "status", "path": "("}]
)  # fmt: skip
def test_a_wrong_fault_is_refused(data: Any) -> None:
    with pytest.raises(InvalidInput):
        Fault.from_json(data)


def test_faults_are_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "faults.json"
    path.write_text(json.dumps([{"kind": kind} for kind in KINDS]))
    assert [one.kind for one in faults.load(path)] == list(KINDS)
    for text in ("{}", "no"):
        path.write_text(text)
        with pytest.raises(InvalidInput):
            faults.load(path)
    with pytest.raises(FileFailed):
        faults.load(tmp_path / "none")


def test_faults_tell_what_they_met(running: Callable[..., Guest]) -> None:
    guest = running([Fault("delay", path="goalstate")])
    guest.goal_state()
    guest.wire("/?comp=versions")
    assert [one["met"] for one in guest.platform.faults.to_json()] == [1]
    assert Faults().lift() == 0
