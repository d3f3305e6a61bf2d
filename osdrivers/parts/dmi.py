# SPDX-License-Identifier: Apache-2.0
"""SMBIOS through sysfs (Documentation/ABI/testing/sysfs-firmware-dmi-tables)."""

from __future__ import annotations

from ..errors import NotPermitted
from ..host import Host


class Firmware:
    """The machine's UUID; the node is readable by root only unless a udev rule opens it."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def uuid(self) -> str:
        node = f"{self._host.places.sysfs}/class/dmi/id/product_uuid"
        try:
            return self._host.read(node, "").strip().lower()
        except NotPermitted:
            return ""
