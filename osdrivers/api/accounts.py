# SPDX-License-Identifier: Apache-2.0
"""Accounts, passwords, and the right to become root."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional, Protocol, Union

from ..actions import Plan
from ..host import Secret


@dataclass(frozen=True)
class Plain:
    """A password in clear text.  NUL and newline are refused, every other byte works.

    ``scheme`` is the crypt(5) identifier to hash it with (``6``: SHA-512; see
    ``osdrivers.crypt``) before it is given to the system; "" leaves hashing, and with it the
    system's password policy, to the system's own tool.
    """

    secret: Secret
    scheme: str = ""
    salt_length: int = 10


@dataclass(frozen=True)
class Hash:
    """A crypt(5) hash, e.g. ``$6$salt$...``."""

    secret: Secret


Password = Union[Plain, Hash]


@dataclass(frozen=True)
class Account:
    """An account as the machine's own files have it.

    ``groups`` are supplementary.  ``password`` is ``set``, ``locked`` (none can match) or
    ``empty`` (any login succeeds); ``unknown`` when the shadow file is not readable.
    """

    name: str
    uid: int
    gid: int
    home: str
    shell: str
    gecos: str = ""
    groups: tuple[str, ...] = ()
    password: str = "unknown"  # noqa: S105 - a state


@dataclass(frozen=True)
class User:
    """A wanted account.  Empty ``shell`` and ``home``: the system's own choice.

    ``expires`` is the last day (UTC) on which the account works.
    """

    name: str
    groups: tuple[str, ...] = ()
    shell: str = ""
    home: str = ""
    gecos: str = ""
    expires: Optional[datetime.date] = None


class Users(Protocol):
    """Accounts and their passwords (U1-U6, U11)."""

    @property
    def admin_groups(self) -> tuple[str, ...]:
        """Groups that an administrator of this system is usually in, e.g. ``adm``, ``wheel``."""

    def get(self, name: str) -> Optional[Account]:
        """U1: the account of that name in the local files, or None."""

    def all(self) -> tuple[Account, ...]:
        """U1: every account of the local files, in their order.

        An agent finds the accounts it made itself by their ``gecos``.
        """

    def home(self, name: str) -> str:
        """The home directory the account has, or that :meth:`ensure` would give it."""

    def is_system(self, account: Account) -> bool:
        """U1: root, a daemon's account, or ``nobody``: never adopted, never deleted."""

    def ensure(self, user: User) -> Plan:
        """U2: the account exists, with a home it owns, a shell that exists, and these groups
        (those that exist; none is ever taken away).  Its password is left alone.

        :raises InvalidInput: the name (empty, ``:``, newline, leading ``-``, > 32, reserved).
        :raises Conflict: a system account has the name.
        """

    def ensure_absent(self, name: str) -> Plan:
        """U3: account, home and mail spool are gone, and its processes with them.

        :raises Conflict: a system account has the name; nothing is done.
        """

    def ensure_password(self, name: str, password: Password, *, allow_system: bool = False) -> Plan:
        """U4: this password is accepted; nothing if it is already.

        The account may be one that an earlier task creates.  :raises InvalidInput: NUL,
        newline, > 512 bytes, or a hash that no crypt(5) accepts.  :raises Conflict: a system
        account.  :raises PolicyRejected: PAM refused it.
        """

    def expiry(self, name: str) -> Optional[datetime.date]:
        """U11: the last day (UTC) on which the account works; None when it never expires, and
        for an account that is not there.
        """

    def ensure_expiry(self, name: str, last_day: Optional[datetime.date]) -> Plan:
        """U11: the account works through that day (UTC) and not after it; None: for ever.

        The account may be one that an earlier task creates.  :raises Conflict: a system account.
        Source: shadow(5) field 8, whose day is the first on which it does not work; pw(8) -e.
        """

    def ensure_root_password_disabled(self) -> Plan:
        """U6: no password lets root in; keys still do, and ageing fields stay."""


class Sudo(Protocol):
    """The right to become root (U7)."""

    def granted(self, name: str) -> Optional[str]:
        """``password`` or ``nopasswd`` when our grant for the name exists, else None."""

    def ensure_granted(self, name: str, *, nopasswd: bool) -> Plan:
        """One validated 0440 file for this user below the effective include directory.

        :raises UnsafeRefused: the policy is invalid before the change: it is not touched.
        :raises CommandMissing: neither sudo nor a known replacement is installed.
        """

    def ensure_revoked(self, name: str) -> Plan:
        """Our grant for the name is gone; nobody else's is touched."""


class Labels(Protocol):
    """SELinux labels (U10)."""

    def ensure_restored(self, paths: Sequence[str]) -> Plan:
        """Each path, and what is below it, has the label the policy gives it."""
