# SPDX-License-Identifier: Apache-2.0
"""Accounts that the platform lends (just in time access): made, and removed when they expire or
are withdrawn.

The daemon never sees a password: it hands the sealed one on, and ``waagent apply accounts``
opens it.  Accounts of ours are known by their comment, which other agents use too.
"""

from __future__ import annotations

import base64
import datetime
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from agentcore.azure.desired import RemoteAccess, RemoteUser
from agentcore.azure.remoteaccess import password
from agentcore.azure.transport import TransportKey
from agentcore.settings import Settings
from osdrivers.actions import Plan
from osdrivers.api import Driver, Plain, User
from osdrivers.errors import Conflict, FactError
from osdrivers.executor import Task
from osdrivers.host import Secret

GECOS = "JIT_Account"


@dataclass(frozen=True)
class Lent:
    """One account.  ``sealed`` is CMS enveloped data; ``expires_s`` in seconds since 1970 (UTC)."""

    name: str
    sealed: bytes
    expires_s: float


def valid(access: RemoteAccess, now: float) -> tuple[Lent, ...]:
    """The accounts that are to exist at ``now`` (wall clock, s)."""
    return tuple(
        Lent(user.name, user.password, user.expires_s)
        for user in access.users
        if not user.problem and user.expires_s > now
    )


def packed(accounts: Iterable[Lent]) -> Secret:
    """For the standard input of ``waagent apply accounts``."""
    listed = [
        {
            "name": each.name,
            "sealed": base64.b64encode(each.sealed).decode(),
            "expires_s": each.expires_s,
        }
        for each in accounts
    ]
    return Secret(json.dumps(listed).encode())


def unpacked(given: Secret) -> tuple[Lent, ...]:
    """:raises FactError: it is not what :func:`packed` makes."""
    try:
        listed: list[dict[str, Any]] = json.loads(given.reveal())
        return tuple(
            Lent(str(each["name"]), base64.b64decode(each["sealed"]), float(each["expires_s"]))
            for each in listed
        )
    except (ValueError, TypeError, KeyError):
        raise FactError("the list of accounts on standard input is not understood") from None


def present(driver: Driver) -> tuple[str, ...]:
    """Lent accounts that this machine has."""
    return tuple(each.name for each in driver.users.all() if each.gecos == GECOS)


def tasks(driver: Driver, settings: Settings, wanted: tuple[Lent, ...]) -> Iterator[Task]:
    """First what is to go, then what is to be there; one that fails keeps no other up."""
    transport = TransportKey(driver.host, settings.system.openssl_path or "openssl")
    names = {each.name for each in wanted}
    for name in present(driver):
        if name not in names:
            yield Task(f"no-account-{name}", _Gone(driver, name).plan, required=False)
    for account in wanted:
        yield Task(
            f"account-{account.name}", _Made(driver, settings, account, transport).plan, False
        )


@dataclass(frozen=True)
class _Gone:
    driver: Driver
    name: str

    def plan(self) -> Plan:
        if self.driver.sudo is not None:
            yield from self.driver.sudo.ensure_revoked(self.name)
        yield from self.driver.users.ensure_absent(self.name)


@dataclass(frozen=True)
class _Made:
    driver: Driver
    settings: Settings
    account: Lent
    transport: TransportKey

    def plan(self) -> Plan:
        users, name = self.driver.users, self.account.name
        found = users.get(name)
        if found is not None and found.gecos != GECOS:
            raise Conflict(
                f"the account {name} is the administrator's, and is not lent over it",
                hint="request access under another name",
            )
        sealed = RemoteUser(name, self.account.sealed, "", self.account.expires_s)
        options = self.settings.provisioning
        scheme = options.password_crypt_id
        opened = password(sealed, self.transport)
        secret = Plain(opened, scheme if scheme != "auto" else "", options.password_salt_length)
        last = datetime.datetime.fromtimestamp(self.account.expires_s, datetime.timezone.utc).date()
        yield from users.ensure(User(name, users.admin_groups, gecos=GECOS, expires=last))
        yield from users.ensure_expiry(name, last)
        yield from users.ensure_password(name, secret)
        if self.driver.sudo is not None:
            yield from self.driver.sudo.ensure_granted(name, nopasswd=False)
