# SPDX-License-Identifier: Apache-2.0
"""wicked, and the network scripts that it replaced: DHCLIENT_HOSTNAME_OPTION, then ifup (H2).

``AUTO`` sends the machine's name.  ``wicked ifup`` of an interface that is up asks for the lease
again and leaves the address.  Source: ifcfg-dhcp(5) of wicked, wicked(8).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..actions import EditFile, Plan, Run
from ..api import DhcpClient
from ..host import Host
from . import dhcp_processes

DEFAULTS = "/etc/sysconfig/network/dhcp"
#: Leases, DUID and IAIDs; /run/wicked is of this boot.
TRACES = ("/var/lib/wicked/*.xml",)
_OPTIONS = ("DHCLIENT_HOSTNAME_OPTION", "DHCLIENT6_HOSTNAME_OPTION")
_TIMEOUT_S = 90.0


class Links:
    """:param ifup: the command that configures an interface again."""

    def __init__(self, host: Host, ifup: tuple[str, ...] = ("wicked", "ifup")) -> None:
        self._host, self._ifup = host, ifup

    def clients(self) -> tuple[DhcpClient, ...]:
        return tuple(each.client() for each in dhcp_processes.running(self._host))

    def ensure_published(self, interface: str, name: str, *, allow_bounce: bool = False) -> Plan:
        dhcp_processes.check(self._host, interface, name)
        dhcp_processes.require(self._host, interface, "wicked", "dhcpcd")
        self._host.require(self._ifup[0])
        yield from [*self._corrected(interface, name)]
        yield Run((*self._ifup, interface), timeout_s=_TIMEOUT_S, booted=True)

    def ensure_recovered(self, interface: str) -> Plan:
        if not dhcp_processes.known(self._host, interface):
            self._host.require(self._ifup[0])
            yield Run((*self._ifup, interface), timeout_s=_TIMEOUT_S, booted=True)

    def _corrected(self, interface: str, name: str) -> Iterator[EditFile]:
        """The defaults must say AUTO or the name; an interface's own file only if it says more."""
        own = f"/etc/sysconfig/network/ifcfg-{interface}"
        for path, add in ((DEFAULTS, _OPTIONS[:1]), (own, ())):
            text = self._host.read_bytes(path, b"")
            if automatic(text, name, add) != text:
                yield EditFile(path, _Automatic(name, add), f'{_OPTIONS[0]}="AUTO"')


class _Automatic:
    def __init__(self, name: str, add: tuple[str, ...]) -> None:
        self._name, self._add = name, add

    def __call__(self, text: bytes) -> bytes:
        return automatic(text, self._name, self._add)


def automatic(text: bytes, name: str, add: tuple[str, ...] = ()) -> bytes:
    """A file of assignments whose options say AUTO, unless they say the name."""
    decoded = text.decode("utf-8", "surrogateescape")
    for option in _OPTIONS:
        pattern = re.compile(rf"^({option}=)[\"']?([^\"'\s#]*)[\"']?", re.MULTILINE)
        found = pattern.findall(decoded)
        if any(value not in ("AUTO", name) for _, value in found):
            decoded = pattern.sub(r'\1"AUTO"', decoded)
        if not found and option in add:
            decoded += (
                "" if decoded.endswith("\n") or not decoded else "\n"
            ) + f'{option}="AUTO"\n'
    return decoded.encode("utf-8", "surrogateescape")
