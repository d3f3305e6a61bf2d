# SPDX-License-Identifier: Apache-2.0
"""The status report's document, and how it gets to where the platform reads it."""

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
    ExtensionStatus,
    GoalStateStatus,
    HandlerStatus,
    Report,
    Substatus,
    UpdateStatus,
    document,
    fitted,
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

TIME = "2030-01-01T00:00:00Z"
EXTENSION = ExtensionStatus(
    "Pub.Type",
    status.SUCCESS,
    sequence=3,
    operation="Enable",
    message="ok",
    substatuses=(Substatus("s", message="x"),),
)
BARE = Report("vm1", "debian", "12", version="3.0.0.0")
FULL = replace(
    BARE,
    handlers=(HandlerStatus("Pub.Type", "1.2.3", status.READY, 0, "Plugin enabled", EXTENSION),),
    goal_state=GoalStateStatus("7", TIME),
    features=(("MultipleExtensionsPerHandler", "1.0"), ("FastTrack", "1.0")),
    update=UpdateStatus("3.0.0.0"),
)


def said(text: str) -> dict[str, str]:
    return {"lang": "en-US", "message": text}


def test_the_document_has_the_shape_that_the_platform_reads() -> None:
    substatus = {"name": "s", "status": "success", "code": 0, "formattedMessage": said("x")}
    settings = {
        "name": "Pub.Type",
        "configurationAppliedTime": None,
        "operation": "Enable",
        "status": "success",
        "code": 0,
        "formattedMessage": said("ok"),
        "substatus": [substatus],
    }
    handler = {
        "handlerVersion": "1.2.3",
        "handlerName": "Pub.Type",
        "status": "Ready",
        "code": 0,
        "useExactVersion": True,
        "formattedMessage": said("Plugin enabled"),
        "runtimeSettingsStatus": {
            "sequenceNumber": 3,
            "settingsStatus": {"version": 1.0, "timestampUTC": TIME, "status": settings},
        },
    }
    goal_state = {
        "formattedMessage": said("GoalState executed successfully"),
        "timestampUTC": TIME,
        "inSvdSeqNo": "7",
        "status": "Success",
        "code": 0,
    }
    update = {
        "expectedVersion": "3.0.0.0",
        "status": "Success",
        "code": 0,
        "formattedMessage": said(""),
    }
    assert json.loads(document(FULL, TIME)) == {
        "version": "1.1",
        "timestampUTC": TIME,
        "aggregateStatus": {
            "guestAgentStatus": {
                "version": "3.0.0.0",
                "status": "Ready",
                "formattedMessage": said("Guest Agent is running"),
                "updateStatus": update,
            },
            "handlerAggregateStatus": [handler],
            "vmArtifactsAggregateStatus": {"goalStateAggregateStatus": goal_state},
        },
        "guestOSInfo": {
            "computerName": "vm1",
            "osName": "debian",
            "osVersion": "12",
            "version": "3.0.0.0",
        },
        "supportedFeatures": [
            {"Key": "MultipleExtensionsPerHandler", "Value": "1.0"},
            {"Key": "FastTrack", "Value": "1.0"},
        ],
    }


def test_what_is_not_known_is_left_out() -> None:
    found = json.loads(document(BARE, TIME))
    assert "supportedFeatures" not in found
    assert set(found["aggregateStatus"]) == {"guestAgentStatus", "handlerAggregateStatus"}
    assert "updateStatus" not in found["aggregateStatus"]["guestAgentStatus"]
    alone = replace(BARE, handlers=(HandlerStatus("Pub.Type", "1"),))
    (entry,) = json.loads(document(alone, TIME))["aggregateStatus"]["handlerAggregateStatus"]
    assert "runtimeSettingsStatus" not in entry
    quiet = replace(EXTENSION, message=None, substatuses=())
    shown = shown_extension(quiet)
    assert shown["formattedMessage"]["message"] == ""
    assert "substatus" not in shown


def test_a_goal_state_that_failed_says_so() -> None:
    failed = GoalStateStatus("7", TIME, 2001, "required features are not supported")
    found = json.loads(document(replace(BARE, goal_state=failed), TIME))["aggregateStatus"]
    shown = found["vmArtifactsAggregateStatus"]["goalStateAggregateStatus"]
    assert (shown["status"], shown["code"]) == ("Failed", 2001)


