# SPDX-License-Identifier: Apache-2.0
"""A disk of which only what was touched is looked at again misses nothing, and is put back."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from osdrivers.conformance.ground import Ground, disk, times

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")


def made_again(top: Path) -> None:
    shutil.rmtree(top / "etc" / "d")
    (top / "etc" / "d" / "deeper").mkdir(parents=True)
    (top / "etc" / "d" / "deeper" / "x").write_text("new")


def link_for_directory(top: Path) -> None:
    shutil.move(top / "etc" / "d", top / "elsewhere")
    (top / "etc" / "d").symlink_to("/elsewhere")


def in_a_moved_directory(top: Path) -> None:
    (top / "etc").rename(top / "usr")
    (top / "usr" / "d" / "two").write_text("changed")


def by_another_process(top: Path) -> None:
    child = os.fork()
    if child == 0:
        try:
            (top / "etc" / "one").write_text("ONE")
        finally:
            os._exit(0)
    os.waitpid(child, 0)


CHANGES: dict[str, Callable[[Path], object]] = {
    "content of the same size": lambda top: (top / "etc" / "one").write_text("ONE"),
    "longer": lambda top: (top / "etc" / "one").write_text("one and more"),
    "mode": lambda top: (top / "etc" / "one").chmod(0o400),
    "mode of a directory": lambda top: (top / "etc" / "d").chmod(0o700),
    "replaced": lambda top: ((top / "n").write_text("new"), (top / "n").rename(top / "etc/one")),
    "deleted": lambda top: (top / "etc" / "d" / "two").unlink(),
    "directory deleted": lambda top: shutil.rmtree(top / "etc" / "d"),
    "directories made": lambda top: (top / "a" / "b" / "c").mkdir(parents=True),
    "directory made again": made_again,
    "link changed": lambda top: ((top / "link").unlink(), (top / "link").symlink_to("etc/d")),
    "link for a directory": link_for_directory,
    "file for a directory": lambda top: (shutil.rmtree(top / "etc/d"), (top / "etc/d").touch()),
    "directory for a file": lambda top: ((top / "etc/one").unlink(), (top / "etc/one").mkdir()),
    "in a moved directory": in_a_moved_directory,
    "another name": lambda top: os.link(top / "etc" / "one", top / "etc" / "d" / "again"),
    "by another process": by_another_process,
}


@pytest.fixture
def top(tmp_path: Path) -> Path:
    top = tmp_path / "disk"
    (top / "etc" / "d").mkdir(parents=True)
    (top / "etc" / "one").write_text("one")
    (top / "etc" / "d" / "two").write_text("two")
    (top / "link").symlink_to("etc/one")
    return top


@pytest.mark.parametrize("watched", [True, False])
@pytest.mark.parametrize("name", sorted(CHANGES))
def test_what_was_changed_is_seen_and_put_back(top: Path, name: str, watched: bool) -> None:
    ground = Ground(str(top), watched=watched)
    start = ground.snapshot()
    ground.become(start)
    before = disk(str(top))
    assert ground.times() == times(str(top))
    for _ in range(2):  # the second time it was put back once
        CHANGES[name](top)
        changed = disk(str(top))
        assert {path: entry.fact for path, entry in ground.snapshot().items() if path} == changed
        assert changed != before
        assert ground.times() == times(str(top))
        ground.become(start)
        assert disk(str(top)) == before
        assert ground.times() == times(str(top))


@pytest.mark.parametrize("watched", [True, False])
def test_one_disk_becomes_another_and_back(top: Path, watched: bool) -> None:
    ground = Ground(str(top), watched=watched)
    start = ground.snapshot()
    ground.become(start)
    made_again(top)
    (top / "etc" / "one").write_text("other")
    end = ground.snapshot()
    for snapshot in (start, end, end, start, end):
        ground.become(snapshot)
        facts = {path: entry.fact for path, entry in snapshot.items() if path}
        assert disk(str(top)) == facts


def test_what_is_written_and_undone_is_touched_all_the_same(top: Path) -> None:
    ground = Ground(str(top), watched=True)
    ground.become(ground.snapshot())
    before = ground.times()
    (top / "etc" / "one").write_text("one")
    assert ground.times() != before
    ground.become(ground.snapshot())
    before = ground.times()
    (top / "etc" / "new").touch()
    (top / "etc" / "new").unlink()
    assert ground.times() != before
