# SPDX-License-Identifier: Apache-2.0
"""Packages with apk(8)."""

from __future__ import annotations

from ..actions import Plan, Run
from ..errors import CommandFailed
from ..host import Host
from .packages import INSTALL_TIMEOUT_S


class Apk:
    tools = ("apk",)
    database = ("/lib/apk/db", "/usr/lib/apk/db")

    def __init__(self, host: Host) -> None:
        self._host = host

    def version(self, name: str) -> str:
        answer = self._host.ask("apk", "info", "-e", "-v", name)
        found = answer.stdout.strip()
        return found[len(name) + 1 :] if found.startswith(f"{name}-") else ""

    def install(self, names: tuple[str, ...]) -> Plan:
        yield Run(("apk", "add", "--update-cache", *names), timeout_s=INSTALL_TIMEOUT_S)

    def busy(self, failure: CommandFailed) -> bool:
        return "Unable to lock database" in failure.stderr

    def unknown(self, failure: CommandFailed) -> bool:
        return "no such package" in failure.stderr
