# SPDX-License-Identifier: Apache-2.0
"""``waagent analyze``: where this boot's time went, from the journal of actions."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape

from agentcore.errors import UsageError
from osdrivers.errors import NotFound
from osdrivers.host import Host

from .arguments import configured, machine, parse, parser

_VERBS = ("blame", "timeline")
#: A pause between two actions that is longer than this begins another run, seconds.
PAUSE_S = 600.0


@dataclass
class Step:
    """A task: when its first action began (wall clock, s), when its last ended, what they took."""

    task: str
    began: float
    ended: float
    busy_s: float = 0.0
    actions: int = 0
    failed: str = ""
    slowest: str = ""
    slowest_s: float = field(default=0.0, repr=False)

    @property
    def length_s(self) -> float:
        """From its beginning to its end."""
        return self.ended - self.began


def run(name: str, words: Sequence[str]) -> int:
    """``blame``: a table, the slowest first.  ``timeline``: in order, or a picture."""
    verb = words[0] if words and not words[0].startswith("-") else "blame"
    rest = words[1:] if words and words[0] == verb else words
    if verb not in _VERBS:
        raise UsageError(f"waagent analyze {verb}", hint=f"one of {' '.join(_VERBS)}")
    made = parser(
        f"analyze {verb}",
        "Where the time of this boot went, or of the last that had work: blame has what took "
        "longest first, timeline what began first.",
    )
    made.add_argument("--svg", metavar="FILE", help="timeline: a picture, written there")
    options = parse(made, rest)
    host, _ = configured(machine(options), options)
    steps = last_run(of_this_boot(entries(host), _booted(host)))
    if not steps:
        raise NotFound(
            f"{host.places.journal} has no action",
            hint="nothing was done here; look as root",
        )
    if options.svg:
        Host("/").write(os.path.abspath(options.svg), picture(steps).encode(), mode=0o644)
        return 0
    if verb == "blame":
        steps = sorted(steps, key=lambda step: -step.busy_s)
    for line in _json(steps) if options.json else _table(steps):
        print(line)
    return 0


def entries(host: Host) -> Iterator[dict[str, Any]]:
    """The journal's lines, the older file first; a line that a kill cut short is left out."""
    for path in (f"{host.places.journal}.1", host.places.journal):
        for line in host.read(path, "").splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if isinstance(entry, dict) and isinstance(entry.get("time"), (int, float)):
                yield entry


def of_this_boot(lines: Iterable[dict[str, Any]], booted: float) -> list[dict[str, Any]]:
    """Those since the machine came up (wall clock, s), or all where none is that young."""
    every = list(lines)
    return [each for each in every if float(each["time"]) >= booted] or every


def _booted(host: Host) -> float:
    """When the kernel started; 0 where it does not run.  Source: proc_stat(5), ``btime``."""
    stat = "" if host.offline else host.read(f"{host.places.procfs}/stat", "")
    found = [line.split()[1] for line in stat.splitlines() if line.startswith("btime ")]
    return float(found[0]) if found else 0.0


def last_run(lines: Iterable[dict[str, Any]]) -> list[Step]:
    """The tasks of the last run of the agent that had any, in order."""
    steps: list[Step] = []
    before = 0.0
    for entry in lines:
        now, status = float(entry["time"]), entry.get("status")
        if before and now - before > PAUSE_S:
            steps = []
        before = now
        task = str(entry.get("task", "?"))
        if not steps or steps[-1].task != task:
            steps.append(Step(task, now, now))
        step = steps[-1]
        step.ended = max(step.ended, now)
        if status in ("done", "failed"):
            seconds = float(entry.get("seconds", 0.0))
            step.began = min(step.began, now - seconds)
            step.busy_s += seconds
            step.actions += 1
            if seconds >= step.slowest_s:
                step.slowest, step.slowest_s = _what(entry), seconds
        if status == "failed":
            step.failed = str(entry.get("reason", "failed"))
    return steps


def _what(entry: dict[str, Any]) -> str:
    argv = entry.get("argv")
    detail = " ".join(argv) if isinstance(argv, list) else entry.get("path", entry.get("what", ""))
    return f"{entry.get('kind', '')} {detail}".strip()


def _json(steps: Sequence[Step]) -> Iterator[str]:
    for step in steps:
        yield json.dumps(
            {
                "task": step.task,
                "began": round(step.began, 3),
                "seconds": round(step.length_s, 3),
                "busy": round(step.busy_s, 3),
                "actions": step.actions,
                "failed": step.failed,
                "slowest": step.slowest,
            }
        )


def _table(steps: Sequence[Step]) -> Iterator[str]:
    yield f"{'task':16} {'after':>8} {'busy':>8} {'actions':>7}  slowest action"
    first = min(step.began for step in steps)
    for step in steps:
        failed = f"  FAILED: {step.failed}" if step.failed else ""
        after, slowest = step.began - first, step.slowest[:70]
        yield (
            f"{step.task:16} {after:6.2f} s {step.busy_s:6.2f} s {step.actions:7}  "
            f"{slowest}{failed}"
        )
    end = max(step.ended for step in steps)
    busy = sum(step.busy_s for step in steps)
    yield f"{'all':16} {end - first:6.2f} s {busy:6.2f} s {sum(s.actions for s in steps):7}"


# ---- the picture

_ROW, _LEFT, _WIDTH = 18, 130, 760


def picture(steps: Sequence[Step]) -> str:
    """An SVG: a bar for each task, over time.  Source: SVG 1.1, sections 9.2 and 10.4."""
    first, end = min(step.began for step in steps), max(step.ended for step in steps)
    scale = _WIDTH / max(end - first, 0.001)
    height = (len(steps) + 3) * _ROW
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LEFT + _WIDTH + 90}" height="{height}"'
        ' font-family="sans-serif" font-size="11">',
        f'<rect width="100%" height="{height}" fill="#fff"/>',
    ]
    for mark in _marks(end - first):
        x = _LEFT + mark * scale
        lines.append(f'<path d="M{x:.1f} {_ROW}V{height - _ROW}" stroke="#ddd"/>')
        lines.append(f'<text x="{x:.1f}" y="{_ROW - 5}" text-anchor="middle">{mark:g} s</text>')
    for row, step in enumerate(steps, 1):
        y = row * _ROW
        x, width = _LEFT + (step.began - first) * scale, max(1.0, step.length_s * scale)
        colour = "#c0392b" if step.failed else "#2e75b6"
        name = escape(step.task)
        lines.append(f'<text x="{_LEFT - 6}" y="{y + 13}" text-anchor="end">{name}</text>')
        lines.append(
            f'<rect x="{x:.1f}" y="{y + 3}" width="{width:.1f}" height="{_ROW - 6}"'
            f' fill="{colour}"><title>{escape(step.slowest)}</title></rect>'
        )
        lines.append(f'<text x="{x + width + 4:.1f}" y="{y + 13}">{step.length_s:.2f} s</text>')
    return "\n".join([*lines, "</svg>", ""])


def _marks(length_s: float) -> Iterator[float]:
    """At most ten round numbers of seconds."""
    step = next((s for s in (0.1, 0.5, 1, 2, 5, 10, 30, 60, 300) if length_s / s <= 10), 3600)
    for number in range(int(length_s / step) + 1):
        yield round(number * step, 1)
