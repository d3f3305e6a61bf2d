# SPDX-License-Identifier: Apache-2.0
"""Interfaces and routes: ifconfig(8), netstat(1), route(8) (N3, N4)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Optional

from osdrivers.actions import Plan, Run, Verify
from osdrivers.api import Address, Interface, InterfaceAddress, Prefix, Route
from osdrivers.errors import InvalidInput
from osdrivers.host import Host

_HEAD = re.compile(r"^(\S+): flags=[0-9a-f]+<([^>]*)>", re.MULTILINE)
_INET = re.compile(r"^\s+inet ([0-9.]+) (?:--> \S+ )?netmask 0x([0-9a-f]{8})", re.MULTILINE)
_INET6 = re.compile(r"^\s+inet6 ([0-9a-f:]+)(?:%\S+)? .*?prefixlen (\d+)(.*)$", re.MULTILINE)
_ETHER = re.compile(r"^\s+ether ([0-9a-f:]{17})", re.MULTILINE)
#: Virtual functions of the host's adapter; hn(4) drives them and they are never touched.
_FUNCTION = re.compile(r"(mce|mlxen)\d+\Z")


class Network:
    """Asks the running kernel; an offline root has neither interfaces nor routes."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def _ask(self, *argv: str) -> str:
        return "" if self._host.offline else self._host.ask(*argv).stdout

    def interfaces(self) -> tuple[Interface, ...]:
        return parse_interfaces(self._ask("ifconfig", "-a"))

    def addresses(self, interface: str) -> tuple[InterfaceAddress, ...]:
        """That an IPv4 address came by DHCP is not told here, but of an IPv6 one ``autoconf``."""
        text = self._ask("ifconfig", "-a")
        heads = list(_HEAD.finditer(text))
        ends = [*(head.start() for head in heads[1:]), len(text)]
        for head, end in zip(heads, ends):
            if head[1] == interface:
                return tuple(parse_addresses(text[head.end() : end]))
        return ()

    def primary(self) -> Optional[Interface]:
        usable = [each for each in self.interfaces() if each.ethernet and not each.master]
        by_name = {each.name: each for each in usable}
        for route in self.routes():
            if route.destination.prefixlen == 0 and route.interface in by_name:
                return by_name[route.interface]
        return next((each for each in usable if each.up), None)

    def routes(self) -> tuple[Route, ...]:
        return tuple(
            route
            for family in ("inet", "inet6")
            for route in parse_routes(self._ask("netstat", "-rnW", "-f", family))
        )

    def ensure_route(self, route: Route) -> Plan:
        if route.gateway is not None and route.gateway.version != route.destination.version:
            raise InvalidInput(f"gateway {route.gateway} for {route.destination}")
        if self._holds(route):
            return
        self._host.require("route")
        present = any(each.destination == route.destination for each in self.routes())
        yield Run(("route", "-n", "change" if present else "add", *_target(route)), booted=True)
        yield Verify(f"route to {route.destination}", lambda: self._holds(route), booted=True)

    def ensure_no_route(self, route: Route) -> Plan:
        if self._holds(route):
            self._host.require("route")
            yield Run(("route", "-n", "delete", *_target(route)), booted=True)

    def _holds(self, wanted: Route) -> bool:
        return any(
            each.destination == wanted.destination
            and (wanted.gateway is None or each.gateway == wanted.gateway)
            and (wanted.gateway is not None or each.interface == wanted.interface)
            for each in self.routes()
        )


def _target(route: Route) -> tuple[str, ...]:
    family = ("-inet6",) if route.destination.version == 6 else ()
    if route.gateway is not None:
        return (*family, "-net", str(route.destination), str(route.gateway))
    return (*family, "-net", str(route.destination), "-interface", route.interface)


def parse_interfaces(text: str) -> tuple[Interface, ...]:
    """The interfaces of ``ifconfig -a``, in its order."""
    found = []
    heads = list(_HEAD.finditer(text))
    for number, head in enumerate(heads):
        end = heads[number + 1].start() if number + 1 < len(heads) else len(text)
        ether = _ETHER.search(text[head.end() : end])
        flags = head[2].split(",")
        found.append(
            Interface(
                name=head[1],
                mac=ether[1] if ether else "",
                up="UP" in flags,
                loopback="LOOPBACK" in flags,
                master="hn" if _FUNCTION.match(head[1]) else "",
                ethernet=ether is not None,
                virtual=not re.match(r"(hn|mce|mlxen|vtnet|em|ix)\d", head[1]),
            )
        )
    return tuple(found)


def parse_addresses(text: str) -> Iterator[InterfaceAddress]:
    """The addresses of one interface's lines."""
    for address, mask in _INET.findall(text):
        length = bin(int(mask, 16)).count("1")
        yield InterfaceAddress(ipaddress.ip_address(address), length)
    for address, length, rest in _INET6.findall(text):
        words = rest.split()
        yield InterfaceAddress(ipaddress.ip_address(address), int(length), "autoconf" in words)


def parse_routes(text: str) -> Iterator[Route]:
    """The routes of ``netstat -rn``: its columns vary, so the head says which is which."""
    columns: list[str] = []
    metric = 0
    for line in text.splitlines():
        words = line.split()
        if words[:1] == ["Destination"]:
            columns = words
            continue
        if not columns or len(words) < 3 or "Netif" not in columns:
            continue
        destination = _prefix(words[0])
        at = columns.index("Netif")
        interface = words[at] if len(words) > at else ""
        if destination is not None:
            metric += 1
            yield Route(destination, _gateway(words[1]), interface, metric)


def _prefix(word: str) -> Optional[Prefix]:
    """``default``, a network, or an address, which is a host's; a zone (``%lo0``) is dropped."""
    if word == "default":
        return ipaddress.ip_network("0.0.0.0/0")
    try:
        return ipaddress.ip_network(re.sub(r"%[^/]+", "", word), strict=False)
    except ValueError:
        return None


def _gateway(word: str) -> Optional[Address]:
    """None for ``link#2`` and the like: on the link."""
    try:
        return ipaddress.ip_address(word.partition("%")[0])
    except ValueError:
        return None
