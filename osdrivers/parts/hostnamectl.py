# SPDX-License-Identifier: Apache-2.0
"""The host name through hostnamectl(1), where systemd runs (H1)."""

from __future__ import annotations

from collections.abc import Sequence

from ..actions import Plan, Run, Verify
from ..errors import CommandFailed, CommandMissing, PostconditionFailed
from ..host import Host
from ..probes import Probes
from . import hostname_files

_TIMEOUT_S = 30.0  # hostnamed is started on demand


class Hostname:
    """Files and hostname(1) are the way where systemd does not run, and when its tool fails:
    it needs D-Bus, which early boot, containers and some releases do not have."""

    def __init__(self, host: Host, files: Sequence[str] = ("/etc/hostname",)) -> None:
        self._host = host
        self._files = hostname_files.Hostname(host, files)
        self._probes = Probes(host)

    def get(self) -> str:
        return self._files.get()

    def ensure(self, name: str) -> Plan:
        hostname_files.check(name)
        host = self._host
        if host.offline or self._probes.init != "systemd" or not host.has("hostnamectl"):
            yield from self._files.ensure(name)
            return
        hosts, held = [*self._files.hosts(name)], self._files.holds(name)
        yield from hosts
        if held:
            return
        try:
            # The verb "hostname" is of systemd 249; this one works from 204 on.
            yield Run(("hostnamectl", "set-hostname", name), timeout_s=_TIMEOUT_S, booted=True)
            yield Verify(f"the host name is {name}", lambda: self._files.holds(name))
        except (CommandFailed, CommandMissing, PostconditionFailed):
            yield from self._files.ensure(name)
