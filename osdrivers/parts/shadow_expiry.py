# SPDX-License-Identifier: Apache-2.0
"""When an account ends (U11).  Source: shadow(5) field 8, usermod(8) ``-e``.

The field is the first day on which the account does not work.  It is given as a number: a date is
read in the machine's time zone, and east of UTC+12 the day before it is stored (4.13).
"""

from __future__ import annotations

import datetime
from typing import Optional

from ..actions import Plan, Run, Verify
from ..errors import CommandFailed, InvalidInput, NotPermitted
from ..host import Host
from .passwd import Passwd
from .shadow_errors import tool_failed

_FIELD = 7
_EPOCH = datetime.date(1970, 1, 1)


class Expiry:
    """The last days of one machine's accounts."""

    def __init__(self, host: Host) -> None:
        self._host, self._passwd = host, Passwd(host)

    def last_day(self, name: str) -> Optional[datetime.date]:
        """:raises NotPermitted: the shadow file is not readable for us."""
        row = self._passwd.shadow(name) or []
        day = row[_FIELD].strip() if len(row) > _FIELD else ""
        if not day.isdigit():
            return None  # empty; a negative number is never reached either
        if int(day) > (datetime.date.max - _EPOCH).days:
            return datetime.date.max
        return _EPOCH + datetime.timedelta(days=int(day) - 1)

    def holds(self, name: str, last_day: Optional[datetime.date]) -> bool:
        """False also where the file is not readable: who cannot read is shown the change."""
        try:
            return self.last_day(name) == last_day
        except NotPermitted:
            return False

    def ensure(self, name: str, last_day: Optional[datetime.date]) -> Plan:
        if last_day is not None:
            check(last_day)
        if self.holds(name, last_day):
            return
        self._host.require("usermod", package="shadow-utils or passwd")
        day = "" if last_day is None else first_day_without(last_day)
        try:
            yield Run(("usermod", "-e", day, name))
        except CommandFailed as failure:
            raise tool_failed(self._host, failure, name) from failure
        what = f"{name} works {f'until {last_day}' if last_day else 'for ever'}"
        yield Verify(what, lambda: self.holds(name, last_day))


def check(last_day: datetime.date) -> None:
    """:raises InvalidInput: a day that the field cannot say; 0 there has two meanings."""
    if not _EPOCH <= last_day < datetime.date.max:
        raise InvalidInput(f"an account cannot end on {last_day}")


def first_day_without(last_day: datetime.date) -> str:
    """What shadow(5) stores for that last day."""
    return str((last_day - _EPOCH).days + 1)
