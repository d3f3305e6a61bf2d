# SPDX-License-Identifier: Apache-2.0
"""What must hold besides the content before a disk is written (D4).

Everything here only reads.  A wrong "yes" costs somebody's data, a wrong "no" a temporary disk that
an administrator formats himself: so each doubt is a "no".
"""

from __future__ import annotations

from collections.abc import Mapping

from ..api import Content, Disk
from ..errors import UnsafeRefused
from ..host import Host
from . import mountinfo

_HINT = "save what is wanted, then wipe it"


def refuse_content(disk: Disk, content: Content, *, keep_stock: bool, mounted: bool) -> None:
    """:raises UnsafeRefused: something is there that must not be lost."""
    kept = content.state == "stock" and keep_stock
    used = content.state == "ours" and mounted
    if kept or used or content.state not in ("blank", "ours", "stock"):
        raise UnsafeRefused(
            f"{disk.node} is not formatted, because it holds {content.what}", hint=_HINT
        )


def refuse_protected(host: Host, disk: Disk, name: str) -> None:
    """:raises UnsafeRefused: the kernel says that it cannot be written."""
    if host.read(f"{host.places.sysfs}/block/{name}/ro", "").strip() == "1":
        raise UnsafeRefused(
            f"{disk.node} is not formatted, because it is write-protected",
            hint="find out who protected it: blockdev(8) --getro",
        )


def refuse_listed(host: Host, disk: Disk, node: str, tags: Mapping[str, str]) -> None:
    """:raises UnsafeRefused: /etc/fstab mounts the volume on ``node``, which has these tags."""
    where = _fstab_target(host, node, tags)
    if where:
        raise UnsafeRefused(
            f"{disk.node} is not formatted, because /etc/fstab mounts its volume at {where}",
            hint="take that line out first",
        )


def _fstab_target(host: Host, node: str, tags: Mapping[str, str]) -> str:
    """The mount point of what is on a partition now, "" without one.

    A name of the content itself always counts; a device's only for the type that is there, since
    the next content may be another's.  cloud-init's line is the platform's, nobody's choice.
    """
    names = {
        f"{key}={tags[tag]}".lower()
        for key, tag in (("UUID", "UUID"), ("LABEL", "LABEL"), ("PARTUUID", "PART_ENTRY_UUID"))
        if tags.get(tag)
    }
    for line in host.read("/etc/fstab", "").splitlines():
        columns = line.split()
        if len(columns) < 4 or columns[0].startswith("#") or "comment=cloudconfig" in columns[3]:
            continue
        source = mountinfo.unescape(columns[0]).replace('"', "")
        same_type = columns[2] == "auto" or columns[2].startswith(tags.get("TYPE", "-"))
        same_node = source.startswith("/") and host.locate(source, follow=True) == host.locate(node)
        if source.lower() in names or (same_node and same_type):
            return mountinfo.unescape(columns[1])
    return ""
