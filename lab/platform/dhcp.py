# SPDX-License-Identifier: Apache-2.0
"""A DHCP server with the platform's options, on one interface of a network namespace."""

from __future__ import annotations

import select
import socket
import threading
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Any, Optional

from osdrivers.errors import InvalidInput, NotPermitted, OperationError

from . import dhcp_packet as wire
from .dhcp_packet import Packet
from .exchange import Record, Request
from .faults import Faults
from .journal import Journal

NAME = "dhcp"

WIRE_SERVER = IPv4Address("168.63.129.16")
METADATA = IPv4Address("169.254.169.254")
_ANY = IPv4Address("0.0.0.0")
_ALL = IPv4Address("255.255.255.255")
_ALL_MAC = b"\xff" * 6
_FOREVER = b"\xff\xff\xff\xff"


@dataclass(frozen=True)
class Offer:
    """What clients are told.

    ``address`` is the first client's, further ones get those after it.  ``server`` is the server
    identifier and the source of replies; ``wire_server`` is option 245.
    """

    address: IPv4Interface
    router: IPv4Address
    wire_server: IPv4Address = WIRE_SERVER
    server: IPv4Address = WIRE_SERVER
    dns: IPv4Address = WIRE_SERVER
    domain: str = "internal.cloudapp.net"
    metadata: IPv4Address = METADATA

    def options(self, asked: bytes = b"") -> dict[int, bytes]:
        """The options of an OFFER or ACK.  Option 121 only goes to who asks: it overrules 3."""
        routes = wire.routes(
            {
                IPv4Network("0.0.0.0/0"): self.router,
                IPv4Network(f"{self.wire_server}/32"): self.router,
                IPv4Network(f"{self.metadata}/32"): self.router,
            }
        )
        given = {
            wire.DNS: self.dns.packed,
            wire.WIRE_SERVER: self.wire_server.packed,
            wire.DOMAIN: self.domain.encode(),
            wire.SUBNET_MASK: self.address.netmask.packed,
            wire.RENEWAL_TIME: _FOREVER,
            wire.REBINDING_TIME: _FOREVER,
            wire.LEASE_TIME: _FOREVER,
            wire.ROUTER: self.router.packed,
            wire.MS_CLASSLESS_ROUTES: routes,
        }
        if wire.CLASSLESS_ROUTES in asked:
            given[wire.CLASSLESS_ROUTES] = routes
        return given


@dataclass
class Leases:
    """Who has which address; a client is known by its hardware address."""

    offer: Offer
    held: dict[bytes, IPv4Address] = field(default_factory=dict)

    def address(self, mac: bytes) -> IPv4Address:
        """The address of a client, the next free one if it is new.

        :raises InvalidInput: the subnet has no address left.
        """
        if mac not in self.held:
            following = self.offer.address.ip + len(self.held)
            if following not in self.offer.address.network:
                raise InvalidInput(f"no address left in {self.offer.address.network}")
            self.held[mac] = following
        return self.held[mac]

    def reply(self, packet: Packet) -> Optional[tuple[str, bytes]]:
        """The kind and the bytes of the reply; None where there is none (RFC 2131, 4.3)."""
        server, asked = self.offer.server, packet.options.get(wire.PARAMETERS, b"")
        options = self.offer.options(asked)
        if packet.kind == "DISCOVER":
            mine = self.address(packet.mac)
            return "OFFER", wire.reply(packet, "OFFER", mine, server, options)
        if packet.kind == "INFORM":
            for timer in (wire.LEASE_TIME, wire.RENEWAL_TIME, wire.REBINDING_TIME):
                del options[timer]
            return "ACK", wire.reply(packet, "ACK", _ANY, server, options)
        if packet.kind != "REQUEST":
            return None
        chosen = packet.address(wire.SERVER_ID)
        if chosen not in (None, server):
            return None  # the client took another server's offer
        mine = self.address(packet.mac)
        wanted = packet.address(wire.REQUESTED_ADDRESS) or packet.client
        if wanted != mine:
            return "NAK", wire.reply(packet, "NAK", _ANY, server, {})
        return "ACK", wire.reply(packet, "ACK", mine, server, options)


