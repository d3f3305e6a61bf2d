# SPDX-License-Identifier: Apache-2.0
"""A status report is never longer than one write takes, and says as much as fits."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from agentcore.azure.status import (
    READY,
    SUCCESS,
    TRUNCATED,
    ExtensionStatus,
    HandlerStatus,
    Report,
    Substatus,
    document,
)
from agentcore.azure.storage import PAGE_WRITE_LIMIT_BYTES
from agentcore.azure.wholereport import REPORT_LIMIT_BYTES, whole
from tests.azure.test_statusblob import sending

TIME = "2030-01-01T00:00:00Z"
PARTS = tuple(Substatus(f"s{n}", SUCCESS, 0, "m" * 900) for n in range(20))
LOUD = ExtensionStatus("loud", SUCCESS, message="x" * 3000, substatuses=PARTS)
QUIET = ExtensionStatus("quiet", SUCCESS, message="all is well", substatuses=PARTS[:1])


def report(*said: ExtensionStatus) -> Report:
    handlers = tuple(HandlerStatus(one.name, "1.0", READY, extension=one) for one in said)
    return Report("vm", "debian", "12", handlers)


def entries(data: bytes) -> list[Any]:
    return list(json.loads(data)["aggregateStatus"]["handlerAggregateStatus"])


def status(entry: Any) -> Any:
    return entry["runtimeSettingsStatus"]["settingsStatus"]["status"]


def test_the_limit_is_what_one_write_of_pages_takes() -> None:
    assert REPORT_LIMIT_BYTES == PAGE_WRITE_LIMIT_BYTES == 4 * 1024 * 1024


def test_a_report_that_fits_stays_as_it_is() -> None:
    said = report(LOUD, QUIET)
    assert whole(said, TIME) == document(said, TIME)


def test_of_one_that_does_not_the_loud_are_cut_and_the_quiet_keep_all() -> None:
    said = report(*[LOUD] * 20, QUIET)
    data = whole(said, TIME, 200_000)
    assert len(data) <= 200_000
    *loud, quiet = entries(data)
    assert len(loud) == 20
    assert quiet == entries(document(report(QUIET), TIME))[0]
    for one in map(status, loud):
        assert one["formattedMessage"]["message"].endswith(TRUNCATED)
        kept = [part["name"] for part in one["substatus"]]
        assert kept == [f"s{n}" for n in range(len(kept))]
        assert one["status"] == SUCCESS


def test_letters_that_json_writes_in_six_characters_are_counted_as_such() -> None:
    strange = ExtensionStatus("strange", SUCCESS, message="\u4e2d" * 9000)
    assert len(whole(report(*[strange] * 30), TIME, 60_000)) <= 60_000


def test_entries_go_when_nothing_else_is_left_and_that_is_said() -> None:
    data = whole(report(*[QUIET] * 64), TIME, 8_000)
    assert len(data) <= 8_000
    left = len(entries(data))
    assert 0 < left < 64
    agent = json.loads(data)["aggregateStatus"]["guestAgentStatus"]
    assert agent["formattedMessage"]["message"] == f"the report has room for {left} of 64 entries"


def test_what_is_sent_is_within_the_limit(tmp_path: Path) -> None:
    full = replace(LOUD, substatuses=(replace(PARTS[0], message="m" * 10_000),) * 12)
    with sending(tmp_path) as it:
        assert it.reporter.send(report(*[full] * 40), it.blob())
        stored = json.dumps(it.stored(), separators=(",", ":"))
        assert REPORT_LIMIT_BYTES // 2 < len(stored) <= REPORT_LIMIT_BYTES
