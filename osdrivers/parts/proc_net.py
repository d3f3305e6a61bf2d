# SPDX-License-Identifier: Apache-2.0
"""The kernel's main routing table, from /proc/net: the same on every release, with no tool (N3).

IPv4 addresses there are hexadecimal in the byte order of the machine, IPv6 ones in that of the
network.  Source: proc_net(5), net/ipv4/fib_trie.c and net/ipv6/route.c of the kernel.
"""

from __future__ import annotations

import sys
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Literal, Optional

from ..api import Route
from ..host import Host

UP, GATEWAY, REJECT = 0x1, 0x2, 0x200
#: Flags of IPv6 entries that are no routes to somewhere: local, anycast, cached, null.
_NO_ROUTE6 = 0x80000000 | 0x00100000 | 0x01000000


def routes(host: Host) -> tuple[Route, ...]:
    """IPv4, then IPv6; the kernel's order within each."""
    base = f"{host.places.procfs}/net"
    first = parse_ipv4(host.read(f"{base}/route", ""))
    return (*first, *parse_ipv6(host.read(f"{base}/ipv6_route", "")))


def parse_ipv4(text: str, byteorder: Literal["little", "big"] = sys.byteorder) -> tuple[Route, ...]:
    """Lines of another shape are passed over, the header among them."""
    found = []
    for line in text.splitlines():
        route = _ipv4(line.split(), byteorder)
        if route is not None:
            found.append(route)
    return tuple(found)


def _ipv4(columns: list[str], byteorder: Literal["little", "big"]) -> Optional[Route]:
    if len(columns) < 8:
        return None
    try:
        address, gateway, mask = (
            IPv4Address(int.from_bytes(bytes.fromhex(columns[at]), byteorder)) for at in (1, 2, 7)
        )
        flags, metric = int(columns[3], 16), int(columns[6])
        destination = IPv4Network(f"{address}/{mask}")
    except ValueError:
        return None
    if not flags & UP or flags & REJECT or columns[0] == "*":  # a black hole has no interface
        return None
    through = gateway if flags & GATEWAY else None
    return Route(destination, through, columns[0], metric)


def parse_ipv6(text: str) -> tuple[Route, ...]:
    found = []
    for line in text.splitlines():
        route = _ipv6(line.split())
        if route is not None:
            found.append(route)
    return tuple(found)


def _ipv6(columns: list[str]) -> Optional[Route]:
    if len(columns) < 10:
        return None
    try:
        address = IPv6Address(bytes.fromhex(columns[0]))
        gateway = IPv6Address(bytes.fromhex(columns[4]))
        destination = IPv6Network((address, int(columns[1], 16)))
        metric, flags = int(columns[5], 16), int(columns[8], 16)
    except ValueError:
        return None
    unreal = flags & (_NO_ROUTE6 | REJECT) or destination.is_multicast
    if not flags & UP or unreal:
        return None
    through = gateway if flags & GATEWAY else None
    return Route(destination, through, columns[9], metric)
