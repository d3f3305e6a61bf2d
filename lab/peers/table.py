# SPDX-License-Identifier: Apache-2.0
"""Figures side by side, as a Markdown table."""

from __future__ import annotations

from collections.abc import Mapping


def table(figures: Mapping[str, Mapping[str, float]], title: str) -> str:
    """One row for each figure, one column for each client; ``-`` where it has none."""
    rows = dict.fromkeys(name for own in figures.values() for name in own)
    lines = [f"| {title} | {' | '.join(figures)} |", f"|---|{'---|' * len(figures)}"]
    for row in rows:
        values = (f"{own[row]:.1f}" if row in own else "-" for own in figures.values())
        lines.append(f"| {row} | {' | '.join(values)} |")
    return "\n".join(lines)
