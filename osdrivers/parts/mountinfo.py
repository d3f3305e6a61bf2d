# SPDX-License-Identifier: Apache-2.0
"""What is mounted, from the kernel's own table: never from the text of mount(8) or /etc/mtab.

A device is found by its number: ``/dev/sda1`` is a prefix of ``/dev/sda15``, and links, bind
mounts and sub-volumes give other names.  Source: proc_pid_mountinfo(5), fstab(5).
"""

from __future__ import annotations

import re
from typing import Optional

from ..api import Mounted
from ..host import Host


def unescape(text: str) -> str:
    r"""``\040`` is a space: the kernel writes space, tab, newline, backslash and # in octal."""
    raw = re.sub(rb"\\([0-3][0-7]{2})", lambda m: bytes((int(m[1], 8),)), text.encode())
    return raw.decode("utf-8", errors="surrogateescape")


def parse(text: str) -> tuple[Mounted, ...]:
    """The lines of a mountinfo file; those of another shape are passed over."""
    found = []
    for line in text.splitlines():
        before, dash, after = line.partition(" - ")
        columns, rest = before.split(" "), after.split(" ")
        number = re.fullmatch(r"(\d+):(\d+)", columns[2]) if len(columns) > 5 else None
        if dash and number and len(rest) > 1:
            options = (*columns[5].split(","), *(rest[2].split(",") if len(rest) > 2 else ()))
            found.append(
                Mounted(
                    source=unescape(rest[1]),
                    target=unescape(columns[4]),
                    fs=rest[0],
                    options=tuple(dict.fromkeys(options)),
                    device=(int(number[1]), int(number[2])),
                )
            )
    return tuple(found)


def mounts(host: Host) -> tuple[Mounted, ...]:
    """What is mounted in this process's namespace, later mounts last; nothing offline."""
    return parse(host.read(f"{host.places.procfs}/self/mountinfo", ""))


def at(host: Host, directory: str) -> Optional[Mounted]:
    """What is mounted at a directory: the last mount hides the earlier ones."""
    wanted = resolved(host, directory)
    here = [each for each in mounts(host) if each.target == wanted]
    return here[-1] if here else None


def resolved(host: Host, path: str) -> str:
    """A guest path without links, as the kernel shows it in its tables."""
    real = host.locate(path, follow=True)
    return "/" + real[len(host.root) :].strip("/")


def swap_areas(host: Host) -> tuple[tuple[str, int], ...]:
    """(path, KiB) of everything the kernel swaps on; a file is a page smaller than it is."""
    found = []
    for line in host.read(f"{host.places.procfs}/swaps", "").splitlines()[1:]:
        columns = line.split()
        if len(columns) >= 3 and columns[2].isdigit():
            found.append((unescape(columns[0]), int(columns[2])))
    return tuple(found)
