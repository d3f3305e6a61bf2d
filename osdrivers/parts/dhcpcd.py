# SPDX-License-Identifier: Apache-2.0
"""Leases of dhcpcd(8): the server's last answer as it came over the wire (N2).

Source: dhcpcd(8), FILES; RFC 2131, section 2; RFC 2132.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Optional

from ..api import Lease
from ..host import Host

_COOKIE_AT, _COOKIE = 236, bytes((99, 130, 83, 99))
_PAD, _END, _LEASE_TIME, _FOREVER_S = 0, 255, 51, 0xFFFFFFFF
_PATHS = ("/var/lib/dhcpcd/*.lease", "/var/lib/dhcpcd5/*.lease", "/var/db/dhcpcd/*.lease")
#: Leases, and what it derives its client identifier and private addresses from.
TRACES = (
    "/var/lib/dhcpcd/*",
    "/var/lib/dhcpcd5/*",
    "/var/db/dhcpcd/*",
    "/etc/dhcpcd.duid",
    "/etc/dhcpcd.secret",
)
_NAME = re.compile(r"(?:dhcpcd-)?([^/]+?)(?:-[^/]*)?\.lease\Z")
LIMIT_BYTES = 64 * 1024


def leases(host: Host, now_s: float) -> Iterator[tuple[int, Lease]]:
    """(mtime in ns, lease) of each interface; the lease began when the file was written."""
    for pattern in _PATHS:
        for path in host.glob(pattern):
            name, status = _NAME.search(path), host.status(path)
            if name is None or status is None or status.kind != "file":
                continue
            found = options(host.read_bytes(path, b"", LIMIT_BYTES))
            if found is not None:
                began_s = status.mtime_ns / 1e9
                length_s = int.from_bytes(found.get(_LEASE_TIME, b""), "big") or _FOREVER_S
                over = length_s != _FOREVER_S and began_s + length_s < now_s
                yield status.mtime_ns, Lease(name[1], path, found.get(245, b""), over)


def options(packet: bytes) -> Optional[dict[int, bytes]]:
    """Number -> value; parts of a long option are joined (RFC 3396).  None: not a DHCP packet."""
    at = _COOKIE_AT + len(_COOKIE)
    if packet[_COOKIE_AT:at] != _COOKIE:
        return None
    found: dict[int, bytes] = {}
    while at < len(packet) and packet[at] != _END:
        if packet[at] == _PAD:
            at += 1
            continue
        if at + 1 >= len(packet) or at + 2 + packet[at + 1] > len(packet):
            return None
        number, length = packet[at], packet[at + 1]
        found[number] = found.get(number, b"") + packet[at + 2 : at + 2 + length]
        at += 2 + length
    return found
