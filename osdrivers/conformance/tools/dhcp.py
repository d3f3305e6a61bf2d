# SPDX-License-Identifier: Apache-2.0
"""Managers of links and DHCP clients: what the server was told last is in ``/.machine/dhcp.json``.

Interface -> the name that came with the request.  Clients that run are entries of /proc.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ...host import Completed
from ..box import Box, Tool, UnknownUse, done, options, refused

_SEND = re.compile(r'^\s*send host-name "([^"]*)";', re.MULTILINE)
_LEASE = (
    'lease {{\n  interface "{}";\n  fixed-address 10.0.0.4;\n  expire 4 2026/11/26 12:00:00;\n}}\n'
)


def _kernel_name(box: Box) -> str:
    return box.read("/proc/sys/kernel/hostname", "").strip()


def _told(box: Box, interface: str, name: str) -> Completed:
    box.remember("dhcp", {**box.remembered("dhcp"), interface: name})
    return done()


def _there(box: Box, interface: str) -> bool:
    return box.is_directory(f"/sys/class/net/{interface}")


def networkctl(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    if argv[1:] == ("reload",):
        return done()
    if len(argv) != 3 or argv[1] != "reconfigure":
        raise UnknownUse(argv, "only reload and reconfigure")
    if int(box.version("systemd", "0")) < 244:
        return refused(1, f"Unknown operation {argv[1]}.")
    if not _there(box, argv[2]):
        return refused(1, f'Failed to resolve interface "{argv[2]}": No such device')
    return _told(box, argv[2], _kernel_name(box))


def nmcli(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    profile = box.facts["connection"]
    settings: dict[str, str] = box.remembered("connection")
    if argv[1:2] == ("-g",):
        if argv[3:5] == ("device", "show"):
            facts = {"GENERAL.CON-UUID": profile, "GENERAL.STATE": "100 (connected)"}
            return done(f"{facts[argv[2]]}\n")
        if argv[3:6] == ("connection", "show", "uuid"):
            defaults = {"ipv4.dhcp-timeout": "0 (default)"}
            default = "yes" if argv[2].endswith("send-hostname") else defaults.get(argv[2], "")
            return done(f"{settings.get(argv[2], default)}\n")
    if argv[1:4] == ("connection", "modify", "uuid"):
        pairs = dict(zip(argv[5::2], argv[6::2]))
        box.remember("connection", {**settings, **pairs})
        return done()
    if argv[1:3] in (("device", "reapply"), ("device", "modify")):
        name = settings.get("ipv4.dhcp-hostname") or _kernel_name(box)
        _told(box, argv[3], name)
        return done(f"Connection successfully reapplied to device '{argv[3]}'.\n")
    raise UnknownUse(argv, "not taught")


def wicked(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    if len(argv) != 3 or argv[1] != "ifup":
        raise UnknownUse(argv, "only ifup")
    found = re.findall(
        r'^DHCLIENT_HOSTNAME_OPTION="([^"]*)"', box.read("/etc/sysconfig/network/dhcp", ""), re.M
    )
    name = found[-1] if found else ""
    _told(box, argv[2], _kernel_name(box) if name == "AUTO" else name)
    return done(f"{argv[2]:<16}up\n")


def dhclient(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    """One that is run once, and the end of it."""
    files, words = _dhclient_words(argv)
    if "-x" in words:
        box.remove(files["-pf"])
        return done()
    if "-1" not in words:
        raise UnknownUse(argv, "only -1 and -x")
    interface = words[-1]
    if not _there(box, interface):
        return refused(1, f'Cannot find device "{interface}"')
    found = _SEND.findall(box.read(files["-cf"], ""))
    box.write(files["-lf"], box.read(files["-lf"], "") + _LEASE.format(interface))
    box.write(files["-pf"], "4711\n")
    return _told(box, interface, found[-1] if found else "")


def _dhclient_words(argv: tuple[str, ...]) -> tuple[Mapping[str, str], list[str]]:
    files: dict[str, str] = {}
    words: list[str] = []
    rest = list(argv[1:])
    while rest:
        word = rest.pop(0)
        if word in ("-cf", "-lf", "-pf", "-sf"):
            files[word] = rest.pop(0)
        else:
            words.append(word)
    return files, words


def dhcpcd(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    """Renewal (-N), and a start (-b); it sends the name if it is configured to."""
    _, interfaces = options(argv, "Nbq")
    configured = re.search(r"^hostname\s*$", box.read("/etc/dhcpcd.conf", ""), re.M)
    name = _kernel_name(box) if configured else ""
    for interface in interfaces:
        _told(box, interface, name)
    return done()


def udhcpc(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    given, _ = options(argv, "fqnt:T:s:i:r:x:")
    if not _there(box, given["-i"]):
        return refused(1, "udhcpc: SIOCGIFINDEX: No such device")
    return _told(box, given["-i"], given.get("-x", "").partition("hostname:")[2])


def ifup(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    if len(argv) != 2 or argv[1].startswith("-"):
        raise UnknownUse(argv, "one interface")
    return _told(box, argv[1], _kernel_name(box))


def ifdown(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    if len(argv) != 2 or argv[1].startswith("-"):
        raise UnknownUse(argv, "one interface")
    return done()


TOOLS: dict[str, Tool] = {
    "networkctl": networkctl,
    "nmcli": nmcli,
    "wicked": wicked,
    "dhclient": dhclient,
    "dhclient3": dhclient,
    "dhcpcd": dhcpcd,
    "udhcpc": udhcpc,
    "ifup": ifup,
    "ifdown": ifdown,
}
