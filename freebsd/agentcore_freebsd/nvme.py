# SPDX-License-Identifier: Apache-2.0
"""Local NVMe disks of a guest, by the model that their controller says (D2).

A disk is nda(4) or, in older releases, nvd(4); the model stands as its description in diskinfo(8).
nvmecontrol(8) tells cheaply whether there is such a controller at all.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from osdrivers.errors import CommandMissing
from osdrivers.host import Host

LOCAL_MODELS = ("Microsoft NVMe Direct Disk", "Microsoft NVMe Direct Disk v2")
_CONTROLLER = re.compile(r"^\s*nvme\d+: (.*?)\s*$", re.MULTILINE)
_DISK = re.compile(r"(?:nda|nvd)(\d+)")
_DESCRIPTION = re.compile(r"^\s*(.*?)\s*# Disk descr\.", re.MULTILINE)


def local_disks(host: Host, models: Collection[str] = LOCAL_MODELS) -> tuple[tuple[str, str], ...]:
    """(disk name, evidence), in the order of their numbers."""
    try:
        controllers = host.ask("nvmecontrol", "devlist").stdout
        if not set(_CONTROLLER.findall(controllers)) & set(models):
            return ()
        return tuple(_found(host, models))
    except CommandMissing:
        return ()


def _found(host: Host, models: Collection[str]) -> Iterator[tuple[str, str]]:
    listed = host.ask("sysctl", "-n", "kern.disks").stdout.split()
    disks = [found for found in map(_DISK.fullmatch, listed) if found]
    for disk in sorted(disks, key=lambda each: int(each[1])):
        model = _DESCRIPTION.search(host.ask("diskinfo", "-v", disk[0]).stdout)
        if model and model[1] in models:
            yield disk[0], f"NVMe model {model[1]}"
