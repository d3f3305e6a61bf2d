# SPDX-License-Identifier: Apache-2.0
"""What waits for what: a unit has its turn when all of the levels before it have ended well."""

from __future__ import annotations

from typing import Optional

from agentcore.azure.status import ERROR, SUCCESS

from .progress import Progress, Unit
from .reporting import Reports

#: One that says neither success nor error for longer than this is not waited for any more.
WINDOW_S = 90 * 60.0


def hindrance(
    here: Progress, units: tuple[Unit, ...], reports: Reports, now: float
) -> Optional[str]:
    """Why the next unit cannot be; "" if it can, None if it must wait."""
    if here.blocked:
        return ""
    top = max((one.level for one in units if one.wanted), default=0)
    for unit in units[: here.at]:
        if not unit.wanted or unit.extension is None or unit.level >= top:
            continue
        reason = _of(here, unit, reports, now)
        if reason != "":
            return reason
    return ""


def _of(here: Progress, unit: Unit, reports: Reports, now: float) -> Optional[str]:
    name = unit.key.rstrip("/")
    if unit.key in here.failures:
        return f"it depends on {name}, which failed"
    status = reports.status(here, unit, now)
    word = status.status if status is not None else SUCCESS
    if word == ERROR:
        return f"it depends on {name}, which reports an error"
    if word == SUCCESS:
        return ""
    if now - here.since < WINDOW_S:
        return None
    return f"it depends on {name}, which was not done in {WINDOW_S / 60:g} minutes"
