# SPDX-License-Identifier: Apache-2.0
"""The remote access document (just in time accounts) read into the model."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING

from agentcore.errors import Malformed
from osdrivers.host import Secret

from . import xml
from .desired import RemoteAccess, RemoteUser
from .transport import TransportKey

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

WHAT = "the remote access document"
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_RFC1123 = re.compile(
    r"(?:[A-Za-z]{3,9},\s+)?(\d{1,2})\s+([A-Za-z]{3})[a-z]*\s+(\d{4})"
    r"(?:\s+(\d{1,2}):(\d{2})(?::(\d{2}))?(?:\s+(?:UTC|GMT))?)?",
    re.ASCII,
)
_ISO8601 = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2}):(\d{2})(?:\.\d+)?Z?)?")
_MARKS = (b"\xff\xfe", b"\xfe\xff")
#: Names as useradd(8) recommends them, and none of those that have a meaning to shells.
_NAME = re.compile(r"[A-Za-z_][0-9A-Za-z_.-]{0,31}")


def parse(data: bytes) -> RemoteAccess:
    """Read the document.  An account that cannot be made says why; the others are sound.

    Of several accounts of one name the last holds.

    :raises Malformed: not well-formed, or not this document.
    """
    root = xml.require_root(xml.parse(data, WHAT), "RemoteAccess", None, WHAT)
    listed = xml.children(xml.descendant(root, "Users"), "User", None, WHAT)
    users = {user.name: user for user in map(_user, listed)}
    return RemoteAccess(xml.text(xml.child(root, "Incarnation", None, WHAT)), tuple(users.values()))


def _user(element: Element) -> RemoteUser:
    name, password, expiration = (
        xml.text(xml.child(element, part, None, WHAT))
        for part in ("Name", "Password", "Expiration")
    )
    problem = "" if _NAME.fullmatch(name) else f"the account's name {name[:40]!r} cannot be used"
    envelope, expires_s = b"", 0.0
    try:
        expires_s = expiry(expiration)
        envelope = base64.b64decode("".join(password.split()), validate=True)
    except (binascii.Error, ValueError) as broken:
        problem = problem or f"the account {name[:40]!r} is not complete: {broken}"
    if not envelope:
        problem = problem or f"the account {name[:40]!r} has no password"
    return RemoteUser(name, envelope, expiration, expires_s, problem)


def password(user: RemoteUser, transport: TransportKey) -> Secret:
    """The account's password, UTF-8, decrypted with this machine's transport key by openssl(1).

    On the wire it is UTF-16, little-endian unless a byte order mark says otherwise.

    :raises Malformed: it is not encrypted to that key, is no text, or has a NUL or newline.
    """
    what = f"the password of {user.name[:40]!r}"
    raw = transport.decrypt(user.password, what).reveal()
    try:
        text = raw.decode("utf-16" if raw[:2] in _MARKS else "utf-16-le")
    except UnicodeDecodeError:
        text = ""  # without the cause: it holds the bytes
    if not text or any(mark in text for mark in "\0\r\n"):
        raise Malformed(f"{what} is empty, no text, or has a NUL or newline")
    return Secret(text.encode())


def expiry(text: str) -> float:
    """A time (UTC) as seconds since 1970-01-01: RFC 1123 as the platform writes it, or ISO 8601.

    :raises ValueError: neither, or a day that does not exist.
    """
    from calendar import timegm  # only where such an account is
    from datetime import datetime

    named, plain = _RFC1123.fullmatch(text.strip()), _ISO8601.fullmatch(text.strip())
    if named is not None and named.group(2).lower() in _MONTHS:
        day, month, year = named.group(1), _MONTHS.index(named.group(2).lower()) + 1, named.group(3)
        clock = named.groups()[3:]
    elif plain is not None:
        year, month, day = plain.group(1), int(plain.group(2)), plain.group(3)
        clock = plain.groups()[3:]
    else:
        raise ValueError(f"the expiry {text[:40]!r} is no time")
    hour, minute, second = (int(part or 0) for part in clock)
    moment = datetime(int(year), month, int(day), hour, minute, second)
    return float(timegm(moment.timetuple()))
