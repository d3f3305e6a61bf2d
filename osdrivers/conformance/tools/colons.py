# SPDX-License-Identifier: Apache-2.0
"""Files of lines with colon-separated fields: passwd(5), shadow(5), group(5), master.passwd(5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from ..box import Box


def rows(box: Box, path: str) -> list[list[str]]:
    return [line.split(":") for line in box.lines(path) if line and not line.startswith("#")]


def row(box: Box, path: str, name: str) -> Optional[list[str]]:
    return next((fields for fields in rows(box, path) if fields[0] == name), None)


def put(box: Box, path: str, fields: Sequence[str], *, backup: bool = True) -> None:
    """Replace the row of that name, or add it at the end."""
    line = ":".join(fields)

    def change(lines: list[str]) -> list[str]:
        for number, present in enumerate(lines):
            if present.split(":")[0] == fields[0]:
                lines[number] = line
                return lines
        return [*lines, line]

    _changed(box, path, change(box.lines(path)), backup)


def drop(box: Box, path: str, name: str, *, backup: bool = True) -> None:
    kept = [line for line in box.lines(path) if line.split(":")[0] != name]
    _changed(box, path, kept, backup)


def _changed(box: Box, path: str, lines: list[str], backup: bool) -> None:
    if lines == box.lines(path):
        return
    if backup and box.exists(path):
        box.write(f"{path}-", box.read(path), 0o600 if "shadow" in path else None)
    box.write(path, "".join(f"{line}\n" for line in lines))


def free(taken: set[int], low: int, high: int) -> int:
    """The number that shadow(8) gives: one above the highest taken in the range."""
    used = [number for number in taken if low <= number <= high]
    candidate = max(used) + 1 if used else low
    return candidate if candidate <= high else min(set(range(low, high + 1)) - taken)


def members(fields: Sequence[str], place: int = 3) -> list[str]:
    return [name for name in fields[place].split(",") if name]
