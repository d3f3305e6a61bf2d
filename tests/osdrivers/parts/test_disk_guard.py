# SPDX-License-Identifier: Apache-2.0
"""The guard of disks, tried on every layout of ``disk_layouts.py`` with the real tools."""

from __future__ import annotations

import json
import os
import shutil
import traceback
from pathlib import Path
from typing import Any

import pytest

from osdrivers.host import SEARCH_PATH, Host
from tests.osdrivers.parts import disk_images
from tests.osdrivers.parts.disk_layouts import IN_USE, LAYOUTS, STOCK, Layout
from tests.osdrivers.parts.overlaid import overlaid

pytestmark = pytest.mark.sandbox
PAGE = Path(__file__).parents[3] / "docs/maintainer/disk-guard.md"
HEAD = f"""# The guard of disks

<!-- Written by tests/osdrivers/parts/test_disk_guard.py: run it with --update. -->

What `Disks.inspect` says of a disk, and whether `Disks.ensure_prepared` writes it: {len(LAYOUTS)}
layouts, each distinct in its signature or in the mechanism that finds it. Every image is made with
the tools of its kind on a loop device, judged with the real `blkid`, `wipefs`, `sfdisk` and
`parted`, and has the same SHA-256 afterwards unless the last column says *written*. Where no tool
makes a signature without a kernel that this machine lacks, its bytes are written by hand. What
holds a disk, the disk of the root, and NVMe are shown to the driver by made-up files of the kernel.

A disk is written only if all of this holds: address or model of its controller show that it is
temporary; nothing uses it; it can be written; there is no signature but that of a table, of the
platform's volume, or our own; and, where there is none or only an empty table, its first and last
MiB and 1024 blocks of 4 KiB between are zeros.

| layout | judged | because of | decision |
|---|---|---|---|
"""


def lacking(layout: Layout) -> bool:
    path = os.pathsep.join(SEARCH_PATH)
    return bool(layout.needs) and not shutil.which(layout.needs, path=path)


@pytest.fixture(scope="module")
def matrix() -> dict[str, dict[str, Any]]:
    """Everything tried once, in one copy of this machine."""
    answers = [os.memfd_create(f"half-{half}") for half in (1, 2)]

    def collect(host: Host) -> None:
        host.run("mount", "-t", "sysfs", "sysfs", "/sys")
        child = os.fork()  # each has half of them: most of the time is spent waiting for tools
        if child == 0:
            try:
                _try_all(LAYOUTS[1::2], Path("/run/guard-2"), answers[1])
            finally:
                os._exit(0)
        _try_all(LAYOUTS[::2], Path("/run/guard-1"), answers[0])
        os.waitpid(child, 0)

    overlaid(collect)()
    found: dict[str, dict[str, Any]] = {}
    for half in answers:
        os.lseek(half, 0, os.SEEK_SET)
        with open(half) as stream:
            for line in stream:
                found.update(json.loads(line))
    return found


def _try_all(layouts: tuple[Layout, ...], scratch: Path, answers: int) -> None:
    for layout in layouts:
        if not lacking(layout):
            try:
                told = disk_images.tried(layout, scratch)
            except Exception:
                told = {"broken": traceback.format_exc()}
            os.write(answers, json.dumps({layout.name: told}).encode() + b"\n")


@pytest.fixture
def told(matrix: dict[str, dict[str, Any]], layout: Layout) -> dict[str, Any]:
    if lacking(layout):
        pytest.skip(f"{layout.needs} is not installed")
    found = matrix[layout.name]
    assert "broken" not in found, found["broken"]
    return found


every_layout = pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)


@every_layout
def test_the_guard_decides_rightly_and_a_refused_disk_is_untouched(
    layout: Layout, told: dict[str, Any]
) -> None:
    assert told["same"], "a refusal, or a plan that was only shown, changed the disk"
    assert told["state"] == layout.state, told["what"]
    assert told["parted"] == layout.state
    if layout.written:
        assert told["error"] == ""
        assert told.get("made", "ours") == "ours"
    elif layout.situation == "kept":
        assert (told["error"], told["kinds"]) == ("", [])
    else:
        assert told["error"] == "UnsafeRefused", told["message"]
        assert "mkfs" not in " ".join(told["kinds"])
        assert not told["kinds"] or layout.situation == "nodes"  # that one has to be looked into


def test_there_are_at_least_forty_layouts_and_each_has_a_name_of_its_own() -> None:
    assert len({layout.name for layout in LAYOUTS}) == len(LAYOUTS) >= 40
    assert {layout.state for layout in LAYOUTS} == {"blank", "foreign", "ours", STOCK, IN_USE}


def test_the_page_of_the_matrix_is_what_was_tried(
    matrix: dict[str, dict[str, Any]], request: pytest.FixtureRequest
) -> None:
    if any("broken" in told for told in matrix.values()):
        pytest.fail("a layout could not be tried")
    rows = {each.name: row(each, matrix[each.name]) for each in LAYOUTS if each.name in matrix}
    if request.config.getoption("--update"):
        PAGE.write_text(HEAD + "".join(rows.values()))
    page = PAGE.read_text()
    assert page.startswith(HEAD)
    assert [name for name, text in rows.items() if text not in page] == []


def row(layout: Layout, told: dict[str, Any]) -> str:
    if layout.written:
        decision = "written"
    elif layout.situation == "kept":
        decision = "left as it is"
    else:
        decision = "refused"
    why, said = told["what"], told["message"].partition("because ")
    if decision == "refused" and not said[2].startswith("it holds"):
        why += f"; {said[2] or said[0]}"
    return f"| {layout.name} | {told['state']} | {why} | {decision} |\n"
