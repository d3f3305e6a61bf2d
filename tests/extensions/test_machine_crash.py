# SPDX-License-Identifier: Apache-2.0
"""The extension machine with real commands through SIGKILL at state writes.

``python -m tests.kills extensions`` kills it at each change of each step, with commands that take
no time; here some points are tried with the shell that keeps a command's record.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.extensions.machine_bed import NAME, Bed, handler, package
from tests.killing.everywhere import sampled
from tests.killing.points import Points, run

pytestmark = pytest.mark.tools

SCRIPT = b"""#!/bin/sh
echo $1 $AZURE_GUEST_AGENT_EXTENSION_VERSION >>../calls
[ $1 = enable ] && echo '[{"status": {"status": "success"}}]' >status/1.status
exit 0
"""
#: Names that a killed run may leave, and what counts them; the next goal state's work removes them.
PASSING = ("job-", ".agentcore-new", "progress.json")


def work(directory: Path, version: str) -> Callable[[Points], None]:
    """Bring a version to its end."""

    def run(points: Points) -> None:
        bed = made(directory)
        bed.want(2, handler(version))
        bed.run()

    return run


def made(directory: Path) -> Bed:
    directory.mkdir(exist_ok=True)
    bed = Bed(directory)
    for version in ("1.0.0.0", "1.1.0.0"):
        bed.put(NAME, version, package(SCRIPT))
    return bed


def tree(directory: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(directory)): (
            path.stat().st_mode,
            path.read_bytes().replace(os.fsencode(directory), b"HERE") if path.is_file() else b"",
        )
        for path in directory.rglob("*")
        if not any(part in str(path) for part in (*PASSING, "CommandExecution.log"))
    }


def calls(directory: Path) -> list[str]:
    return (directory / "state/calls").read_text().splitlines()


@pytest.fixture
def quick_path(tmp_path: Path) -> Iterator[Path]:
    """In memory, where there is such a place: nobody waits for a disk there."""
    usable = os.access("/dev/shm", os.W_OK)
    if not usable or os.statvfs("/dev/shm").f_flag & os.ST_NOEXEC:  # as in many containers
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        yield Path(directory)


def test_an_update_killed_anywhere_is_finished_by_the_next_start(quick_path: Path) -> None:
    origin = quick_path / "origin"
    bed = made(origin)
    bed.want(1, handler())
    bed.run()
    sound = quick_path / "sound"
    shutil.copytree(origin, sound)
    whole = run(str(sound), work(sound, "1.1.0.0"), every=False)
    assert len(whole.points) > 25
    for fatal in sampled(len(whole.points), 4):
        here = quick_path / "killed"
        shutil.rmtree(here, ignore_errors=True)
        shutil.copytree(origin, here)
        run(str(here), work(here, "1.1.0.0"), fatal=fatal, every=False)
        run(str(here), work(here, "1.1.0.0"), every=False)
        assert calls(here) == calls(sound), whole.points[fatal - 1]
        assert tree(here) == tree(sound), whole.points[fatal - 1]
        kept = json.loads((here / "state/extensions/progress.json").read_text())
        assert kept["handled"] and not kept["failures"], whole.points[fatal - 1]
