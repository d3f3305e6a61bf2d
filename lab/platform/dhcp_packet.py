# SPDX-License-Identifier: Apache-2.0
"""DHCP messages on the wire (RFC 2131, RFC 2132), and the frames that carry replies."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network

from osdrivers.errors import InvalidInput

COOKIE = b"\x63\x82\x53\x63"
SERVER_PORT, CLIENT_PORT = 67, 68
MESSAGES = {
    1: "DISCOVER", 2: "OFFER", 3: "REQUEST", 4: "DECLINE", 5: "ACK", 6: "NAK", 7: "RELEASE",
    8: "INFORM",
}  # fmt: skip

SUBNET_MASK, ROUTER, DNS, HOST_NAME, DOMAIN = 1, 3, 6, 12, 15
REQUESTED_ADDRESS, LEASE_TIME, MESSAGE_TYPE, SERVER_ID = 50, 51, 53, 54
PARAMETERS, RENEWAL_TIME, REBINDING_TIME, VENDOR_CLASS, CLIENT_ID = 55, 58, 59, 60, 61
CLASSLESS_ROUTES, WIRE_SERVER, MS_CLASSLESS_ROUTES = 121, 245, 249
_PAD, _END = 0, 255
_BROADCAST = 0x8000
_FIXED = struct.Struct("!BBBBIHH4s4s4s4s16s64s128s4s")
_SHORTEST_BYTES = 300  # BOOTP's minimum (RFC 1542, 2.1); some clients drop less


@dataclass(frozen=True)
class Packet:
    """A message of a client.  ``options`` maps a code to its bytes."""

    xid: int
    flags: int
    seconds: int
    client: IPv4Address
    gateway: IPv4Address
    mac: bytes
    options: Mapping[int, bytes] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The message's name, e.g. ``DISCOVER``."""
        number = self.options.get(MESSAGE_TYPE, b"\0")[0]
        return MESSAGES.get(number, f"type {number}")

    @property
    def wants_broadcast(self) -> bool:
        """The client cannot take a unicast before it has its address."""
        return bool(self.flags & _BROADCAST)

    @property
    def mac_text(self) -> str:
        """The hardware address with colons."""
        return ":".join(f"{octet:02x}" for octet in self.mac)

    def address(self, code: int) -> IPv4Address | None:
        """An option that is one address."""
        value = self.options.get(code, b"")
        return IPv4Address(value) if len(value) == 4 else None


def parse(datagram: bytes) -> Packet:
    """Read a client's message.

    :raises InvalidInput: it is not one: too short, no cookie, no Ethernet, an option cut short.
    """
    if len(datagram) < _FIXED.size:
        raise InvalidInput(f"DHCP message of {len(datagram)} bytes is too short")
    fixed = _FIXED.unpack_from(datagram)
    operation, hardware, length, _, xid, seconds, flags = fixed[:7]
    if operation != 1 or hardware != 1 or length != 6:
        raise InvalidInput(f"DHCP message with op {operation}, htype {hardware}, hlen {length}")
    if fixed[14] != COOKIE:
        raise InvalidInput("DHCP message without the magic cookie")
    client, gateway = IPv4Address(fixed[7]), IPv4Address(fixed[10])
    options = _options(datagram[_FIXED.size :])
    return Packet(xid, flags, seconds, client, gateway, fixed[11][:6], options)


def _options(data: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    at = 0
    while at < len(data) and data[at] != _END:
        code = data[at]
        if code == _PAD:
            at += 1
            continue
        size = data[at + 1] if at + 1 < len(data) else 0
        value = data[at + 2 : at + 2 + size]
        if at + 1 >= len(data) or len(value) < size:
            raise InvalidInput(f"DHCP option {code} is cut short")
        found[code] = found.get(code, b"") + value  # RFC 3396: a long option comes in parts
        at += 2 + size
    return found


def reply(
    to: Packet, kind: str, address: IPv4Address, server: IPv4Address, options: Mapping[int, bytes]
) -> bytes:
    """A server's message; ``address`` is the client's, 0.0.0.0 in a NAK or to an INFORM."""
    number = next(code for code, name in MESSAGES.items() if name == kind)
    zero = bytes(4)
    known = to.client.packed if kind == "ACK" else zero
    fixed = _FIXED.pack(
        2, 1, 6, 0, to.xid, 0, to.flags, known, address.packed, zero, to.gateway.packed,
        to.mac.ljust(16, b"\0"), b"lab", b"", COOKIE,
    )  # fmt: skip
    body = _option(MESSAGE_TYPE, bytes((number,))) + _option(SERVER_ID, server.packed)
    body += b"".join(_option(code, value) for code, value in options.items())
    return (fixed + body + bytes((_END,))).ljust(_SHORTEST_BYTES, b"\0")


def _option(code: int, value: bytes) -> bytes:
    pieces = [value[at : at + 255] for at in range(0, len(value), 255)] or [b""]
    return b"".join(bytes((code, len(piece))) + piece for piece in pieces)


def routes(wanted: Mapping[IPv4Network, IPv4Address]) -> bytes:
    """Classless static routes (RFC 3442; option 249 has the same form)."""
    return b"".join(
        bytes((network.prefixlen,))
        + network.network_address.packed[: (network.prefixlen + 7) // 8]
        + gateway.packed
        for network, gateway in wanted.items()
    )


def frame(
    payload: bytes, source_mac: bytes, target_mac: bytes, source: IPv4Address, target: IPv4Address
) -> bytes:
    """An Ethernet frame with UDP from port 67 to 68: the client has no address to send to yet."""
    ports = struct.pack("!HH", SERVER_PORT, CLIENT_PORT)
    length = len(payload) + 8
    pseudo = source.packed + target.packed + struct.pack("!BBH", 0, 17, length)
    head = ports + struct.pack("!H", length)
    checksum = _checksum(pseudo + head + b"\0\0" + payload) or 0xFFFF
    datagram = head + struct.pack("!H", checksum) + payload
    ip = struct.pack("!BBHHHBB", 0x45, 0x10, 20 + len(datagram), 0, 0, 128, 17)
    addresses = source.packed + target.packed
    ip += struct.pack("!H", _checksum(ip + b"\0\0" + addresses)) + addresses
    return target_mac + source_mac + b"\x08\x00" + ip + datagram


def _checksum(data: bytes) -> int:
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
