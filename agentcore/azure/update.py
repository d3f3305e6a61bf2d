# SPDX-License-Identifier: Apache-2.0
"""What a poll has found when something is new."""

from __future__ import annotations

from dataclasses import dataclass

from .certificates_child import Held
from .desired import Desired, RemoteAccess
from .goalstate import GoalState


@dataclass(frozen=True)
class Update:
    """Something is new.

    :param desired: what is to be done; the same as before where only the rest is new.  Its
        ``identity.name`` tells whether it has been processed.
    :param remote_access: the accounts that the platform lends; all others are to go.
    :param certificates: those that the goal state brought.
    :param missing: thumbprints that settings need and this machine does not hold.
    :param fabric: whether the wire server's goal state is new (names, accounts, certificates).
    :param notes: what was wrong and went on all the same, a line each.
    """

    goal: GoalState
    desired: Desired
    remote_access: RemoteAccess
    certificates: tuple[Held, ...] = ()
    missing: frozenset[str] = frozenset()
    fabric: bool = True
    notes: tuple[str, ...] = ()
