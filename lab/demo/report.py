# SPDX-License-Identifier: Apache-2.0
"""What a demo found, for people and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from osdrivers.errors import FileFailed


@dataclass(frozen=True)
class Check:
    """One thing that was proved, or was not."""

    name: str
    held: bool
    evidence: str

    def __str__(self) -> str:
        return f"{'held' if self.held else 'NOT HELD':10}{self.name:24}{self.evidence}"


@dataclass
class Report:
    """Everything that is printed at the end.

    ``proved``: the agent ran for real and every check held.  ``reason`` says why it did not run.
    """

    system: dict[str, str] = field(default_factory=dict)
    checks: list[Check] = field(default_factory=list)
    tasks: list[dict[str, Any]] = field(default_factory=list)
    platform: list[str] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    agent: dict[str, float] = field(default_factory=dict)
    plan: list[str] = field(default_factory=list)
    reason: str = ""
    seconds: float = 0.0

    @property
    def proved(self) -> bool:
        return bool(self.checks) and all(check.held for check in self.checks)

    def lines(self) -> Iterator[str]:
        """Timeline, platform, changed files, checks: the checks last, since they decide."""
        yield from _section("timeline of tasks", (_task(each) for each in self.tasks))
        yield from _section("what the platform received", self.platform)
        yield from _section("files that changed", self.changes)
        yield from _section("checks", map(str, self.checks))
        failed = [check.name for check in self.checks if not check.held]
        if self.checks:
            verdict = f"did not hold: {', '.join(failed)}" if failed else "all held"
            yield f"{len(self.checks)} checks in {self.seconds:.1f} s, {verdict}"

    def write(self, path: str) -> None:
        """Write the JSON form.

        :raises FileFailed: it cannot be written.
        """
        described = {
            "proved": self.proved,
            "reason": self.reason,
            "system": self.system,
            "checks": [vars(check) for check in self.checks],
            "tasks": self.tasks,
            "platform": self.platform,
            "changes": self.changes,
            "plan": self.plan,
            "agent": self.agent,
            "seconds": round(self.seconds, 3),
        }
        try:
            Path(path).write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")
        except OSError as cause:
            raise FileFailed(path, cause, hint="give --json a file that can be written") from cause


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    inner = [f"  {line}" for line in lines]
    if inner:
        yield from ("", title, *inner)


def _task(task: dict[str, Any]) -> str:
    changes = task.get("changes", 0)
    counted = f"{changes} change{'' if changes == 1 else 's'}" if changes else ""
    return (
        f"{task.get('seconds', 0.0):7.3f} s  {task['task']:18}{counted:12}{task.get('error', '')}"
    )
