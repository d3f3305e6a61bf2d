# SPDX-License-Identifier: Apache-2.0
"""Accounts with BusyBox: adduser, addgroup, delgroup, deluser, chpasswd (U1-U6, U11).

It has no usermod(8), so what is wrong in an account's line is edited there.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Optional

from ..actions import Action, EditFile, MakeDirectory, Plan, Run, Verify
from ..api import Account, Password, Plain, User
from ..errors import CommandFailed, Conflict, NotFound
from . import shadow
from .shadow_errors import tool_failed
from .shadow_expiry import check as check_last_day
from .shadow_expiry import first_day_without

_PACKAGE = "busybox or shadow"
#: Columns of passwd(5) and shadow(5).
_COLUMNS = {"gecos": 4, "home": 5, "shell": 6}
_PASSWORD, _EXPIRY, _SHADOW_COLUMNS = 1, 7, 9
#: What chpasswd does with a clear password depends on how it was built.
_SCHEME = "6"


class Users(shadow.Users):
    """What decides is shadow's; what acts is here."""

    def _create(self, user: User, home: str, groups: tuple[str, ...]) -> Plan:
        self._host.require("adduser", *(("addgroup",) if groups else ()), package=_PACKAGE)
        upper, adopted = home.rpartition("/")[0], self._host.status(home) is not None
        if upper and not self._host.exists(upper):
            yield MakeDirectory(upper)
        shell = user.shell or self._shell()
        # -H: it would make a home that everybody can read.
        argv = ["adduser", "-D", "-H", "-h", home, "-s", shell, "-g", user.gecos]
        if user.name in self._passwd.groups():
            argv += ["-G", user.name]
        yield Run((*argv, user.name))
        yield from self._joined(user.name, groups)
        make = self._homes.adopted if adopted else self._homes.fresh
        yield from make(user.name, home)
        yield from self._locks.opening(user.name)
        if user.expires is not None:
            yield self._expiring(user.name, user.expires)
        yield self._verify(user.name, groups)

    def _joined(self, name: str, groups: tuple[str, ...]) -> Iterator[Run]:
        for group in groups:
            yield Run(("addgroup", name, group))

    def _converge(self, user: User, present: Account, groups: tuple[str, ...]) -> Plan:
        missing = tuple(group for group in groups if group not in present.groups)
        changes: list[Action] = [*self._repairs(present), *self._joined(user.name, missing)]
        fields = self._fields(user, present)
        if fields:
            changes.append(self._line(user.name, fields))
        if user.expires is not None and not self._expiry.holds(user.name, user.expires):
            changes.append(self._expiring(user.name, user.expires))
        if any(change.kind == "run" for change in changes):
            self._host.require("addgroup", package=_PACKAGE)
        yield from changes
        if changes:
            yield self._verify(user.name, groups)

    def _repairs(self, present: Account) -> Iterator[Action]:
        """What an adduser that was killed left undone: it writes passwd, shadow, group."""
        groups, name = self._passwd.groups(), present.name
        if groups and present.gid not in groups.values() and name not in groups:
            yield Run(("addgroup", "-g", str(present.gid), name))
        if self._passwd.lacks_shadow(name):
            line = ":".join((name, "!", *[""] * (_SHADOW_COLUMNS - 2))).encode() + b"\n"
            yield EditFile(
                self._host.places.shadow,
                lambda text: text if _has(text, name) else _ended(text) + line,
                f"{name}: no password",
                mode=0o640,
            )
        yield from self._locks.repairs(name)
        yield from self._homes.missing(present)

    def _line(self, name: str, fields: Mapping[str, str]) -> EditFile:
        wanted = {_COLUMNS[field]: value for field, value in fields.items()}
        summary = f"{name}: {', '.join(f'{field} {value}' for field, value in fields.items())}"
        return EditFile(
            self._host.places.passwd, lambda text: with_columns(text, name, wanted), summary
        )

    def _expiring(self, name: str, last_day: Optional[datetime.date]) -> EditFile:
        wanted = {_EXPIRY: "" if last_day is None else first_day_without(last_day)}
        summary = f"{name} works {f'until {last_day}' if last_day else 'for ever'}"
        return EditFile(
            self._host.places.shadow,
            lambda text: with_columns(text, name, wanted),
            summary,
            mode=0o640,
        )

    # ---- U3

    def ensure_absent(self, name: str) -> Plan:
        present = self.get(name)
        if present is None:
            return
        if self.is_system(present):
            raise Conflict(
                f"{name} is a system account (uid {present.uid})", hint="it is never deleted"
            )
        self._host.require("deluser", "delgroup", package=_PACKAGE)
        removals = [*self._homes.left_behind(present)]
        # It also deletes the group of that name, and says 1 when others have that as primary.
        ok = (0,) if self._force(present) else (0, 1)
        locked = {_PASSWORD: "!", _EXPIRY: "1"}
        try:
            if self._host.exists(self._host.places.shadow):
                yield EditFile(
                    self._host.places.shadow,
                    lambda text: with_columns(text, name, locked),
                    f"{name}: locked",
                )
            for group in present.groups:
                yield Run(("delgroup", name, group))
            if self._host.has("pkill"):
                yield Run(("pkill", "-KILL", "-U", str(present.uid)), booted=True, ok=(0, 1))
            yield from removals
            yield Run(("deluser", name), ok=ok)
        except CommandFailed as failure:
            raise tool_failed(self._host, failure, name) from failure
        yield Verify(f"account {name} is gone", lambda: self.get(name) is None)

    # ---- U4, U11

    def ensure_password(self, name: str, password: Password, *, allow_system: bool = False) -> Plan:
        if isinstance(password, Plain) and not password.scheme:
            password = replace(password, scheme=_SCHEME)
        yield from super().ensure_password(name, password, allow_system=allow_system)

    def ensure_expiry(self, name: str, last_day: Optional[datetime.date]) -> Plan:
        self._refuse_system(name, "it never ends")
        if last_day is not None:
            check_last_day(last_day)
        if self._expiry.holds(name, last_day):
            return
        if self.get(name) is None:
            raise NotFound(f"no account {name} that could end")
        edit = self._expiring(name, last_day)
        yield edit
        yield Verify(edit.summary, lambda: self._expiry.holds(name, last_day))


def with_columns(text: bytes, name: str, wanted: Mapping[int, str]) -> bytes:
    """The file with these columns in the account's line; a line that is too short gets longer."""
    lines = text.split(b"\n")
    for number, line in enumerate(lines):
        columns = line.split(b":")
        if columns[0] == name.encode():
            columns += [b""] * (max(wanted) + 1 - len(columns))
            for column, value in wanted.items():
                columns[column] = value.encode()
            lines[number] = b":".join(columns)
    return b"\n".join(lines)


def _has(text: bytes, name: str) -> bool:
    return any(line.split(b":")[0] == name.encode() for line in text.split(b"\n"))


def _ended(text: bytes) -> bytes:
    return text if text.endswith(b"\n") or not text else text + b"\n"
