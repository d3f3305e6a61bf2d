# SPDX-License-Identifier: Apache-2.0
"""Names of interfaces that are tied to a hardware address (N6).

Of three kinds: rules that udev's generator wrote (until systemd 197), ``.link`` files, and HWADDR
in network scripts, which rename what has the address.  A copy of the machine has another address,
so its first interface becomes ``eth1``, and has no configuration.  The generator itself is the
distribution's and stays: without a rule it counts from eth0 again.  What an administrator put in
its place (/etc/udev/rules.d/75-...) stays too.
Source: udev(7), systemd.link(5), NetworkManager's settings manual, initscripts' sysconfig.txt.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Callable, Union

from ..actions import EditFile, Plan, Remove
from ..host import Host
from . import listed

RULES = (
    "/etc/udev/rules.d/70-persistent-net.rules",
    "/etc/udev/rules.d/30-net_persistent_names.rules",  # SUSE until 11
)
LINKS = "/etc/systemd/network/*.link"
SCRIPTS = "/etc/sysconfig/network-scripts/ifcfg-*"
CONNECTIONS = "/etc/NetworkManager/system-connections/*"
_MAC = r"[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5,19}"
_RULE = re.compile(rf'(?:ATTR|SYSFS)\{{address\}}\s*==\s*"({_MAC})"')
_GIVEN = re.compile(r'(?<![A-Z])NAME\s*:?=\s*"([^"]+)"')
_SECTION = re.compile(r"^\s*\[([^\]]+)\]")
_HWADDR = re.compile(rf"^\s*HWADDR\s*=\s*[\"']?({_MAC})[\"']?\s*$")
_DEVICE = re.compile(r"^\s*DEVICE\s*=\s*[\"']?([^\"'\s]+)", re.MULTILINE)
_KEYFILE_MAC = re.compile(rf"^\s*mac-address\s*=\s*({_MAC})\s*$")

Gone = Callable[[str], bool]


@dataclass(frozen=True)
class _Kind:
    """One kind of file: the pins in its text, and the text without those that are gone."""

    pins: Callable[[str], Mapping[str, str]]
    without: Callable[[str, Gone], str]


class InterfaceNames:
    def __init__(self, host: Host) -> None:
        self._host = host

    def pinned(self) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for path, kind in self._files():
            found.update(kind.pins(self._host.read(path, "")))
        return found

    def ensure_unpinned(self, *, everything: bool = False) -> Plan:
        present = self._present()
        if not everything and not present:  # nobody can tell: it does not run
            return
        changes = [
            *self._changes(lambda mac: everything or mac not in present),
            *(self._unbound() if everything else ()),
        ]
        yield from changes

    def _files(self) -> Iterator[tuple[str, _Kind]]:
        for patterns, kind in (
            (RULES, _Kind(_rules, _without_rules)),
            ((LINKS,), _Kind(_links, _without_links)),
            ((SCRIPTS,), _Kind(_scripts, _without_scripts)),
        ):
            for path in listed.matching(self._host, patterns):
                found = self._host.status(path, follow=False)
                if found is not None and found.kind == "file":
                    yield path, kind

    def _changes(self, gone: Gone) -> Iterator[Union[EditFile, Remove]]:
        for path, kind in self._files():
            text = self._host.read(path, "")
            macs = sorted(mac for mac in kind.pins(text) if gone(mac))
            if macs and _says_nothing(kind.without(text, gone)):
                yield Remove(path, beneath=listed.fence(path))
            elif macs:
                change = partial(_edited, kind=kind, gone=gone)
                yield EditFile(path, change, f"no name for {', '.join(macs)}")

    def _unbound(self) -> Iterator[EditFile]:
        """NetworkManager's connections that would not be used on another address."""
        for path in self._host.glob(CONNECTIONS):
            found = self._host.status(path, follow=False)
            text = self._host.read(path, "") if found and found.kind == "file" else ""
            if _unbound(text) != text:
                listed.refuse_links(self._host, path.rpartition("/")[0])
                yield EditFile(path, _unbound_bytes, "no mac-address", 0o600)

    def _present(self) -> frozenset[str]:
        """Hardware addresses of this machine's interfaces but loopback's; none of an image."""
        host, base = self._host, f"{self._host.places.sysfs}/class/net"
        if host.offline:
            return frozenset()
        names = [name for name in host.names(base) if name != "lo"]
        return frozenset(_mac(host.read(f"{base}/{name}/address", "")) for name in names) - {""}


