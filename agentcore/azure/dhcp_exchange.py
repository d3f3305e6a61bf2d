# SPDX-License-Identifier: Apache-2.0
"""Asking a DHCP server beside the system's own client.

On Linux the question goes out as a whole frame (packet(7)), as a client without an address does
it: no port is taken from the client, no firewall rule and no route is needed, nothing is stopped.
Elsewhere a UDP socket on port 68 has to do.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import struct
from typing import Callable, Optional, Protocol

from agentcore.errors import Malformed, Unreachable
from osdrivers.errors import AgentError, InvalidInput, NotPermitted

from .dhcp import Link, NotForUs, Offer, discover_message, parse_reply
from .retry import Clock, RetryPolicy

#: Three questions in half a minute: a server of the same host answers the first.
PATIENT = RetryPolicy(deadline_s=25.0, first_s=1.0, factor=2.0, cap_s=4.0)
ANSWER_S = 5.0
SERVER_PORT, CLIENT_PORT = 67, 68
_ETHERTYPE_IP = 0x0800
_UDP = 17
_BROADCAST = "255.255.255.255"


class Channel(Protocol):
    """Where a question goes out and messages come in."""

    def send(self, message: bytes) -> None:
        """Broadcast a message to the servers' port."""

    def receive(self, timeout_s: float) -> bytes:
        """The next message to the clients' port, b"" for anything else.

        :raises socket.timeout: none came in time.
        """

    def close(self) -> None:
        """Let go of the socket."""


class PacketChannel:
    """Frames on one interface (Linux).  Needs CAP_NET_RAW."""

    def __init__(self, link: Link) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
        try:
            self._socket.bind((link.name, _ETHERTYPE_IP))
        except OSError:
            self._socket.close()
            raise
        self._link = link

    def send(self, message: bytes) -> None:
        to_all = (self._link.name, _ETHERTYPE_IP, 0, 0, b"\xff" * 6)
        self._socket.sendto(datagram(message), to_all)

    def receive(self, timeout_s: float) -> bytes:
        self._socket.settimeout(timeout_s)
        return payload(self._socket.recv(65535))

    def close(self) -> None:
        self._socket.close()


class DatagramChannel:
    """UDP on port 68, shared with the system's client where that allows it."""

    def __init__(self, link: Link, ports: tuple[int, int] = (CLIENT_PORT, SERVER_PORT)) -> None:
        self._server_port = ports[1]
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if hasattr(socket, "SO_BINDTODEVICE"):
                name = link.name.encode()
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name)
            self._socket.bind(("", ports[0]))
        except OSError:
            self._socket.close()
            raise

    def send(self, message: bytes) -> None:
        self._socket.sendto(message, (_BROADCAST, self._server_port))

    def receive(self, timeout_s: float) -> bytes:
        self._socket.settimeout(timeout_s)
        return self._socket.recv(65535)

    def close(self) -> None:
        self._socket.close()


def open_channel(link: Link) -> Channel:
    """The channel this system can have."""
    if not hasattr(socket, "AF_PACKET"):
        return DatagramChannel(link)
    try:
        return PacketChannel(link)
    except OSError as refused:
        if refused.errno != errno.EAFNOSUPPORT:  # a kernel built without packet(7)
            raise
        return DatagramChannel(link)


def discover(
    link: Link,
    clock: Clock,
    *,
    retry: RetryPolicy = PATIENT,
    answer_s: float = ANSWER_S,
    channel: Callable[[Link], Channel] = open_channel,
    transaction: Optional[bytes] = None,
) -> Offer:
    """Ask for an offer on one interface and return the first answer to our own question.

    :param answer_s: how long one question waits for its answer.
    :raises Unreachable: no answer, or the interface cannot be used.
    :raises NotPermitted: not root.
    :raises InvalidInput: the interface has no Ethernet address.
    """
    if len(link.mac) != 6:
        raise InvalidInput(f"{link.name} has no Ethernet address, DHCP cannot be asked on it")
    number = transaction or os.urandom(4)
    asked = 0

    def once() -> Offer:
        nonlocal asked
        asked += 1
        question = discover_message(link.mac, number, broadcast=asked > 1)
        try:
            with contextlib.closing(channel(link)) as using:
                using.send(question)
                return _answer(using, link, number, clock, answer_s)
        except OSError as broken:
            raise _failed(link, broken) from broken

    return retry.run(once, clock)


def _answer(using: Channel, link: Link, transaction: bytes, clock: Clock, answer_s: float) -> Offer:
    """The first message for us within the time, however many others come."""
    end = clock.monotonic() + answer_s
    damaged: Optional[Malformed] = None
    while True:
        left_s = end - clock.monotonic()
        if left_s <= 0:
            break
        try:
            message = using.receive(left_s)
        except socket.timeout:
            break
        if not message:
            continue
        try:
            return parse_reply(message, link.mac, transaction)
        except NotForUs:
            continue
        except Malformed as broken:  # another server's may be better
            damaged = broken
    raise Unreachable(f"no DHCP server answered on {link.name} within {answer_s:g} s") from damaged


def _failed(link: Link, cause: OSError) -> AgentError:
    if cause.errno in (errno.EPERM, errno.EACCES):
        return NotPermitted(f"asking DHCP on {link.name}", cause, hint="run as root")
    return Unreachable(f"DHCP cannot be asked on {link.name}: {cause.strerror or cause}")


def datagram(message: bytes) -> bytes:
    """An IPv4 packet with a UDP datagram from 0.0.0.0:68 to 255.255.255.255:67.

    Source: RFC 791, RFC 768.
    """
    size = 8 + len(message)
    source, destination = bytes(4), b"\xff" * 4
    udp = struct.pack("!HHHH", CLIENT_PORT, SERVER_PORT, size, 0) + message
    pseudo = source + destination + struct.pack("!BBH", 0, _UDP, size)
    check = _checksum(pseudo + udp) or 0xFFFF
    udp = udp[:6] + struct.pack("!H", check) + message
    head = struct.pack(
        "!BBHHHBBH4s4s", 0x45, 0x10, 20 + size, 0, 0, 64, _UDP, 0, source, destination
    )
    return head[:10] + struct.pack("!H", _checksum(head)) + head[12:] + udp


def payload(packet: bytes) -> bytes:
    """The content of a UDP datagram to port 68 in an IPv4 packet; b"" for any other packet.

    The UDP checksum is not looked at: between virtual machines of one host it is often left for
    a network card to fill in.
    """
    if len(packet) < 28 or packet[0] >> 4 != 4 or packet[9] != _UDP:
        return b""
    head = (packet[0] & 0x0F) * 4
    total = int.from_bytes(packet[2:4], "big")
    fragment = int.from_bytes(packet[6:8], "big") & 0x3FFF
    if head < 20 or fragment or not head + 8 <= total <= len(packet):
        return b""
    _, port, size = struct.unpack("!HHH", packet[head : head + 6])
    if port != CLIENT_PORT or not 8 <= size <= total - head:
        return b""
    return packet[head + 8 : head + size]


def _checksum(data: bytes) -> int:
    """RFC 1071."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
