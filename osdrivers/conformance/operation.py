# SPDX-License-Identifier: Apache-2.0
"""An operation of the catalogue, and what is put into them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..actions import Plan
from ..api import Driver

NAME, HOME = "maria", "/home/maria"
CANARY = b"C4n4ry-and-its-cage"
#: crypt(5) SHA-512 of nothing that anybody knows.
HASHED = b"$6$saltsaltsalt$" + b"a" * 86


@dataclass(frozen=True)
class Operation:
    """One operation with its arguments.

    ``letter`` is that of the catalogue in ``docs/operations.md``; ``after`` names operations that
    make its preconditions; ``capability`` is the field of Driver it belongs to: where that is
    None the operation is *unsupported* there.  ``repeatable`` False: restarts do something each
    time, so clause G1 is not for them.  ``beds`` are those beside the pretend machine on which the
    real tools can do it.
    """

    letter: str
    name: str
    capability: str
    plan: Callable[[Driver], Plan]
    after: tuple[str, ...] = ()
    repeatable: bool = True
    beds: tuple[str, ...] = ()

    def supported(self, driver: Driver) -> bool:
        return getattr(driver, self.capability) is not None

    def is_for(self, bed: str, driver: Driver) -> bool:
        """Whether it can be tried there with that driver."""
        return self.supported(driver) and (bed == "pretend" or bed in self.beds)
