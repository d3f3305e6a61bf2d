# SPDX-License-Identifier: Apache-2.0
"""Accounts that the platform lends."""

from __future__ import annotations

import pytest

from agentcore.azure import remoteaccess
from tests.azure.wishes import REMOTE


def test_an_account_has_a_name_a_password_and_an_end() -> None:
    access = remoteaccess.parse(REMOTE)
    (user,) = access.users
    assert (access.incarnation, user.name, user.password) == ("2", "ann", b"MII")
    assert (user.expires_s, user.problem) == (1893456000.0, "")
    assert "MII" not in repr(access)


def test_of_two_accounts_of_one_name_the_last_holds() -> None:
    again = REMOTE.replace(b"2030", b"2031").partition(b"<Users>")[2].partition(b"</Users>")[0]
    access = remoteaccess.parse(REMOTE.replace(b"</Users>", again + b"</Users>"))
    assert [user.expires_s for user in access.users] == [1924992000.0]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"ann", b"-r"),
        (b"ann", b"a/b"),
        (b"ann", b""),
        (b"TUlJ", b"not base64"),
        (b"TUlJ", b""),
        (b"01 Jan 2030", b"31 Feb 2030"),
        (b"Tue, 01 Jan 2030 00:00:00 UTC", b"soon"),
    ],
)
def test_an_account_that_cannot_be_made_says_why(before: bytes, after: bytes) -> None:
    (user,) = remoteaccess.parse(REMOTE.replace(before, after, 1)).users
    assert user.problem


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Tue, 01 Jan 2030 00:00:00 UTC", 1893456000),
        ("01 Jan 2030 01:00:00 GMT", 1893459600),
        ("2030-01-01", 1893456000),
        ("2030-01-01T00:00:01Z", 1893456001),
    ],
)
def test_times_are_read_as_the_platform_writes_them(text: str, seconds: int) -> None:
    assert remoteaccess.expiry(text) == seconds
