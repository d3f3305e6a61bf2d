# SPDX-License-Identifier: Apache-2.0
"""systemd-networkd: it sends the machine's name by itself; a restart of it asks again (H2, N7).

Its unit says ``RestartKillSignal=SIGUSR2``, by which it ends without letting go of its leases; the
new one asks for them again, with the name as it is then, and no address goes (252: no echo request
of 10 ms lost; the kernel's route of the link is replaced).  ``networkctl reconfigure``, which may
come to mind, releases the lease first: the address goes, and three to five requests are lost.
``networkctl renew`` sends the name that the machine had when the link came up.

A ``Hostname=`` of another name, or ``SendHostname=no``, in the file that configures the interface
is overruled by a drop-in of our own.  That holds for files which another program generates (e.g.
from YAML) too: they are written anew at each boot, a drop-in below /etc stays.
Source: systemd.network(5), networkctl(1), systemd.kill(5); tried with 252.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..actions import Action, MakeDirectory, Plan, Run, WriteFile
from ..api import DhcpClient
from ..errors import UnsafeRefused
from ..host import Host
from ..probes import Probes
from . import dhcp_names, dhcp_processes

_RECONFIGURE_SINCE = 244
_SECTIONS_SINCE = 243  # [DHCPv4] instead of [DHCP]
_TIMEOUT_S = 60.0
_UNIT = "systemd-networkd.service"
_UNITS = tuple(f"{top}/systemd/system" for top in ("/etc", "/run", "/usr/lib", "/lib"))
_GRACEFUL = re.compile(r"^RestartKillSignal\s*=\s*(SIGUSR2|USR2|12)\s*$", re.MULTILINE)
_HOSTNAME = re.compile(r"^\s*Hostname\s*=\s*(\S+)", re.MULTILINE)
_SILENT = re.compile(r"^\s*SendHostname\s*=\s*(no|false|off|0|n|f)\s*$", re.MULTILINE | re.I)
_DOWN = ("off", "missing")


class Links:
    """Interfaces that networkd manages."""

    def __init__(self, host: Host) -> None:
        self._host, self._probes = host, Probes(host)

    def clients(self) -> tuple[DhcpClient, ...]:
        return tuple(each.client() for each in dhcp_processes.running(self._host))

    def ensure_published(self, interface: str, name: str, *, allow_bounce: bool = False) -> Plan:
        host = self._host
        dhcp_processes.check(host, interface, name)
        dhcp_processes.require(host, interface, "networkd")
        host.require("systemctl", package="systemd")
        corrections = [*self._corrections(interface, name)]
        if not allow_bounce and not self._keeps_leases():
            raise UnsafeRefused(
                f"this systemd-networkd drops its addresses to publish {name} on {interface}",
                hint="allow the link to go down, or restart the machine",
            )
        yield from corrections
        yield Run(("systemctl", "restart", _UNIT), timeout_s=_TIMEOUT_S, booted=True)

    def ensure_recovered(self, interface: str) -> Plan:
        if dhcp_processes.known(self._host, interface) and not self._off(interface):
            return
        self._host.require("networkctl", "systemctl", package="systemd")
        if self._probes.systemd_version >= _RECONFIGURE_SINCE:
            yield Run(("networkctl", "reconfigure", interface), timeout_s=_TIMEOUT_S, booted=True)
        else:
            yield Run(("systemctl", "restart", _UNIT), timeout_s=_TIMEOUT_S, booted=True)

    def _keeps_leases(self) -> bool:
        """Whether a restart does."""
        for directory in _UNITS:
            text = self._host.read(f"{directory}/{_UNIT}", "")
            if text:
                return bool(_GRACEFUL.search(text))
        return False

    def _state(self, interface: str) -> dict[str, str]:
        """networkd's own record of an interface."""
        number = self._host.read(
            f"{self._host.places.sysfs}/class/net/{interface}/ifindex", ""
        ).strip()
        text = self._host.read(f"{self._host.places.run}/systemd/netif/links/{number}", "")
        pairs = (line.partition("=") for line in text.splitlines() if number)
        return {key: value.strip('"') for key, _, value in pairs}

    def _off(self, interface: str) -> bool:
        return self._state(interface).get("OPER_STATE", "") in _DOWN

    def _corrections(self, interface: str, name: str) -> Iterator[Action]:
        state = self._state(interface)
        path = state.get("NETWORK_FILE", "")
        if not path:
            return
        file = path.rpartition("/")[2]
        found = [path, *state.get("NETWORK_FILE_DROPINS", "").split()]
        ours = f"/etc/systemd/network/{file}.d/{dhcp_names.DROP_IN}"
        texts = [self._host.read(each, "") for each in dict.fromkeys((*found, ours))]
        names = [each for text in texts for each in _HOSTNAME.findall(text)]
        silent = any(_SILENT.search(text) for text in texts)
        wanted = self._drop_in(name)
        if self._host.read(ours, "") == wanted:
            return
        if silent or any(each != name for each in names):
            if not self._host.is_directory(ours.rpartition("/")[0]):
                yield MakeDirectory(ours.rpartition("/")[0])
            yield WriteFile(ours, wanted.encode())

    def _drop_in(self, name: str) -> str:
        new = self._probes.systemd_version >= _SECTIONS_SINCE
        sections = ("DHCPv4", "DHCPv6") if new else ("DHCP",)
        return "".join(f"[{each}]\nSendHostname=yes\nHostname={name}\n" for each in sections)
