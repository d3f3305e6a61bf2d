# SPDX-License-Identifier: Apache-2.0
"""Local NVMe disks of a guest, by the model that their controller says (D2).

The platform delivers them raw, and what is on them is lost with the machine.  Disks behind any
other controller, the platform's remote ones (``MSFT NVMe Accelerator v1.0``) first, are somebody's
data.  Source: Documentation/ABI of the kernel's nvme class; the platform's manual.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from ..host import Host

#: Models of controllers whose disks are temporary.
LOCAL_MODELS = ("Microsoft NVMe Direct Disk", "Microsoft NVMe Direct Disk v2")
_CONTROLLER = re.compile(r"nvme(\d+)")
#: ``nvme1n1``, and ``nvme1c0n1``: one path of it where the kernel joins several.
_NAMESPACE = re.compile(r"nvme(\d+)(c\d+)?n(\d+)")


def local_disks(host: Host, models: Collection[str] = LOCAL_MODELS) -> tuple[tuple[str, str], ...]:
    """(disk name, evidence), in the order of controllers and their namespaces.

    A disk that a controller of another model leads to as well is not one of them.
    """
    known = {model.strip() for model in models}
    found: dict[str, str] = {}
    foreign: set[str] = set()
    for controller, model in _controllers(host):
        for name in _namespaces(host, controller):
            if model in known:
                found.setdefault(name, f"NVMe controller {controller}, model {model}")
            else:
                foreign.add(name)
    return tuple((name, why) for name, why in found.items() if name not in foreign)


def _controllers(host: Host) -> Iterator[tuple[str, str]]:
    base = f"{host.places.sysfs}/class/nvme"
    numbered = [
        (found, name) for name in host.names(base) if (found := _CONTROLLER.fullmatch(name))
    ]
    for _, name in sorted(numbered, key=lambda each: int(each[0][1])):
        yield name, host.read(f"{base}/{name}/model", "").strip()


def _namespaces(host: Host, controller: str) -> list[str]:
    names = host.names(f"{host.places.sysfs}/class/nvme/{controller}")
    found = [each for each in map(_NAMESPACE.fullmatch, names) if each]
    found.sort(key=lambda each: int(each[3]))
    return [f"nvme{each[1]}n{each[3]}" for each in found]
