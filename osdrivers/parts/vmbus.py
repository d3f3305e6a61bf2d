# SPDX-License-Identifier: Apache-2.0
"""The temporary disk of a Hyper-V guest, by the identity of its virtual controller (D2).

The order of sda and sdb means nothing; the GUIDs of the VMBus channels do.  NVMe disks are never
looked at: local ones are raw by design, remote ones are somebody's data.
Source: Documentation/ABI/stable/sysfs-bus-vmbus; the platform's udev rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..host import Host

#: Generation 1: the second IDE channel's own device (0000-8899 is the system disk's).
IDE_TEMPORARY = "00000000-0001-8899-0000-000000000000"
#: Generation 2: the SCSI controller of system disk (LUN 0), temporary disk (1) and DVD (2).
SCSI_SYSTEM = "f8b3781a-1e82-4818-a1c3-63d806ec15bb"
TEMPORARY_LUN = 1


def temporary_disks(host: Host) -> tuple[tuple[str, str], ...]:
    """(disk name, evidence) of every disk at the address of the temporary one: one, or none."""
    return tuple(dict(_found(host)).items())


def _found(host: Host) -> Iterator[tuple[str, str]]:
    base = f"{host.places.sysfs}/bus/vmbus/devices"
    for device in host.names(base):
        id = host.read(f"{base}/{device}/device_id", "").strip().strip("{}").lower()
        if id not in (IDE_TEMPORARY, SCSI_SYSTEM):
            continue
        for address, lun, disk in _scsi_disks(host, f"{base}/{device}"):
            if id == IDE_TEMPORARY:
                yield disk, f"VMBus device {id}"
            elif lun == TEMPORARY_LUN:
                yield disk, f"VMBus controller {id}, SCSI {address}"


def _scsi_disks(host: Host, device: str) -> Iterator[tuple[str, int, str]]:
    for target in host.glob(f"{device}/host*/target*"):
        for address in host.names(target):
            lun = re.fullmatch(r"\d+:\d+:\d+:(\d+)", address)
            if lun:
                for disk in _disks(host, f"{target}/{address}"):
                    yield address, int(lun[1]), disk


def _disks(host: Host, path: str) -> Iterator[str]:
    """Linux before 2.6.36 has ``block:sdb`` beside what later is ``block/sdb``."""
    yield from host.names(f"{path}/block")
    for name in host.names(path):
        if name.startswith("block:"):
            yield name[len("block:") :]
