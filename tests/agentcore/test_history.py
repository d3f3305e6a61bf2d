# SPDX-License-Identifier: Apache-2.0
"""Goal states of before: what is written down of them, and how much of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentcore import history
from agentcore.azure.certificates_child import Held
from agentcore.azure.desired import FABRIC, Desired, Extension, Handler, Identity, RemoteAccess
from agentcore.azure.goalstate import parse_goal_state
from agentcore.azure.http import Endpoint
from agentcore.azure.update import Update
from agentcore.store import Bounds, kept, trim
from lab.platform import documents
from lab.platform.machine import Machine
from osdrivers.host import Host

NOW = 1_900_000_000.0
GOAL = parse_goal_state(
    documents.goal_state(Machine("vm1", "u"), "http://10.0.0.4:80"), Endpoint("10.0.0.4", 80)
)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    (tmp_path / "state").mkdir()
    return Host(str(tmp_path)).with_places(state="/state")


def update(number: int = 1, etag: str = "") -> Update:
    settings = Extension("", 7, public_settings='{"a": "open"}', protected_settings="hidden")
    handler = Handler("Lab.Good", "1.0", extensions=(settings,), manifest_uris=("https://m?sig=x",))
    name = f"etag_{etag}" if etag else f"incarnation_{number}"
    desired = Desired(FABRIC, Identity(name, str(number), sequence=str(number)), (handler,))
    return Update(GOAL, desired, RemoteAccess(), (Held("AB" * 20, True),))


def names(host: Host) -> list[str]:
    return sorted(host.names("/state/history"))


def test_an_entry_says_what_was_wanted_and_no_setting(host: Host) -> None:
    history.keep(host, update(3), NOW)
    (name,) = names(host)
    assert name == "2030-03-17T17-46-40__incarnation_3.json"
    text = host.read(f"/state/history/{name}")
    found = json.loads(text)
    (handler,) = found["handlers"]
    assert (handler["name"], handler["extensions"][0]["sequence"]) == ("Lab.Good", 7)
    assert not [word for word in ("open", "hidden", "sig", "https") if word in text]
    status = host.status(f"/state/history/{name}")
    assert status is not None and status.mode == 0o600


def test_only_the_last_stay_and_the_newest_whatever_the_clock_says(host: Host) -> None:
    for number in range(60):
        history.keep(host, update(number), NOW + number)
    assert len(names(host)) == history.LIMIT
    assert names(host)[-1].endswith("__incarnation_59.json")
    history.keep(host, update(60), NOW - 10**8)
    assert len(names(host)) == history.LIMIT + 1
    assert names(host)[0].endswith("__incarnation_60.json")


def test_a_name_from_the_platform_leads_nowhere_else(host: Host) -> None:
    history.keep(host, update(etag="../../etc/passwd\n" + "x" * 300), NOW)
    (name,) = names(host)
    assert "/" not in name and len(name) < 140


def test_a_store_of_2001_entries_is_brought_into_its_bounds(host: Host) -> None:
    directory = Path(host.root) / "state/history"
    directory.mkdir()
    for number in range(2001):
        (directory / f"2029-01-01T00-00-00__incarnation_{number:04}.json").write_text("{}")
    assert len(kept(host)) == 2001
    assert trim(host, Bounds(), NOW - 10**9) == (
        "history/2029-01-01T00-00-00__incarnation_0000.json",
    )
    assert len(kept(host)) == 2000
