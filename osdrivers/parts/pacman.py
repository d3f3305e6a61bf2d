# SPDX-License-Identifier: Apache-2.0
"""Packages with pacman(8)."""

from __future__ import annotations

from ..actions import Plan, Run
from ..errors import CommandFailed
from ..host import Host
from .packages import INSTALL_TIMEOUT_S


class Pacman:
    """Its lists are not fetched anew: a partial upgrade could break what is installed."""

    tools = ("pacman",)
    database = ("/var/lib/pacman/local",)

    def __init__(self, host: Host) -> None:
        self._host = host

    def version(self, name: str) -> str:
        words = self._host.ask("pacman", "-Q", name).stdout.split()
        return words[1] if words[:1] == [name] and len(words) == 2 else ""

    def install(self, names: tuple[str, ...]) -> Plan:
        argv = ("pacman", "-S", "--noconfirm", "--needed", *names)
        yield Run(argv, timeout_s=INSTALL_TIMEOUT_S)

    def busy(self, failure: CommandFailed) -> bool:
        return "unable to lock database" in failure.stderr

    def unknown(self, failure: CommandFailed) -> bool:
        return "target not found" in failure.stderr
