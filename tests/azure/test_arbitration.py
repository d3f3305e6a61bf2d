# SPDX-License-Identifier: Apache-2.0
"""Which of two wishes holds, in every constellation of their times."""

from __future__ import annotations

from typing import Optional

import pytest

from agentcore.azure.arbitration import choose, newer
from agentcore.azure.desired import EMPTY, FABRIC, FAST_TRACK, Desired, Identity


def wish(source: str, ticks: int, *, outdated: bool = False) -> Desired:
    return Desired(source, Identity(f"{source}_{ticks}", created_ticks=ticks), outdated=outdated)


F1, F2, F3 = (wish(FABRIC, ticks) for ticks in (1, 2, 3))
T1, T2, T3 = (wish(FAST_TRACK, ticks) for ticks in (1, 2, 3))
OUTDATED = wish(FABRIC, 1, outdated=True)


@pytest.mark.parametrize(
    ("document", "wanted", "current", "newest", "lost", "chosen"),
    [
        (F1, None, None, 0, False, F1),  # the first, no fast track
        (F1, T2, None, 0, False, T2),  # the first, fast track is later
        (F2, T2, None, 0, False, F2),  # equal: the wire server's
        (F3, T2, None, 0, False, F3),
        (F3, T2, T1, 1, False, F3),  # both are new
        (F2, T3, T1, 1, False, T3),
        (F1, T2, T2, 2, False, T2),  # the wire server repeats what is older
        (F1, None, T2, 2, False, T2),  # so too while the plugin does not answer
        (F3, None, T2, 2, False, F3),
        (F1, T2, F3, 0, False, F3),  # both are older than what holds
        (F1, None, T2, 2, True, OUTDATED),  # the plugin is lost
        (F3, None, T2, 2, True, F3),
        (F1, None, None, 2, False, OUTDATED),  # after a restart, plugin not there
        (F2, None, None, 2, False, F2),
        (F1, None, OUTDATED, 0, False, F1),  # what was outdated is replaced by anything
        (F1, T2, OUTDATED, 2, False, T2),
    ],
)
def test_the_later_wish_holds(
    document: Desired,
    wanted: Optional[Desired],
    current: Optional[Desired],
    newest: int,
    lost: bool,
    chosen: Desired,
) -> None:
    assert choose(document, wanted, current, newest, lost=lost) == chosen


def test_without_a_time_the_incarnation_decides_between_the_wire_servers() -> None:
    untold = wish(FABRIC, 0)
    assert newer(untold, F3) is untold
    assert newer(wish(EMPTY, 0), F3).source == EMPTY
    assert newer(untold, T1) is T1
    assert newer(F1, F2) is F2


def test_of_equals_the_wire_servers_holds_whichever_came_first() -> None:
    assert newer(T2, F2) is F2
    assert newer(F2, T2) is F2
    again = wish(FAST_TRACK, 2)
    assert newer(again, T2) is again
