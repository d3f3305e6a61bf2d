# SPDX-License-Identifier: Apache-2.0
"""Optical drives of a Linux system: the provisioning disc (C1-C3).

Source: scsi(4), sysfs(5), mount(8), eject(1), and cdrom_id of udev.
"""

from __future__ import annotations

import errno
import re
from typing import Optional

from ..actions import MakeDirectory, Mount, Plan, Remove, Run, Unmount
from ..api import Drive
from ..errors import (
    CommandFailed,
    CommandMissing,
    CommandTimeout,
    FileFailed,
    NotFound,
    Unsupported,
)
from ..host import Completed, Host
from . import mountinfo

SCSI_CD_ROM = "5"
TYPES = ("udf", "iso9660", "vfat")
_OPTIONS = ("ro", "nosuid", "nodev", "noexec")
#: The disc holds a password, and its files are readable by all unless told otherwise.
_CLOSED = {
    "udf": ("uid=0", "gid=0", "mode=0400", "dmode=0500"),
    "iso9660": ("uid=0", "gid=0", "mode=0400", "dmode=0500"),
    "vfat": ("uid=0", "gid=0", "umask=0277"),
}
_CDROM_ID = ("/usr/lib/udev/cdrom_id", "/lib/udev/cdrom_id")
_NO_MEDIUM = re.compile(r"no medium found|no such device or address", re.IGNORECASE)


class Drives:
    """Drives by their SCSI type, never by the look of a name: ``vdb`` may be somebody's disk."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def list(self) -> tuple[Drive, ...]:
        base = f"{self._host.places.sysfs}/block"
        found = []
        for name in self._host.names(base):
            type = self._host.read(f"{base}/{name}/device/type", "").strip()
            old = self._host.read(f"{self._host.places.procfs}/ide/{name}/media", "").strip()
            if type == SCSI_CD_ROM or old == "cdrom":
                model = self._host.read(f"{base}/{name}/device/model", "").strip()
                found.append(Drive(f"{self._host.places.devices}/{name}", model))
        return tuple(found)

    def has_medium(self, drive: Drive) -> Optional[bool]:
        """By the kernel's size, by blkid(8), at last by reading a sector.

        Of an empty drive the size is 0, or that of the medium it once had: only 0 tells.
        """
        name = drive.node.rpartition("/")[2]
        if self._host.read(f"{self._host.places.sysfs}/block/{name}/size", "").strip() == "0":
            return False
        said = self._probe(drive)
        if said is not None and said.status == 0:
            return True
        if said is not None and _NO_MEDIUM.search(said.stderr):
            return False
        try:
            # Opened with O_NONBLOCK, which succeeds without a disc; reading tells.
            return bool(self._host.read_bytes(drive.node, limit_bytes=2048))
        except FileFailed as failure:
            if failure.errno in (errno.ENOMEDIUM, errno.ENXIO, errno.ENODEV):
                return False
            return None

    def _probe(self, drive: Drive) -> Optional[Completed]:
        try:
            return self._host.ask("blkid", "-p", drive.node)
        except (CommandMissing, CommandTimeout):
            return None

    def mounted(self, drive: Drive) -> str:
        status = self._host.status(drive.node)
        for each in reversed(mountinfo.mounts(self._host)):
            same = status is not None and status.kind == "block" and each.device == status.device
            if same or each.source == drive.node:
                return each.target
        return ""

    def ensure_mounted(self, drive: Drive, directory: str) -> Plan:
        if self.mounted(drive):
            return
        if self._host.status(drive.node) is None and not self._host.offline:
            raise NotFound(f"no drive {drive.node}")
        if self.has_medium(drive) is False:
            raise NotFound(f"no disc in {drive.node}")
        self._host.require("mount", package="util-linux or mount")
        private = self._is_private(directory)
        if not private and not self._host.is_directory(directory.rpartition("/")[0]):
            yield MakeDirectory(directory.rpartition("/")[0], 0o700, booted=True)
            private = True
        yield MakeDirectory(directory, 0o700, booted=True)
        for type in self._types(drive):
            closed = () if private else _CLOSED[type]
            try:
                yield Mount(drive.node, directory, type, (*_OPTIONS, *closed))
            except CommandFailed as failure:
                if _NO_MEDIUM.search(failure.stderr):
                    yield Remove(directory, booted=True)
                    raise NotFound(f"no disc in {drive.node}") from failure
            else:
                return
        yield Remove(directory, booted=True)
        raise Unsupported(
            f"{drive.node} could not be mounted: tried {', '.join(TYPES)}", hint=self._hint()
        )

    def _is_private(self, directory: str) -> bool:
        above = self._host.status(directory.rpartition("/")[0] or "/")
        return above is not None and above.mode & 0o077 == 0

    def _types(self, drive: Drive) -> tuple[str, ...]:
        """What is tried, in order: first what the disc says it is, so that one try does."""
        said = self._probe(drive)
        found = re.search(r'\bTYPE="(\w+)"', said.stdout) if said is not None else None
        first = tuple(type for type in TYPES if found and type == found[1])
        return (*first, *(type for type in TYPES if type not in first))

    def _hint(self) -> str:
        """Hardening guides switch udf off for modprobe(8)."""
        for path in self._host.glob("/etc/modprobe.d/*.conf"):
            for line in self._host.read(path, "").splitlines():
                words = line.split()
                if len(words) > 1 and words[0] in ("install", "blacklist") and words[1] in TYPES:
                    return f"{path} disables {words[1]}: remove that line"
        return "install the kernel's modules udf and isofs"

    def ensure_unmounted(self, directory: str) -> Plan:
        if mountinfo.at(self._host, directory) is not None:
            try:
                yield Unmount(directory)
            except CommandFailed:  # busy: gone from the tree now, released with its last user
                yield Run(("umount", "--lazy", directory), booted=True)
        if self._host.is_directory(directory):
            yield Remove(directory, booted=True)

    def ensure_ejected(self, drive: Drive) -> Plan:
        if self.has_medium(drive) is False:
            return
        if self._host.has("eject"):
            yield Run(("eject", drive.node), ok=(0, 1), booted=True)
            return
        for tool in _CDROM_ID:
            if self._host.exists(tool):
                yield Run((tool, "--eject-media", drive.node), ok=(0, 1), booted=True)
                return
