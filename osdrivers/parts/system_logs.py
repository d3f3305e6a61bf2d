# SPDX-License-Identifier: Apache-2.0
"""Logs below /var/log: emptied in place, since daemons hold them open; rotated ones deleted (P1).

Some need their file, owner and mode to be there (wtmp(5), btmp, lastlog(8)).  journald's
directory is named after the machine: what is in it goes; it stays itself, for it is what switches
persistent storage on (journald.conf(5)).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Optional, Union

from ..actions import Empty, Remove
from ..errors import FileFailed, UnsafeRefused
from ..host import Host
from . import listed

DIRECTORY, JOURNAL = "/var/log", "/var/log/journal"
#: Directories of logs that hardening guides want on a file system of their own.
OWN_MOUNTS = ("/var/log/audit", JOURNAL)
_ROTATED = re.compile(r"(\.\d{1,3}|\.old|-\d{8}(-\d+)?|\.(gz|bz2|xz|zst|lz4))\Z")

Change = Union[Empty, Remove]


def without(host: Host) -> Iterator[Change]:
    """What empties and deletes them.

    :raises UnsafeRefused: the directory is a link, or another file system is mounted in it.
    """
    own = host.places.log
    if host.is_directory(DIRECTORY):
        listed.refuse_links(host, DIRECTORY)
        yield from _below(host, DIRECTORY)
    if not own.startswith(f"{DIRECTORY}/"):
        yield from listed.removed(host, (own, f"{own}.*"))


def _below(host: Host, directory: str) -> Iterator[Change]:
    here = _mount(host, directory)
    for name in host.names(directory):
        path = f"{directory}/{name}"
        found = host.status(path, follow=False)
        if found is None:
            continue
        if found.kind == "directory":
            if _mount(host, path) not in (here, None) and path not in OWN_MOUNTS:
                raise UnsafeRefused(
                    f"another file system is mounted at {path}: its files are left",
                    hint="unmount it, or delete what is there yourself",
                )
            if directory == JOURNAL:
                yield Remove(path, recursive=True, beneath=listed.fence(path))
            else:
                yield from _below(host, path)
        elif found.kind == "file":
            yield from _file(host, path, found.size, alone=found.links == 1)


def _mount(host: Host, directory: str) -> Optional[tuple[int, int]]:
    """Which mount it lies on; None when it has gone meanwhile, by another run of this."""
    try:
        return host.mount(directory)
    except FileFailed:
        if host.status(directory, follow=False) is None:
            return None
        raise


def _file(host: Host, path: str, size: int, *, alone: bool) -> Iterator[Change]:
    own = path == host.places.log or path.startswith(f"{host.places.log}.")
    journal = path.startswith(f"{JOURNAL}/")
    if own or journal or _ROTATED.search(path) or (size and not alone):
        yield Remove(path, beneath=listed.fence(path))
    elif size:
        yield Empty(path, beneath=listed.fence(path))
