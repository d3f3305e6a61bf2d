# SPDX-License-Identifier: Apache-2.0
"""Which virtual machine this is, and whether it was provisioned as that one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from osdrivers.api import Driver
from osdrivers.host import Host


def swapped(uuid: str) -> str:
    """The same UUID with its first three groups in the other byte order.

    SMBIOS 2.6 and later store them little-endian, earlier firmware and the platform's own
    documents big-endian (SMBIOS 3.6, 7.2.1), so one machine has been written down both ways.
    """
    groups = uuid.lower().split("-")
    if len(groups) != 5 or [len(group) for group in groups] != [8, 4, 4, 4, 12]:
        return uuid.lower()
    try:
        first = [bytes.fromhex(group)[::-1].hex() for group in groups[:3]]
    except ValueError:
        return uuid.lower()
    return "-".join(first + groups[3:])


def instance_id(driver: Driver) -> str:
    """The platform's name for this machine, "" where the firmware does not tell."""
    uuid = driver.firmware.uuid() if driver.firmware is not None else ""
    return swapped(uuid) if uuid else ""


@dataclass(frozen=True)
class Marker:
    """``provisioned`` in the state directory: first boot is complete.

    Its content is the instance id, possibly empty, possibly in the other byte order: agents
    before this one wrote it too.
    """

    path: str
    content: Optional[str]

    @classmethod
    def of(cls, host: Host) -> Marker:
        path = f"{host.places.state}/provisioned"
        present = host.exists(path)
        return cls(path, host.read(path, "").strip() if present else None)

    @property
    def provisioned(self) -> bool:
        return self.content is not None

    def is_for(self, instance: str) -> bool:
        """Whether the marker was written on the machine with that id."""
        if self.content is None:
            return False
        return instance.lower() in (self.content.lower(), swapped(self.content))
