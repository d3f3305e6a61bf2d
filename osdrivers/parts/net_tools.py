# SPDX-License-Identifier: Apache-2.0
"""Routes and addresses with route(8) and ifconfig(8) of net-tools, or BusyBox: where ip(8) is not
installed (N3, N4).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from ..actions import Plan, Run
from ..api import InterfaceAddress, Route
from . import iproute2

_INET = re.compile(r"^\s+inet (?:addr:)?(\S+) .*?(?:netmask |Mask:)(\S+)", re.MULTILINE)
_INET6 = re.compile(r"^\s+inet6 (?:addr: ?)?([0-9a-fA-F:]+)(?:/|\s+prefixlen )(\d+)", re.MULTILINE)


class Network(iproute2.Network):
    """The same facts and decisions; only the commands differ."""

    def ensure_route(self, route: Route) -> Plan:
        """route(8) cannot replace: another way to the same place goes once the new one is there."""
        present = self.routes()
        yield from super().ensure_route(route)
        for each in present:
            same = each.destination == route.destination and each.metric == route.metric
            if same and not iproute2.covers(each, route) and each.gateway is not None:
                yield self._delete(each)

    def addresses(self, interface: str) -> tuple[InterfaceAddress, ...]:
        """ifconfig(8) does not say where an address came from: none is called dynamic."""
        if self._host.offline or not iproute2.is_name(interface):
            return ()
        return tuple(parse_addresses(self._host.ask("ifconfig", interface).stdout))

    def _require(self) -> None:
        self._host.require("route", package="net-tools")

    def _add(self, route: Route) -> Run:
        return _route("add", route)

    def _delete(self, route: Route) -> Run:
        return _route("del", route)


def parse_addresses(text: str) -> Iterator[InterfaceAddress]:
    """Of ``ifconfig eth0``, as net-tools 1.60, 2.x or BusyBox print it."""
    for address, length in [*_INET.findall(text), *_INET6.findall(text)]:
        try:
            found = ipaddress.ip_interface(f"{address}/{length}")
        except ValueError:
            continue
        yield InterfaceAddress(found.ip, found.network.prefixlen)


def _route(verb: str, route: Route) -> Run:
    through = ("gw", str(route.gateway)) if route.gateway is not None else ()
    device = ("dev", route.interface) if route.interface else ()
    metric = ("metric", str(route.metric)) if route.metric else ()
    family: tuple[str, ...] = ()
    target: tuple[str, ...]
    if route.destination.version == 6:
        family, target = ("-A", "inet6"), (str(route.destination),)
    else:
        network, mask = route.destination.network_address, route.destination.netmask
        target = ("-net", str(network), "netmask", str(mask))
    return Run(("route", *family, verb, *target, *through, *metric, *device), booted=True)
