# SPDX-License-Identifier: Apache-2.0
"""What people typed, as shells and other programs keep it in their homes (P1)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..actions import Remove
from ..host import Host
from . import listed

NAMES = (
    ".ash_history",
    ".bash_history",
    ".history",
    ".histfile",
    ".ksh_history",
    ".lesshst",
    ".local/share/fish/fish_history",
    ".mksh_history",
    ".mysql_history",
    ".node_repl_history",
    ".psql_history",
    ".python_history",
    ".rediscli_history",
    ".sh_history",
    ".sqlite_history",
    ".viminfo",
    ".zhistory",
    ".zsh_history",
)


def without(host: Host, homes: Sequence[str]) -> Iterator[Remove]:
    """What deletes them in these directories and in root's.

    :raises UnsafeRefused: in a home, a link leads to one.
    """
    for home in dict.fromkeys((_of_root(host), *homes)):
        if not home.startswith("/") or not host.is_directory(home):
            continue
        for name in NAMES:
            path = f"{home.rstrip('/')}/{name}"
            found = host.status(path, follow=False)
            if found is not None and found.kind != "directory":
                listed.refuse_links(host, path.rpartition("/")[0], beneath=home)
                yield Remove(path, beneath=home)


def _of_root(host: Host) -> str:
    for line in host.read(host.places.passwd, "").splitlines():
        columns = line.split(":")
        if columns[0] == "root" and len(columns) > 5:
            return columns[5] or "/root"
    return "/root"
