# SPDX-License-Identifier: Apache-2.0
"""Accounts and the right to become root: U."""

from __future__ import annotations

import datetime

from ...api import Hash, Plain, User
from ...host import Secret
from ..operation import CANARY, HASHED, NAME, Operation

# mypy cannot see that an operation is only called where its capability is there.
# mypy: disable-error-code="union-attr"

LAST_DAY = datetime.date(2031, 2, 3)

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "U2",
        "user",
        "users",
        lambda d: d.users.ensure(User(NAME, groups=d.users.admin_groups)),
        beds=("root",),
    ),
    Operation(
        "U3", "user-gone", "users", lambda d: d.users.ensure_absent(NAME), ("user",), beds=("root",)
    ),
    Operation(
        "U4",
        "password",
        "users",
        lambda d: d.users.ensure_password(NAME, Plain(Secret(CANARY), "6")),
        ("user",),
        beds=("root",),
    ),
    Operation(
        "U4",
        "password-hash",
        "users",
        lambda d: d.users.ensure_password(NAME, Hash(Secret(HASHED))),
        ("user",),
        beds=("root",),
    ),
    Operation(
        "U6",
        "root-password",
        "users",
        lambda d: d.users.ensure_root_password_disabled(),
        beds=("root",),
    ),
    Operation(
        "U7",
        "sudo",
        "sudo",
        lambda d: d.sudo.ensure_granted(NAME, nopasswd=True),
        ("user",),
        beds=("root",),
    ),
    Operation(
        "U7",
        "no-sudo",
        "sudo",
        lambda d: d.sudo.ensure_revoked(NAME),
        ("user", "sudo"),
        beds=("root",),
    ),
    Operation(
        "U11",
        "expiry",
        "users",
        lambda d: d.users.ensure_expiry(NAME, LAST_DAY),
        ("user",),
        beds=("root",),
    ),
    Operation(
        "U11",
        "no-expiry",
        "users",
        lambda d: d.users.ensure_expiry(NAME, None),
        ("user", "expiry"),
        beds=("root",),
    ),
    Operation("U10", "labels", "labels", lambda d: d.labels.ensure_restored(["/etc/ssh"])),
)
