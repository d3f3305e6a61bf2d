# SPDX-License-Identifier: Apache-2.0
"""Leases of systemd-networkd: private files, one for each interface number (N2).

Options from 224 up are kept as ``OPTION_<number>=<hex>``.  The file goes with the lease, so it
is never expired.  Source: sd-dhcp-lease.c of systemd.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..api import Lease
from ..host import Host

#: Its client identifier is made from machine-id(5).
TRACES = ("/run/systemd/netif/leases/*",)
_OPTION_245 = re.compile(r"^OPTION_245=((?:[0-9A-Fa-f]{2})+)\s*$", re.MULTILINE)


def leases(host: Host, now_s: float) -> Iterator[tuple[int, Lease]]:
    """(mtime in ns, lease) of each interface that networkd configures."""
    names = _names(host)
    for path in host.glob(f"{host.places.run}/systemd/netif/leases/*"):
        status = host.status(path)
        if status is not None and status.kind == "file":
            interface = names.get(path.rpartition("/")[2], "")
            yield status.mtime_ns, parse(host.read(path, ""), path, interface)


def _names(host: Host) -> dict[str, str]:
    """Interface number -> name."""
    base = f"{host.places.sysfs}/class/net"
    return {host.read(f"{base}/{name}/ifindex", "").strip(): name for name in host.names(base)}


def parse(text: str, source: str, interface: str) -> Lease:
    option = _OPTION_245.search(text)
    return Lease(interface, source, bytes.fromhex(option[1]) if option else b"")
