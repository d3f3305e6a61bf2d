# SPDX-License-Identifier: Apache-2.0
"""Accounts without a password that may still log in with a key, and root's.

useradd(8) and adduser leave ``!`` in the password's column.  sshd without PAM takes an account
whose column begins so for a locked one and refuses its keys too; ``*`` matches no password either.
Source: sshd(8), AUTHENTICATION; found in a booted tree with Alpine's sshd_config.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..actions import EditFile
from ..errors import NotPermitted
from ..host import Host
from . import sshd_config
from .passwd import Passwd

_BARE = ("!", "!!")  # with no hash behind, so nobody's password is disabled on purpose


class Locks:
    """What ``!`` means to this machine's SSH server."""

    def __init__(self, host: Host) -> None:
        self._host, self._passwd = host, Passwd(host)

    def opening(self, name: str) -> Iterator[EditFile]:
        """For an account that was just made: ``*``, where sshd minds."""
        if self._matter():
            yield EditFile(
                self._host.places.shadow,
                lambda text: opened(text, name),
                f"{name}: no password, but not locked",
                mode=0o640,
            )

    def repairs(self, name: str) -> Iterator[EditFile]:
        """The same for one that is there, unless it has a password or is open already."""
        try:
            row = self._passwd.shadow(name)
        except NotPermitted:
            return
        if row[1] in _BARE if row is not None else self._passwd.lacks_shadow(name):
            yield from self.opening(name)

    def _matter(self) -> bool:
        configuration = sshd_config.read(self._host)
        there = self._host.exists(configuration.main)
        pam = configuration.options().get("usepam", "no").lower() == "yes"
        return there and not pam and self._host.exists(self._host.places.shadow)


def opened(text: bytes, name: str) -> bytes:
    """A shadow(5) file in which the account's column, if it is a bare ``!``, is ``*``."""
    lines = text.split(b"\n")
    for number, line in enumerate(lines):
        columns = line.split(b":")
        if columns[0] == name.encode() and columns[1:2] and columns[1].decode("latin-1") in _BARE:
            lines[number] = b":".join((columns[0], b"*", *columns[2:]))
    return b"\n".join(lines)


def disabled(text: bytes) -> bytes:
    """A passwd(5) or shadow(5) file with ``*`` for root's password, unless it is disabled.

    ``*`` and not a leading ``!``: sshd without PAM takes the latter for a locked account and
    refuses keys too.  The other fields stay; usermod(8) would set the day of the last change.
    """
    lines = text.split(b"\n")
    for number, line in enumerate(lines):
        fields = line.split(b":")
        if fields[0] == b"root" and len(fields) > 2 and not fields[1].startswith((b"*", b"!")):
            if fields[1] == b"x" and len(fields) == 7:
                continue
            lines[number] = b":".join((fields[0], b"*", *fields[2:]))
    return b"\n".join(lines)
