# SPDX-License-Identifier: Apache-2.0
"""Disks, swap, optical drives: D, C."""

from __future__ import annotations

from typing import Optional

from ...actions import Plan
from ...api import Disk, Drive, Driver
from ...errors import NotFound
from ..operation import Operation

# mypy cannot see that an operation is only called where its capability is there.
# mypy: disable-error-code="union-attr"

MOUNT_POINT, SWAP_FILE = "/mnt/resource", "/mnt/resource/swapfile"
DISC = "/mnt/disc"


def _disk(driver: Driver) -> Disk:
    disk: Optional[Disk] = driver.disks.resource() if driver.disks is not None else None
    if disk is None:
        raise NotFound("no temporary disk was found")
    return disk


def _drive(driver: Driver) -> Drive:
    assert driver.drives is not None
    return driver.drives.list()[0]


def _local(driver: Driver) -> Plan:
    """Every temporary NVMe disk, where the machine has some."""
    assert driver.disks is not None
    for disk in driver.disks.local():
        yield from driver.disks.ensure_prepared(disk, _fs(driver))


def _fs(driver: Driver) -> str:
    """ext4, or what this system makes instead."""
    return "ufs" if driver.host.exists("/sbin/newfs") else "ext4"


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "D4", "disk", "disks", lambda d: d.disks.ensure_prepared(_disk(d), _fs(d)), beds=("loop",)
    ),
    Operation(
        "D5",
        "mounted",
        "disks",
        lambda d: d.disks.ensure_mounted(_disk(d), MOUNT_POINT, _fs(d)),
        ("disk",),
        beds=("loop",),
    ),
    Operation(
        "D6",
        "readme",
        "disks",
        lambda d: d.disks.ensure_readme(MOUNT_POINT, "All of it may go.\n"),
        ("disk", "mounted"),
        beds=("loop",),
    ),
    Operation(
        "D7",
        "swap",
        "swap",
        lambda d: d.swap.ensure_file(SWAP_FILE, 1, fs=_fs(d)),
        ("disk", "mounted"),
        beds=("loop",),
    ),
    Operation(
        "D8",
        "no-swap",
        "swap",
        lambda d: d.swap.ensure_off(SWAP_FILE),
        ("disk", "mounted", "swap"),
        beds=("loop",),
    ),
    Operation("D4", "local-disks", "disks", _local),
    Operation("D10", "disk-timeout", "devices", lambda d: d.devices.ensure_timeout(300)),
    Operation("C2", "disc", "drives", lambda d: d.drives.ensure_mounted(_drive(d), DISC)),
    Operation("C2", "no-disc", "drives", lambda d: d.drives.ensure_unmounted(DISC), ("disc",)),
    Operation("C3", "eject", "drives", lambda d: d.drives.ensure_ejected(_drive(d))),
)
