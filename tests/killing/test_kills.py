# SPDX-License-Identifier: Apache-2.0
"""A sample of the points at which the agent can be killed; ``python -m tests.kills`` tries all.

What is here counts the points of each piece of work anew each time, so a new state write is among
those that are sampled, and of all of them in the command.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from osdrivers.host import Host
from tests.killing import extension_work, full, goalstate_work, provisioning_work
from tests.killing.everywhere import Subject, lines, report, sampled
from tests.killing.full import Bearing
from tests.killing.points import Points, run

EXTENSIONS = extension_work.subjects()


@pytest.fixture
def quick_path(tmp_path: Path) -> Iterator[Path]:
    """In memory, where there is such a place: nobody waits for a disk there."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        yield Path(directory)


@pytest.mark.tools
@pytest.mark.parametrize("subject", EXTENSIONS, ids=lambda subject: subject.name)
def test_extensions_killed_at_a_change_come_to_the_same_end(
    subject: Subject, quick_path: Path
) -> None:
    found = report(subject, quick_path, sample=7)
    assert found.problems == []
    assert len(found.points) > 25


@pytest.mark.sandbox
def test_a_first_boot_killed_at_an_action_or_a_change_comes_to_the_same_end(
    quick_path: Path,
) -> None:
    found = report(provisioning_work.subjects()[0], quick_path, sample=2)
    assert found.problems == []
    assert len(found.points) > 60
    assert any("useradd" in one for one in found.ran)


@pytest.mark.tools
@pytest.mark.parametrize(("number", "sample"), [(0, 8), (1, 5)], ids=["poll", "store"])
def test_following_goal_states_killed_at_a_change_comes_to_the_same_end(
    number: int, sample: int, quick_path: Path
) -> None:
    with goalstate_work.platform(quick_path / "platform") as addresses:
        found = report(goalstate_work.subjects(addresses)[number], quick_path, sample=sample)
    assert found.problems == []
    assert len(found.points) > 10


@pytest.mark.sandbox
@pytest.mark.parametrize("kind", full.KINDS)
@pytest.mark.parametrize("bearing", extension_work.bearings()[1::3], ids=lambda each: each.name)
def test_extensions_on_a_disk_that_becomes_full_go_on_when_there_is_room(
    bearing: Bearing, kind: str, quick_path: Path
) -> None:
    rows = full.report(bearing, quick_path, kind, sample=4)
    assert [row for row in rows if row.problem] == []
    assert any(row.said for row in rows)


@pytest.mark.sandbox
def test_a_first_boot_on_a_disk_that_becomes_full_is_finished_by_the_next(
    quick_path: Path,
) -> None:
    rows = full.report(provisioning_work.bearings()[0], quick_path, "inodes", sample=2)
    assert [row for row in rows if row.problem] == []
    assert "No space left on device" in rows[0].said[0]


@pytest.mark.sandbox
@pytest.mark.parametrize("kind", full.KINDS)
def test_a_poll_on_a_disk_that_becomes_full_loses_nothing(kind: str, quick_path: Path) -> None:
    with goalstate_work.platform(quick_path / "platform") as addresses:
        bearing = goalstate_work.bearing(goalstate_work.subjects(addresses)[0])
        rows = full.report(bearing, quick_path, kind, sample=5)
    assert [row for row in rows if row.problem] == []
    assert all(len(row.said) == 1 for row in rows[:-1])


def test_a_new_directory_has_its_mode_from_its_first_moment(tmp_path: Path) -> None:
    path = tmp_path / "log"
    ended = run(str(tmp_path), lambda points: Host().make_directory(str(path), mode=0o750), fatal=2)
    assert ended.points == ("mkdir log", "chmod log")
    assert path.stat().st_mode & 0o777 == 0o750


def test_what_is_lost_or_done_twice_is_found(tmp_path: Path) -> None:
    """The other way round: work that a kill harms has a bad row for each harm."""

    def write(path: Path) -> None:
        # Before Python 3.10 Path.open() opens by way of os.open(): two events of one change.
        with open(path, "w") as stream:
            stream.write("1")

    def work(directory: Path, points: Points) -> None:
        if (directory / "begun").exists():
            return
        write(directory / "begun")
        points.ran("once")
        points.reach("between")
        write(directory / "done")

    def twice(directory: Path, points: Points) -> None:
        points.ran("command")
        write(directory / "done")

    def names(directory: Path) -> dict[str, object]:
        return {path.name: True for path in directory.iterdir()}

    (tmp_path / "lost").mkdir()
    lost = report(Subject("lost", Path.mkdir, work, names), tmp_path / "lost")
    assert lost.points == ("open begun", "between", "open done")
    assert [bool(row.problem) for row in lost.rows] == [False, True, True]
    assert "['done'] differ" in lost.problems[0]
    (tmp_path / "twice").mkdir()
    again = report(Subject("twice", Path.mkdir, twice, names), tmp_path / "twice")
    assert again.problems == ["twice 1 open done: twice: command"]
    assert "1 points, 1 tried, 1 bad" in next(iter(lines(again)))


def test_work_that_breaks_is_no_kill(tmp_path: Path) -> None:
    def work(points: Points) -> None:
        raise ValueError("it broke")

    with pytest.raises(AssertionError, match="it broke"):
        run(str(tmp_path), work)


def test_a_sample_has_both_ends() -> None:
    assert sampled(100, 4) == [1, 34, 67, 100]
    assert sampled(3, 5) == [1, 2, 3]
