# SPDX-License-Identifier: Apache-2.0
"""A disk is blank only as far as it was read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from osdrivers.errors import FileFailed
from osdrivers.host import Host
from osdrivers.parts.blankness import EDGE_BYTES, data_found

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30


def found(root: Path, size: int, *pieces: tuple[int, bytes], table: str = "") -> str:
    path = root / "disk"
    with open(path, "wb") as stream:
        stream.truncate(size)
        for offset, data in pieces:
            stream.seek(offset)
            stream.write(data)
    return data_found(Host(str(root), offline=False), "/disk", size, table)


@pytest.mark.parametrize("size", [512, 4096, MIB, 2 * MIB, 6 * MIB, 64 * MIB, 3000 * GIB])
def test_zeros_of_any_size_are_blank(tmp_path: Path, size: int) -> None:
    assert found(tmp_path, size) == ""


@pytest.mark.parametrize("size", [512, 5000, 3 * MIB, 6 * MIB])
def test_of_a_small_disk_every_byte_counts(tmp_path: Path, size: int) -> None:
    for offset in (0, size // 3, size // 2, size - 1):
        assert found(tmp_path, size, (offset, b"x"))


@pytest.mark.parametrize("offset", [0, 511, MIB - 1, 3 * GIB - 1, 3 * GIB - MIB])
def test_the_first_and_the_last_megabyte_are_read_in_full(tmp_path: Path, offset: int) -> None:
    assert found(tmp_path, 3 * GIB, (offset, b"x")) == f"data at {offset >> 10} KiB"


@pytest.mark.parametrize("size", [64 * MIB, 7 * GIB + 512, 100 * GIB])
@pytest.mark.parametrize("part", [0.02, 0.31, 0.5, 0.77, 0.99])
def test_a_run_longer_than_a_1024th_is_found_anywhere(
    tmp_path: Path, size: int, part: float
) -> None:
    offset = int(size * part)
    run = size // 1024 + 4096
    pieces = [(offset + at, b"x") for at in range(0, run, 4096)]
    assert found(tmp_path, size, *pieces)


def test_an_empty_table_is_no_data_and_what_lies_behind_it_is(tmp_path: Path) -> None:
    gpt = ((0, b"mbr"), (512, b"EFI PART"), (64 * MIB - 512, b"EFI PART"))
    assert found(tmp_path, 64 * MIB, *gpt, table="gpt") == ""
    assert found(tmp_path, 64 * MIB, *gpt, (64 * KIB, b"x"), table="gpt") == "data at 64 KiB"
    assert found(tmp_path, 64 * MIB, *gpt, (64 * MIB - 64 * KIB, b"x"), table="gpt")
    assert found(tmp_path, 64 * MIB, (510, b"\x55\xaa"), table="dos") == ""
    assert found(tmp_path, 64 * MIB, (510, b"\x55\xaa\x01"), table="dos") == "data at 0 KiB"


def test_a_disk_that_ends_early_is_an_error_not_a_blank_one(tmp_path: Path) -> None:
    path = tmp_path / "disk"
    path.write_bytes(bytes(4096))
    with pytest.raises(FileFailed):
        data_found(Host(str(tmp_path), offline=False), "/disk", 64 * MIB)


def test_what_is_read_does_not_grow_with_the_disk(tmp_path: Path) -> None:
    path, size = tmp_path / "disk", 5000 * GIB
    with open(path, "wb") as stream:
        stream.truncate(size)
    before = _read_so_far()
    assert data_found(Host(str(tmp_path), offline=False), "/disk", size) == ""
    assert _read_so_far() - before < 2 * EDGE_BYTES + 1100 * 4096


def _read_so_far() -> int:
    """Bytes this process has read; proc_pid_io(5)."""
    with open(f"/proc/{os.getpid()}/io") as stream:
        return int(stream.readline().split()[1])
