# SPDX-License-Identifier: Apache-2.0
"""The host name, interfaces, routes, DHCP, and the firewall."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Optional, Protocol, Union

from ..actions import Plan

Address = Union[IPv4Address, IPv6Address]
Prefix = Union[IPv4Network, IPv6Network]


class Hostname(Protocol):
    """The machine's name (H1)."""

    def get(self) -> str:
        """The persistent name, "" when there is none."""

    def ensure(self, name: str) -> Plan:
        """H1: kernel and every persistent place have this name; a 127.0.1.1 line of the old
        name in /etc/hosts follows.

        :raises InvalidInput: not RFC 1123, longer than 64 bytes, ``localhost*``, or empty.
        """


@dataclass(frozen=True)
class Interface:
    """A network interface.  ``master`` names the device it is enslaved to (a VF's netvsc)."""

    name: str
    mac: str
    up: bool
    loopback: bool = False
    master: str = ""
    ethernet: bool = True
    virtual: bool = False


@dataclass(frozen=True)
class Route:
    """A kernel route.  ``gateway`` None: on the link."""

    destination: Prefix
    gateway: Optional[Address] = None
    interface: str = ""
    metric: int = 0


@dataclass(frozen=True)
class InterfaceAddress:
    """An address of an interface.  ``dynamic``: it came by DHCP or router advertisement."""

    address: Address
    prefix: int
    dynamic: bool = False


class Network(Protocol):
    """Interfaces and routes (N3, N4)."""

    def interfaces(self) -> tuple[Interface, ...]:
        """N4: in the order of the system."""

    def primary(self) -> Optional[Interface]:
        """N4: that of the default route with the lowest metric, else the first usable one."""

    def addresses(self, interface: str) -> tuple[InterfaceAddress, ...]:
        """N4: IPv4 and IPv6 addresses of an interface with their prefixes; none if it is not
        there.
        """

    def routes(self) -> tuple[Route, ...]:
        """N3: the main table, IPv4 and IPv6."""

    def ensure_route(self, route: Route) -> Plan:
        """N3: the kernel has exactly it.  :raises InvalidInput: gateway of another family."""

    def ensure_no_route(self, route: Route) -> Plan:
        """N3: the kernel has no route to that destination through that gateway or interface."""


@dataclass(frozen=True)
class DhcpClient:
    """A DHCP client that is in charge of an interface (N1).

    ``kind`` is its program: ``dhclient``, ``dhcpcd``, ``udhcpc``, ``networkd``,
    ``NetworkManager``, ``wicked``.  ``pid`` is None where the client is known but does not run.
    One that serves every interface has ``interface`` "".
    """

    kind: str
    interface: str = ""
    pid: Optional[int] = None


class Links(Protocol):
    """Whatever configures the interfaces: networkd, NetworkManager, wicked, ifupdown, ... (H2,
    N1, N7).
    """

    def clients(self) -> tuple[DhcpClient, ...]:
        """N1: the DHCP clients of this machine; a changed ``pid`` means that one restarted."""

    def ensure_published(self, interface: str, name: str, *, allow_bounce: bool = False) -> Plan:
        """H2: the DHCP server is asked for the lease again, with ``name`` as the host name
        (option 12, and 39 for DHCPv6), and will be at each renewal.

        No address or route is ever missing meanwhile, unless ``allow_bounce``.  Configuration
        is changed only where the client would not send the name by itself.  Asks the server each
        time: whether it was told before is for the caller to remember.

        :raises InvalidInput: the name cannot be published (``localhost``, empty, RFC 1123).
        :raises NotFound: no such interface, or no DHCP client has it.
        :raises UnsafeRefused: it would take the link down, and ``allow_bounce`` is not given.
        """

    def ensure_recovered(self, interface: str) -> Plan:
        """N7: an interface that its manager calls disconnected is connected again; nothing for
        one that is up.  :raises NotFound: no such interface.
        """


class InterfaceNames(Protocol):
    """Rules that tie an interface's name to a hardware address (N6).

    Those of the machine itself: what the distribution ships, and what makes them, stays.
    """

    def pinned(self) -> Mapping[str, str]:
        """MAC address in lower case -> the name that a persistent rule gives it."""

    def ensure_unpinned(self, *, everything: bool = False) -> Plan:
        """Rules for addresses that no interface of this machine has are gone; with
        ``everything`` (an image is made) all of them, and what binds a connection to an address.

        Nothing on an image that does not run, unless ``everything``: nobody knows its interfaces.
        :raises UnsafeRefused: a directory of such files is a link: nothing is touched.
        """


class Firewall(Protocol):
    """Rules that guard the platform's addresses from unprivileged processes (N5).

    Only ``root`` may open TCP connections to a guarded address; ports in ``open_ports`` stay
    open to everybody, UDP and established connections too.  The rules are in a table or chain of
    our own: nothing of the administrator's is read, moved or removed.
    """

    def guarded(self) -> frozenset[Address]:
        """Addresses for which the whole set of rules is in force now.

        :raises CommandFailed: the filter's tool does not tell.
        """

    def ensure_guarded(
        self, addresses: Sequence[Address], *, open_ports: Sequence[int] = (53,)
    ) -> Plan:
        """Exactly these addresses are guarded, IPv6 as IPv4.

        Rules change in one step: there is no moment without them, nor with half of them.
        :raises InvalidInput: no address, or a port out of range.
        """

    def ensure_unguarded(self) -> Plan:
        """All rules of ours are gone, of each backend that may hold some."""

    def ensure_dhcp_allowed(self) -> Plan:
        """N5: answers to a DHCP client (UDP port 68) are accepted."""


@dataclass(frozen=True)
class Lease:
    """What a DHCP client's lease file says; ``option_245`` are the raw bytes, b"" if absent."""

    interface: str
    source: str
    option_245: bytes = b""
    expired: bool = False


class Dhcp(Protocol):
    """The system's DHCP clients (N1, N2)."""

    def leases(self) -> tuple[Lease, ...]:
        """N2: of every client known to this system, newest last; malformed ones are left out."""
