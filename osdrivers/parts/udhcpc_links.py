# SPDX-License-Identifier: Apache-2.0
"""BusyBox's DHCP client: it has the name on its command line and reads no configuration (H2).

A second one asks the server for the same address with the new name, runs no script and ends; the
first goes on and is not disturbed.  It cannot be told another name: one that was started with an
old one would send that at its next renewal, and replacing it runs the script that empties the
interface.  So that needs ``allow_bounce``.
Source: busybox(1), udhcpc; tried with 1.35.
"""

from __future__ import annotations

from ..actions import Plan, Run
from ..api import DhcpClient
from ..errors import NotFound, UnsafeRefused
from ..host import Host
from . import dhcp_processes, ifupdown_links, iproute2

_NO_SCRIPT = "/bin/true"
_TRIES, _PAUSE_S = 3, 3


class Links:
    """``udhcpc``, started by ifupdown or by hand."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def clients(self) -> tuple[DhcpClient, ...]:
        return tuple(each.client() for each in dhcp_processes.running(self._host))

    def ensure_published(self, interface: str, name: str, *, allow_bounce: bool = False) -> Plan:
        host = self._host
        dhcp_processes.check(host, interface, name)
        process = dhcp_processes.require(host, interface, "udhcpc")
        said = _name(process)
        corrections = [*ifupdown_links.named(host, interface, name)]
        if said not in ("", name):
            if not allow_bounce:
                raise UnsafeRefused(
                    f"udhcpc of {interface} was started with the name {said!r} and keeps it",
                    hint="allow the link to go down, or restart the machine",
                )
            host.require("ifup", "ifdown", package="ifupdown")
            yield from corrections
            yield from ifupdown_links.bounce(interface)
            return
        host.require("udhcpc", package="busybox or udhcpc")
        address = self._address(interface)
        yield from corrections
        options = ("-f", "-q", "-n", "-t", str(_TRIES), "-T", str(_PAUSE_S), "-s", _NO_SCRIPT)
        request = ("-i", interface, "-r", address, "-x", f"hostname:{name}")
        yield Run(("udhcpc", *options, *request), booted=True)

    def ensure_recovered(self, interface: str) -> Plan:
        yield from ifupdown_links.recover(self._host, interface)

    def _address(self, interface: str) -> str:
        found = iproute2.Network(self._host).addresses(interface)
        for each in found:
            if each.address.version == 4:
                return str(each.address)
        raise NotFound(f"{interface} has no IPv4 address to ask for again")


def _name(process: dhcp_processes.Process) -> str:
    """The name in its arguments, "" where there is none."""
    for option, value in zip(process.argv, process.argv[1:]):
        if option == "-x" and value.startswith("hostname:"):
            return value.partition(":")[2]
        if option in ("-H", "-h", "--hostname"):
            return value
    return ""
