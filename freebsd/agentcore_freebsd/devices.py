# SPDX-License-Identifier: Apache-2.0
"""How long the kernel waits for a disk: one limit for all of them, da(4) (D10)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from osdrivers.actions import Plan, Run, Verify
from osdrivers.api import Hibernation
from osdrivers.errors import CommandMissing, InvalidInput, Unsupported
from osdrivers.host import Host

LONGEST_S = 3600
_LIMIT = "kern.cam.da.default_timeout"


class Devices:
    """SCSI disks are da0 and the like; NVMe has its own limit."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def timeouts(self) -> Mapping[str, int]:
        seconds = self._ask(_LIMIT)
        names = [name for name in self._ask("kern.disks").split() if re.fullmatch(r"da\d+", name)]
        if not seconds.isdigit():
            return {}
        return {f"{self._host.places.devices}/{name}": int(seconds) for name in sorted(names)}

    def ensure_timeout(self, seconds: int) -> Plan:
        if not 1 <= seconds <= LONGEST_S:
            raise InvalidInput(f"a disk timeout of {seconds} s is not between 1 and {LONGEST_S}")
        self._host.require("sysctl")
        if self._host.offline:
            return
        present = self._ask(_LIMIT)
        if not present:
            raise Unsupported(f"this kernel has no {_LIMIT}")
        if present == str(seconds):
            return
        yield Run(("sysctl", f"{_LIMIT}={seconds}"), booted=True)
        yield Verify(
            f"{_LIMIT} is {seconds}", lambda: self._ask(_LIMIT) == str(seconds), booted=True
        )

    def hibernation(self) -> Hibernation:
        return Hibernation(False, ("this system cannot write its memory to a disk",))

    def _ask(self, name: str) -> str:
        """ "" for what this kernel does not have."""
        if self._host.offline:
            return ""
        try:
            said = self._host.ask("sysctl", "-n", name)
        except CommandMissing:
            return ""
        return said.stdout.strip() if said.status == 0 else ""
