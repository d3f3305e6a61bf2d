# SPDX-License-Identifier: Apache-2.0
"""Accounts with shadow-utils: useradd(8), usermod(8), userdel(8), chpasswd(8) (U1-U6, U11).

Tools with other options (pwdutils of old SUSE releases, BusyBox adduser) get a part of their own;
what decides is here, what differs is in the methods that build an argv.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from typing import Optional

from .. import crypt
from ..actions import Action, EditFile, MakeDirectory, Plan, Run, Verify
from ..api import Account, Hash, Password, Plain, User
from ..errors import CommandFailed, Conflict, InvalidInput, NotPermitted
from ..host import Host
from .login_defs import uid_min
from .passwd import Passwd
from .shadow_errors import chpasswd_failed, tool_failed
from .shadow_expiry import Expiry, first_day_without
from .shadow_expiry import check as check_last_day
from .shadow_homes import Homes
from .shadow_locks import Locks, disabled
from .shadow_names import RESERVED, check_name

#: 60001-65535 are systemd's dynamic and homed ranges and nobody; the rest is -2 of old releases.
_SYSTEM_RANGES = ((60001, 65535), (2**32 - 2, 2**32 - 1))
_HOME_UMASK = "0027"
_OPTIONS = {"shell": "-s", "gecos": "-c", "home": "-d"}


class Users:
    """Accounts in /etc/passwd and its companions.

    :param admin_groups: groups that an administrator of this system is usually in.
    :param uid_min: the lowest number of a person, where login.defs(5) does not say.
    :param human: accounts that people use although their number is lower.
    """

    def __init__(
        self,
        host: Host,
        admin_groups: tuple[str, ...] = ("sudo",),
        uid_min: int = 1000,
        human: tuple[str, ...] = ("core",),
    ) -> None:
        self._host, self._uid_min, self._human = host, uid_min, human
        self._passwd, self._homes, self._expiry = Passwd(host), Homes(host), Expiry(host)
        self._locks = Locks(host)
        self.admin_groups = admin_groups

    # ---- asking

    def get(self, name: str) -> Optional[Account]:
        return self._passwd.account(name)

    def all(self) -> tuple[Account, ...]:
        return self._passwd.accounts()

    def home(self, name: str) -> str:
        present = self.get(name)
        return present.home if present else f"{self._host.places.home}/{name}"

    def is_system(self, account: Account) -> bool:
        if account.name in self._human and account.uid != 0:
            return False
        low = account.uid < uid_min(self._host, self._uid_min)
        special = any(first <= account.uid <= last for first, last in _SYSTEM_RANGES)
        return low or special or account.name in RESERVED

    # ---- U2

    def ensure(self, user: User) -> Plan:
        self._check(user)
        present = self.get(user.name)
        if present is not None and self.is_system(present):
            raise Conflict(
                f"{user.name} is a system account (uid {present.uid})", hint="choose another name"
            )
        if present is None and user.name in RESERVED:
            raise InvalidInput(f"user name {user.name} is reserved", hint="choose another name")
        home = user.home or (present.home if present else self.home(user.name))
        self._homes.check(user.name, home, present)
        groups = self._existing(user.groups)
        try:
            if present is None:
                yield from self._create(user, home, groups)
            else:
                yield from self._converge(user, present, groups)
        except CommandFailed as failure:
            raise tool_failed(self._host, failure, user.name) from failure

    def _check(self, user: User) -> None:
        check_name(user.name)
        if user.expires is not None:
            check_last_day(user.expires)
        for what, value in (("comment", user.gecos), ("home", user.home), ("shell", user.shell)):
            if any(mark in value for mark in ":\n\r\0"):
                raise InvalidInput(f"{what} of {user.name} with a colon or a control character")
        for what, value in (("home", user.home), ("shell", user.shell)):
            if value and (not value.startswith("/") or "/../" in f"{value}/"):
                raise InvalidInput(f"{what} of {user.name}: {value} is not an absolute path")
        if user.shell and not (self._host.exists(user.shell) or self._host.assume_tools):
            raise InvalidInput(f"shell of {user.name}: there is no {user.shell}")

    def _existing(self, wanted: tuple[str, ...]) -> tuple[str, ...]:
        """Those of the wanted groups that exist: a missing one would make usermod add none."""
        known = self._passwd.groups()
        return tuple(dict.fromkeys(group for group in wanted if group in known))

    def _create(self, user: User, home: str, groups: tuple[str, ...]) -> Plan:
        self._host.require("useradd", package="shadow-utils or passwd")
        upper = home.rpartition("/")[0]
        if upper and not self._host.exists(upper):
            yield MakeDirectory(upper)
        adopted = self._host.status(home) is not None
        yield Run(self._useradd(user, home, groups))
        if adopted:  # useradd leaves a directory alone that is there already, empty and root's
            yield from self._homes.adopted(user.name, home)
        yield from self._locks.opening(user.name)
        yield self._verify(user.name, groups)

    def _useradd(self, user: User, home: str, groups: tuple[str, ...]) -> tuple[str, ...]:
        shell = user.shell or self._shell()
        argv = ["useradd", "-m", "-d", home, "-s", shell, *self._masked(_HOME_UMASK)]
        if user.name in self._passwd.groups():
            argv += ["-g", user.name]  # useradd would refuse to make the group a second time
        if groups:
            argv += ["-G", ",".join(groups)]
        if user.gecos:
            argv += ["-c", user.gecos]
        if user.expires is not None:
            argv += ["-e", first_day_without(user.expires)]
        return (*argv, user.name)

    def _masked(self, umask: str) -> tuple[str, ...]:
        """Options that give a new home its mode."""
        return ("-K", f"UMASK={umask}")

    def _joining(self, groups: Sequence[str]) -> tuple[str, ...]:
        """Options of usermod(8) for membership in more groups."""
        return ("-a", "-G", ",".join(groups))

    def _shell(self) -> str:
        for shell in ("/bin/bash", "/bin/sh"):
            if self._host.exists(shell):
                return shell
        return "/bin/bash" if self._host.assume_tools else "/bin/sh"

    def _converge(self, user: User, present: Account, groups: tuple[str, ...]) -> Plan:
        options = self._differences(user, present, groups)
        repairs = [*self._repairs(present)]
        if options or repairs:
            self._host.require("usermod", package="shadow-utils or passwd")
            yield from repairs
            if options:
                yield Run(("usermod", *options, user.name))
            yield self._verify(user.name, groups)

    def _differences(
        self, user: User, present: Account, groups: tuple[str, ...]
    ) -> tuple[str, ...]:
        """Options of usermod(8) for what was asked for and is not so."""
        missing = [group for group in groups if group not in present.groups]
        options = [*self._joining(missing)] if missing else []
        for field, value in self._fields(user, present).items():
            options += [_OPTIONS[field], value]
        if user.expires is not None and not self._expiry.holds(user.name, user.expires):
            options += ["-e", first_day_without(user.expires)]
        return tuple(options)

    def _fields(self, user: User, present: Account) -> Mapping[str, str]:
        """What was asked for and is not so in passwd(5), by the name of the field."""
        usable = bool(present.shell) and self._host.exists(present.shell)
        shell = user.shell
        if not shell and not usable and not self._host.assume_tools:
            shell = self._shell()
        wanted = {"shell": shell, "gecos": user.gecos, "home": user.home}
        return {
            field: value
            for field, value in wanted.items()
            if value and value != getattr(present, field)
        }

    def _repairs(self, present: Account) -> Iterator[Action]:
        """What a useradd that was killed left undone: it writes passwd first, the home last."""
        groups = self._passwd.groups()
        if groups and present.gid not in groups.values() and present.name not in groups:
            yield Run(("groupadd", "-g", str(present.gid), present.name))
        if self._passwd.lacks_shadow(present.name):
            yield Run(("usermod", "-p", "!", present.name))
        yield from self._locks.repairs(present.name)
        yield from self._homes.missing(present)

    def _verify(self, name: str, groups: tuple[str, ...]) -> Verify:
        def holds() -> bool:
            account = self.get(name)
            if account is None or not set(groups) <= set(account.groups):
                return False
            return self._homes.owned(account) and self._host.exists(account.shell)

        return Verify(f"account {name}, its home and its groups", holds)

    # ---- U3

    def ensure_absent(self, name: str) -> Plan:
        present = self.get(name)
        if present is None:
            return
        if self.is_system(present):
            raise Conflict(
                f"{name} is a system account (uid {present.uid})", hint="it is never deleted"
            )
        self._host.require("usermod", "userdel", package="shadow-utils or passwd")
        removals, force = [*self._homes.left_behind(present)], self._force(present)
        try:
            # Memberships go first: were userdel killed, a later namesake must not inherit them.
            yield Run(("usermod", "-L", "-e", "1", "-G", "", name))
            if self._host.has("pkill"):
                yield Run(("pkill", "-KILL", "-U", str(present.uid)), booted=True, ok=(0, 1))
            yield from removals
            yield Run(("userdel", *force, name))
        except CommandFailed as failure:
            raise tool_failed(self._host, failure, name) from failure
        yield Verify(f"account {name} is gone", lambda: self.get(name) is None)

    def _force(self, account: Account) -> tuple[str, ...]:
        """-f also for one who is logged in; but it takes a group that others have as primary."""
        gid = self._passwd.groups().get(account.name)
        others = set(self._passwd.primary_users(gid)) - {account.name} if gid is not None else ()
        return () if others else ("-f",)

    # ---- U4, U6

    def ensure_password(self, name: str, password: Password, *, allow_system: bool = False) -> Plan:
        self._refuse_system(name, "its password is left alone", allowed=allow_system)
        hashed = isinstance(password, Hash)
        (crypt.check_hash if hashed else crypt.check)(password.secret)
        if self._accepted(name, password):
            return
        self._host.require("chpasswd", package="shadow-utils or passwd")
        given = password.secret
        if isinstance(password, Plain) and password.scheme:
            given = crypt.hash_password(given, password.scheme, password.salt_length)
            hashed = True
        line = given.within(name.encode() + b":", b"\n")
        try:
            yield Run(("chpasswd", "-e") if hashed else ("chpasswd",), stdin=line)
        except CommandFailed as failure:
            known = self.get(name) is not None
            raise chpasswd_failed(self._host, failure, name, known=known) from failure
        yield Verify(f"password of {name}", lambda: self._accepted(name, password) is not False)

    def _accepted(self, name: str, password: Password) -> Optional[bool]:
        """Whether this password is the account's already; None when that cannot be told."""
        stored = self._passwd.stored(name)
        if stored is None:
            return None
        if isinstance(password, Hash):
            return stored == password.secret
        return crypt.matches(password.secret, stored)

    def _refuse_system(self, name: str, hint: str, *, allowed: bool = False) -> None:
        check_name(name)
        present = self.get(name)
        if not allowed and (name in RESERVED if present is None else self.is_system(present)):
            raise Conflict(f"{name} is a system account", hint=hint)

    # ---- U11

    def expiry(self, name: str) -> Optional[datetime.date]:
        return self._expiry.last_day(name)

    def ensure_expiry(self, name: str, last_day: Optional[datetime.date]) -> Plan:
        self._refuse_system(name, "it never ends")
        yield from self._expiry.ensure(name, last_day)

    def ensure_root_password_disabled(self) -> Plan:
        for path in (self._host.places.shadow, self._host.places.passwd):
            try:
                text = self._host.read(path, "")
            except NotPermitted:
                text = "root::\n"  # who cannot read it is shown the plan for the worst case
            if disabled(text.encode()) != text.encode():
                yield EditFile(path, disabled, "root: no password", mode=0o640)
