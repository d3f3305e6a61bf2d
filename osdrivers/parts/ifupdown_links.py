# SPDX-License-Identifier: Apache-2.0
"""ifupdown: ``hostname`` in interfaces(5), and the commands that take a link down and up (H2, N7).

The client that ifup(8) started is asked for by its own part; this one keeps what is the same for
all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..actions import EditFile, Plan, Run
from ..errors import CommandFailed, CommandMissing
from ..host import Host
from . import dhcp_processes

_FILES = ("/etc/network/interfaces", "/etc/network/interfaces.d/*")
_TIMEOUT_S = 120.0
_STANZA = re.compile(r"^(iface|mapping|auto|allow-\S+|source\S*|template|rename)\b")


def named(host: Host, interface: str, name: str) -> Iterator[EditFile]:
    """A ``hostname`` of another name in the stanza of the interface follows; none is added."""
    for pattern in _FILES:
        for path in host.glob(pattern):
            text = host.read_bytes(path, b"")
            if renamed(text, interface, name) != text:
                yield EditFile(
                    path,
                    lambda now: renamed(now, interface, name),
                    f"iface {interface}: hostname {name}",
                )


def renamed(text: bytes, interface: str, name: str) -> bytes:
    """An interfaces(5) file whose stanza for DHCP has the name."""
    inside, lines = False, text.decode("utf-8", "surrogateescape").split("\n")
    for number, line in enumerate(lines):
        words = line.split()
        if words and _STANZA.match(words[0]):
            inside = words[0] == "iface" and words[1:2] == [interface] and "dhcp" in words
        elif inside and words[:1] == ["hostname"]:
            lines[number] = line.partition("hostname")[0] + f"hostname {name}"
    return "\n".join(lines).encode("utf-8", "surrogateescape")


def bounce(interface: str) -> Plan:
    """Down and up.  Up is tried also where down failed: nobody must stay without a network."""
    try:
        yield Run(("ifdown", interface), timeout_s=_TIMEOUT_S, booted=True)
    except (CommandFailed, CommandMissing):
        yield Run(("ifup", interface), timeout_s=_TIMEOUT_S, booted=True)
        raise
    yield Run(("ifup", interface), timeout_s=_TIMEOUT_S, booted=True)


def recover(host: Host, interface: str) -> Plan:
    """N7: an interface that is down is brought up."""
    if dhcp_processes.known(host, interface):
        return
    if host.has("ifup"):
        yield Run(("ifup", interface), timeout_s=_TIMEOUT_S, booted=True)
        return
    host.require("ip", package="iproute2")
    yield Run(("ip", "link", "set", interface, "up"), booted=True)
