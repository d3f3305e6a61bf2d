# SPDX-License-Identifier: Apache-2.0
"""resolv.conf(5) of an image (P1): deleted only if it is a regular file that nothing manages.

A link belongs to whoever keeps its target (systemd-resolved, netconfig, resolvconf), and whoever
generates the file says so in its first lines: deleting those broke name resolution more than once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..actions import Remove
from ..host import Host
from . import listed, mountinfo

PATH = "/etc/resolv.conf"
#: What resolvconf(8) keeps of a resolv.conf that it replaced.
_KEPT = ("/etc/resolvconf/resolv.conf.d/original", "/etc/resolvconf/resolv.conf.d/tail")
_HEAD_LINES = 12
_MANAGED = re.compile(
    r"^\s*[#;].*(generated|managed by|do not edit|will be overwritten|changes.*(lost|overwritten))",
    re.IGNORECASE,
)


def without(host: Host) -> Iterator[Remove]:
    """What deletes it, or what a manager remembers of this machine's."""
    found = host.status(PATH, follow=False)
    if found is None:
        return
    if found.kind == "link" and "resolvconf/" in found.target:
        yield from listed.removed(host, _KEPT)
        return
    mine = found.kind == "file" and not managed(host.read(PATH, ""))
    if mine and mountinfo.at(host, PATH) is None:  # what a container mounts there stays
        yield Remove(PATH, beneath="/etc")


def managed(text: str) -> bool:
    """Whether the file says that a program writes it."""
    return any(_MANAGED.match(line) for line in text.splitlines()[:_HEAD_LINES])
