# SPDX-License-Identifier: Apache-2.0
"""The platform as a whole: records, waiting, new goals, connections, its end."""

from __future__ import annotations

import contextlib
import http.client
import socket
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.platform.machine import Machine
from lab.platform.server import Platform
from osdrivers.errors import OperationError
from tests.lab.platform.conftest import WIRE, Guest, health_report, lines


def test_every_request_is_kept_as_a_line(guest: Guest) -> None:
    guest.goal_state()
    guest.post("health", health_report(guest.platform.machine))
    guest.metadata("/metadata/instance")
    kept = lines(guest.platform.directory)
    assert [one["seq"] for one in kept] == [1, 2, 3]
    assert [(one["service"], one["method"], one["status"]) for one in kept] == [
        ("wireserver", "GET", 200), ("wireserver", "POST", 200), ("imds", "GET", 400),
    ]  # fmt: skip
    assert kept[0]["headers"]["x-ms-version"] == "2012-11-30"
    assert kept[1]["body"].startswith("<?xml")
    assert kept[2]["violations"]
    assert kept[0]["time"] <= kept[2]["time"]
    path = guest.platform.directory / "requests.jsonl"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_waiting_ends_with_the_request_waited_for(guest: Guest) -> None:
    guest.goal_state()
    report = health_report(guest.platform.machine)
    sender = threading.Thread(target=guest.post, args=("health", report))
    sender.start()
    assert guest.platform.wait_ready(60).state == "Ready"
    sender.join()


def test_waiting_in_vain_ends(guest: Guest) -> None:
    with pytest.raises(TimeoutError):
        guest.platform.wait_for(lambda platform: platform.ready, 0.01)


def test_a_record_is_there_before_its_answer(guest: Guest) -> None:
    for count in range(1, 20):
        guest.goal_state()
        assert len(guest.platform.requests) == count


def test_a_new_goal_has_a_new_incarnation(guest: Guest) -> None:
    machine = guest.platform.machine
    assert guest.platform.push(machine.changed(hostname="vm2")).incarnation == 2
    assert guest.platform.push(machine.changed(incarnation=9)).incarnation == 9
    assert b"vm2" not in guest.goal_state().body


def test_a_connection_serves_many_requests(guest: Guest) -> None:
    connection = http.client.HTTPConnection(*guest.platform.wire_address, timeout=240)
    sockets = set()
    for _ in range(3):
        connection.request("GET", "/machine/?comp=goalstate", headers=WIRE)
        connection.getresponse().read()
        sockets.add(connection.sock)
    assert len(sockets) == 1
    connection.close()


def test_a_close_is_honoured(guest: Guest) -> None:
    headers = {**WIRE, "Connection": "close"}
    answer = guest.ask(guest.platform.wire_address, "/?comp=versions", headers)
    assert answer.headers["connection"] == "close"


def test_a_chunked_report_is_understood(guest: Guest) -> None:
    guest.goal_state()
    body = health_report(guest.platform.machine).encode()
    connection = http.client.HTTPConnection(*guest.platform.wire_address, timeout=240)
    headers = {**WIRE, "Content-Type": "text/xml;charset=utf-8", "Transfer-Encoding": "chunked"}
    connection.request(
        "POST", "/machine?comp=health", iter((body[:9], body[9:])), headers, encode_chunked=True
    )
    assert connection.getresponse().status == 200
    connection.close()
    assert guest.platform.ready


@pytest.mark.parametrize("length", ["x", "99999999999"])
def test_a_body_without_sensible_length_is_refused(guest: Guest, length: str) -> None:
    with socket.create_connection(guest.platform.wire_address, 20) as connection:
        head = f"POST /machine?comp=health HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n"
        connection.sendall(head.encode())
        assert b" 413 " in connection.recv(100)


def test_a_client_that_goes_away_harms_nobody(guest: Guest) -> None:
    with socket.create_connection(guest.platform.wire_address, 20) as connection:
        connection.sendall(b"POST /machine?comp=health HTTP/1.1\r\nContent-Length: 99\r\n\r\nab")
    with socket.create_connection(guest.platform.wire_address, 20) as connection:
        connection.sendall(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
        connection.recv(10)
    assert guest.goal_state().status == 200


def test_stopping_cuts_open_connections(running: Callable[..., Guest]) -> None:
    guest = running()
    guest.goal_state()
    with socket.create_connection(guest.platform.wire_address, 20) as idle:
        guest.platform.stop()
        guest.platform.stop()
        # One that was still in the queue of those to be accepted is reset.
        with contextlib.suppress(ConnectionResetError):
            assert idle.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(guest.platform.wire_address, 20)


def test_an_address_in_use_is_named(guest: Guest, tmp_path: Path) -> None:
    taken = guest.platform.wire_address
    with pytest.raises(OperationError, match=f"{taken[1]}"):
        Platform(Machine.example(), tmp_path / "second", wire=taken)


def test_a_missing_tool_is_an_answer_and_not_a_crash(guest: Guest) -> None:
    class Broken:
        def answer(self, request: object) -> None:
            raise OperationError("openssl: command not found")

    guest.platform.listeners["wireserver"].service = Broken()  # type: ignore[assignment]
    answer = guest.goal_state()
    assert (answer.status, b"openssl" in answer.body) == (500, True)
