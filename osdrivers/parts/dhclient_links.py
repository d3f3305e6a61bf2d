# SPDX-License-Identifier: Apache-2.0
"""ISC dhclient: a second one tells the server the name, beside the one that runs (H2).

dhclient has no signal and no command for a renewal, and ending it in an orderly way (-x, -r) runs
the script that empties the interface.  So a second one is run once, with a copy of the newest
lease: it asks for the same address (INIT-REBOOT) with the new name, and its script is true(1).
The copy's times are in a far future: what the server answers replaces them, which shows that it
did answer, where dhclient itself would be content with the old lease.

The first sends ``gethostname()`` as it is at each renewal.  Where its configuration or its
arguments have another name it would go back to that, so it is killed, which runs no script, and
started again as it was: it finds its lease and keeps the address.
Source: dhclient(8), dhclient.conf(5), dhclient.leases(5); tried with 4.4.3.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..actions import Action, EditFile, Plan, Remove, Run, Verify, WriteFile
from ..api import DhcpClient
from ..errors import OperationError
from ..host import Host
from ..probes import Probes
from . import detached, dhclient, dhcp_processes, ifupdown_links
from .dhcp_processes import Process

_CONFIGURATIONS = ("/etc/dhcp/dhclient.conf", "/etc/dhclient.conf", "/etc/dhcp3/dhclient.conf")
_SEND = re.compile(r"^[ \t]*send[ \t]+host-name[ \t]*=?[ \t]*([^;]*?)[ \t]*;", re.MULTILINE)
_BLOCK = re.compile(r"^lease\s*\{.*?^\}", re.MULTILINE | re.DOTALL)
_TIMES = re.compile(r"^(\s*(?:renew|rebind|expire))\s[^;]*;", re.MULTILINE)
_FAR = "4 2037/12/31 00:00:00"
_NAME_OPTIONS = ("-H", "-F")
_NO_SCRIPT = "/bin/true"
_TIMEOUT_S = 60.0


class Links:
    """``dhclient``, started by ifup, by a network script or by hand."""

    def __init__(self, host: Host) -> None:
        self._host, self._probes = host, Probes(host)

    def clients(self) -> tuple[DhcpClient, ...]:
        return tuple(each.client() for each in dhcp_processes.running(self._host))

    def ensure_published(self, interface: str, name: str, *, allow_bounce: bool = False) -> Plan:
        host = self._host
        dhcp_processes.check(host, interface, name)
        process = dhcp_processes.require(host, interface, "dhclient")
        program = process.argv[0].rpartition("/")[2]
        host.require(program, package="isc-dhcp-client")
        configuration = self._configuration(process, interface)
        text = host.read_bytes(configuration, b"")
        others = [*ifupdown_links.named(host, interface, name)]
        others += [*_ifcfg(host, interface, name)]
        if sending(text, name) == text and process.argument(*_NAME_OPTIONS) in ("", name):
            yield from others
            yield from self._announced(program, interface, name, text)
            return
        host.require("kill", package="procps or util-linux")
        again = detached.starting(host, self._probes, _renamed(process.argv, name))
        yield from others
        if sending(text, name) != text:
            yield EditFile(configuration, lambda now: sending(now, name), f"host-name {name}")
        yield from dhcp_processes.ended(host, process)
        yield again
        yield dhcp_processes.again(host, process)

    def ensure_recovered(self, interface: str) -> Plan:
        yield from ifupdown_links.recover(self._host, interface)

    def _configuration(self, process: Process, interface: str) -> str:
        own = (f"/etc/dhcp/dhclient-{interface}.conf", f"/etc/dhclient-{interface}.conf")
        present = (path for path in (*own, *_CONFIGURATIONS) if self._host.exists(path))
        return process.argument("-cf") or next(present, _CONFIGURATIONS[0])

    def _announced(self, program: str, interface: str, name: str, text: bytes) -> Plan:
        run = f"{self._host.places.run}{dhcp_processes.OURS}{interface}"
        leases, configuration, pid = f"{run}.leases", f"{run}.conf", f"{run}.pid"
        limits = b"\ntimeout 6;\nreboot 4;\n"
        files = ("-cf", configuration, "-lf", leases, "-pf", pid, "-sf", _NO_SCRIPT)
        remains: tuple[Action, ...] = (
            Run((program, "-x", *files, interface), timeout_s=_TIMEOUT_S, booted=True),
            *(Remove(path, booted=True) for path in (leases, configuration, pid)),
        )
        sent = _SEND.sub("", text.decode("utf-8", "surrogateescape"))
        sent += f'\nsend host-name "{name}";'
        data = sent.encode("utf-8", "surrogateescape") + limits
        if self._host.exists(pid):  # a run that was killed left its client
            yield remains[0]
        yield WriteFile(configuration, data, booted=True)
        yield WriteFile(leases, self._lease(interface).encode(), booted=True)
        try:
            once = (program, "-1", "-q", *files, interface)
            yield Run(once, timeout_s=_TIMEOUT_S, booted=True)
            yield Verify(
                f"the DHCP server of {interface} was told {name}",
                lambda: _answered(self._host.read(leases, "")),
                booted=True,
            )
        except OperationError:
            yield from remains
            raise
        yield from remains

    def _lease(self, interface: str) -> str:
        """The newest lease of an interface, its times in a far future; "" when there is none."""
        newest, found = -1, ""
        for pattern in dhclient.PATHS:
            for path in self._host.glob(pattern):
                status, blocks = self._host.status(path), []
                for block in _BLOCK.findall(self._host.read(path, "")):
                    if f'interface "{interface}";' in block:
                        blocks.append(block)
                if blocks and status is not None and status.mtime_ns > newest:
                    newest, found = status.mtime_ns, blocks[-1]
        return _TIMES.sub(rf"\1 {_FAR};", found) + "\n" if found else ""


def sending(text: bytes, name: str) -> bytes:
    """A dhclient.conf(5) by which the name is sent: that of the machine, or this one."""
    decoded = text.decode("utf-8", "surrogateescape")
    found = _SEND.findall(decoded)
    if found and all(each.replace(" ", "") in ("gethostname()", f'"{name}"') for each in found):
        return text
    changed = _SEND.sub(f'send host-name "{name}";', decoded)
    if not found:
        changed = changed.rstrip("\n") + f'\nsend host-name "{name}";\n'
    return changed.lstrip("\n").encode("utf-8", "surrogateescape")


def _answered(text: str) -> bool:
    blocks = _BLOCK.findall(text)
    return bool(blocks) and _FAR not in blocks[-1]


def _renamed(argv: tuple[str, ...], name: str) -> tuple[str, ...]:
    """The arguments, with the new name where they had an old one."""
    before = ("", *argv[:-1])
    return tuple(name if option in _NAME_OPTIONS else word for option, word in zip(before, argv))


def _ifcfg(host: Host, interface: str, name: str) -> Iterator[EditFile]:
    """DHCP_HOSTNAME of network scripts, where it is another name."""
    path = f"/etc/sysconfig/network-scripts/ifcfg-{interface}"
    pattern = re.compile(rb"^(DHCP_HOSTNAME=)[\"']?([^\"'\s#]*)[\"']?", re.MULTILINE)
    found = pattern.findall(host.read_bytes(path, b""))
    if any(value != name.encode() for _, value in found):
        fresh = rb"\g<1>" + name.encode()
        yield EditFile(path, lambda now: pattern.sub(fresh, now), f"DHCP_HOSTNAME={name}")
