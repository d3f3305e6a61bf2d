# SPDX-License-Identifier: Apache-2.0
"""Figures side by side, as a Markdown table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Optional

#: At most so much of the peer's figure is what this project wants.
TARGETS: Mapping[str, float] = {
    "Ready, s": 0.5,
    "Ready after its service began, s": 0.5,
    "goal state to enabled, s": 0.5,
    "idle PSS, MiB": 0.5,
    "idle CPU, ms per minute": 0.3,
    "HTTP requests per minute": 0.8,
    "waagent version, CPU ms": 0.5,
}


def table(
    figures: Mapping[str, Mapping[str, float]], title: str, ours: str = "", peer: str = ""
) -> str:
    """One row for each figure, one column for each client; ``-`` where it has none.

    With ``ours`` and ``peer`` among the clients two columns more: our part of the peer's figure,
    and what is wanted of it.
    """
    compared = ours in figures and peer in figures
    heads = (title, *figures, *((f"{ours} / {peer}", "wanted") if compared else ()))
    lines = [_row(heads), f"|{'---|' * len(heads)}"]
    for row in dict.fromkeys(name for own in figures.values() for name in own):
        cells = [f"{own[row]:.1f}" if row in own else "-" for own in figures.values()]
        if compared:
            part = _part(figures[ours].get(row), figures[peer].get(row))
            cells += [part, f"at most {TARGETS[row]:g}" if row in TARGETS else ""]
        lines.append(_row((row, *cells)))
    return "\n".join(lines)


def _part(ours: Optional[float], peer: Optional[float]) -> str:
    return "-" if ours is None or not peer else f"{ours / peer:.2f}"


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"
