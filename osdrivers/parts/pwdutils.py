# SPDX-License-Identifier: Apache-2.0
"""Accounts with pwdutils, which SUSE had before shadow-utils: the same names, other options.

Source: useradd(8), usermod(8), userdel(8) of pwdutils 3.2.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..api import Account
from . import shadow


class Users(shadow.Users):
    """No group of one's own: a new account is in the group of /etc/default/useradd."""

    def _masked(self, umask: str) -> tuple[str, ...]:
        return ("-U", umask)

    def _joining(self, groups: Sequence[str]) -> tuple[str, ...]:
        return ("-A", ",".join(groups))

    def _force(self, account: Account) -> tuple[str, ...]:
        """``-f`` means something else here: to remove what the account does not own."""
        return ()
