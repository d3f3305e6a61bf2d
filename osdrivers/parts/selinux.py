# SPDX-License-Identifier: Apache-2.0
"""SELinux labels (U10).  Source: restorecon(8), setfiles(8), selinux_config(5)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..actions import Plan, Run
from ..errors import CommandMissing, CommandTimeout
from ..host import Host
from ..probes import Probes

_TIMEOUT_S = 120.0
_CONFIGURATION = "/etc/selinux/config"
Words = tuple[str, ...]


class Labels:
    """Does nothing where SELinux is off, or where the tool is not installed.

    A root that does not run is labelled as its own policy says, by its own setfiles(8), which runs
    in it as every command does: so it needs no ``-r``, but /proc, through which it sets labels.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._probes = Probes(host)

    def ensure_restored(self, paths: Sequence[str]) -> Plan:
        tool = self._offline() if self._host.offline else self._running()
        if not paths or not tool:
            return
        if all(self._host.exists(path) for path in paths) and self._right(tool, paths):
            return
        yield Run((*tool, *paths), timeout_s=_TIMEOUT_S)

    def _running(self) -> Words:
        there = self._probes.selinux and self._host.has("restorecon")
        return ("restorecon", "-RF") if there else ()

    def _offline(self) -> Words:
        """The policy's labels, unless its configuration switches it off."""
        text = self._host.read(_CONFIGURATION, "")
        settings = dict(re.findall(r"^\s*(SELINUX|SELINUXTYPE)\s*=\s*([\w-]+)", text, re.MULTILINE))
        policy = settings.get("SELINUXTYPE", "targeted")
        labels = f"/etc/selinux/{policy}/contexts/files/file_contexts"
        off = settings.get("SELINUX", "disabled") == "disabled"
        if off or not self._host.exists(labels) or not self._host.has("setfiles"):
            return ()
        usable = self._host.exists(f"{self._host.places.procfs}/self") or self._host.assume_tools
        return ("setfiles", "-F", labels) if usable else ()

    def _right(self, tool: Words, paths: Sequence[str]) -> bool:
        """Whether the tool would change nothing: it names each file that it would."""
        name, flags, *labels = tool
        try:
            answer = self._host.ask(name, f"{flags}nv", *labels, *paths, timeout_s=_TIMEOUT_S)
        except (CommandMissing, CommandTimeout):
            return False
        return answer.status == 0 and not answer.stdout.strip()
