# SPDX-License-Identifier: Apache-2.0
"""Custom data that is a program: it runs once on each machine."""

from __future__ import annotations

from dataclasses import dataclass

from osdrivers.actions import Plan, Run, WriteFile
from osdrivers.errors import AgentError
from osdrivers.host import Host

TIMEOUT_S = 3600.0


@dataclass(frozen=True)
class CustomDataRun:
    """Whether custom data is still to be run on this machine.

    Recorded as ``due`` before first boot's marker and as ``ran`` afterwards, so a crash between
    runs it at the next boot, and what another agent ran long ago is never run again.
    """

    host: Host
    token: str

    @property
    def path(self) -> str:
        return f"{self.host.places.state}/custom-data"

    @property
    def due(self) -> bool:
        return self.host.read(self.path, "") == f"due {self.token}\n"

    @property
    def over(self) -> bool:
        return self.host.read(self.path, "") == f"ran {self.token}\n"

    def record(self, state: str) -> WriteFile:
        return WriteFile(self.path, f"{state} {self.token}\n".encode(), 0o600)

    def plan(self) -> Plan:
        """Run it, once: a failure is reported, not repeated at every boot."""
        command = (f"{self.host.places.state}/CustomData",)
        over = self.record("ran")
        try:
            yield Run(command, timeout_s=TIMEOUT_S, booted=True)
        except AgentError:
            yield over
            raise
        if not self.host.offline:
            yield over
