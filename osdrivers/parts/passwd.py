# SPDX-License-Identifier: Apache-2.0
"""The account files of a machine: passwd(5), group(5), shadow(5).

Read directly, never through the name service: the answer must hold for an offline root, and an
enumeration of a directory service can take minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Optional

from ..api import Account
from ..errors import NotPermitted
from ..host import Host, Secret

#: Accounts that image-based systems keep in /usr, merged by nss-altfiles(5) or nss-usrfiles.
VENDOR_PASSWD = ("/usr/lib/passwd", "/usr/share/baselayout/passwd")


def rows(text: str, columns: int) -> Iterator[list[str]]:
    """The lines of a colon-separated file that have at least that many columns."""
    for line in text.split("\n"):
        found = line.split(":")
        if len(found) >= columns and found[0] and not line.startswith(("#", "+", "-")):
            yield found


class Passwd:
    """Questions about the accounts of one machine."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def account(self, name: str) -> Optional[Account]:
        """The account of that name, with its groups and the state of its password."""
        for row in self._all_rows():
            if row[0] == name:
                return _account(row, self.groups_of(name), self._password_state(name, row[1]))
        return None

    def accounts(self) -> tuple[Account, ...]:
        """Every account in the order of the files; of two of one name, the first."""
        members: dict[str, tuple[str, ...]] = {}
        for group in rows(self._host.read(self._host.places.group, ""), 4):
            for name in filter(None, group[3].split(",")):
                members[name] = (*members.get(name, ()), group[0])
        hidden = self._shadow_fields()
        found: dict[str, Account] = {}
        for row in self._all_rows():
            state = "unknown" if hidden is None else _state(hidden.get(row[0], row[1]))
            found.setdefault(row[0], _account(row, members.get(row[0], ()), state))
        return tuple(found.values())

    def _all_rows(self) -> Iterator[list[str]]:
        for path in (self._host.places.passwd, *VENDOR_PASSWD):
            for row in rows(self._host.read(path, ""), 7):
                if row[2].isdigit() and row[3].isdigit():
                    yield row

    def _shadow_fields(self) -> Optional[dict[str, str]]:
        """Account -> password field; None when the file is not readable for us."""
        try:
            text = self._host.read(self._host.places.shadow, "")
        except NotPermitted:
            return None
        return {row[0]: row[1] for row in reversed([*rows(text, 2)])}

    def names_by_uid(self, uid: int) -> tuple[str, ...]:
        """Every account with that number."""
        table = rows(self._host.read(self._host.places.passwd, ""), 7)
        return tuple(row[0] for row in table if row[2] == str(uid))

    def primary_users(self, gid: int) -> tuple[str, ...]:
        """Every account whose primary group has that number."""
        table = rows(self._host.read(self._host.places.passwd, ""), 7)
        return tuple(row[0] for row in table if row[3] == str(gid))

    def groups(self) -> dict[str, int]:
        """Name and number of each group."""
        table = rows(self._host.read(self._host.places.group, ""), 4)
        return {row[0]: int(row[2]) for row in table if row[2].isdigit()}

    def groups_of(self, name: str) -> tuple[str, ...]:
        """The supplementary groups of an account, in the order of the file."""
        table = rows(self._host.read(self._host.places.group, ""), 4)
        return tuple(row[0] for row in table if name in row[3].split(","))

    def shadow(self, name: str) -> Optional[list[str]]:
        """The columns of an account's shadow line; None when there is none.

        :raises NotPermitted: the file is not readable for us.
        """
        for row in rows(self._host.read(self._host.places.shadow, ""), 2):
            if row[0] == name:
                return row
        return None

    def lacks_shadow(self, name: str) -> bool:
        """Whether the account's password should be in the shadow file but has no line there."""
        table = rows(self._host.read(self._host.places.passwd, ""), 7)
        if not any(row[:2] == [name, "x"] for row in table):
            return False
        try:
            return self._host.exists(self._host.places.shadow) and self.shadow(name) is None
        except NotPermitted:
            return False

    def stored(self, name: str) -> Optional[Secret]:
        """The password field that counts; None when it cannot be read or there is none."""
        try:
            row = self.shadow(name)
        except NotPermitted:
            return None
        if row is None:
            for entry in rows(self._host.read(self._host.places.passwd, ""), 7):
                if entry[0] == name and entry[1] not in ("x", "*"):
                    row = entry
        return None if row is None else Secret(row[1].encode())

    def _password_state(self, name: str, field: str) -> str:
        try:
            row = self.shadow(name)
        except NotPermitted:
            return "unknown"
        return _state(row[1] if row is not None else field)


def _state(field: str) -> str:
    """``empty``, ``locked`` or ``set``, of a password field."""
    if not field:
        return "empty"
    return "locked" if field[0] in "*!" or field == "x" else "set"


def _account(row: list[str], groups: tuple[str, ...], password: str) -> Account:
    name, _, uid, gid, gecos, home, shell = row[:7]
    return Account(name, int(uid), int(gid), home, shell, gecos, groups, password)
