# SPDX-License-Identifier: Apache-2.0
"""dhcpcd: ``hostname`` in its configuration, and a renewal by command (H2).

``dhcpcd -N`` renews and drops nothing; it sends the machine's name as it is then, if the option
``hostname`` was set when the client started.  ``-n`` reads the configuration anew, and takes the
address away for a moment when that has changed (9.4.1: two to five echo requests of 10 ms); so
does ``-x`` where the client was not started as ``persistent``.  So a client whose configuration
had to change is killed, which runs no script, and started again: it finds its lease and keeps the
address.
Source: dhcpcd(8), dhcpcd.conf(5); tried with 9.4.1.
"""

from __future__ import annotations

import re

from ..actions import EditFile, Plan, Run
from ..api import DhcpClient
from ..host import Host
from ..probes import Probes
from . import detached, dhcp_processes, ifupdown_links

CONFIGURATION = "/etc/dhcpcd.conf"
_HOSTNAME = re.compile(r"^[ \t]*hostname(?:[ \t]+([^\s#]+))?[ \t]*(?:#.*)?$", re.MULTILINE)
_TIMEOUT_S = 60.0


class Links:
    """``dhcpcd``, started by ifupdown, as a service, or by hand."""

    def __init__(self, host: Host) -> None:
        self._host, self._probes = host, Probes(host)

    def clients(self) -> tuple[DhcpClient, ...]:
        return tuple(each.client() for each in dhcp_processes.running(self._host))

    def ensure_published(self, interface: str, name: str, *, allow_bounce: bool = False) -> Plan:
        host = self._host
        dhcp_processes.check(host, interface, name)
        process = dhcp_processes.require(host, interface, "dhcpcd")
        host.require("dhcpcd", package="dhcpcd-base or dhcpcd")
        text = host.read_bytes(CONFIGURATION, b"")
        if sending(text, name) == text:
            yield Run(("dhcpcd", "-N", interface), timeout_s=_TIMEOUT_S, booted=True)
            return
        host.require("kill", package="procps or util-linux")
        again = self._again(process)
        yield EditFile(CONFIGURATION, lambda now: sending(now, name), "hostname")
        yield from dhcp_processes.ended(host, process)
        yield again
        yield dhcp_processes.again(host, process)

    def ensure_recovered(self, interface: str) -> Plan:
        yield from ifupdown_links.recover(self._host, interface)

    def _again(self, process: dhcp_processes.Process) -> Run:
        if not process.interface and self._probes.init == "systemd":
            self._host.require("systemctl")
            return Run(("systemctl", "restart", "dhcpcd.service"), booted=True)
        only = (process.interface,) if process.interface else ()
        return detached.starting(self._host, self._probes, ("dhcpcd", "-b", "-q", *only))


def sending(text: bytes, name: str) -> bytes:
    """A dhcpcd.conf(5) by which the machine's name is sent: one without a name of its own, or
    with this one, is right as it is."""
    found = _HOSTNAME.findall(text.decode("utf-8", "surrogateescape"))
    if found and all(each in ("", name) for each in found):
        return text
    kept = _HOSTNAME.sub("hostname", text.decode("utf-8", "surrogateescape"))
    if not found:  # before any "interface" block, so that it is for all of them
        kept = f"hostname\n{kept}"
    return kept.encode("utf-8", "surrogateescape")
