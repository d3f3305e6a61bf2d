# SPDX-License-Identifier: Apache-2.0
"""Faults in what is told to the network, and in the packet filter."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

from osdrivers.actions import Plan, Run
from osdrivers.api import DhcpClient, Driver, InterfaceAddress, Lease
from osdrivers.errors import NotFound
from tests.conformance.faults.plans import (
    Fault,
    Method,
    accepting,
    answering,
    each_time,
    nothing,
    then,
)

_PIDS = itertools.count(2)
_LEASE = Lease("eth0", "/run/systemd/netif/leases/2", b"\xa8\x3f\x81\x10")


def loopback(driver: Driver, sound: Method) -> Any:
    return next(each for each in driver.network.interfaces() if each.loopback)  # type: ignore


def restarted(driver: Driver, sound: Method) -> tuple[DhcpClient, ...]:
    return (DhcpClient("networkd", "", next(_PIDS)),)


def one_name_alone(driver: Driver, sound: Method, interface: str, name: str) -> Plan:
    yield from sound(interface, name)
    if name == "vm-2":
        raise NotFound("no such name")


def guarding(driver: Driver, sound: Method) -> Plan:
    yield from driver.firewall.ensure_guarded([ip_address("10.0.0.1")])  # type: ignore


_LINKS, _WALL = "links", "firewall"
FAULTS: Mapping[str, Fault] = {
    "bad-name": Fault("h1_a_name", "host-name", "hostname", "ensure", accepting),
    "published-bad": Fault("h2_what", "publish", _LINKS, "ensure_published", accepting),
    "silent": Fault("h2_the_server", "publish", _LINKS, "ensure_published", nothing),
    "one-name": Fault("h2_a_name", "publish", _LINKS, "ensure_published", one_name_alone),
    "unstable": Fault("h3_a_name", "publish", "hostname", "get", answering("localhost")),
    "client": Fault(
        "n1_the_client", "publish", _LINKS, "clients", answering((DhcpClient("x", "no0", 9),))
    ),
    "restarted": Fault("n1_a_look", "publish", _LINKS, "clients", restarted),
    "lease": Fault("n2_leases", "publish", "dhcp", "leases", answering((_LEASE,))),
    "gateway": Fault("n3_a_gateway", "route", "network", "ensure_route", accepting),
    "loopback": Fault("n4_the_primary", "route", "network", "primary", loopback),
    "addressed": Fault(
        "n4_an_interface",
        "recover",
        "network",
        "addresses",
        answering((InterfaceAddress(ip_address("10.0.0.4"), 24),)),
    ),
    "pinned-still": Fault(
        "n6_names_of", "stale-names", "interface_names", "ensure_unpinned", nothing
    ),
    "bounced": Fault("n7_what", "recover", _LINKS, "ensure_recovered", each_time),
    "ports": Fault("f1_one", "guard-ipv4", _WALL, "ensure_guarded", accepting),
    "order": Fault("f3_the_order", "guard", _WALL, "ensure_guarded", each_time),
    "unguarded": Fault("f2_nothing", "unguard", _WALL, "ensure_unguarded", nothing),
    "theirs": Fault(
        "f4_rules",
        "guard-ipv4",
        _WALL,
        "ensure_guarded",
        then(Run(("nft", "delete", "table", "inet", "theirs"))),
    ),
    "dhcp": Fault("f5_dhcp", "dhcp-allowed", _WALL, "ensure_dhcp_allowed", guarding),
}
