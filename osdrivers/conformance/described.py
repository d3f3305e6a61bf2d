# SPDX-License-Identifier: Apache-2.0
"""``machine.json``: what the files of a captured machine cannot say.

What many machines share - the platform's hardware, the accounts of a fresh system - stands in
``fragments/`` and is named by ``"with": [...]``.  A machine's own entries come after, and take
the place of a fragment's; null takes an entry away.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

DESCRIPTION = "machine.json"
_FRAGMENTS = os.path.join(os.path.dirname(__file__), "fragments")


def description(directory: str) -> dict[str, Any]:
    """The whole of it.

    :raises OSError: there is none.  :raises ValueError: it is no JSON, or names a fragment that
        is not there.
    """
    own = _read(os.path.join(directory, DESCRIPTION))
    found: dict[str, Any] = {}
    for name in own.pop("with", ()):
        path = os.path.join(_FRAGMENTS, f"{name}.json")
        if os.path.basename(name) != name or not os.path.exists(path):
            raise ValueError(f"{directory}: no fragment {name!r}")
        found = _merged(found, _read(path))
    return _merged(found, own)


def _merged(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Tables key by key, lists one behind the other, all else as it is in the second."""
    found = dict(before)
    for key, value in after.items():
        present = found.get(key)
        if value is None:
            found.pop(key, None)
        elif isinstance(present, dict) and isinstance(value, dict):
            found[key] = _merged(present, value)
        elif isinstance(present, list) and isinstance(value, list):
            found[key] = [*present, *value]
        else:
            found[key] = value
    return found


def _read(path: str) -> dict[str, Any]:
    with open(path, encoding="utf-8") as stream:
        found: dict[str, Any] = json.load(stream)
    return found
