# SPDX-License-Identifier: Apache-2.0
"""The report as one page of HTML that needs nothing else: no script, no picture, no network."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .report import Cell, Report

Rows = Iterable[tuple[str, str]]
_STYLE = """
:root { color-scheme: light dark; --good: #d8f0dc; --bad: #f8c9c4; --none: #ececec; --open: #fbeec2;
  --text: #1c1c1c; --back: #ffffff; --line: #c4c4c4; }
@media (prefers-color-scheme: dark) { :root { --good: #1f4a2a; --bad: #6b231d; --none: #333333;
  --open: #54471a; --text: #eaeaea; --back: #181818; --line: #555555; } }
body { font: 15px/1.45 system-ui, sans-serif; color: var(--text); background: var(--back);
  margin: 2rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; }
th, td { border: 1px solid var(--line); padding: .25rem .6rem; text-align: left;
  white-space: nowrap; font-weight: normal; }
thead th { vertical-align: bottom; }
thead small, td small { display: block; opacity: .75; }
tbody th { position: sticky; left: 0; background: var(--back); }
.holds { background: var(--good); } .fails { background: var(--bad); font-weight: bold; }
.unsupported { background: var(--none); } .not-tried { background: var(--open); }
"""


def page(report: Report, rows: Rows) -> str:
    """Systems across, operations down; what failed and what was not tried below, with reasons."""
    return "\n".join(_page(report, rows)) + "\n"


def _page(report: Report, rows: Rows) -> Iterator[str]:
    yield '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width"><title>Conformance</title>'
    yield f"<style>{_STYLE}</style></head><body><h1>Conformance of drivers</h1>"
    yield f"<p>{_summary(report)}</p>"
    yield '<div class="wide"><table><thead><tr><th>operation</th>'
    for system, driver in report.drivers.items():
        yield f"<th>{html.escape(system)}<small>driver {html.escape(driver)}</small></th>"
    yield "</tr></thead><tbody>"
    for letter, name in rows:
        row = "".join(_cell(report.cells[system][name]) for system in report.cells)
        yield f"<tr><th>{letter} {html.escape(name)}</th>{row}</tr>"
    yield "</tbody></table></div>"
    yield from _reasons(report)
    if report.elsewhere:
        yield "<h2>Beds that were not tried here</h2><ul>"
        for bed, where in report.elsewhere.items():
            yield f"<li><b>{html.escape(bed)}</b>: {html.escape(where)}</li>"
        yield "</ul>"
    yield "</body></html>"


def _summary(report: Report) -> str:
    states = [cell.state for cells in report.cells.values() for cell in cells.values()]
    kinds = ("holds", "fails", "unsupported", "not tried")
    return ", ".join(f"{states.count(kind)} {kind}" for kind in kinds)


def _cell(cell: Cell) -> str:
    detail = f"{cell.clauses} clauses, {', '.join(cell.beds)}" if cell.clauses else ""
    if cell.shared:
        others = ", ".join(sorted(set(cell.shared.values())))
        detail += f"; {len(cell.shared)} more tried on {others}"
    small = f"<small>{html.escape(detail)}</small>" if detail else ""
    return f'<td class="{cell.state.replace(" ", "-")}">{cell.state}{small}</td>'


def _reasons(report: Report) -> Iterator[str]:
    for state, title in (("fails", "What does not hold"), ("not tried", "What was not tried")):
        items = [
            f"<li><b>{html.escape(system)} {html.escape(operation)}</b>: {html.escape(why)}</li>"
            for system, cells in report.cells.items()
            for operation, cell in cells.items()
            for why in cell.why
            if cell.state == state
        ]
        if items:
            yield f"<h2>{title}</h2><ul>{''.join(items)}</ul>"
