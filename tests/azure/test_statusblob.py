# SPDX-License-Identifier: Apache-2.0
"""The way of a report to its blob: through the host, or directly."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Optional

import pytest

from agentcore.azure import status, storage
from agentcore.azure.desired import BLOCK_BLOB, PAGE_BLOB, StatusBlob
from agentcore.azure.hostplugin import HostPlugin
from agentcore.azure.http import Client, Endpoint
from agentcore.azure.retry import ONCE
from agentcore.azure.status import (
    HandlerStatus,
    document,
)
from agentcore.azure.statusblob import UNCHANGED_S, NoPlace, StatusReporter
from agentcore.azure.storage import Put, puts
from agentcore.azure.wireserver import WireServer
from agentcore.errors import Malformed, Refused, ServiceError, Unreachable
from lab.platform.faults import Fault
from lab.platform.machine import Machine
from lab.platform.server import Platform
from osdrivers.host import Host
from tests.azure.servers import PretendClock
from tests.azure.status_samples import BARE, EXTENSION, FULL, TIME


class Sending:
    """A reporter, the platform it reports to, and a record of what went directly."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.clock = PretendClock()
        self.direct: list[tuple[Put, ...]] = []
        self.direct_fails: Optional[ServiceError] = None
        endpoint = Endpoint(*platform.hostplugin_address)
        self.plugin = HostPlugin(endpoint, client=Client(endpoint, deadline_s=60.0))
        self.reporter = StatusReporter(
            self.plugin,
            self.clock,
            direct=self.directly,
            reidentify=self.identify,
            now=lambda: 1893456000.0 + self.clock.now_s,
        )
        self.identify()

    def identify(self) -> None:
        wire = Endpoint(*self.platform.wire_address)
        with WireServer(wire, self.clock, retry=ONCE) as server:
            self.plugin.identify(server.goal_state())

    def directly(self, wanted: tuple[Put, ...]) -> None:
        if self.direct_fails is not None:
            raise self.direct_fails
        self.direct.append(wanted)

    def blob(self, kind: str = BLOCK_BLOB) -> StatusBlob:
        host, port = self.platform.blobs_address
        return StatusBlob(f"http://{host}:{port}/$system/vm1.status?sv=1&sig=x", kind)

    def stored(self) -> Any:
        blob = self.platform.blobs.get("/$system/vm1.status")
        return None if blob is None else json.loads(blob.content)


@contextmanager
def sending(directory: Path, *faults: Fault) -> Iterator[Sending]:
    machine = Machine(hostname="vm1", user="u", tenant_certificate=False)
    with Platform(machine, directory, faults=faults) as platform:
        made = Sending(platform)
        yield made
        made.plugin.close()


def failing(count: Optional[int] = None, code: int = 500) -> Fault:
    return Fault("status", service="hostplugin", path="/status", status=code, count=count)


@pytest.mark.parametrize("kind", [BLOCK_BLOB, PAGE_BLOB])
def test_a_report_goes_through_the_host(tmp_path: Path, kind: str) -> None:
    with sending(tmp_path) as it:
        assert it.reporter.send(FULL, it.blob(kind))
        assert it.stored()["timestampUTC"] == TIME
        assert (it.reporter.way, it.direct) == ("host", [])
        assert it.platform.violations == ()


def test_an_equal_report_is_sent_once_a_minute_and_a_changed_one_at_once(tmp_path: Path) -> None:
    with sending(tmp_path) as it:
        assert it.reporter.send(FULL, it.blob())
        sent = 0
        for _ in range(10):
            it.clock.now_s += 6.0
            sent += it.reporter.send(replace(FULL), it.blob())
        assert sent == 1
        assert it.reporter.send(BARE, it.blob())
        assert not it.reporter.send(BARE, it.blob())


@pytest.mark.parametrize("code", [400, 403, 429, 500, 502, 503])
def test_what_the_host_does_not_take_goes_directly(tmp_path: Path, code: int) -> None:
    with sending(tmp_path, failing(code=code)) as it:
        assert it.reporter.send(FULL, it.blob())
        assert it.reporter.way == "direct"
        assert it.direct[0][0].uri == it.blob().uri
        # The host is left in peace for a while: no attempt, no wait.
        before = len(it.platform.requests)
        it.clock.now_s += 1.0
        assert it.reporter.send(BARE, it.blob())
        assert len(it.platform.requests) == before
        it.platform.faults.lift()
        it.clock.now_s += UNCHANGED_S
        assert it.reporter.send(FULL, it.blob())
        assert it.reporter.way == "host"