def _mac(text: str) -> str:
    return text.strip().lower().replace("-", ":")


def _says_nothing(text: str) -> bool:
    """Comments and empty sections only."""
    lines = (line.strip() for line in text.splitlines())
    return not [line for line in lines if line and line[0] not in "#;" and line[0] != "["]


def _edited(text: bytes, kind: _Kind, gone: Gone) -> bytes:
    whole = text.decode("utf-8", "surrogateescape")
    return kind.without(whole, gone).encode("utf-8", "surrogateescape")


# ---------------------------------------------------------------- rules of udev


def _logical(text: str) -> list[str]:
    """Lines with their ends; one that ends in a backslash goes on."""
    lines: list[str] = []
    for line in text.splitlines(keepends=True):
        if lines and lines[-1].endswith("\\\n"):
            lines[-1] += line
        else:
            lines.append(line)
    return lines


def _rules(text: str) -> Mapping[str, str]:
    found = {}
    for line in _logical(text):
        mac, name = _RULE.search(line), _GIVEN.search(line)
        if mac and name and not line.lstrip().startswith("#"):
            found[_mac(mac[1])] = name[1]
    return found


def _without_rules(text: str, gone: Gone) -> str:
    """The generator's comment about a device goes with its rule."""
    kept: list[str] = []
    for line in _logical(text):
        if any(gone(mac) for mac in _rules(line)):
            if kept and kept[-1].startswith("#") and " device " in kept[-1]:
                kept.pop()
            continue
        kept.append(line)
    return "".join(kept)


# ---------------------------------------------------------------- .link files


def _links(text: str) -> Mapping[str, str]:
    section, macs, name = "", list[str](), ""
    for line in text.splitlines():
        heading, (key, _, value) = _SECTION.match(line), line.partition("=")
        section = heading[1] if heading else section
        if section == "Match" and key.strip() in ("MACAddress", "PermanentMACAddress"):
            macs += re.findall(_MAC, value)
        elif section == "Link" and key.strip() == "Name":
            name = value.strip()
    return {_mac(mac): name for mac in macs} if name else {}


def _without_links(text: str, gone: Gone) -> str:
    """Nothing, if it did nothing else; else without the name.  One address that is there holds
    the file."""
    pins = _links(text)
    if not pins or not all(gone(mac) for mac in pins):
        return text
    section, kept, others = "", list[str](), 0
    for line in text.splitlines(keepends=True):
        heading, key = _SECTION.match(line), line.partition("=")[0].strip()
        section = heading[1] if heading else section
        if section == "Link" and key == "Name" and "=" in line:
            continue
        others += section == "Link" and "=" in line and line.lstrip()[0] not in "#;"
        kept.append(line)
    return "".join(kept) if others else ""


# ---------------------------------------------------------------- network scripts, connections


def _scripts(text: str) -> Mapping[str, str]:
    device = _DEVICE.search(text)
    macs = [found[1] for found in map(_HWADDR.match, text.splitlines()) if found]
    return {_mac(mac): device[1] for mac in macs} if device else {}


def _without_scripts(text: str, gone: Gone) -> str:
    lines = text.splitlines(keepends=True)
    found = [(line, _HWADDR.match(line)) for line in lines]
    return "".join(line for line, mac in found if not mac or not gone(_mac(mac[1])))


def _unbound(text: str) -> str:
    section, kept = "", list[str]()
    for line in text.splitlines(keepends=True):
        heading = _SECTION.match(line)
        section = heading[1] if heading else section
        if section not in ("ethernet", "802-3-ethernet") or not _KEYFILE_MAC.match(line):
            kept.append(line)
    return "".join(kept)


def _unbound_bytes(text: bytes) -> bytes:
    return _unbound(text.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
