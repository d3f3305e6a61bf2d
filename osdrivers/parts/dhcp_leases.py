# SPDX-License-Identifier: Apache-2.0
"""The lease files of every DHCP client that a system may have (N2)."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Callable

from ..api import Lease
from ..errors import FileFailed
from ..host import Host
from . import dhclient, dhcpcd, networkd_leases, networkmanager_leases, wicked_links

Source = Callable[[Host, float], Iterator[tuple[int, Lease]]]
SOURCES: tuple[Source, ...] = (
    dhclient.leases,
    dhcpcd.leases,
    networkd_leases.leases,
    networkmanager_leases.leases,
)
#: All that the clients keep of a machine (P1).  udhcpc keeps nothing; dhcp6c its DUID.
TRACES: tuple[str, ...] = (
    *dhclient.TRACES,
    *dhcpcd.TRACES,
    *networkd_leases.TRACES,
    *networkmanager_leases.TRACES,
    *wicked_links.TRACES,
    "/var/lib/dhcpv6/dhcp6c_duid",
    "/var/db/dhcp6c_duid",
)


class Dhcp:
    """:param sources: readers of lease files.  :param now: the wall clock, in seconds."""

    def __init__(
        self,
        host: Host,
        sources: Sequence[Source] = SOURCES,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._host, self._sources, self._now = host, tuple(sources), now

    def leases(self) -> tuple[Lease, ...]:
        found: list[tuple[int, Lease]] = []
        for source in self._sources:
            try:
                found.extend(source(self._host, self._now()))
            except FileFailed:
                continue  # not ours to read, or gone while we read it: a lease less
        found.sort(key=lambda each: each[0])
        return tuple(lease for _, lease in found)
