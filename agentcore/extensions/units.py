# SPDX-License-Identifier: Apache-2.0
"""The units of a goal state, and their order."""

from __future__ import annotations

from collections.abc import Iterable

from agentcore.azure.desired import Desired

from .progress import Unit


def units_of(desired: Desired) -> Iterable[Unit]:
    """In the order of the document."""
    for handler in desired.handlers:
        if not handler.extensions:
            yield Unit(handler)
        for extension in handler.extensions:
            yield Unit(handler, extension)


def ordered(desired: Desired) -> tuple[Unit, ...]:
    """In the order of processing."""
    return tuple(sorted(units_of(desired), key=lambda unit: unit.rank))
