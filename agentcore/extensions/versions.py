# SPDX-License-Identifier: Apache-2.0
"""Versions of handlers: their order, and which one of a manifest is meant."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Optional

from osdrivers.errors import InvalidInput

_VERSION = re.compile(
    r"([0-9]{1,9}(?:\.[0-9]{1,9})*)(?:\.?-?(alpha|beta|rc)\.?([0-9]{0,9}))?", re.I
)
_RELEASED = ("~", 0)  # sorts behind alpha, beta and rc
Key = tuple[tuple[int, ...], str, int]


def key(version: str) -> Key:
    """What to sort by: numbers, missing ones 0; alpha, beta and rc come before the release.

    :raises InvalidInput: not a version.
    """
    found = _VERSION.fullmatch(version)
    if found is None:
        raise InvalidInput(f"{version[:64]!r} is not a version")
    numbers = [int(part) for part in found[1].split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    word, number = (found[2].lower(), int(found[3] or 0)) if found[2] else _RELEASED
    return tuple(numbers), word, number


def valid(version: str) -> bool:
    """Whether ``key`` takes it."""
    return _VERSION.fullmatch(version) is not None


def matching(requested: str, offered: Iterable[str]) -> Optional[str]:
    """The highest version of which ``requested`` is the beginning, component by component.

    ``1.0`` means 1.0.0.5 and 1.0.7, but not 1.01; four components mean themselves.
    """
    wanted = requested.split(".")
    fitting = [one for one in offered if valid(one) and one.split(".")[: len(wanted)] == wanted]
    return max(fitting, key=key, default=None)
