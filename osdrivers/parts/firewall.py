# SPDX-License-Identifier: Apache-2.0
"""Guarding the platform's addresses with the packet filter that this machine has (N5).

What is guarded is the opening of a connection, so the rules match a lone SYN.  They need no
connection tracking: what is established goes on, and a local server may answer whom it serves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Callable, Optional, Protocol

from ..actions import Plan, Verify
from ..api import Address
from ..errors import CommandFailed, CommandMissing, InvalidInput, Unsupported
from ..host import Completed, Host

Rules = Mapping[Address, frozenset[int]]
#: multiport of iptables takes no more.
_MOST_PORTS = 15
DHCP_CLIENT_PORT = 68
#: What nft(8) and iptables(8) say where the kernel has no such filter, or not for this family.
#: nfnetlink answers EINVAL for a subsystem that it does not know.
_LACKING = re.compile(
    r"(Operation|Protocol|protocol|Address family) not supported|: Invalid argument"
    r"|Table does not exist|do you need to insmod"
)


class Backend(Protocol):
    """One packet filter.  Asking it on a machine that does not run answers with nothing.

    ``admits``: what it accepts is accepted, whatever else it holds.
    """

    command: str
    package: str
    admits: bool

    def works(self) -> bool:
        """Whether the kernel has such a filter, or the daemon runs.

        :raises CommandFailed: its tool failed for another reason: the next filter would then be
            taken as long as the fault lasts.  :raises CommandTimeout: it did not end.
        """

    def rules(self) -> Rules:
        """Guarded address -> ports open to everybody; empty when any part is missing."""

    def guard(self, wanted: Rules) -> Plan:
        """Exactly these, without a moment in which fewer are guarded."""

    def unguard(self) -> Plan:
        """Nothing of ours is left."""

    def allow_dhcp(self) -> Plan:
        """UDP to port 68 is accepted."""


class Firewall:
    """The first of ``backends`` that works, probed at first use."""

    def __init__(self, host: Host, backends: Sequence[Callable[[Host], Backend]]) -> None:
        self._host, self._makers = host, backends

    @cached_property
    def _backends(self) -> tuple[Backend, ...]:
        return tuple(make(self._host) for make in self._makers)

    @cached_property
    def _chosen(self) -> Optional[Backend]:
        return self._first(self._backends)

    def _first(self, backends: Iterable[Backend]) -> Optional[Backend]:
        """The first that works; of an incomplete tree, or one that does not run, that is there.

        Later ones are not tried: a try of iptables may load its modules.
        """
        shown = self._host.offline or self._host.assume_tools
        there = (each for each in backends if self._host.has(each.command))
        return next((each for each in there if shown or each.works()), None)

    def guarded(self) -> frozenset[Address]:
        return frozenset(self._chosen.rules()) if self._chosen is not None else frozenset()

    def ensure_guarded(
        self, addresses: Sequence[Address], *, open_ports: Sequence[int] = (53,)
    ) -> Plan:
        wanted = _checked(addresses, open_ports)
        backend = self._needed(self._chosen)
        if backend.rules() != wanted:
            yield from backend.guard(wanted)
            what = ", ".join(map(str, in_order(wanted)))
            yield Verify(f"{what}: guarded", lambda: backend.rules() == wanted, booted=True)
        for other in self._backends:
            if other is not backend:  # from before a better one was installed
                yield from other.unguard()

    def ensure_unguarded(self) -> Plan:
        for backend in self._backends:
            yield from backend.unguard()

    def ensure_dhcp_allowed(self) -> Plan:
        """An accepting rule must stand with those that drop: a table of our own cannot overrule
        another's.
        """
        best = sorted(self._backends, key=lambda each: not each.admits)
        yield from self._needed(self._first(best)).allow_dhcp()

    def _needed(self, backend: Optional[Backend]) -> Backend:
        """:raises CommandMissing: none is installed.  :raises Unsupported: none works."""
        if backend is not None:
            return backend
        there = [each.command for each in self._backends if self._host.has(each.command)]
        if not there:
            names = ", ".join(each.command for each in self._backends)
            raise CommandMissing(names, self._backends[0].package)
        raise Unsupported(
            f"no packet filter works here: tried {', '.join(there)}",
            hint="the kernel may lack its modules",
        )


def _checked(addresses: Sequence[Address], ports: Sequence[int]) -> Rules:
    if not addresses:
        raise InvalidInput("no address to guard", hint="to guard none is ensure_unguarded")
    if any(not 0 < port < 65536 for port in ports) or len(set(ports)) > _MOST_PORTS:
        raise InvalidInput(f"open ports {list(ports)}: at most {_MOST_PORTS}, of 1 to 65535")
    return {address: frozenset(ports) for address in addresses}


def lacking(answer: Completed) -> bool:
    """Whether a tool says that the kernel has no such filter."""
    return answer.status != 0 and _LACKING.search(answer.stderr) is not None


def understood(argv: tuple[str, ...], answer: Completed, *absent: str) -> Completed:
    """The answer: success, no such filter in this kernel, or a refusal that says ``absent``.

    :raises CommandFailed: the tool failed otherwise, so nobody knows what is there.
    """
    said = answer.stdout + answer.stderr
    if answer.status == 0 or lacking(answer) or any(each in said for each in absent):
        return answer
    raise CommandFailed(argv, answer.status, answer.stderr)


def in_order(addresses: Iterable[Address]) -> list[Address]:
    """IPv4 before IPv6, each by number: rules have one order."""
    return sorted(addresses, key=lambda address: (address.version, int(address)))