def test_several_extensions_of_a_handler_have_an_entry_each_with_their_name() -> None:
    entries = tuple(
        HandlerStatus("Pub.Type", "1", extension=replace(EXTENSION, extension=name))
        for name in ("a", "b")
    )
    found = json.loads(document(replace(BARE, handlers=entries), TIME))["aggregateStatus"]
    names = [
        one["runtimeSettingsStatus"]["extensionName"] for one in found["handlerAggregateStatus"]
    ]
    assert names == ["a", "b"]


def test_no_signature_reaches_the_report() -> None:
    text = "see https://a.b/c?sv=1&sig=CANARY for more"
    extension = replace(EXTENSION, message=text, substatuses=(Substatus("s", message=text),))
    handlers = (HandlerStatus("Pub.Type", "1", message=text, extension=extension),)
    assert b"CANARY" not in document(replace(BARE, handlers=handlers, message=text), TIME)


def test_any_text_can_be_reported() -> None:
    text = "\ud800 \x00 \u2028 </script> \U0001f600"
    report = replace(FULL, handlers=(HandlerStatus("Pub.Type", "1", message=text),))
    data = document(report, TIME)
    assert data.isascii()
    (entry,) = json.loads(data)["aggregateStatus"]["handlerAggregateStatus"]
    assert entry["formattedMessage"]["message"] == text


def shown_extension(extension: ExtensionStatus) -> dict[str, Any]:
    report = replace(BARE, handlers=(HandlerStatus("Pub.Type", "1", extension=extension),))
    (entry,) = json.loads(document(report, TIME))["aggregateStatus"]["handlerAggregateStatus"]
    found: dict[str, Any] = entry["runtimeSettingsStatus"]["settingsStatus"]["status"]
    return found


def test_an_unknown_status_counts_as_an_error() -> None:
    odd = replace(EXTENSION, status="great", substatuses=(Substatus("s", "fine"),))
    shown = shown_extension(odd)
    assert (shown["status"], shown["substatus"][0]["status"]) == ("error", "error")


def test_a_status_that_is_too_long_is_cut() -> None:
    parts = tuple(Substatus("n" * 20_000, message="m" * 20_000) for _ in range(50))
    shown = shown_extension(replace(EXTENSION, message="x" * 200_000, substatuses=parts))
    message = shown["formattedMessage"]["message"]
    assert (len(message), message.endswith(" ... [TRUNCATED]")) == (1024, True)
    assert len(json.dumps(shown)) <= status.EXTENSION_LIMIT
    assert 3 <= len(shown["substatus"]) < 50
    assert len(shown["substatus"][0]["name"]) == status.SUBSTATUS_LIMIT


def test_a_long_status_without_a_message_is_cut_too() -> None:
    """Known fault 14: it raised a TypeError."""
    parts = tuple(Substatus("n", message=None if n % 2 else "m" * 9000) for n in range(60))
    cut = fitted(replace(EXTENSION, message=None, substatuses=parts))
    assert cut.message is None
    assert 10 < len(cut.substatuses) < 60


def test_a_status_that_fits_stays_as_it_is() -> None:
    long = replace(EXTENSION, message="x" * 100_000)
    assert fitted(long) is long


def test_a_block_blob_is_one_put() -> None:
    (put,) = puts(StatusBlob("https://a/b?sig=CANARY", BLOCK_BLOB), b"{}", TIME)
    assert dict(put.headers) == {
        "Content-Length": "2",
        "x-ms-blob-type": "BlockBlob",
        "x-ms-date": TIME,
        "x-ms-version": "2014-02-14",
    }
    assert (put.uri, put.content) == ("https://a/b?sig=CANARY", b"{}")
    assert "CANARY" not in repr(put)


@pytest.mark.parametrize("size", [1, 511, 512, 513, 4 * 1024 * 1024, 4 * 1024 * 1024 + 1])
def test_a_page_blob_is_made_and_filled_in_whole_pages(size: int) -> None:
    made, *pages = puts(StatusBlob("https://a/b?sig=x", PAGE_BLOB), b"x" * size, TIME)
    whole = -(-size // 512) * 512
    assert made.content == b""
    assert dict(made.headers)["Content-Length"] == "0"
    assert dict(made.headers)["x-ms-blob-content-length"] == str(whole)
    assert b"".join(page.content for page in pages) == (b"x" * size).ljust(whole, b" ")
    at = 0
    for page in pages:
        assert page.uri == "https://a/b?sig=x&comp=page"
        assert len(page.content) % 512 == 0 < len(page.content) <= 4 * 1024 * 1024
        end = at + len(page.content) - 1
        assert dict(page.headers)["x-ms-range"] == f"bytes={at}-{end}"
        at = end + 1


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
