# SPDX-License-Identifier: Apache-2.0
"""mkfs: file systems, each with the flags that make its tool write without a question (D4).

Without a terminal mke2fs(8) asks nothing and overwrites anything, so the only guard is the one
before this.  Source: mke2fs(8), mkfs.xfs(8), mkfs.btrfs(8), mkfs.fat(8).
"""

from __future__ import annotations

from ..actions import Run
from ..errors import InvalidInput, Unsupported
from ..host import Host

LABEL_LIMIT = 11  # FAT's; XFS has 12, ext 16
_FLAGS = {
    "ext2": ("-F", "-q", "-L"),
    "ext3": ("-F", "-q", "-L"),
    "ext4": ("-F", "-q", "-L"),
    "xfs": ("-f", "-q", "-L"),
    "btrfs": ("-f", "-L"),
    "vfat": ("-n",),
}
_PACKAGES = {
    "ext2": "e2fsprogs",
    "ext3": "e2fsprogs",
    "ext4": "e2fsprogs",
    "xfs": "xfsprogs",
    "btrfs": "btrfs-progs",
    "vfat": "dosfstools",
}


def require(host: Host, fs: str, label: str) -> None:
    """Check before the first change.

    :raises Unsupported: a type that is not made here; NTFS is never made.
    :raises CommandMissing: its tool is not installed.
    """
    if fs not in _FLAGS:
        raise Unsupported(
            f"no {fs} is made here", hint=f"choose one of {', '.join(sorted(_FLAGS))}"
        )
    if not 0 < len(label) <= LABEL_LIMIT:
        raise InvalidInput(f"label {label!r} is not 1 to {LABEL_LIMIT} characters long")
    host.require(f"mkfs.{fs}", package=_PACKAGES[fs])


def make(fs: str, label: str, node: str) -> Run:
    """The command; its limit is generous, since some disks discard slowly."""
    return Run((f"mkfs.{fs}", *_FLAGS[fs], label, node), timeout_s=600, booted=True)
