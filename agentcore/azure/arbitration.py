# SPDX-License-Identifier: Apache-2.0
"""Which of two wishes holds: the wire server's ("fabric") or the host plugin's ("fast track").

Each document says when the platform made it.  The later one holds; what is older than what holds
already is never taken, for it would undo work.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Optional

from .desired import EMPTY, FABRIC, FAST_TRACK, Desired

_FABRICS = (FABRIC, EMPTY)


def choose(
    document: Desired, wanted: Optional[Desired], current: Optional[Desired], newest_ticks: int,
    *, lost: bool,
) -> Desired:  # fmt: skip
    """Of both wishes the later made; of equals the wire server's.

    :param wanted: the host plugin's wish; None when it has none of its own, or cannot be asked.
    :param current: what holds now.
    :param newest_ticks: when the last fast track goal state was made, as recorded on disk.
    :param lost: the plugin has no vmSettings any more, or is not to be asked.
    :returns: with ``outdated`` set where something newer was wanted once and its text is gone.
    """
    ticks = document.identity.created_ticks
    if wanted is not None and wanted.identity.created_ticks > ticks:
        return newer(wanted, current)
    remembered = current is not None and current.source == FAST_TRACK and not lost
    if wanted is None and newest_ticks > ticks and not remembered:
        return replace(document, outdated=True)
    return newer(document, current)


def newer(found: Desired, current: Optional[Desired]) -> Desired:
    """What was found, unless what holds was made later, or is the wire server's of equal age."""
    if current is None or current.outdated:
        return found
    if not found.identity.created_ticks and {found.source, current.source} <= {*_FABRICS}:
        return found  # without a time the incarnation decides
    age = found.identity.created_ticks - current.identity.created_ticks
    if age == 0 and found.source == FAST_TRACK and current.source == FABRIC:
        return current
    return found if age >= 0 else current
