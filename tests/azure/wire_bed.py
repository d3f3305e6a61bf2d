# SPDX-License-Identifier: Apache-2.0
"""A client of a server whose every answer is the test's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from agentcore.azure.http import Client, Endpoint
from agentcore.azure.retry import RetryPolicy
from agentcore.azure.wireserver import WireServer
from tests.azure.samples import goal_state
from tests.azure.servers import Behaviour, PretendClock, Server

HOME = Endpoint("127.0.0.1", 8080)
NEW = goal_state(incarnation="7")


class Wire:
    """A wire server, its client, and the time that client pretends to wait."""

    def __init__(self, server: Server, deadline_s: float) -> None:
        self.server = server
        self.clock = PretendClock()
        self.client = WireServer(
            server.endpoint,
            self.clock,
            retry=RetryPolicy(deadline_s=60, first_s=1, factor=2, cap_s=15, jitter=0),
            client=Client(server.endpoint, deadline_s=deadline_s),
        )

    def sent(self) -> list[str]:
        return [request.decode().partition(" HTTP/1.1\r\n")[0] for request in self.server.requests]


@contextmanager
def wire(*behaviours: Behaviour, deadline_s: float = 60.0) -> Iterator[Wire]:
    with Server(*behaviours) as server:
        made = Wire(server, deadline_s)
        with made.client:
            yield made