class DhcpServer:
    """Answers DISCOVER, REQUEST and INFORM at UDP port 67 of ``interface``.

    Needs CAP_NET_RAW: replies to clients without address are Ethernet frames (packet(7)).

    :raises NotPermitted: the capability is missing.
    :raises OperationError: no such interface, or another server has the port.
    """

    def __init__(self, interface: str, offer: Offer, journal: Journal, faults: Faults) -> None:
        self.interface, self.leases = interface, Leases(offer)
        self._journal, self._faults = journal, faults
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._udp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._udp.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            self._udp.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
            self._udp.bind(("", wire.SERVER_PORT))
            self._raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self._raw.bind((interface, 0))
        except OSError as error:
            self._udp.close()
            if isinstance(error, PermissionError):
                raise NotPermitted(f"DHCP on {interface}", error, hint="run as root") from error
            raise OperationError(
                f"DHCP: cannot listen on {interface} ({error.strerror})",
                hint="name an interface of this network namespace, and stop other DHCP servers",
            ) from error
        self._woken, self._wake = socket.socketpair()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lab-dhcp", daemon=True)

    def start(self) -> None:
        """Answer from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Stop answering.  A second call does nothing."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._wake.send(b"x")
        if self._thread.ident is not None:
            self._thread.join()
        for one in (self._udp, self._raw, self._woken, self._wake):
            one.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            readable, _, _ = select.select((self._udp, self._woken), (), ())
            if self._udp in readable:
                try:
                    datagram, sender = self._udp.recvfrom(2048)
                except OSError as error:  # e.g. ENETDOWN, once for each time it goes down
                    self._note("lost", "", f"{self.interface}: {error.strerror}", {})
                    continue
                self._handle(datagram, sender[0])

    def _handle(self, datagram: bytes, sender: str) -> None:
        try:
            packet = wire.parse(datagram)
        except InvalidInput as error:
            self._note("malformed", sender, str(error), {"hex": datagram[:512].hex()})
            return
        request = Request(NAME, packet.kind, f"/{packet.mac_text}", {}, client=sender)
        fault = self._faults.take(request)
        details = _said(packet)
        answer: Optional[tuple[str, bytes]] = None
        problem = ""
        try:
            answer = self.leases.reply(packet)
        except InvalidInput as error:
            problem = str(error)
        if fault is not None:
            self._stopping.wait(fault.delay_s)
            answer = _spoilt(fault.kind, fault.bytes, answer)
        if answer is not None:
            details["reply"] = answer[0]
            details["given"] = str(self.leases.held.get(packet.mac, ""))
        self._note(
            packet.kind, sender, problem, details, packet.mac_text, fault.label if fault else ""
        )
        if answer is not None:
            try:
                self._send(packet, *answer)
            except OSError as error:  # the interface went away or has no route to the client
                self._note("unsent", sender, f"{answer[0]}: {error.strerror}", {})

    def _send(self, packet: Packet, kind: str, payload: bytes) -> None:
        """RFC 2131, 4.1: to its address if it has one, else by frame, broadcast if it asks."""
        source = self.leases.offer.server
        if packet.client != _ANY and kind != "NAK":
            self._udp.sendto(payload, (str(packet.client), wire.CLIENT_PORT))
            return
        own = self._raw.getsockname()[4]
        mac, target = packet.mac, self.leases.held.get(packet.mac, _ALL)
        if packet.wants_broadcast or kind == "NAK":
            mac, target = _ALL_MAC, _ALL
        self._raw.send(wire.frame(payload, own, mac, source, target))

    def _note(
        self,
        method: str,
        sender: str,
        problem: str,
        details: dict[str, Any],
        mac: str = "",
        fault: str = "",
    ) -> None:
        record = Record(0, 0.0, NAME, method, f"/{mac}", client=sender, details=details)
        found = (problem,) if problem else ()
        self._journal.add(replace(record, violations=found, fault=fault))


def _spoilt(
    kind: str, size_bytes: int, answer: Optional[tuple[str, bytes]]
) -> Optional[tuple[str, bytes]]:
    """A reply with a fault applied: none, cut short, or of another client."""
    if answer is None or kind in ("silence", "reset", "hangup"):
        return None
    name, payload = answer
    if kind == "truncate":
        return name, payload[: size_bytes or 200]
    if kind == "garbage":
        return name, payload[:4] + bytes(255 - one for one in payload[4:8]) + payload[8:]
    return answer


def _said(packet: Packet) -> dict[str, Any]:
    """What a message says, for people and tests."""
    asked = packet.options.get(wire.PARAMETERS, b"")
    said: dict[str, Any] = {
        "xid": f"{packet.xid:08x}",
        "broadcast": packet.wants_broadcast,
        "host_name": packet.options.get(wire.HOST_NAME, b"").decode("utf-8", "replace"),
        "vendor_class": packet.options.get(wire.VENDOR_CLASS, b"").decode("utf-8", "replace"),
        "parameters": list(asked),
        "options": {str(code): value.hex() for code, value in packet.options.items()},
    }
    wanted = packet.address(wire.REQUESTED_ADDRESS)
    if wanted is not None:
        said["requested"] = str(wanted)
    return said
