# SPDX-License-Identifier: Apache-2.0
"""The last day of an account with pw(8) (U11): always seconds, never a date."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from agentcore_freebsd.driver import freebsd

from osdrivers.api import Driver, User
from osdrivers.conformance.machines import machine
from osdrivers.errors import Conflict, InvalidInput
from tests.osdrivers.parts.overlaid import done, lines

pytestmark = pytest.mark.sandbox  # a home is given to its owner: that needs root

MACHINE = Path(__file__).parents[1] / "machines" / "freebsd-14"
LAST, END = datetime.date(2031, 2, 3), 1927929600


@pytest.fixture
def driver(tmp_path: Path) -> Driver:
    made = freebsd(machine(str(MACHINE), str(tmp_path)))
    done(made.host, lambda: made.users.ensure(User("ada")))
    return made


def test_the_end_of_the_day_in_utc_is_given_in_seconds(driver: Driver) -> None:
    assert datetime.datetime.fromtimestamp(END, datetime.timezone.utc).date() == LAST.replace(day=4)
    ran = done(driver.host, lambda: driver.users.ensure_expiry("ada", LAST))
    assert ran[0] == f"run    pw usermod -n ada -e {END}"
    assert driver.users.expiry("ada") == LAST
    assert lines(driver.host, lambda: driver.users.ensure_expiry("ada", LAST)) == []
    assert lines(driver.host, lambda: driver.users.ensure(User("ada", expires=LAST))) == []
    done(driver.host, lambda: driver.users.ensure_expiry("ada", None))
    assert driver.users.expiry("ada") is None


def test_an_account_is_made_with_the_same_end(driver: Driver) -> None:
    ran = done(driver.host, lambda: driver.users.ensure(User("bob", expires=LAST)))
    assert f"-e {END}" in ran[0]
    assert driver.users.expiry("bob") == LAST


def test_what_cannot_end_is_refused(driver: Driver) -> None:
    with pytest.raises(Conflict):
        lines(driver.host, lambda: driver.users.ensure_expiry("root", LAST))
    with pytest.raises(InvalidInput):
        lines(driver.host, lambda: driver.users.ensure_expiry("ada", datetime.date(1969, 1, 1)))


def test_all_accounts_are_listed_in_order(driver: Driver) -> None:
    found = driver.users.all()
    assert found[0].name == "root"
    assert found[-1] == driver.users.get("ada")
