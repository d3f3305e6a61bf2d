# SPDX-License-Identifier: Apache-2.0
"""Accounts with pw(8) (U1-U6, U11).

The password database is made from /etc/master.passwd by pwd_mkdb(8), which pw runs: the files are
read here and never edited.
"""

from __future__ import annotations

import calendar
import datetime
import re
from typing import Optional

from osdrivers import crypt
from osdrivers.actions import ChangeOwner, MakeDirectory, Plan, Run, Verify
from osdrivers.api import Account, Hash, Password, Plain, User
from osdrivers.errors import CommandFailed, Conflict, InvalidInput, NotPermitted, PolicyRejected
from osdrivers.host import Host
from osdrivers.parts.passwd import Passwd
from osdrivers.parts.shadow_names import RESERVED, check_name

UID_MIN = 1000
NOBODY = 65534
#: pw reads a password with one read(2) of 128 bytes and cuts what is longer without a word.
PLAIN_LIMIT_BYTES = 127
_EXPIRY_COLUMN = 6
EPOCH, SECONDS_A_DAY = datetime.date(1970, 1, 1), 86400


class Users:
    """Accounts in master.passwd(5)."""

    admin_groups: tuple[str, ...] = ("wheel",)

    def __init__(self, host: Host) -> None:
        self._host = host
        self._passwd = Passwd(host)

    # ---- asking

    def get(self, name: str) -> Optional[Account]:
        return self._passwd.account(name)

    def all(self) -> tuple[Account, ...]:
        return self._passwd.accounts()

    def home(self, name: str) -> str:
        present = self.get(name)
        return present.home if present else f"{self._host.places.home}/{name}"

    def is_system(self, account: Account) -> bool:
        low = account.uid < self._least()
        return low or account.uid >= NOBODY or account.name in RESERVED

    def _least(self) -> int:
        """Daemons of ports have 100 to 999; pw.conf(5) may move the border."""
        found = re.search(r"^minuid\s+(\d+)", self._host.read("/etc/pw.conf", ""), re.MULTILINE)
        return int(found[1]) if found else UID_MIN

    # ---- U2

    def ensure(self, user: User) -> Plan:
        check_name(user.name)
        if any(mark in f"{user.gecos}{user.shell}{user.home}" for mark in ":\n\r\0"):
            raise InvalidInput(f"account {user.name} with a colon or a control character")
        present = self.get(user.name)
        if present is not None and self.is_system(present):
            raise Conflict(f"{user.name} is a system account (uid {present.uid})")
        if present is None and user.name in RESERVED:
            raise InvalidInput(f"user name {user.name} is reserved", hint="choose another name")
        known = self._passwd.groups()
        groups = tuple(dict.fromkeys(group for group in user.groups if group in known))
        if present is None:
            self._host.require("pw")
            yield from self._create(user, groups)
        else:
            yield from self._converge(user, present, groups)

    def _create(self, user: User, groups: tuple[str, ...]) -> Plan:
        home = user.home or self.home(user.name)
        upper = home.rpartition("/")[0]
        if upper and not self._host.exists(upper):
            yield MakeDirectory(upper)
        argv = ["pw", "useradd", "-n", user.name, "-m", "-M", "0750", "-d", home]
        argv += ["-s", user.shell or self._shell()]
        if groups:
            argv += ["-G", ",".join(groups)]
        if user.gecos:
            argv += ["-c", user.gecos]
        if user.expires is not None:
            argv += ["-e", str(_first_second_without(user.expires))]
        yield Run(tuple(argv))
        yield self._verify(user.name, groups)

    def _shell(self) -> str:
        bash = "/usr/local/bin/bash"
        return bash if self._host.exists(bash) else "/bin/sh"

    def _converge(self, user: User, present: Account, groups: tuple[str, ...]) -> Plan:
        changes: list[Run | MakeDirectory | ChangeOwner] = [
            Run(("pw", "groupmod", group, "-m", user.name))
            for group in groups
            if group not in present.groups
        ]
        options = self._differences(user, present)
        if options:
            changes.append(Run(("pw", "usermod", "-n", user.name, *options)))
        found = self._host.status(present.home)
        if found is None:
            changes.append(MakeDirectory(present.home, 0o750, owner=user.name))
        elif found.uid == 0 and not self._host.names(present.home):
            changes.append(ChangeOwner(present.home, user.name, 0o750))
        if changes:
            self._host.require("pw")
            yield from changes
            yield self._verify(user.name, groups)

    def _differences(self, user: User, present: Account) -> list[str]:
        options: list[str] = []
        if user.shell and present.shell != user.shell:
            options += ["-s", user.shell]
        elif not self._host.exists(present.shell or "/bin/sh") and not self._host.assume_tools:
            options += ["-s", self._shell()]
        if user.gecos and present.gecos != user.gecos:
            options += ["-c", user.gecos]
        if user.expires is not None:
            wanted = _first_second_without(user.expires)
            if self._end(user.name) != wanted:
                options += ["-e", str(wanted)]
        return options

    def _verify(self, name: str, groups: tuple[str, ...]) -> Verify:
        def holds() -> bool:
            account = self.get(name)
            if account is None or not set(groups) <= set(account.groups):
                return False
            home = self._host.status(account.home)
            return home is not None and home.uid == account.uid

        return Verify(f"account {name}, its home and its groups", holds)

    # ---- U11

    def _end(self, name: str) -> int:
        """The second since 1970 at which the account ends, 0 when it never does."""
        row = self._passwd.shadow(name) or []
        field = row[_EXPIRY_COLUMN] if len(row) > _EXPIRY_COLUMN else ""
        return int(field) if field.isdigit() else 0

    def expiry(self, name: str) -> Optional[datetime.date]:
        end = self._end(name)
        day = EPOCH.toordinal() + (end - 1) // SECONDS_A_DAY
        return datetime.date.fromordinal(min(day, datetime.date.max.toordinal())) if end else None

    def ensure_expiry(self, name: str, last_day: Optional[datetime.date]) -> Plan:
        self._refuse_system(name, "it never ends")
        wanted = 0 if last_day is None else _first_second_without(last_day)
        if self._holds(name, wanted):
            return
        self._host.require("pw")
        yield Run(("pw", "usermod", "-n", name, "-e", str(wanted)))
        what = f"{name} works {f'until {last_day}' if last_day else 'for ever'}"
        yield Verify(what, lambda: self._holds(name, wanted))

    def _holds(self, name: str, end: int) -> bool:
        """False also where the file is not readable: who cannot read is shown the change."""
        try:
            return self._end(name) == end
        except NotPermitted:
            return False

    def _refuse_system(self, name: str, hint: str, *, allowed: bool = False) -> None:
        check_name(name)
        present = self.get(name)
        if not allowed and (name in RESERVED if present is None else self.is_system(present)):
            raise Conflict(f"{name} is a system account", hint=hint)

    # ---- U3

    def ensure_absent(self, name: str) -> Plan:
        check_name(name)
        present = self.get(name)
        if present is None:
            return
        if self.is_system(present):
            raise Conflict(f"{name} is a system account (uid {present.uid}), it stays")
        self._host.require("pw", "pkill")
        yield Run(("pw", "lock", name), ok=(0, 65))  # 65: locked already; no new login from here
        yield Run(("pkill", "-KILL", "-U", str(present.uid)), ok=(0, 1), booted=True)
        yield Run(("pw", "userdel", "-n", name, "-r"))
        yield Verify(f"account {name} is gone", lambda: self.get(name) is None)

    # ---- U4, U6

    def ensure_password(self, name: str, password: Password, *, allow_system: bool = False) -> Plan:
        self._refuse_system(name, "its password is left alone", allowed=allow_system)
        hashed = isinstance(password, Hash)
        (crypt.check_hash if hashed else crypt.check)(password.secret)
        if self._accepted(name, password):
            return
        self._host.require("pw")
        given = password.secret
        if isinstance(password, Plain):
            too_long = len(given.reveal()) > PLAIN_LIMIT_BYTES
            if password.scheme or too_long:
                given = crypt.hash_password(given, password.scheme or "6", password.salt_length)
                hashed = True
        option = "-H" if hashed else "-h"
        try:
            yield Run(("pw", "usermod", "-n", name, option, "0"), stdin=given.within(b"", b"\n"))
        except CommandFailed as failure:
            if hashed or "password" not in failure.stderr.lower():
                raise
            raise PolicyRejected(f"the password of {name} was refused") from failure
        yield Verify(f"password of {name}", lambda: self._accepted(name, password) is not False)

    def _accepted(self, name: str, password: Password) -> Optional[bool]:
        try:
            stored = self._passwd.stored(name)
        except NotPermitted:
            return None
        if stored is None:
            return None
        if isinstance(password, Hash):
            return stored == password.secret
        return crypt.matches(password.secret, stored)

    def ensure_root_password_disabled(self) -> Plan:
        if self._root_disabled() is False:
            self._host.require("pw")
            yield Run(("pw", "usermod", "-n", "root", "-h", "-"))
            yield Verify("root has no password", lambda: self._root_disabled() is not False)

    def _root_disabled(self) -> bool:
        """``*`` and ``*LOCKED*``; an empty field lets anybody in, so it does not count."""
        try:
            stored = self._passwd.stored("root")
        except NotPermitted:
            return False  # who cannot read it is shown the plan for the worst case
        return stored is not None and stored.reveal().startswith(b"*")


def _first_second_without(last_day: datetime.date) -> int:
    """The end of the last day in UTC, as seconds since 1970: the one form all releases of pw
    understand alike."""
    if not EPOCH <= last_day < datetime.date.max:
        raise InvalidInput(f"an account cannot end on {last_day}")
    following = last_day + datetime.timedelta(days=1)
    return calendar.timegm(following.timetuple())
