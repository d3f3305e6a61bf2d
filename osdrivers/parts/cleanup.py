# SPDX-License-Identifier: Apache-2.0
"""What makes a machine this one and not another, removed before it becomes an image (P1).

Every list is one of known names: of DHCP clients, of seeds, of shells.  What a system keeps
elsewhere is an argument.  All that can be refused is, before the first change.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable

from ..actions import Plan
from ..host import Host
from . import dhcp_leases, histories, listed, machine_id, resolver, system_logs

#: Of systemd and its boot loader, init scripts, BusyBox.
SEEDS = (
    "/var/lib/systemd/random-seed",
    "/boot/efi/loader/random-seed",
    "/boot/loader/random-seed",
    "/efi/loader/random-seed",
    "/var/lib/random-seed",
    "/var/lib/urandom/random-seed",
    "/var/lib/misc/random-seed",
    "/var/lib/seedrng/seed*",
)


class Cleanup:
    """:param name: makes the persistent host name nobody's.
    :param leases: patterns of files of DHCP clients.  :param seeds: of random seeds.
    :param ids: of files that hold a machine's identity, to be deleted;
        none: those of machine-id(5).
    """

    def __init__(
        self,
        host: Host,
        name: Callable[[], Plan],
        *,
        leases: Sequence[str] = dhcp_leases.TRACES,
        seeds: Sequence[str] = SEEDS,
        ids: Sequence[str] = (),
    ) -> None:
        self._host, self._name = host, name
        self._leases, self._seeds, self._ids = tuple(leases), tuple(seeds), tuple(ids)

    def ensure_no_leases(self) -> Plan:
        yield from listed.removed(self._host, (self._in_run(each) for each in self._leases))

    def ensure_no_resolver(self) -> Plan:
        yield from [*resolver.without(self._host)]

    def ensure_no_host_keys(self) -> Plan:
        yield from listed.removed(self._host, (f"{self._host.places.sshd}/ssh_host_*key*",))

    def ensure_no_host_name(self) -> Plan:
        yield from self._name()

    def ensure_no_machine_id(self) -> Plan:
        if self._ids:
            yield from listed.removed(self._host, self._ids)
        else:
            yield from [*machine_id.without(self._host)]

    def ensure_no_random_seed(self) -> Plan:
        yield from listed.removed(self._host, self._seeds)

    def ensure_no_history(self, homes: Sequence[str]) -> Plan:
        yield from [*histories.without(self._host, homes)]

    def ensure_no_logs(self) -> Plan:
        yield from [*system_logs.without(self._host)]

    def _in_run(self, pattern: str) -> str:
        """/run is elsewhere on some systems."""
        inside = pattern.startswith("/run/")
        return self._host.places.run + pattern[len("/run") :] if inside else pattern
