# SPDX-License-Identifier: Apache-2.0
"""Optical drives: cd(4), mount_udf(8), mount_cd9660(8), cdcontrol(1) (C1-C3)."""

from __future__ import annotations

import re
from typing import Optional

from osdrivers.actions import MakeDirectory, Mount, Plan, Remove, Run, Unmount
from osdrivers.api import Drive
from osdrivers.errors import (
    CommandFailed,
    CommandMissing,
    CommandTimeout,
    NotFound,
    Unsupported,
)
from osdrivers.host import Host

from .mounts import mounts

#: mount(8) with ``-t a,b`` and a device would use the first name only, so one at a time.
TYPES = ("udf", "cd9660", "msdosfs")
_OPTIONS = ("ro", "nosuid", "noexec")
_NO_MEDIUM = re.compile(r"device not configured|no such device", re.IGNORECASE)


class Drives:
    """The drives /dev/cd0, /dev/cd1, ..."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def list(self) -> tuple[Drive, ...]:
        devices = self._host.places.devices
        found = [name for name in self._host.names(devices) if re.fullmatch(r"cd\d+", name)]
        return tuple(Drive(f"{devices}/{name}") for name in found)

    def has_medium(self, drive: Drive) -> Optional[bool]:
        try:
            said = self._host.ask("camcontrol", "tur", drive.node.rpartition("/")[2], "-q")
        except (CommandMissing, CommandTimeout):
            return None
        return said.status == 0

    def mounted(self, drive: Drive) -> str:
        found = [each.target for each in mounts(self._host) if each.source == drive.node]
        return found[-1] if found else ""

    def ensure_mounted(self, drive: Drive, directory: str) -> Plan:
        if self.mounted(drive):
            return
        if self.has_medium(drive) is False:
            raise NotFound(f"no disc in {drive.node}")
        self._host.require("mount")
        upper = directory.rpartition("/")[0]
        if upper and not self._host.is_directory(upper):
            yield MakeDirectory(upper, 0o700, booted=True)
        yield MakeDirectory(directory, 0o700, booted=True)
        for type in TYPES:
            try:
                yield Mount(drive.node, directory, type, _OPTIONS)
            except CommandFailed as failure:
                if _NO_MEDIUM.search(failure.stderr):
                    yield Remove(directory, booted=True)
                    raise NotFound(f"no disc in {drive.node}") from failure
            else:
                return
        yield Remove(directory, booted=True)
        tried = ", ".join(TYPES)
        raise Unsupported(f"{drive.node} could not be mounted: tried {tried}", hint="kldload udf")

    def ensure_unmounted(self, directory: str) -> Plan:
        if any(each.target == directory for each in mounts(self._host)):
            yield Unmount(directory)
        if self._host.is_directory(directory):
            yield Remove(directory, booted=True)

    def ensure_ejected(self, drive: Drive) -> Plan:
        if self.has_medium(drive) is not False and self._host.has("cdcontrol"):
            yield Run(("cdcontrol", "-f", drive.node, "eject"), ok=(0, 1), booted=True)
