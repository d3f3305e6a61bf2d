# SPDX-License-Identifier: Apache-2.0
"""Routes and addresses with ip(8) (N3, N4).

``replace`` and an explicit prefix: ``ip route add 0 via ...`` makes a host route to 0.0.0.0 and
reports success.  Source: ip-route(8).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Optional

from ..actions import Plan, Run, Verify
from ..api import Interface, InterfaceAddress, Route
from ..errors import InvalidInput
from ..host import Host
from . import proc_net, sysfs_net

METRIC_LIMIT = 2**32
_INTERFACE = re.compile(r"[^\s/:]{1,15}\Z")  # dev_valid_name() of the kernel


class Network:
    """Interfaces and routes of a Linux system."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def interfaces(self) -> tuple[Interface, ...]:
        return sysfs_net.interfaces(self._host)

    def primary(self) -> Optional[Interface]:
        return sysfs_net.primary(self.interfaces(), self.routes())

    def addresses(self, interface: str) -> tuple[InterfaceAddress, ...]:
        if self._host.offline or not is_name(interface):
            return ()
        return tuple(parse_addresses(self._shown(interface)))

    def _shown(self, interface: str) -> str:
        """One line for each address: a form that every release, and BusyBox, has."""
        return self._host.ask("ip", "-o", "address", "show", "dev", interface).stdout

    def routes(self) -> tuple[Route, ...]:
        return proc_net.routes(self._host)

    def ensure_route(self, route: Route) -> Plan:
        check(route)
        if any(covers(each, route) for each in self.routes()):
            return
        self._require()
        yield self._add(route)
        yield Verify(
            f"there is a route to {route.destination}",
            lambda: any(covers(each, route) for each in self.routes()),
            booted=True,
        )

    def ensure_no_route(self, route: Route) -> Plan:
        check(route)
        for each in self.routes():
            if covers(each, route):
                self._require()
                yield self._delete(each)

    def _require(self) -> None:
        self._host.require("ip", package="iproute2")

    def _add(self, route: Route) -> Run:
        return _ip("replace", route)

    def _delete(self, route: Route) -> Run:
        return _ip("del", route)


def parse_addresses(text: str) -> Iterator[InterfaceAddress]:
    """Of ``ip -o address``; an address with a peer has the prefix of that."""
    for line in text.splitlines():
        words = line.partition("\\")[0].split()
        if len(words) < 4 or words[2] not in ("inet", "inet6"):
            continue
        rest = words[4:]
        length = rest[1] if rest[:1] == ["peer"] and len(rest) > 1 else words[3]
        try:
            address = ipaddress.ip_address(words[3].partition("/")[0])
            prefix = ipaddress.ip_interface(length).network.prefixlen
        except ValueError:
            continue
        yield InterfaceAddress(address, prefix, "dynamic" in rest)


def _ip(verb: str, route: Route) -> Run:
    via = ("via", str(route.gateway)) if route.gateway is not None else ()
    device = ("dev", route.interface) if route.interface else ()
    metric = ("metric", str(route.metric)) if route.metric else ()
    family = f"-{route.destination.version}"
    words = (verb, str(route.destination), *via, *device, *metric)
    return Run(("ip", family, "route", *words), booted=True)


def is_name(interface: str) -> bool:
    """Whether a kernel could have an interface of this name, and no tool take it for an option."""
    return bool(_INTERFACE.match(interface)) and not interface.startswith("-")


def check(route: Route) -> None:
    """:raises InvalidInput: nothing a kernel could have."""
    gateway = route.gateway
    if gateway is not None and gateway.version != route.destination.version:
        raise InvalidInput(f"gateway {gateway} is of another family than {route.destination}")
    if gateway is None and not route.interface:
        raise InvalidInput(f"route to {route.destination} has neither gateway nor interface")
    if route.interface and not _INTERFACE.match(route.interface):
        raise InvalidInput(f"{route.interface!r} is not the name of an interface")
    if not 0 <= route.metric < METRIC_LIMIT:
        raise InvalidInput(f"metric {route.metric} is not within 32 bits")


def covers(present: Route, wanted: Route) -> bool:
    """Whether the table's route is the wanted one; what was not asked for may be anything."""
    return (
        present.destination == wanted.destination
        and present.gateway == wanted.gateway
        and (not wanted.interface or present.interface == wanted.interface)
        and (not wanted.metric or present.metric == wanted.metric)
    )
