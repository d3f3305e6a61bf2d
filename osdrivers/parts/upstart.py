# SPDX-License-Identifier: Apache-2.0
"""Services under upstart (V1, V3).  Source: initctl(8), init(5)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ..actions import EditFile, Plan, Remove, Run
from ..api import Service
from ..errors import CommandMissing, CommandTimeout
from ..host import Host
from . import own_service, sysv, upstart_job

_DIRECTORY = "/etc/init"
_MANUAL = re.compile(rb"^[ \t]*manual[ \t]*$\n?", re.MULTILINE)
#: Jobs that configure the network.
_NETWORK = ("network-interface", "networking", "network-manager")
_TIMEOUT_S = 90.0


class Services:
    """Jobs of /etc/init; what has none is an init script."""

    def __init__(self, host: Host, jobs: Mapping[str, Sequence[str]] = {}) -> None:
        self._host, self._jobs = host, jobs
        self._scripts = sysv.Services(host, jobs)

    def active(self, name: str) -> bool:
        job = self._job(name)
        if not job:
            return self._scripts.active(name)
        return self._runs(job)

    def _runs(self, job: str) -> bool:
        if self._host.offline:
            return False
        try:
            return "start/running" in self._host.ask("initctl", "status", job).stdout
        except (CommandMissing, CommandTimeout):
            return False

    def enabled(self, name: str) -> bool:
        job = self._job(name)
        if not job:
            return self._scripts.enabled(name)
        # The last of "manual" and "start on" counts, and the override is read last.
        override = self._host.read_bytes(self._override(job), b"")
        own = self._host.read_bytes(f"{_DIRECTORY}/{job}.conf", b"")
        return not _MANUAL.search(override) and not _MANUAL.search(own)

    def ensure_started(self, name: str) -> Plan:
        job = self._job(name)
        if not job:
            yield from self._scripts.ensure_started(name)
        elif not self.active(name):
            yield Run(("initctl", "start", job), timeout_s=_TIMEOUT_S, booted=True)

    def ensure_stopped(self, name: str) -> Plan:
        job = self._job(name)
        if not job:
            yield from self._scripts.ensure_stopped(name)
        elif self.active(name):
            yield Run(("initctl", "stop", job), timeout_s=_TIMEOUT_S, booted=True)

    def ensure_enabled(self, name: str) -> Plan:
        job = self._job(name)
        if not job:
            yield from self._scripts.ensure_enabled(name)
            return
        yield from self._wanted(job)

    def _wanted(self, job: str) -> Plan:
        """No override keeps it from starting."""
        path = self._override(job)
        text = self._host.read_bytes(path, b"")
        if _MANUAL.search(text):
            rest = _MANUAL.sub(b"", text)
            if rest.strip():
                yield EditFile(path, lambda now: _MANUAL.sub(b"", now), "not manual")
            else:
                yield Remove(path)

    def ensure_disabled(self, name: str) -> Plan:
        job = self._job(name)
        if not job:
            yield from self._scripts.ensure_disabled(name)
        elif self.enabled(name):
            yield EditFile(self._override(job), _with_manual, "manual")

    def restart(self, name: str, *, reload: bool = False) -> Plan:
        job = self._job(name)
        if not job:
            yield from self._scripts.restart(name, reload=reload)
        elif self._host.offline or self.active(name):
            verb = "reload" if reload else "restart"
            yield Run(("initctl", verb, job), timeout_s=_TIMEOUT_S, booted=True)

    def ensure_installed(self, service: Service) -> Plan:
        """upstart watches its directory: there is nothing to switch on or to reload.

        Where the network is a script, so is ours: jobs cannot come before scripts.
        """
        own_service.check(service)
        if not any(self._host.exists(f"{_DIRECTORY}/{job}.conf") for job in _NETWORK):
            yield from self._scripts.ensure_installed(service)
            return
        path = f"{_DIRECTORY}/{service.name}.conf"
        scripts = (f"{directory}/{service.name}" for directory in sysv.DIRECTORIES)
        own_service.refuse_foreign(self._host, path, *scripts)
        yield from own_service.writing(self._host, path, upstart_job.text(service), 0o644)
        yield from self._wanted(service.name)

    def ensure_uninstalled(self, name: str) -> Plan:
        own_service.check_name(name)
        path = f"{_DIRECTORY}/{name}.conf"
        if not own_service.is_ours(self._host, path):
            yield from self._scripts.ensure_uninstalled(name)
            return
        if self._runs(name):
            yield Run(("initctl", "stop", name), timeout_s=_TIMEOUT_S, booted=True)
        if self._host.exists(self._override(name)):
            yield Remove(self._override(name))
        yield Remove(path)

    def _job(self, name: str) -> str:
        """The first of its jobs that is there; "" when a script serves instead."""
        candidates = [unit.partition(".")[0] for unit in self._jobs.get(name, (name,))]
        for job in candidates:
            if self._host.exists(f"{_DIRECTORY}/{job}.conf"):
                return job
        incomplete = self._host.assume_tools and not self._host.is_directory(sysv.DIRECTORIES[0])
        return candidates[0] if incomplete else ""

    def _override(self, job: str) -> str:
        return f"{_DIRECTORY}/{job}.override"


def _with_manual(text: bytes) -> bytes:
    if _MANUAL.search(text):
        return text
    ended = text if text.endswith(b"\n") or not text else text + b"\n"
    return ended + b"manual\n"
