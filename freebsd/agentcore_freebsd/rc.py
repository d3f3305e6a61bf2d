# SPDX-License-Identifier: Apache-2.0
"""Services and host name under rc(8): service(8), sysrc(8), rc.conf(5) (V1, V3, H1)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from osdrivers.actions import Plan, Remove, Run, Verify
from osdrivers.api import Service
from osdrivers.errors import CommandMissing, CommandTimeout, NotFound
from osdrivers.host import Host
from osdrivers.parts import dhcp_names, hostname_files, own_service

from . import rc_script

NAMES: Mapping[str, str] = {
    "agent": "waagent",
    "ssh": "sshd",
    "network": "netif",
    "dhcp": "dhclient",
}
DIRECTORIES = ("/etc/rc.d", "/usr/local/etc/rc.d")
#: Read in this order by rc; a later assignment wins.
FILES = ("/etc/defaults/vendor.conf", "/etc/rc.conf", "/etc/rc.conf.local")
TIMEOUT_S = 90.0


def variable(host: Host, name: str, *, service: str = "") -> str:
    """The value of a variable of rc.conf(5), "" when nothing sets it.

    Only plain assignments are understood; one that is computed is returned as it stands.
    """
    files = (*FILES, *((f"/etc/rc.conf.d/{service}",) if service else ()))
    found = ""
    for path in files:
        pattern = rf"""^\s*{re.escape(name)}=("[^"\n]*"|'[^'\n]*'|[^\s;#]*)"""
        for value in re.findall(pattern, host.read(path, ""), re.MULTILINE):
            found = value.strip("\"'")
    return found


class Services:
    """Services as scripts of rc.d, switched by ``NAME_enable`` in rc.conf(5)."""

    def __init__(self, host: Host, names: Mapping[str, str] = NAMES) -> None:
        self._host, self._names = host, names

    def _name(self, name: str) -> str:
        return self._names.get(name, name)

    def _script(self, name: str) -> str:
        """:raises NotFound: no such script; an incomplete tree is taken to have it."""
        service = self._name(name)
        known = any(self._host.exists(f"{where}/{service}") for where in DIRECTORIES)
        if not known and not self._host.assume_tools:
            raise NotFound(f"no rc.d script {service}", hint="install the service")
        return service

    def active(self, name: str) -> bool:
        if self._host.offline:
            return False
        try:
            return self._host.ask("service", self._name(name), "onestatus").status == 0
        except (CommandMissing, CommandTimeout):
            return False

    def enabled(self, name: str) -> bool:
        service = self._name(name)
        switch = f"{service.replace('-', '_')}_enable"
        return variable(self._host, switch, service=service).upper() in ("YES", "TRUE", "ON", "1")

    def ensure_started(self, name: str) -> Plan:
        service = self._script(name)
        if not self.active(name):
            # onestart: also where it is not switched on for boot
            yield Run(("service", service, "onestart"), timeout_s=TIMEOUT_S, booted=True)
            yield Verify(f"{service} runs", lambda: self.active(name), booted=True)

    def ensure_stopped(self, name: str) -> Plan:
        if self.active(name):
            service = self._name(name)
            yield Run(("service", service, "onestop"), timeout_s=TIMEOUT_S, booted=True)

    def ensure_enabled(self, name: str) -> Plan:
        service = self._script(name)
        if not self.enabled(name):
            self._host.require("sysrc")
            yield Run(("sysrc", f"{service.replace('-', '_')}_enable=YES"))

    def ensure_disabled(self, name: str) -> Plan:
        if self.enabled(name):
            self._host.require("sysrc")
            yield Run(("sysrc", f"{self._name(name).replace('-', '_')}_enable=NO"))

    def restart(self, name: str, *, reload: bool = False) -> Plan:
        service = self._script(name)
        if self._host.offline or self.active(name):
            verb = "onereload" if reload else "onerestart"
            yield Run(("service", service, verb), timeout_s=TIMEOUT_S, booted=True)

    def ensure_installed(self, service: Service) -> Plan:
        own_service.check(service)
        name, host = service.name, self._host
        path = f"{host.places.units}/{name}"
        own_service.refuse_foreign(host, path, *(f"{where}/{name}" for where in DIRECTORIES))
        text = rc_script.text(service, run=host.places.run)
        writing, switched_on = own_service.writing(host, path, text, 0o555), self.enabled(name)
        host.require("sysrc")
        yield from writing
        if not switched_on:
            yield Run(("sysrc", f"{rc_script.switch(name)}=YES"))
            yield Verify(f"{name} is enabled", lambda: self.enabled(name))

    def ensure_uninstalled(self, name: str) -> Plan:
        own_service.check_name(name)
        path = f"{self._host.places.units}/{name}"
        if not own_service.is_ours(self._host, path):
            return
        self._host.require("sysrc")
        switch = rc_script.switch(name)
        running, set_here = self.active(name), variable(self._host, switch, service=name)
        if running:
            yield Run(("service", name, "onestop"), timeout_s=TIMEOUT_S, booted=True)
        if set_here:
            yield Run(("sysrc", "-x", switch))
        yield Remove(path)


class Hostname:
    """``hostname`` in rc.conf(5), and the kernel's by hostname(1)."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def get(self) -> str:
        return variable(self._host, "hostname", service="hostname")

    def _kernel(self) -> str:
        if self._host.offline:
            return ""
        try:
            return self._host.ask("hostname").stdout.strip()
        except (CommandMissing, CommandTimeout):
            return ""

    def ensure(self, name: str) -> Plan:
        hostname_files.check(name)
        stale = self._host.offline or self._kernel() != name
        persistent = self.get() == name
        self._host.require("sysrc", "hostname")
        if not persistent:
            yield Run(("sysrc", f"hostname={name}"))
        if stale and not (self._host.offline and persistent):
            yield Run(("hostname", name), booted=True)
        if not persistent:
            yield Verify(f"the host name is {name}", lambda: self._holds(name))

    def forget(self) -> Plan:
        """P1: rc.conf(5) sets no name; rc.d/hostname takes DHCP's then."""
        name = self.get()
        if not name:
            return
        self._host.require("sysrc")
        yield from [*dhcp_names.forgotten(self._host, (name,))]
        yield Run(("sysrc", "hostname="))
        yield Verify("no host name is set", lambda: not self.get())

    def _holds(self, name: str) -> bool:
        return self.get() == name and (self._host.offline or self._kernel() == name)
