# SPDX-License-Identifier: Apache-2.0
"""The last day of an account (U11), with the real usermod(8), and all accounts (U1)."""

from __future__ import annotations

import datetime
import subprocess
from functools import partial
from pathlib import Path
from typing import Optional

import pytest

from osdrivers.api import User
from osdrivers.errors import Conflict, InvalidInput, NotFound
from osdrivers.host import Host
from osdrivers.parts import shadow
from tests.osdrivers.parts.answering import machine, shown
from tests.osdrivers.parts.overlaid import done, lines, overlaid

LAST = datetime.date(2031, 2, 3)
PASSWD = "root:x:0:0::/root:/bin/sh\nada:x:1000:1000:agent:/home/ada:/bin/sh\n"


def _field(name: str) -> str:
    line = next(line for line in Path("/etc/shadow").read_text().splitlines()
                if line.startswith(f"{name}:"))  # fmt: skip
    return line.split(":")[7]


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Etc/GMT+12", "UTC"])
@overlaid
def test_the_stored_day_is_the_first_without_whatever_the_time_zone(host: Host, zone: str) -> None:
    Path("/etc/localtime").unlink(missing_ok=True)
    Path("/etc/localtime").symlink_to(f"/usr/share/zoneinfo/{zone}")
    users = shadow.Users(host)
    first_without = str((LAST - datetime.date(1970, 1, 1)).days + 1)
    done(host, lambda: users.ensure(User("ada", expires=LAST)))
    assert _field("ada") == first_without
    assert users.expiry("ada") == LAST
    assert lines(host, lambda: users.ensure_expiry("ada", LAST)) == []
    done(host, lambda: users.ensure(User("bob")))
    assert users.expiry("bob") is None
    done(host, lambda: users.ensure_expiry("bob", LAST))
    assert _field("bob") == first_without
    assert lines(host, lambda: users.ensure(User("bob", expires=LAST))) == []


@pytest.mark.parametrize(
    "day", [datetime.date(1970, 1, 1), datetime.date(2020, 2, 29), datetime.date(2100, 2, 28)]
)
@overlaid
def test_any_day_is_kept_and_taken_away_again(host: Host, day: datetime.date) -> None:
    users = shadow.Users(host)
    done(host, lambda: users.ensure(User("ada")))
    done(host, lambda: users.ensure_expiry("ada", day))
    assert users.expiry("ada") == day
    done(host, lambda: users.ensure_expiry("ada", None))
    assert users.expiry("ada") is None
    assert _field("ada") == ""


@overlaid
def test_an_account_works_through_its_last_day_and_not_after_it(host: Host) -> None:
    """As PAM sees it: su(1) by root asks for no password, but whether the account has ended."""
    users = shadow.Users(host)
    done(host, lambda: users.ensure(User("ada")))
    for before, works in ((0, True), (1, False)):
        for _ in range(2):  # a second time where the day ended meanwhile
            today = datetime.datetime.now(datetime.timezone.utc).date()
            last = today - datetime.timedelta(days=before)
            done(host, partial(users.ensure_expiry, "ada", last))
            ended = subprocess.run(("su", "ada", "-c", "true"), stdin=subprocess.DEVNULL)
            if today == datetime.datetime.now(datetime.timezone.utc).date():
                break
        assert (ended.returncode == 0) is works


@overlaid
def test_an_account_that_is_not_there_has_no_last_day_and_gets_none(host: Host) -> None:
    users = shadow.Users(host)
    assert users.expiry("nosuch") is None
    with pytest.raises(NotFound):
        done(host, lambda: users.ensure_expiry("nosuch", LAST))


@pytest.mark.parametrize("name", ["root", "daemon"])
def test_a_system_account_never_ends(tmp_path: Path, name: str) -> None:
    users = shadow.Users(machine(tmp_path, {"/etc/passwd": PASSWD}, {"usermod": ""}))
    with pytest.raises(Conflict):
        shown(users.ensure_expiry(name, LAST))


@pytest.mark.parametrize("day", [datetime.date(1969, 12, 31), datetime.date.max])
def test_a_day_that_the_file_cannot_say_is_refused(tmp_path: Path, day: datetime.date) -> None:
    users = shadow.Users(machine(tmp_path, {"/etc/passwd": PASSWD}, {"usermod": "", "useradd": ""}))
    with pytest.raises(InvalidInput):
        shown(users.ensure_expiry("ada", day))
    with pytest.raises(InvalidInput):
        shown(users.ensure(User("bob", expires=day)))


@pytest.mark.parametrize(
    ("field", "last"),
    [
        ("", None),
        ("-1", None),
        ("never", None),
        ("1", datetime.date(1970, 1, 1)),
        ("99999999", datetime.date.max),
    ],
)
def test_any_field_is_read(tmp_path: Path, field: str, last: Optional[datetime.date]) -> None:
    files = {"/etc/passwd": PASSWD, "/etc/shadow": f"ada:!:19000:0:99999:7::{field}:\n"}
    assert shadow.Users(machine(tmp_path, files)).expiry("ada") == last


def test_all_accounts_are_those_that_can_be_asked_for_one_by_one(tmp_path: Path) -> None:
    files = {
        "/etc/passwd": PASSWD + "ada:x:7:7::/:/bin/false\nbad:x:y:1::/:/x\n+\n",
        "/etc/shadow": "root:*:1::::::\nada:$6$x:1::::::\nada:!:1::::::\n",
        "/etc/group": "adm:x:4:ada,root\nsudo:x:27:ada\n",
        "/usr/lib/passwd": "core:x:500:500::/home/core:/bin/bash\n",
    }
    users = shadow.Users(machine(tmp_path, files))
    found = users.all()
    assert [account.name for account in found] == ["root", "ada", "core"]
    assert found == tuple(users.get(account.name) for account in found)
    assert found[1].groups == ("adm", "sudo")
    assert [account.name for account in found if account.gecos == "agent"] == ["ada"]
