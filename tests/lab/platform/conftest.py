# SPDX-License-Identifier: Apache-2.0
"""A running platform, and a client that speaks to it like a guest."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Optional, Union

import pytest

from lab.platform import documents
from lab.platform.listener import Address
from lab.platform.machine import Machine
from lab.platform.server import Platform

TIMEOUT_S = 60.0
WIRE = {"x-ms-version": "2012-11-30", "x-ms-agent-name": "WALinuxAgent", "User-Agent": "test"}
XML = {**WIRE, "Content-Type": "text/xml;charset=utf-8"}


class Answer(NamedTuple):
    """What came back; ``headers`` in lower case."""

    status: int
    body: bytes
    headers: dict[str, str]


class Guest:
    """Requests of a well-behaved guest, over one connection for each service."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self._connections: dict[Address, http.client.HTTPConnection] = {}
        self._fresh: list[http.client.HTTPConnection] = []
        self._answers: list[http.client.HTTPResponse] = []

    def ask(
        self,
        address: Address,
        path: str,
        headers: Optional[dict[str, str]] = None,
        method: str = "GET",
        body: Union[bytes, str, None] = None,
    ) -> Answer:
        connection = self._connections.get(address)
        if connection is None:
            connection = http.client.HTTPConnection(*address, timeout=TIMEOUT_S)
            self._connections[address] = connection
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        names = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, answer.read(), names)

    def fresh(self, path: str, timeout_s: float = TIMEOUT_S) -> http.client.HTTPResponse:
        """The wire server's answer on a connection of its own, its body not yet read."""
        address = self.platform.wire_address
        connection = http.client.HTTPConnection(*address, timeout=timeout_s)
        self._fresh.append(connection)
        connection.request("GET", path, headers=WIRE)
        answer = connection.getresponse()
        self._answers.append(answer)
        return answer

    def wire(self, path: str, headers: Optional[dict[str, str]] = None) -> Answer:
        return self.ask(self.platform.wire_address, path, {**WIRE, **(headers or {})})

    def goal_state(self) -> Answer:
        return self.wire("/machine/?comp=goalstate")

    def document(self, question: str, headers: Optional[dict[str, str]] = None) -> Answer:
        machine = self.platform.machine
        path = f"{documents.place(machine)}?{question}&incarnation={machine.incarnation}"
        return self.wire(path, headers)

    def post(self, comp: str, body: Union[bytes, str]) -> Answer:
        wire = self.platform.wire_address
        return self.ask(wire, f"/machine?comp={comp}", XML, "POST", body)

    def host(
        self,
        path: str,
        headers: Optional[dict[str, str]] = None,
        method: str = "GET",
        body: Union[bytes, str, None] = None,
    ) -> Answer:
        own = {
            "x-ms-version": "2015-09-01",
            "x-ms-containerid": self.platform.machine.container_id,
            "x-ms-host-config-name": self.platform.machine.role_config,
            "x-ms-client-correlationid": "7b3e9c1a-52f2-4f5e-9d2f-0b5c8f1a2b3c",
        }
        address = self.platform.hostplugin_address
        return self.ask(address, path, {**own, **(headers or {})}, method, body)

    def metadata(self, path: str, headers: Optional[dict[str, str]] = None) -> Answer:
        wanted = {"Metadata": "true"} if headers is None else headers
        return self.ask(self.platform.imds_address, path, wanted)

    def close(self) -> None:
        for part in (*self._connections.values(), *self._fresh, *self._answers):
            part.close()


def health_report(
    machine: Machine, state: str = "Ready", details: str = "", incarnation: int = 0
) -> str:
    """A health document as a guest sends it."""
    return (
        '<?xml version="1.0" encoding="utf-8"?><Health>'
        f"<GoalStateIncarnation>{incarnation or machine.incarnation}</GoalStateIncarnation>"
        f"<Container><ContainerId>{machine.container_id}</ContainerId><RoleInstanceList><Role>"
        f"<InstanceId>{machine.instance_id}</InstanceId><Health><State>{state}</State>{details}"
        "</Health></Role></RoleInstanceList></Container></Health>"
    )


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Callable[..., Guest]]:
    """Start a platform for a machine (the example's fields may be given) and meet its guest."""
    opened: list[Guest] = []

    def start(faults: Any = (), **changes: Any) -> Guest:
        directory = tmp_path / f"platform-{len(opened)}"
        platform = Platform(Machine.example(**changes), directory, faults=faults).start()
        opened.append(Guest(platform))
        return opened[-1]

    yield start
    for guest in opened:
        guest.close()
        guest.platform.stop()


@pytest.fixture
def guest(running: Callable[..., Guest]) -> Guest:
    """The guest of the example machine."""
    return running()


def lines(directory: Path) -> list[dict[str, Any]]:
    """The records in ``requests.jsonl``."""
    text = (directory / "requests.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]
