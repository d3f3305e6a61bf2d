# SPDX-License-Identifier: Apache-2.0
"""Packages with pkg(8)."""

from __future__ import annotations

from osdrivers.actions import Plan, Run
from osdrivers.errors import CommandFailed
from osdrivers.host import Host

INSTALL_TIMEOUT_S = 1800.0
REAL = "/usr/local/sbin/pkg"


class Pkg:
    """The base system has a small pkg(7) that fetches the real one when it is told to."""

    tools = ("pkg",)
    database: tuple[str, ...] = ()

    def __init__(self, host: Host) -> None:
        self._host = host

    def version(self, name: str) -> str:
        if not self._host.exists(REAL):
            return ""
        answer = self._host.ask("pkg", "query", "%v", name)
        return answer.stdout.strip() if answer.status == 0 else ""

    def install(self, names: tuple[str, ...]) -> Plan:
        if not self._host.exists(REAL):
            yield Run(("pkg", "bootstrap", "-y"), timeout_s=INSTALL_TIMEOUT_S)
        yield Run(("pkg", "install", "-y", *names), timeout_s=INSTALL_TIMEOUT_S)

    def busy(self, failure: CommandFailed) -> bool:
        return "locked by another process" in failure.stderr

    def unknown(self, failure: CommandFailed) -> bool:
        return "No packages available to install" in failure.stderr