def test_a_moved_container_loses_no_report(tmp_path: Path) -> None:
    """Known fault 45: the report of that moment was lost, and nobody was told."""
    with sending(tmp_path) as it:
        it.reporter.send(BARE, it.blob())
        moved = "c0ffee00-0000-0000-0000-000000000002"
        it.platform.push(it.platform.machine.changed(container_id=moved))
        assert it.reporter.send(FULL, it.blob())
        assert (it.reporter.way, it.stored()["supportedFeatures"] != []) == ("host", True)


def test_a_report_that_fails_both_ways_stays_due_with_growing_pauses(tmp_path: Path) -> None:
    with sending(tmp_path, failing()) as it:
        it.direct_fails = Unreachable("no route")
        attempts = 0
        for _ in range(100):
            it.clock.now_s += 6.0
            if it.reporter.due(FULL):
                attempts += 1
                with pytest.raises(Unreachable, match="before:"):
                    it.reporter.send(FULL, it.blob())
            else:
                assert not it.reporter.send(FULL, it.blob())
        assert 9 <= attempts <= 16
        it.direct_fails = None
        it.clock.now_s += 300.0
        assert it.reporter.send(FULL, it.blob())
        assert it.reporter.send(BARE, it.blob())


def test_no_place_for_the_report_is_said_and_asked_for_seldom(tmp_path: Path) -> None:
    """Known fault 44: every poll fetched the whole goal state anew while there was none."""
    with sending(tmp_path) as it:
        complaints = 0
        for _ in range(100):
            it.clock.now_s += 6.0
            try:
                it.reporter.send(FULL, None)
            except NoPlace:
                complaints += 1
        assert 1 <= complaints <= 16
        it.clock.now_s += 300.0
        assert it.reporter.send(FULL, it.blob())


def test_two_hundred_extensions_are_one_upload(tmp_path: Path) -> None:
    handlers = tuple(
        HandlerStatus(f"Pub.Type{n}", "1.0", status.READY, extension=EXTENSION) for n in range(200)
    )
    with sending(tmp_path) as it:
        before = len(it.platform.requests)
        assert it.reporter.send(replace(FULL, handlers=handlers), it.blob())
        assert len(it.platform.requests) - before == 2  # the versions, once, and the report
        assert len(it.stored()["aggregateStatus"]["handlerAggregateStatus"]) == 200


@pytest.mark.parametrize("kind", [BLOCK_BLOB, PAGE_BLOB])
def test_a_child_sends_what_goes_directly(tmp_path: Path, kind: str) -> None:
    with sending(tmp_path) as it:
        storage.send(Host("/"), puts(it.blob(kind), document(FULL, TIME), TIME), {})
        assert it.stored()["timestampUTC"] == TIME
        assert it.platform.violations == ()


def test_a_child_fetches_what_is_small(tmp_path: Path) -> None:
    with sending(tmp_path) as it:
        it.platform.blobs.put("/a/b", b"content")
        uri = it.blob().uri.replace("/$system/vm1.status", "/a/b")
        assert storage.fetch(Host("/"), uri, {}, 100) == b"content"
        with pytest.raises(Malformed):
            storage.fetch(Host("/"), uri, {}, 3)


def test_what_storage_refuses_is_raised_without_its_signature(tmp_path: Path) -> None:
    with sending(tmp_path, Fault("status", service="blobs", status=403)) as it:
        wanted = puts(it.blob(), b"{}", TIME)
        with pytest.raises(Refused) as refused:
            storage.send(Host("/"), wanted, {})
        assert refused.value.status == 403
        dead = replace(wanted[0], uri="http://127.0.0.1:1/x?sig=CANARY")
        with pytest.raises(Unreachable) as unreachable:
            storage.send(Host("/"), (dead,), {})
        assert "CANARY" not in str(unreachable.value)
        assert "sig=" not in str(refused.value)
