# SPDX-License-Identifier: Apache-2.0
"""DHCP messages: the question, and what the answer says of the platform's endpoint.

Only asks (DISCOVER) and never takes a lease: the address is the business of the system's own
client.  Source: RFC 2131, RFC 2132, RFC 3396 (long options), RFC 3442 (routes).
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import Optional

from agentcore.errors import Malformed

COOKIE = b"\x63\x82\x53\x63"
OPTIONS_AT = 240
SHORTEST_BYTES = 246
ENDPOINT, ROUTER, ROUTES = 245, 3, 249
_PAD, _END, _MESSAGE_TYPE, _OVERLOAD, _WISHES, _MAX_SIZE = 0, 255, 53, 52, 55, 57
_DISCOVER, _OFFER, _ACK = 1, 2, 5
#: Relays and servers drop shorter ones: RFC 1542 section 2.1.
_BOOTP_BYTES = 300
_SNAME, _FILE = slice(44, 108), slice(108, 236)


@dataclass(frozen=True)
class Link:
    """The interface to ask on; ``mac`` is its six bytes."""

    name: str
    mac: bytes


@dataclass(frozen=True)
class Route:
    """``destination`` is ``network/length``; ``gateway`` an address, "0.0.0.0" for on-link."""

    destination: str
    gateway: str


@dataclass(frozen=True)
class Offer:
    """What an answer says; "" where it does not.

    ``endpoint`` is option 245, ``router`` the first of option 3, ``routes`` option 249.
    ``warnings`` name the options that could not be read; they count as absent.
    """

    endpoint: str = ""
    router: str = ""
    routes: tuple[Route, ...] = ()
    warnings: tuple[str, ...] = ()


class NotForUs(Exception):
    """A sound message of another exchange, client or kind: go on listening."""


def discover_message(mac: bytes, transaction: bytes, *, broadcast: bool) -> bytes:
    """A DISCOVER with a parameter request list.

    :param transaction: four random bytes.
    :param broadcast: ask for a broadcast answer: some relays do not send another to a client
        without an address (RFC 2131 section 4.1).
    """
    head = bytes([1, 1, 6, 0]) + transaction + b"\0\0" + (b"\x80\0" if broadcast else b"\0\0")
    head += bytes(16) + mac + bytes(10 + 64 + 128)
    options = bytes([_MESSAGE_TYPE, 1, _DISCOVER])
    wishes = bytes([1, ROUTER, 6, 15, 51, 54, 121, ENDPOINT, ROUTES])
    options += bytes([_WISHES, len(wishes)]) + wishes
    options += bytes([_MAX_SIZE, 2]) + (1500).to_bytes(2, "big") + bytes([_END])
    return (head + COOKIE + options).ljust(_BOOTP_BYTES, b"\0")


def parse_reply(message: bytes, mac: bytes, transaction: bytes) -> Offer:
    """The answer to our question.

    :raises NotForUs: it belongs to another exchange, or is neither an offer nor an ACK.
    :raises Malformed: it is too short or has no DHCP cookie.
    """
    if len(message) < SHORTEST_BYTES:
        raise Malformed(f"a DHCP message of {len(message)} bytes is shorter than any can be")
    if message[0] != 2 or message[4:8] != transaction or message[28:34] != mac:
        raise NotForUs
    if message[236:OPTIONS_AT] != COOKIE:
        raise Malformed("a BOOTP message without the DHCP cookie")
    options, warnings = _options(message)
    kind = options.get(_MESSAGE_TYPE, b"")
    if kind not in (bytes([_OFFER]), bytes([_ACK])):
        raise NotForUs
    return Offer(
        endpoint=_endpoint(options.get(ENDPOINT), warnings),
        router=_router(options.get(ROUTER), warnings),
        routes=_routes(options.get(ROUTES), warnings),
        warnings=tuple(warnings),
    )


def _options(message: bytes) -> tuple[dict[int, bytes], list[str]]:
    """All options; repeated ones are one long option (RFC 3396), in the fields of option 52 too."""
    warnings: list[str] = []
    options: dict[int, bytes] = {}
    _collect(message[OPTIONS_AT:], options, warnings)
    overload = options.get(_OVERLOAD, b"\0")[:1]
    if overload in (b"\1", b"\3"):
        _collect(message[_FILE], options, warnings)
    if overload in (b"\2", b"\3"):
        _collect(message[_SNAME], options, warnings)
    return options, warnings


def _collect(field: bytes, options: dict[int, bytes], warnings: list[str]) -> None:
    at = 0
    while at < len(field) and field[at] != _END:
        if field[at] == _PAD:  # the one option besides END without a length
            at += 1
            continue
        code = field[at]
        length = field[at + 1] if at + 1 < len(field) else None
        if length is None or at + 2 + length > len(field):
            warnings.append(f"option {code} runs beyond the end of the message")
            return
        options[code] = options.get(code, b"") + field[at + 2 : at + 2 + length]
        at += 2 + length


def _endpoint(value: Optional[bytes], warnings: list[str]) -> str:
    if value is None:
        return ""
    if len(value) != 4:
        warnings.append(f"option {ENDPOINT} has {len(value)} bytes instead of 4")
        return ""
    return socket.inet_ntoa(value)


def _router(value: Optional[bytes], warnings: list[str]) -> str:
    if value is None:
        return ""
    if not value or len(value) % 4:
        warnings.append(f"option {ROUTER} has {len(value)} bytes, not a multiple of 4")
        return ""
    return socket.inet_ntoa(value[:4])


def _routes(value: Optional[bytes], warnings: list[str]) -> tuple[Route, ...]:
    """RFC 3442: prefix length, the significant bytes of the destination, the gateway."""
    found: list[Route] = []
    rest = value or b""
    while rest:
        length = rest[0]
        significant = (length + 7) // 8
        entry, rest = rest[1 : 1 + significant + 4], rest[1 + significant + 4 :]
        if length > 32 or len(entry) != significant + 4:
            warnings.append(f"option {ROUTES} is not a list of routes")
            return ()
        found.append(Route(_network(entry[:significant], length), socket.inet_ntoa(entry[-4:])))
    return tuple(found)


def _network(significant: bytes, length: int) -> str:
    """Bits beyond the prefix are cleared: ip(8) refuses them, RFC 3442 has the client do it."""
    bits = int.from_bytes(significant.ljust(4, b"\0"), "big")
    bits &= (0xFFFFFFFF << (32 - length)) & 0xFFFFFFFF
    return f"{socket.inet_ntoa(bits.to_bytes(4, 'big'))}/{length}"
