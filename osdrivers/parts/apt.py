# SPDX-License-Identifier: Apache-2.0
"""Packages with dpkg-query(1) and apt-get(8)."""

from __future__ import annotations

import re

from ..actions import Plan, Run, Verify
from ..errors import CommandFailed, CommandMissing, CommandTimeout, NotFound
from ..host import Host
from .packages import INSTALL_TIMEOUT_S

#: Changed configuration files stay; a lock that is held is an answer.
_OPTIONS = ("-y", "-q", "-o", "Dpkg::Options::=--force-confold", "-o", "DPkg::Lock::Timeout=0")
FORMAT = "${Status} ${Version}\\n"
_LOCKED = re.compile(r"Could not get lock|Unable to (?:acquire|lock)|is another process using it")
_UNKNOWN = re.compile(r"Unable to locate package|has no installation candidate|find any package")


class Apt:
    """The lists are fetched anew only when they do not know a package that is wanted."""

    tools = ("apt-get", "apt-cache", "dpkg-query")
    database = ("/var/lib/dpkg/status",)

    def __init__(self, host: Host) -> None:
        self._host = host

    def version(self, name: str) -> str:
        answer = self._host.ask("dpkg-query", "-W", "-f", FORMAT, name)
        for line in answer.stdout.splitlines():  # one for each architecture
            words = line.split()
            if len(words) == 4 and words[2] == "installed":
                return words[3]
        return ""

    def install(self, names: tuple[str, ...]) -> Plan:
        if not self._known(names):
            yield Run(("apt-get", *_OPTIONS, "update"), timeout_s=INSTALL_TIMEOUT_S)
            # An unknown name with a dot in it would be taken for a pattern.
            yield Verify(f"a repository has {' '.join(names)}", lambda: self._found(names))
        yield Run(("apt-get", *_OPTIONS, "install", *names), timeout_s=INSTALL_TIMEOUT_S)

    def _found(self, names: tuple[str, ...]) -> bool:
        for name in names:
            if not self._known((name,)):
                raise NotFound(f"no repository has {name}", hint="add the repository that has it")
        return True

    def _known(self, names: tuple[str, ...]) -> bool:
        """Whether each has a candidate; a virtual package has none, and no version."""
        try:
            text = self._host.ask("apt-cache", "policy", *names).stdout
        except (CommandMissing, CommandTimeout):
            return False
        candidates = dict(re.findall(r"^(\S+):\n.*\n  Candidate: (\S+)", text, re.MULTILINE))
        return all(candidates.get(name, "(none)") != "(none)" for name in names)

    def busy(self, failure: CommandFailed) -> bool:
        return bool(_LOCKED.search(failure.stderr))

    def unknown(self, failure: CommandFailed) -> bool:
        return bool(_UNKNOWN.search(failure.stderr))
