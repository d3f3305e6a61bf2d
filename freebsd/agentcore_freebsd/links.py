# SPDX-License-Identifier: Apache-2.0
"""The base system's dhclient(8): it sends a name only if its configuration has one (H2, N1, N7).

``service dhclient restart IF`` ends the client, which leaves the address, and starts another,
which asks for the lease it has on file.  rc.d refuses an interface that rc.conf(5) does not give
to DHCP.  Source: dhclient(8), dhclient.conf(5), rc.conf(5), rc.d/dhclient.
"""

from __future__ import annotations

from osdrivers.actions import EditFile, Plan, Run
from osdrivers.api import DhcpClient
from osdrivers.errors import NotFound
from osdrivers.host import Host
from osdrivers.parts import dhclient_links, hostname_files

from . import network, rc

CONFIGURATION = "/etc/dhclient.conf"
TIMEOUT_S = 90.0


class Links:
    """Interfaces of rc.conf(5)."""

    def __init__(self, host: Host) -> None:
        self._host, self._network = host, network.Network(host)

    def clients(self) -> tuple[DhcpClient, ...]:
        if self._host.offline:
            return ()
        found = []
        for path in self._host.glob(f"{self._host.places.run}/dhclient/dhclient.*.pid"):
            text = self._host.read(path, "").strip()
            interface = path.rpartition("/dhclient.")[2].rpartition(".")[0]
            found.append(DhcpClient("dhclient", interface, int(text) if text.isdigit() else None))
        return tuple(found)

    def ensure_published(self, interface: str, name: str, *, allow_bounce: bool = False) -> Plan:
        hostname_files.check(name)
        self._up(interface)
        words = rc.variable(self._host, f"ifconfig_{interface}", service="network").upper().split()
        if not {"DHCP", "SYNCDHCP", "NOSYNCDHCP"} & {*words}:
            raise NotFound(f"rc.conf does not give {interface} to DHCP")
        self._host.require("service")
        text = self._host.read_bytes(CONFIGURATION, b"")
        if dhclient_links.sending(text, name) != text:
            yield EditFile(
                CONFIGURATION,
                lambda now: dhclient_links.sending(now, name),
                f"host-name {name}",
            )
        restart = ("service", "dhclient", "restart", interface)
        yield Run(restart, timeout_s=TIMEOUT_S, booted=True)

    def ensure_recovered(self, interface: str) -> Plan:
        if not self._up(interface):
            self._host.require("service")
            start = ("service", "netif", "start", interface)
            yield Run(start, timeout_s=TIMEOUT_S, booted=True)

    def _up(self, interface: str) -> bool:
        """:raises NotFound: there is none, or it is a virtual function."""
        for each in self._network.interfaces():
            if each.name == interface:
                if each.master:
                    raise NotFound(f"{interface} is a virtual function and has no DHCP client")
                return each.up
        raise NotFound(f"there is no interface {interface}")
