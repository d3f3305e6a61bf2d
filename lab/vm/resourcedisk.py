# SPDX-License-Identifier: Apache-2.0
"""The temporary disk as the platform delivers it."""

from __future__ import annotations

from pathlib import Path

from lab.platform import commands

_SIZE_BYTES = 2 << 30
_FIRST_BYTE = 1 << 20
_LABEL = "Temporary Storage"


def make(disk: Path, *, stock: bool) -> Path:
    """Make an image: blank, or with the one NTFS partition that machines are delivered with.

    :raises CommandFailed: sfdisk(8) or mkntfs(8) failed.
    """
    with disk.open("wb") as file:
        file.truncate(_SIZE_BYTES)
    if stock:
        table = f"label: dos\nstart={_FIRST_BYTE // 512}, type=7\n"
        commands.run(("sfdisk", "--quiet", str(disk)), table.encode())
        _volume(disk)
    return disk


def _volume(disk: Path) -> None:
    volume = disk.with_suffix(".ntfs")
    with volume.open("wb") as file:
        file.truncate(_SIZE_BYTES - _FIRST_BYTE)
    geometry = ("-p", str(_FIRST_BYTE // 512), "-H", "255", "-S", "63")
    commands.run(("mkntfs", "-Q", "-q", "-F", *geometry, "-L", _LABEL, str(volume)))
    place = (f"seek={_FIRST_BYTE >> 20}", "bs=1M", "conv=notrunc,sparse", "status=none")
    commands.run(("dd", f"if={volume}", f"of={disk}", *place))
    volume.unlink()
