# SPDX-License-Identifier: Apache-2.0
"""The status report's document, and how it gets to where the platform reads it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from agentcore.azure import status
from agentcore.azure.desired import BLOCK_BLOB, PAGE_BLOB, StatusBlob
from agentcore.azure.status import (
    ExtensionStatus,
    GoalStateStatus,
    HandlerStatus,
    Substatus,
    document,
    fitted,
)
from agentcore.azure.storage import puts
from tests.azure.status_samples import BARE, EXTENSION, FULL, TIME


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
