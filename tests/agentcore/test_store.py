# SPDX-License-Identifier: Apache-2.0
"""The store's bounds: what goes, in which order, and what never does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agentcore.store import Bounds, kept, trim
from osdrivers.host import Host

NOW, DAY = 100 * 86400.0, 86400.0
PRECIOUS = (
    *("TransportPrivate.pem", "ABC.prv", "ABC.crt"),
    *("provisioned", "ovf-env.xml", "journal.jsonl"),
)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    (tmp_path / "state").mkdir()
    return Host(str(tmp_path)).with_places(state="/state")


def put(host: Host, path: str, size: int = 10, age_s: float = 0.0) -> None:
    real = Path(host.root) / "state" / path
    real.parent.mkdir(parents=True, exist_ok=True)
    real.write_bytes(bytes(size))
    os.utime(real, (NOW - age_s, NOW - age_s))


def there(host: Host) -> set[str]:
    root = Path(host.root) / "state"
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def test_within_its_bounds_nothing_goes(host: Host) -> None:
    put(host, "history/1/GoalState.xml", age_s=DAY)
    assert trim(host, Bounds(), NOW) == ()


def test_the_oldest_go_first_until_the_size_fits(host: Host) -> None:
    for number in range(10):
        put(host, f"history/{number}.xml", 100, age_s=DAY - number)
    assert trim(host, Bounds(size_bytes=350), NOW) == tuple(f"history/{n}.xml" for n in range(7))
    assert len(there(host)) == 3


def test_files_are_counted(host: Host) -> None:
    for number in range(30):
        put(host, f"events/{number:02}.tld", 1, age_s=DAY - number)
    trim(host, Bounds(files=5), NOW)
    assert there(host) == {f"events/{number}.tld" for number in range(25, 30)}


def test_the_old_go_though_there_is_room(host: Host) -> None:
    put(host, "history/7/vmSettings.json", age_s=40 * DAY)
    put(host, "history/8/vmSettings.json", age_s=20 * DAY)
    assert trim(host, Bounds(), NOW) == ("history/7/vmSettings.json",)
    assert not (Path(host.root) / "state/history/7").exists()


def test_keys_markers_and_extensions_stay_whatever_the_bounds(host: Host) -> None:
    for name in PRECIOUS:
        put(host, name, 1000, age_s=900 * DAY)
    put(host, "Pub.Type-1.0.0.0/bin/big", 1 << 20, age_s=900 * DAY)
    put(host, "Pub.Type-1.0.0.0/history/old", 100, age_s=900 * DAY)
    before = there(host)
    assert trim(host, Bounds(1, 1, 1.0), NOW) == ()
    assert there(host) == before
    assert not [each for each in kept(host) if each.path.startswith("Pub.")]


def test_a_link_is_deleted_and_not_followed(host: Host, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("mine")
    (tmp_path / "state/history").mkdir()
    (tmp_path / "state/history/link").symlink_to(outside)
    trim(host, Bounds(files=0), NOW)
    assert (outside / "file").read_text() == "mine"
    assert not (tmp_path / "state/history/link").is_symlink()


def test_files_of_the_future_have_no_age(host: Host) -> None:
    put(host, "history/1.xml", age_s=-400 * DAY)
    assert trim(host, Bounds(), NOW) == ()


def test_a_second_run_changes_nothing(host: Host) -> None:
    for number in range(10):
        put(host, f"history/{number}.xml", 100)
    trim(host, Bounds(size_bytes=350), NOW)
    assert trim(host, Bounds(size_bytes=350), NOW) == ()
