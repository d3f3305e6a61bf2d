# SPDX-License-Identifier: Apache-2.0
"""Packages with rpm(8) and what installs them: zypper(8), dnf(8), yum(8), tdnf(8)."""

from __future__ import annotations

from typing import ClassVar

from ..actions import Plan, Run
from ..errors import CommandFailed
from ..host import Host
from .packages import INSTALL_TIMEOUT_S


class _Rpm:
    database = ("/usr/lib/sysimage/rpm", "/var/lib/rpm")
    argv: ClassVar[tuple[str, ...]]
    ok: ClassVar[tuple[int, ...]] = (0,)
    locked: ClassVar[int]
    unknown_status: ClassVar[int] = -1

    def __init__(self, host: Host) -> None:
        self._host = host

    @property
    def tools(self) -> tuple[str, ...]:
        return (self.argv[0], "rpm")

    def version(self, name: str) -> str:
        """The newest, where several are installed side by side."""
        answer = self._host.ask("rpm", "-q", "--qf", "%{VERSION}-%{RELEASE}\\n", name)
        return answer.stdout.split()[-1] if answer.status == 0 and answer.stdout.strip() else ""

    def install(self, names: tuple[str, ...]) -> Plan:
        yield Run((*self.argv, "install", *names), timeout_s=INSTALL_TIMEOUT_S, ok=self.ok)

    def busy(self, failure: CommandFailed) -> bool:
        return failure.status == self.locked

    def unknown(self, failure: CommandFailed) -> bool:
        said = ("No match for argument", "Unable to find a match", "Nothing to do", "No package ",
                "No matching packages", "not found or package is not installable",
                "no enabled repositories")  # fmt: skip
        return failure.status == self.unknown_status or any(each in failure.stderr for each in said)


class Zypper(_Rpm):
    """102: a restart is needed, 103: zypper is to be run again, 106: a repository was left out;
    what was wanted is installed all the same, and is verified.
    """

    locked, unknown_status, ok = 7, 104, (0, 102, 103, 106)
    argv = ("zypper", "--non-interactive")


class Dnf(_Rpm):
    """Told not to wait for another instance, it ends with 200."""

    locked = 200
    argv = ("dnf", "-y", "--setopt=exit_on_lock=1")


class Yum(_Rpm):
    locked = 200
    argv = ("yum", "-y", "--setopt=exit_on_lock=1")


class Tdnf(_Rpm):
    """It waits for another instance until its time is over."""

    locked = -1
    argv = ("tdnf", "-y")
