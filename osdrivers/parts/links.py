# SPDX-License-Identifier: Apache-2.0
"""Whatever configures an interface, chosen when it is first asked for (H2, N1, N7).

The client that runs for the interface decides; among several, one that is made for it alone
comes before one that serves all.  Where none runs, the manager of the network is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Callable

from ..actions import Plan
from ..api import DhcpClient
from ..api import Links as Protocol
from ..errors import NotFound
from ..host import Host
from ..probes import Probes
from . import (
    dhclient_links,
    dhcp_processes,
    dhcpcd_links,
    networkd_links,
    networkmanager_links,
    udhcpc_links,
    wicked_links,
)

_OF_CLIENT: Mapping[str, Callable[[Host], Protocol]] = {
    "dhclient": dhclient_links.Links,
    "dhcpcd": dhcpcd_links.Links,
    "udhcpc": udhcpc_links.Links,
    "networkd": networkd_links.Links,
    "NetworkManager": networkmanager_links.Links,
    "wicked": wicked_links.Links,
}
#: Managers that start clients of their own for an interface, so theirs is the last word.
_MANAGERS = ("NetworkManager", "networkd", "wicked")


class Links:
    """Building it asks nothing."""

    def __init__(self, host: Host) -> None:
        self._host, self._probes = host, Probes(host)

    def clients(self) -> tuple[DhcpClient, ...]:
        return tuple(each.client() for each in dhcp_processes.running(self._host))

    def ensure_published(self, interface: str, name: str, *, allow_bounce: bool = False) -> Plan:
        dhcp_processes.check(self._host, interface, name)
        part = self._part(interface)
        yield from part.ensure_published(interface, name, allow_bounce=allow_bounce)

    def ensure_recovered(self, interface: str) -> Plan:
        dhcp_processes.known(self._host, interface)
        yield from self._part(interface).ensure_recovered(interface)

    def _part(self, interface: str) -> Protocol:
        found = [each.kind for each in dhcp_processes.serving(self._host, interface)]
        manager = self._probes.network_manager
        if manager in _MANAGERS and (manager in found or not found):
            return _OF_CLIENT[manager](self._host)
        if found[:1] == ["dhcpcd"] and self._host.exists(wicked_links.DEFAULTS):
            return wicked_links.Links(self._host, ("ifup",))
        if found:
            return _OF_CLIENT[found[0]](self._host)
        if manager == "ifupdown":
            return dhclient_links.Links(self._host)
        raise NotFound(f"no DHCP client runs for {interface}, and nothing manages it")
