# SPDX-License-Identifier: Apache-2.0
"""Services under OpenRC (V1, V3).  Source: rc-service(8), rc-update(8)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Optional

from ..actions import Plan, Remove, Run
from ..api import Service
from ..errors import CommandMissing, CommandTimeout, NotFound
from ..host import Host
from . import openrc_script, own_service

_DIRECTORY, _RUNLEVELS = "/etc/init.d", "/etc/runlevels"
_TIMEOUT_S = 90.0


class Services:
    """``scripts`` maps a logical name to the services it may have, in order of preference."""

    def __init__(self, host: Host, scripts: Mapping[str, Sequence[str]] = {}) -> None:
        self._host, self._scripts = host, scripts

    def active(self, name: str) -> bool:
        script = self._script(name)
        return script is not None and self._runs(script)

    def _runs(self, script: str) -> bool:
        if self._host.offline:
            return False
        try:
            return self._host.ask("rc-service", script, "status").status == 0
        except (CommandMissing, CommandTimeout):
            return False

    def enabled(self, name: str) -> bool:
        script = self._script(name)
        return script is not None and bool(self._levels(script))

    def ensure_started(self, name: str) -> Plan:
        script = self._there(name)
        if not self.active(name):
            self._host.require("rc-service", package="openrc")
            yield self._verb(script, "start")

    def ensure_stopped(self, name: str) -> Plan:
        script = self._script(name)
        if script is not None and self.active(name):
            yield self._verb(script, "stop")

    def ensure_enabled(self, name: str) -> Plan:
        script = self._there(name)
        if not self.enabled(name):
            self._host.require("rc-update", package="openrc")
            yield Run(("rc-update", "add", script, "default"))

    def ensure_disabled(self, name: str) -> Plan:
        script = self._script(name)
        if script is not None and self.enabled(name):
            self._host.require("rc-update", package="openrc")
            yield self._off(script)

    def restart(self, name: str, *, reload: bool = False) -> Plan:
        script = self._there(name)
        if self._host.offline or self.active(name):
            yield self._verb(script, "reload" if reload else "restart")

    def ensure_installed(self, service: Service) -> Plan:
        """What is early belongs to the runlevel ``boot``, in which the network starts."""
        own_service.check(service)
        name, path = service.name, f"{_DIRECTORY}/{service.name}"
        own_service.refuse_foreign(self._host, path)
        text = openrc_script.text(service, run=self._host.places.run)
        writing = own_service.writing(self._host, path, text, 0o755)
        level = "boot" if service.early else "default"
        switched_on = self._host.exists(f"{_RUNLEVELS}/{level}/{name}")
        self._host.require("rc-update", package="openrc")
        yield from writing
        if not switched_on:
            yield Run(("rc-update", "add", name, level))

    def ensure_uninstalled(self, name: str) -> Plan:
        own_service.check_name(name)
        path = f"{_DIRECTORY}/{name}"
        if not own_service.is_ours(self._host, path):
            return
        self._host.require("rc-update", package="openrc")
        off = self._off(name) if self._levels(name) else None
        if self._runs(name):
            yield self._verb(name, "stop")
        if off is not None:
            yield off
        yield Remove(path)

    def _levels(self, script: str) -> tuple[str, ...]:
        """The runlevels that it is in."""
        links = self._host.glob(f"{_RUNLEVELS}/*/{script}")
        return tuple(sorted(link.split("/")[-2] for link in links))

    def _off(self, script: str) -> Run:
        """``--all`` would fail, having done it: it counts each runlevel that lacks the service."""
        return Run(("rc-update", "del", script, *self._levels(script)))

    def _verb(self, script: str, verb: str) -> Run:
        return Run(("rc-service", script, verb), timeout_s=_TIMEOUT_S, booted=True)

    def _script(self, name: str) -> Optional[str]:
        candidates = [unit.partition(".")[0] for unit in self._scripts.get(name, (name,))]
        for candidate in candidates:
            if self._host.exists(f"{_DIRECTORY}/{candidate}"):
                return candidate
        return candidates[0] if self._host.assume_tools else None

    def _there(self, name: str) -> str:
        script = self._script(name)
        if script is None:
            raise NotFound(f"no service {name} in {_DIRECTORY}", hint="install it")
        return script
