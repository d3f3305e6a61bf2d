# SPDX-License-Identifier: Apache-2.0
"""The platform's temporary disk: formatted where that is safe, mounted, swapped on.

Where cloud-init owns the disk none of these options has an effect.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Optional

from agentcore.settings import Settings
from osdrivers.actions import Plan
from osdrivers.api import Disk, Disks, Driver
from osdrivers.errors import Unsupported
from osdrivers.executor import Task

README = """\
This disk is temporary.

Everything on it is lost when the virtual machine is moved to another server, resized, or
deallocated, and nobody can bring it back.  Keep here only what can be made again: swap space,
caches, scratch files.
"""


def tasks(driver: Driver, settings: Settings) -> Iterator[Task]:
    """Format and mount, then swap; neither holds up first boot when it fails."""
    chosen = settings.resource_disk
    if driver.disks is None:
        return
    if chosen.format and chosen.filesystem != "ntfs":
        yield Task("resource-disk", lambda: _disk(driver, settings), required=False)
    if chosen.enable_swap and chosen.swap_size_mib > 0 and driver.swap is not None:
        yield Task("swap", lambda: _swap(driver, settings), required=False)


def owned_by_cloud_init(driver: Driver) -> bool:
    """Whether /etc/fstab has cloud-init's line for the disk."""
    lines = driver.host.read("/etc/fstab", "").splitlines()
    entries = [line for line in lines if not line.lstrip().startswith("#")]
    return any("azure_resource" in line or "comment=cloudconfig" in line for line in entries)


def _disk(driver: Driver, settings: Settings) -> Plan:
    disks, chosen = driver.disks, settings.resource_disk
    if disks is None or owned_by_cloud_init(driver):
        return
    disk = disks.resource()
    if disk is None:
        return
    mounted = mount_of(disks, disk)
    directory = mounted or _mount_point(driver, settings)
    options = tuple(filter(None, (chosen.mount_options or "").split(",")))
    # Asked for now: once the disk is mounted the answer may differ, and a plan that is shown
    # must say what one that is carried out does.
    readme = list(disks.ensure_readme(directory, README))
    yield from disks.ensure_prepared(disk, chosen.filesystem, preserve_stock=chosen.preserve_ntfs)
    yield from disks.ensure_mounted(disk, directory, chosen.filesystem, options)
    yield from readme


def _mount_point(driver: Driver, settings: Settings) -> str:
    """As the kernel shows it once something is mounted there: /mnt is a link on some systems."""
    host, wanted = driver.host, settings.resource_disk.mount_point
    return "/" + host.locate(wanted, follow=True)[len(host.root) :].strip("/")


def mount_of(disks: Disks, disk: Disk) -> Optional[str]:
    """Where the disk, or a partition of it, is mounted."""
    for mounted in disks.mounts():
        rest = mounted.source[len(disk.node) :]
        if mounted.source.startswith(disk.node) and (not rest or rest.lstrip("ps").isdigit()):
            return mounted.target
    return None


def _swap(driver: Driver, settings: Settings) -> Plan:
    disks, swap, chosen = driver.disks, driver.swap, settings.resource_disk
    if disks is None or swap is None:
        return
    disk = disks.resource()
    if disk is None:  # many sizes of machine have none; that is no fault
        return
    directory = mount_of(disks, disk)
    if directory is None and not (chosen.format and chosen.filesystem != "ntfs"):
        raise Unsupported(
            f"{disk.node} is not mounted, so there is no place for swap",
            hint="mount it, or set ResourceDisk.Format=y",
        )
    yield from swap.ensure_file(
        f"{directory or _mount_point(driver, settings)}/swapfile",
        chosen.swap_size_mib,
        fs=_fs_of(disks, directory) or chosen.filesystem,
        encrypted=chosen.enable_swap_encryption,
    )


def _fs_of(disks: Disks, directory: Optional[str]) -> str:
    found = [mounted.fs for mounted in disks.mounts() if mounted.target == directory]
    return found[-1] if found else ""
