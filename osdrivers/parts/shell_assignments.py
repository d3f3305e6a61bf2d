# SPDX-License-Identifier: Apache-2.0
"""Assignments in files that a shell reads, such as /etc/default/grub: sh(1), Quoting.

Only plain assignments at the beginning of a line are understood: quoted in either way, or not at
all, over several lines, with variables that were assigned before.  What is computed is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Optional

_SEGMENT = r""""(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s;#&|'"\\]"""
_ASSIGNMENT = re.compile(
    rf"^[ \t]*(?:export[ \t]+)?([A-Za-z_]\w*)(\+?=)((?:{_SEGMENT})*)", re.MULTILINE | re.DOTALL
)
_SEGMENTS = re.compile(rf"((?:{_SEGMENT}))", re.DOTALL)
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


@dataclass(frozen=True)
class Assignment:
    """``raw`` is the value as it is written, at ``start`` to ``end`` of the text."""

    name: str
    start: int
    end: int
    raw: str
    appends: bool

    @property
    def last_quoted(self) -> tuple[int, int]:
        """Where its last quoted segment is, without the quotes; (-1, -1) if it ends unquoted."""
        found = list(_SEGMENTS.finditer(self.raw))
        if not found or found[-1][0][0] not in "\"'":
            return -1, -1
        return self.start + found[-1].start() + 1, self.start + found[-1].end() - 1


def assignments(text: str) -> tuple[Assignment, ...]:
    """Every assignment, in order."""
    return tuple(
        Assignment(found[1], found.start(3), found.end(3), found[3], found[2] == "+=")
        for found in _ASSIGNMENT.finditer(text)
    )


def last(text: str, name: str) -> Optional[Assignment]:
    """The assignment that counts."""
    found = [each for each in assignments(text) if each.name == name]
    return found[-1] if found else None


def values(texts: Iterable[str]) -> Mapping[str, str]:
    """What the variables are after these files were read one after the other."""
    known: dict[str, str] = {}
    for text in texts:
        for each in assignments(text):
            own = _value(each.raw, known)
            known[each.name] = known.get(each.name, "") + own if each.appends else own
    return known


def _value(raw: str, known: Mapping[str, str]) -> str:
    return "".join(_unquoted(found[1], known) for found in _SEGMENTS.finditer(raw))


def _unquoted(segment: str, known: Mapping[str, str]) -> str:
    if segment.startswith("'"):
        return segment[1:-1]
    inner = segment[1:-1] if segment.startswith('"') else segment
    inner = re.sub(r"\\\n", "", inner)
    return _VARIABLE.sub(lambda found: known.get(found[1] or found[2], found[0]), inner)


def with_quotes(text: str, name: str) -> str:
    """``text`` whose last assignment of ``name`` ends with a quoted segment; made if missing."""
    found = last(text, name)
    if found is None:
        ended = text if text.endswith("\n") or not text else text + "\n"
        return f'{ended}{name}=""\n'
    if found.last_quoted != (-1, -1):
        return text
    if not found.raw:
        return text[: found.start] + '""' + text[found.end :]
    if re.fullmatch(r"[\w./:,=+@%-]+", found.raw):
        return f'{text[: found.start]}"{found.raw}"{text[found.end :]}'
    return f'{text[: found.end]}" "{text[found.end :]}'


def assigned(text: str, name: str, value: str) -> str:
    """``text`` that gives ``name`` this value, which has no character that a shell expands."""
    text = with_quotes(text, name)
    found = last(text, name)
    if found is None or found.raw[1:-1] == value:
        return text
    return f'{text[: found.start]}"{value}"{text[found.end :]}'
