# SPDX-License-Identifier: Apache-2.0
"""What is known of one key of waagent.conf, and how a section declares it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Option:
    """One key of waagent.conf.

    ``kind`` is ``bool int str path``; ``choices`` limits a str; ``least`` and ``most`` an int;
    ``none`` says that the word None (or nothing) unsets it.
    """

    key: str
    help: str
    kind: str
    default: Any
    choices: tuple[str, ...] = ()
    least: int = 0
    most: int = 2**31 - 1
    none: bool = False
    historical: bool = False


def option(key: str, default: Any, help: str, **check: Any) -> Any:
    """Declare an option; its kind follows from the default unless ``kind`` is given."""
    kind = check.pop("kind", None) or {bool: "bool", int: "int"}.get(type(default), "str")
    return field(default=default, metadata={"option": Option(key, help, kind, default, **check)})
