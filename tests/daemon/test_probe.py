# SPDX-License-Identifier: Apache-2.0
"""The load balancer's probes, over loopback, served by the daemon's own selection."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import Optional

import pytest

from agentcore.daemon.probe import CLIENT_LIMIT, CLIENT_S, ProbeResponder
from agentcore.daemon.stopping import Stop
from agentcore.daemon.waiting import Selection
from osdrivers.errors import OperationError


class Bed:
    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.wanted: Optional[int] = free.getsockname()[1]
        self.stop = Stop()
        self.loop = Selection(self.stop)
        self.task = ProbeResponder(
            self.loop, lambda: self.wanted, lambda: "127.0.0.1", time.monotonic
        )

    def serve(self) -> None:
        for call in self.loop.wait(60.0):
            call()

    def client(self) -> socket.socket:
        made = socket.create_connection(("127.0.0.1", self.task.port), timeout=240)
        self.serve()
        return made


@pytest.fixture
def bed() -> Iterator[Bed]:
    made = Bed()
    yield made
    made.task.close()
    made.loop.close()
    made.stop.close()


def answer(client: socket.socket) -> bytes:
    found = b""
    with client:
        while piece := client.recv(4096):
            found += piece
    return found


def test_any_request_is_answered(bed: Bed) -> None:
    bed.task.step(0.0)
    client = bed.client()
    client.sendall(b"GET /anything HTTP/1.1\r\n\r\n")
    bed.serve()
    found = answer(client)
    assert found.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Content-Length: 2\r\n" in found and found.endswith(b"\r\n\r\nOK")


def test_it_follows_the_port_and_listens_nowhere_when_there_is_none(bed: Bed) -> None:
    bed.task.step(0.0)
    assert bed.task.port == bed.wanted
    bed.wanted = None
    bed.task.step(1.0)
    assert bed.task.port == 0


def test_silent_clients_are_let_go_and_never_more_than_a_few_are_held(bed: Bed) -> None:
    bed.task.step(0.0)
    clients = [bed.client() for _ in range(CLIENT_LIMIT + 3)]
    assert answer(clients[0]) == b"", "the oldest made room"
    bed.task.step(time.monotonic() + CLIENT_S)
    assert [answer(one) for one in clients[3:]] == [b""] * CLIENT_LIMIT
    for one in clients:
        one.close()


def test_a_port_that_is_taken_is_said_and_tried_again(bed: Bed) -> None:
    assert bed.wanted is not None
    with (
        socket.create_server(("127.0.0.1", bed.wanted)),
        pytest.raises(OperationError, match="cannot listen on port"),
    ):
        bed.task.step(0.0)
    bed.task.step(1.0)
    assert bed.task.port == bed.wanted
