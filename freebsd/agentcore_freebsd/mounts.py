# SPDX-License-Identifier: Apache-2.0
"""What is mounted: ``mount -p``, the form of fstab(5)."""

from __future__ import annotations

from osdrivers.api import Mounted
from osdrivers.host import Host
from osdrivers.parts.mountinfo import unescape


def mounts(host: Host) -> tuple[Mounted, ...]:
    """Every mounted file system, later ones last; none for a machine that does not run."""
    if host.offline:
        return ()
    return parse(host.ask("mount", "-p").stdout)


def parse(text: str) -> tuple[Mounted, ...]:
    """Lines of source, target, type, options, and two numbers; blanks as in vis(3)."""
    found = []
    for line in text.splitlines():
        columns = line.split()
        if len(columns) >= 4:
            source, target = unescape(columns[0]), unescape(columns[1])
            found.append(Mounted(source, target, columns[2], tuple(columns[3].split(","))))
    return tuple(found)
