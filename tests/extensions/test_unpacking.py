# SPDX-License-Identifier: Apache-2.0
"""Hostile and broken packages: refused before anything is written."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path
from typing import Callable

import pytest

from agentcore.extensions import unpacking
from osdrivers.errors import InvalidInput
from tests.extensions.package_bed import good, packed


def member(
    name: str, mode: int = 0, size: int = 1, flags: int = 0
) -> Callable[[zipfile.ZipFile], None]:
    def add(archive: zipfile.ZipFile) -> None:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = mode << 16
        entry.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(entry, b"0" * size)
        entry.flag_bits |= flags

    return add


HOSTILE = {
    "parent": ([member("../evil")], "elsewhere"),
    "inner parent": ([member("a/../../evil")], "elsewhere"),
    "dot": ([member("./a")], "elsewhere"),
    "absolute": ([member("/etc/evil")], "relative"),
    "drive": ([member("c:evil")], "relative"),
    "backslash": ([member("..\\evil")], "relative"),
    "line feed": ([member("a\nb")], "control"),
    "empty part": ([member("a//b")], "elsewhere"),
    "link": ([member("a", stat.S_IFLNK | 0o777)], "link"),
    "device": ([member("a", stat.S_IFCHR | 0o666)], "link"),
    "fifo": ([member("a", stat.S_IFIFO | 0o666)], "link"),
    "encrypted": ([member("a", flags=1)], "encrypted"),
    "twice": ([member("a"), member("a")], "twice"),
    "case": ([member("Bin/a"), member("bin/A")], "twice"),
    "file and directory": ([member("a"), member("a/b")], "below"),
    "directory and file": ([member("a/b"), member("A")], "twice"),
    "bomb": ([member("a", size=3 << 20)], "bomb"),
    "too large": ([member("a", size=9 << 20)], "allowed"),
    "too many": ([member(str(one)) for one in range(20)], "20 members"),
    "too deep": ([member("/".join("a" * 50))], "deep"),
    "long name": ([member("a" * 300)], "long"),
}


BOUNDS = unpacking.Bounds(entries=15, file_bytes=8 << 20, ratio=100)


@pytest.mark.parametrize("case", HOSTILE)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_hostile_package_is_refused_before_anything_is_written(tmp_path: Path, case: str) -> None:
    members, reason = HOSTILE[case]
    package, target = tmp_path / "p.zip", tmp_path / "out"
    with zipfile.ZipFile(package, "w") as archive:
        for add in members:
            add(archive)
    with pytest.raises(InvalidInput, match=reason):
        unpacking.unpack(str(package), str(target), BOUNDS)
    assert [path.name for path in tmp_path.iterdir()] == ["p.zip"]


def test_a_name_with_a_nul_is_refused(tmp_path: Path) -> None:
    package = tmp_path / "p.zip"
    package.write_bytes(packed(aXb=b"1").replace(b"aXb", b"a\0b"))
    with pytest.raises(InvalidInput):
        unpacking.unpack(str(package), str(tmp_path / "out"))


def test_a_package_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole, package = good(), tmp_path / "p.zip"
    for length in range(0, len(whole), 7):
        package.write_bytes(whole[:length])
        with pytest.raises(InvalidInput):
            unpacking.unpack(str(package), str(tmp_path / "out"))


def test_damaged_content_is_refused(tmp_path: Path) -> None:
    content = bytes(range(256)) * 40
    whole, package = bytearray(packed(a=content)), tmp_path / "p.zip"
    whole[60] ^= 0xFF
    package.write_bytes(bytes(whole))
    with pytest.raises(InvalidInput, match="damaged"):
        unpacking.unpack(str(package), str(tmp_path / "out"))


def test_set_user_id_and_others_rights_are_not_taken_over(tmp_path: Path) -> None:
    package = tmp_path / "p.zip"
    with zipfile.ZipFile(package, "w") as archive:
        member("bin/a", stat.S_IFREG | 0o6777)(archive)
    unpacking.unpack(str(package), str(tmp_path / "out"))
    assert (tmp_path / "out/bin/a").stat().st_mode == stat.S_IFREG | 0o700
