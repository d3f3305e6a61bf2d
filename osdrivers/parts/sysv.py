# SPDX-License-Identifier: Apache-2.0
"""Services as scripts in /etc/init.d (V1, V3).

Source: LSB 5.0, Init Script Actions; update-rc.d(8), chkconfig(8), insserv(8).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Optional

from ..actions import Plan, Remove, Run, Verify
from ..api import Service
from ..errors import CommandMissing, CommandTimeout, NotFound
from ..host import Host
from . import own_service, sysv_script

DIRECTORIES = ("/etc/init.d", "/etc/rc.d/init.d")
#: Where the links of runlevels that start something are: Debian, Red Hat, SUSE.
_LINKS = ("/etc/rc[S2345].d", "/etc/rc.d/rc[2345].d", "/etc/init.d/rc[2345].d")
_TIMEOUT_S = 90.0
_UNIMPLEMENTED = 3  # LSB: status for an action other than "status"


class Services:
    """``scripts`` maps a logical name to the scripts it may have, in order of preference."""

    def __init__(self, host: Host, scripts: Mapping[str, Sequence[str]] = {}) -> None:
        self._host, self._scripts = host, scripts

    def active(self, name: str) -> bool:
        script = self.script(name)
        return script is not None and self._runs(script)

    def _runs(self, script: str) -> bool:
        if self._host.offline:
            return False
        try:
            return self._host.ask(script, "status").status == 0
        except (CommandMissing, CommandTimeout):
            return False

    def enabled(self, name: str) -> bool:
        script = self.script(name)
        stem = script.rpartition("/")[2] if script else ""
        return bool(stem) and self._switched_on(stem)

    def ensure_started(self, name: str) -> Plan:
        script = self._there(name)
        if not self.active(name):
            yield Run((script, "start"), timeout_s=_TIMEOUT_S, booted=True)

    def ensure_stopped(self, name: str) -> Plan:
        script = self.script(name)
        if script is not None and self.active(name):
            yield Run((script, "stop"), timeout_s=_TIMEOUT_S, booted=True)

    def ensure_enabled(self, name: str) -> Plan:
        stem = self._there(name).rpartition("/")[2]
        if not self.enabled(name):
            for argv in self._adding(stem):
                yield Run(argv)

    def ensure_disabled(self, name: str) -> Plan:
        script = self.script(name)
        if script is None or not self.enabled(name):
            return
        stem = script.rpartition("/")[2]
        for argv in self._registering(stem, (
            (("update-rc.d", stem, "disable"),),
            (("chkconfig", stem, "off"),),
            (("insserv", "-r", stem),),
        )):  # fmt: skip
            yield Run(argv)

    def restart(self, name: str, *, reload: bool = False) -> Plan:
        script = self._there(name)
        if self._host.offline or self.active(name):
            verb = "reload" if reload else "restart"
            yield Run((script, verb), timeout_s=_TIMEOUT_S, booted=True)

    # ---- V3

    def ensure_installed(self, service: Service) -> Plan:
        own_service.check(service)
        name, host = service.name, self._host
        path, *others = (f"{directory}/{name}" for directory in self._directories())
        own_service.refuse_foreign(host, path, *others)
        boot_level = host.has("update-rc.d")
        text = sysv_script.text(service, run=host.places.run, boot_level=boot_level)
        writing = own_service.writing(host, path, text, 0o755)
        adding = () if not writing and self._switched_on(name) else self._adding(name)
        yield from writing
        for argv in adding:
            yield Run(argv)
        if adding:
            yield Verify(f"{name} is enabled", lambda: self._switched_on(name))

    def ensure_uninstalled(self, name: str) -> Plan:
        own_service.check_name(name)
        path = f"{self._directories()[0]}/{name}"
        if not own_service.is_ours(self._host, path):
            return
        removing = self._removing(name)
        if self._runs(path):
            yield Run((path, "stop"), timeout_s=_TIMEOUT_S, booted=True)
        for argv in removing:
            yield Run(argv)
        yield Remove(path)

    def _directories(self) -> tuple[str, ...]:
        """The first is where scripts really are: one of the two is often a link to the other."""
        real = (each for each in DIRECTORIES if self._host.is_directory(each))
        first = next(real, DIRECTORIES[0])
        return tuple(dict.fromkeys((first, *DIRECTORIES)))

    def _adding(self, stem: str) -> tuple[tuple[str, ...], ...]:
        return self._registering(stem, (
            (("update-rc.d", stem, "defaults"), ("update-rc.d", stem, "enable")),
            (("chkconfig", "--add", stem), ("chkconfig", stem, "on")),
            (("insserv", stem),),
        ))  # fmt: skip

    def _removing(self, stem: str) -> tuple[tuple[str, ...], ...]:
        return self._registering(stem, (
            (("update-rc.d", "-f", stem, "remove"),),
            (("chkconfig", "--del", stem),),
            (("insserv", "-r", stem),),
        ))  # fmt: skip

    def _switched_on(self, stem: str) -> bool:
        return any(self._host.glob(f"{links}/S[0-9][0-9]{stem}") for links in _LINKS)

    # ---- scripts

    def script(self, name: str) -> Optional[str]:
        """The first of its scripts that is there; of an incomplete tree, the first."""
        candidates = [unit.partition(".")[0] for unit in self._scripts.get(name, (name,))]
        for candidate in candidates:
            for directory in DIRECTORIES:
                if self._host.exists(f"{directory}/{candidate}"):
                    return f"{directory}/{candidate}"
        return f"{DIRECTORIES[0]}/{candidates[0]}" if self._host.assume_tools else None

    def _there(self, name: str) -> str:
        script = self.script(name)
        if script is None:
            raise NotFound(f"no init script for {name}", hint="install the service")
        return script

    def _registering(
        self, stem: str, ways: Sequence[tuple[tuple[str, ...], ...]]
    ) -> tuple[tuple[str, ...], ...]:
        """The commands of the first tool that is installed.

        :raises CommandMissing: none is.
        """
        for way in ways:
            if self._host.has(way[0][0]):
                return way
        raise CommandMissing("update-rc.d, chkconfig, insserv", "init-system-helpers or chkconfig")
