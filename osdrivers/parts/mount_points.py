# SPDX-License-Identifier: Apache-2.0
"""Directories to mount something at: what must hold before (D5).  Source: fstab(5), mount(8)."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import Conflict, InvalidInput, UnsafeRefused
from ..host import Host
from . import mountinfo


def check(directory: str, options: Sequence[str]) -> None:
    """:raises InvalidInput: not an absolute path below /, or an option that is not one word."""
    bad = [each for each in options if not each or set(each) & set(", \t\n\0")]
    if bad:
        raise InvalidInput(f"mount option {bad[0]!r} is not one word")
    whole = directory.startswith("/") and directory.strip("/")
    if not whole or ".." in directory.split("/") or not directory.isprintable():
        raise InvalidInput(f"mount point {directory!r} is not an absolute path below /")


def refuse_taken(host: Host, directory: str, sources: Sequence[str]) -> None:
    """:raises Conflict: a link, or another file system is there.
    :raises UnsafeRefused: /etc/fstab wants something else there than ``sources``.
    """
    found = host.status(directory, follow=False)
    if found is not None and found.kind != "directory":
        raise Conflict(f"mount point {directory} is a {found.kind}")
    present = mountinfo.at(host, directory)
    if present is not None:
        raise Conflict(f"{present.source} is mounted at {directory}")
    for line in host.read("/etc/fstab", "").splitlines():
        columns = line.split()
        entry = len(columns) > 1 and columns[0][0] != "#" and columns[1] == directory
        if entry and columns[0] not in sources:
            raise UnsafeRefused(f"/etc/fstab wants {columns[0]} at {directory}")
