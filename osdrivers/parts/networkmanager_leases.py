# SPDX-License-Identifier: Apache-2.0
"""Leases of NetworkManager's own DHCP client (N2).

The internal client writes networkd's format; since 1.36 a second file tells of the device with
all options that it got.  With dhclient as its client, the files are dhclient's.
Source: NetworkManager(8), nm-dhcp-systemd.c, nm-device.c.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..api import Lease
from ..host import Host

#: The secret key makes its client identifier and stable private addresses; NetworkManager(8).
TRACES = tuple(
    f"/var/lib/NetworkManager/{name}"
    for name in ("internal-*.lease", "timestamps", "seen-bssids", "secret_key")
)
_INTERNAL = re.compile(r"internal-[0-9a-f-]{36}-(.+)\.lease\Z")
_OPTION_245 = re.compile(
    r"^(?:OPTION|option|private|unknown)_245\s*=\s*([0-9A-Fa-f:]+)\s*$", re.MULTILINE
)


def leases(host: Host, now_s: float) -> Iterator[tuple[int, Lease]]:
    """(mtime in ns, lease) of each interface."""
    for path in host.glob("/var/lib/NetworkManager/internal-*.lease"):
        found = _INTERNAL.search(path)
        status = host.status(path)
        if found and status is not None and status.kind == "file":
            yield status.mtime_ns, parse(host.read(path, ""), path, found[1])


def parse(text: str, source: str, interface: str) -> Lease:
    found = _OPTION_245.search(text)
    digits = found[1].replace(":", "") if found else ""
    return Lease(interface, source, bytes.fromhex(digits) if len(digits) % 2 == 0 else b"")
