# SPDX-License-Identifier: Apache-2.0
"""The kernel's table of mounts, with its escapes."""

from __future__ import annotations

from pathlib import Path

import pytest

from osdrivers.api import Mounted
from osdrivers.parts import mountinfo
from tests.osdrivers.parts.answering import machine

DATA = Path(__file__).parents[2] / "data" / "mountinfo"


@pytest.mark.parametrize("path", sorted(DATA.glob("*.txt")), ids=lambda path: path.stem)
def test_every_line_of_a_real_machine_is_understood(path: Path) -> None:
    text = path.read_text()
    found = mountinfo.parse(text)
    assert len(found) == len(text.splitlines())
    assert any(each.target == "/" for each in found)


def test_escapes_are_undone() -> None:
    line = r"36 35 8:17 / /mnt/a\040b\134c\011d\012e\043f rw,noatime shared:1 - ext4 /dev/sdb1 rw"
    (found,) = mountinfo.parse(line)
    assert found.target == "/mnt/a b\\c\td\ne#f"


def test_bytes_that_are_no_utf8_survive() -> None:
    assert mountinfo.unescape("/mnt/\\377").encode("utf-8", "surrogateescape") == b"/mnt/\xff"


def test_a_line_has_any_number_of_optional_fields() -> None:
    for optional in ("", "shared:1 ", "shared:1 master:2 propagate_from:3 "):
        line = f"36 35 8:17 /sub /mnt rw {optional}- btrfs /dev/sdb1 rw,subvol=/sub"
        assert mountinfo.parse(line) == (
            Mounted("/dev/sdb1", "/mnt", "btrfs", ("rw", "subvol=/sub"), (8, 17)),
        )


@pytest.mark.parametrize(
    "line", ["", "garbage", "1 2 x:y / / rw - ext4 /dev/sda rw", "1 2 8:1 / /"]
)
def test_a_line_of_another_shape_is_passed_over(line: str) -> None:
    assert mountinfo.parse(line) == ()


def test_the_last_mount_hides_the_earlier(tmp_path: Path) -> None:
    host = machine(
        tmp_path,
        {
            "/proc/self/mountinfo": "1 0 8:1 / /mnt rw - ext4 /dev/sda1 rw\n"
            "2 1 8:17 / /mnt rw - xfs /dev/sdb1 rw\n",
            "/mnt/": "",
        },
    )
    found = mountinfo.at(host, "/mnt")
    assert found is not None
    assert found.source == "/dev/sdb1"


def test_a_mount_point_is_found_behind_a_link(tmp_path: Path) -> None:
    files = {
        "/proc/self/mountinfo": "1 0 8:17 / /var/mnt/resource rw - ext4 /dev/sdb1 rw\n",
        "/var/mnt/resource/": "",
        "/mnt": "-> /var/mnt",
    }
    assert mountinfo.at(machine(tmp_path, files), "/mnt/resource") is not None


def test_swap_is_listed_with_escapes_undone(tmp_path: Path) -> None:
    text = (
        "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
        "/mnt/my\\040swap                         file\t\t65532\t\t0\t\t-2\n"
        "/dev/zram0                              partition\t4194300\t0\t100\n"
    )
    host = machine(tmp_path, {"/proc/swaps": text})
    assert mountinfo.swap_areas(host) == (("/mnt/my swap", 65532), ("/dev/zram0", 4194300))


def test_an_offline_tree_has_nothing_mounted(tmp_path: Path) -> None:
    assert mountinfo.mounts(machine(tmp_path, offline=True)) == ()
