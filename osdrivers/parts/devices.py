# SPDX-License-Identifier: Apache-2.0
"""How long the kernel waits for a disk, by sysfs (D10), and whether it can hibernate (D9).

Source: Documentation/scsi/scsi_mid_low_api of the kernel (``timeout``, seconds).
"""

from __future__ import annotations

import errno
import re
from collections.abc import Mapping
from typing import Optional

from ..actions import Plan, WriteNode
from ..api import Disks, Hibernation
from ..errors import FileFailed, InvalidInput
from ..host import Host
from . import hibernation

LONGEST_S = 3600
#: What a node of a disk that was taken out answers.
_VANISHED = (errno.ENOENT, errno.ENODEV, errno.ENXIO)
_SCSI_DISK = re.compile(r"sd[a-z]+")


class Devices:
    """SCSI disks; NVMe has its own limit, a parameter of its module."""

    def __init__(self, host: Host, disks: Disks) -> None:
        self._host, self._disks = host, disks

    def timeouts(self) -> Mapping[str, int]:
        return {
            f"{self._host.places.devices}/{name}": seconds
            for name, seconds in self._found().items()
        }

    def ensure_timeout(self, seconds: int) -> Plan:
        if not 1 <= seconds <= LONGEST_S:
            raise InvalidInput(f"a disk timeout of {seconds} s is not between 1 and {LONGEST_S}")
        other = [name for name, present in self._found().items() if present != seconds]
        for name in other:
            try:
                yield WriteNode(self._node(name), f"{seconds}\n".encode())
            except FileFailed as failure:
                if failure.errno not in _VANISHED:
                    raise

    def hibernation(self) -> Hibernation:
        return hibernation.judged(self._host, self._disks)

    def _node(self, name: str) -> str:
        return f"{self._host.places.sysfs}/block/{name}/device/timeout"

    def _found(self) -> Mapping[str, int]:
        names = self._host.names(f"{self._host.places.sysfs}/block")
        found = {name: self._seconds(name) for name in names if _SCSI_DISK.fullmatch(name)}
        return {name: seconds for name, seconds in found.items() if seconds is not None}

    def _seconds(self, name: str) -> Optional[int]:
        """None for a disk that has none, or that vanished between two looks."""
        try:
            text = self._host.read(self._node(name), "").strip()
        except FileFailed as failure:
            if failure.errno not in _VANISHED:
                raise
            return None
        return int(text) if text.isdigit() else None
