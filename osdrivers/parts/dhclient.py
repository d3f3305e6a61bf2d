# SPDX-License-Identifier: Apache-2.0
"""Leases of ISC dhclient, and of clients that write its format (N2).

The file grows at its end: the last complete block of an interface holds.  An option whose name
the client does not know is ``unknown-245`` (Linux) or ``option-245`` (BSD); its value is
colon-separated hexadecimal, or a quoted string with octal escapes when its bytes are printable.
Source: dhclient.leases(5), dhcp-eval(5).
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from typing import Optional

from ..api import Lease
from ..host import Host

PATHS = (
    "/var/lib/dhcp3/dhclient*.leases",
    "/var/lib/dhcp/dhclient*.lease*",
    "/var/lib/dhclient/dhclient*.lease*",
    "/var/lib/NetworkManager/dhclient-*.lease",
    "/var/db/dhclient.leases.*",
    "/run/dhclient*.lease*",
)
#: All that it keeps of this machine; a DHCP *server*'s leases have other names.
TRACES = (
    "/var/lib/dhcp3/dhclient*",
    "/var/lib/dhcp/dhclient*",
    "/var/lib/dhclient/dhclient*",
    "/var/lib/NetworkManager/dhclient*",
    "/var/db/dhclient.leases*",
    "/run/dhclient*.lease*",
)
LIMIT_BYTES = 4 << 20  # a file that nobody rotated for years
_BLOCK = re.compile(r"^lease6?\s*\{(.*?)^\}", re.MULTILINE | re.DOTALL)
_INTERFACE = re.compile(r'^\s*interface\s+"([^"]+)"\s*;', re.MULTILINE)
_OPTION_245 = re.compile(
    r"^\s*option\s+(?:unknown|option)-245\s+" r'("(?:[^"\\]|\\.)*"|[0-9A-Fa-f:]+)\s*;',
    re.MULTILINE,
)
_EXPIRE = re.compile(r"^\s*expire\s+([^;]+);", re.MULTILINE)
_ESCAPE = re.compile(rb"\\(x[0-9A-Fa-f]{1,2}|[0-7]{1,3}|.)", re.DOTALL)


def leases(host: Host, now_s: float) -> Iterator[tuple[int, Lease]]:
    """(mtime in ns, lease) of each interface in each file."""
    for pattern in PATHS:
        for path in host.glob(pattern):
            status = host.status(path)
            if status is not None and status.kind == "file":
                for lease in parse(_tail(host, path), path, now_s):
                    yield status.mtime_ns, lease


def _tail(host: Host, path: str) -> str:
    """The file's text; of one that is too long, its end, where the newest lease is."""
    data = host.read_bytes(path, b"")
    return data[-LIMIT_BYTES:].decode("utf-8", errors="replace")


def parse(text: str, source: str, now_s: float) -> tuple[Lease, ...]:
    """The last complete lease of each interface."""
    found: dict[str, Lease] = {}
    for block in _BLOCK.findall(text):
        interface = _INTERFACE.search(block)
        name = interface[1] if interface else _from_name(source)
        option = _OPTION_245.search(block)
        expire = _EXPIRE.search(block)
        ends_s = expires(expire[1]) if expire else None
        found.pop(name, None)
        found[name] = Lease(
            interface=name,
            source=source,
            option_245=value(option[1]) if option else b"",
            expired=ends_s is not None and ends_s < now_s,
        )
    return tuple(found.values())


def _from_name(source: str) -> str:
    """``dhclient.leases.hn0`` and ``dhclient-eth0.leases`` name their interface."""
    name = source.rpartition("/")[2]
    found = re.fullmatch(r"dhclient\.leases\.(.+)|dhclient[.-](.+?)\.leases?", name)
    return (found[1] or found[2]) if found else ""


def value(text: str) -> bytes:
    """``a8:3f:81:10``, or a string in quotes with escapes; b"" for neither."""
    if text.startswith('"'):
        return _ESCAPE.sub(_unescaped, text[1:-1].encode("utf-8", errors="replace"))
    try:
        return bytes(int(pair, 16) for pair in text.split(":"))
    except ValueError:
        return b""


def _unescaped(found: re.Match[bytes]) -> bytes:
    mark = found[1]
    if mark[:1] == b"x" and len(mark) > 1:
        return bytes((int(mark[1:], 16),))
    if mark.isdigit() and mark[:1] < b"8":
        return bytes((int(mark, 8) & 0xFF,))
    return mark


def expires(text: str) -> Optional[float]:
    """Seconds since 1970 of ``6 2026/08/22 12:00:00``, ``epoch 1787400000``; None for never."""
    words = text.split()
    if words[:1] == ["epoch"] and len(words) > 1 and words[1].isdigit():
        return float(words[1])
    try:
        moment = datetime.datetime.strptime(" ".join(words[1:3]), "%Y/%m/%d %H:%M:%S")
    except ValueError:
        return None
    return moment.replace(tzinfo=datetime.timezone.utc).timestamp()
