# SPDX-License-Identifier: Apache-2.0
"""Which names an account may have: stricter than useradd(8), the same everywhere (U2)."""

from __future__ import annotations

import re

from ..errors import InvalidInput

NAME_LIMIT = 32
#: Upper case and dots are allowed, since the portal allows them.  A name of digits alone would be
#: taken for a number by chown(1) and many others.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")
#: Accounts of the system on one release or another: never made, never adopted.
RESERVED = frozenset((
    "root", "toor", "bin", "daemon", "sys", "adm", "sync", "shutdown", "halt", "mail", "operator",
    "nobody", "nogroup", "nfsnobody", "sshd", "messagebus", "polkitd", "dbus",
))  # fmt: skip


def check_name(name: str) -> None:
    """:raises InvalidInput: no account can, or should, have this name."""
    if not name:
        raise InvalidInput("an empty user name")
    if len(name) > NAME_LIMIT or not _NAME.match(name) or name.isdigit():
        raise InvalidInput(
            f"user name {name[:64]!r}",
            hint=f"use at most {NAME_LIMIT} of A-Z a-z 0-9 . _ -, not only digits, no leading . -",
        )
