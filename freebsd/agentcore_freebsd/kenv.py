# SPDX-License-Identifier: Apache-2.0
"""SMBIOS through the kernel environment: kenv(1), smbios(4)."""

from __future__ import annotations

from osdrivers.errors import CommandMissing, CommandTimeout
from osdrivers.host import Host


class Firmware:
    """The machine's UUID."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def uuid(self) -> str:
        if self._host.offline:
            return ""
        try:
            return self._host.ask("kenv", "-q", "smbios.system.uuid").stdout.strip().lower()
        except (CommandMissing, CommandTimeout):
            return ""
