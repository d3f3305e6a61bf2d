# SPDX-License-Identifier: Apache-2.0
"""What a DHCP client says of its host, read from an IP packet.

Source: RFC 2132 (options 12 and 53), RFC 4702 (option 81), RFC 8415, RFC 4704 (option 39).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Optional

from osdrivers.parts.dhcpcd import options

DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE = range(1, 8)
_NAME, _KIND, _FQDN = 12, 53, 81
_FQDN_6 = 39
_UDP = 17
_CLIENT_4, _CLIENT_6 = 68, 546


@dataclass(frozen=True)
class DhcpMessage:
    """A message that a client sent.

    ``kind`` is option 53 of DHCP, or the message type of DHCPv6; ``host_name`` is option 12,
    ``fqdn`` option 81 or (``version`` 6) 39, "" where it is absent.
    """

    version: int
    kind: int
    host_name: str = ""
    fqdn: str = ""

    def names(self, name: str) -> bool:
        """Whether it gives this name to the host: whole, or as the first label."""
        return name in (self.host_name, self.fqdn) or self.fqdn.startswith(f"{name}.")


def from_client(packet: bytes) -> Optional[DhcpMessage]:
    """The message in an IPv4 or IPv6 packet; None for any other packet."""
    version = packet[0] >> 4 if packet else 0
    if version == 4 and len(packet) > 28 and packet[9] == _UDP:
        datagram = packet[(packet[0] & 15) * 4 :]
        return _version_4(datagram[8:]) if _port(datagram) == _CLIENT_4 else None
    if version == 6 and len(packet) > 52 and packet[6] == _UDP:
        datagram = packet[40:]
        return _version_6(datagram[8:]) if _port(datagram) == _CLIENT_6 else None
    return None


def _port(datagram: bytes) -> int:
    return int.from_bytes(datagram[:2], "big")


def _version_4(payload: bytes) -> Optional[DhcpMessage]:
    found = options(payload)
    if found is None or len(found.get(_KIND, b"")) != 1:
        return None
    fqdn = found.get(_FQDN, b"")
    encoded = bool(fqdn) and bool(fqdn[0] & 4)
    return DhcpMessage(
        4,
        found[_KIND][0],
        found.get(_NAME, b"").rstrip(b"\0").decode("ascii", "replace"),
        _labels(fqdn[3:]) if encoded else fqdn[3:].decode("ascii", "replace"),
    )


def _version_6(payload: bytes) -> Optional[DhcpMessage]:
    if len(payload) < 4:
        return None
    fqdn = next((value for code, value in _options_6(payload[4:]) if code == _FQDN_6), b"")
    return DhcpMessage(6, payload[0], "", _labels(fqdn[1:]))


def _options_6(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(data):
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        yield int.from_bytes(data[at : at + 2], "big"), data[at + 4 : at + 4 + length]
        at += 4 + length


def _labels(data: bytes) -> str:
    """A name in the form of DNS, without compression."""
    found, at = [], 0
    while at < len(data) and data[at]:
        found.append(data[at + 1 : at + 1 + data[at]].decode("ascii", "replace"))
        at += 1 + data[at]
    return ".".join(found)
