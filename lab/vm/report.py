# SPDX-License-Identifier: Apache-2.0
"""What was checked, and what came out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from osdrivers.errors import AgentError, first_line

from .progress import Progress

_SHOWN = 160


@dataclass(frozen=True)
class Check:
    """One statement about a scenario.  ``evidence`` is a line for people."""

    scenario: str
    name: str
    held: bool
    evidence: str


@dataclass
class Report:
    """The checks of a whole run, said as they are made."""

    progress: Progress
    checks: list[Check] = field(default_factory=list)
    figures: dict[str, dict[str, float]] = field(default_factory=dict)

    @property
    def held(self) -> bool:
        """Whether anything was checked and everything held."""
        return bool(self.checks) and all(check.held for check in self.checks)

    def check(self, scenario: str, name: str, held: bool, evidence: object = "") -> bool:
        """Note one check and say it."""
        line = " ".join(str(evidence).split())
        self.checks.append(Check(scenario, name, bool(held), line))
        self.progress.say(f"  {'ok  ' if held else 'FAIL'} {name}: {line[:_SHOWN]}")
        return bool(held)

    @contextmanager
    def trial(self, scenario: str, name: str) -> Iterator[None]:
        """A check that holds unless the block raises an error of the project's tree."""
        try:
            yield
        except AgentError as error:
            self.check(scenario, name, False, first_line(error))

    def figure(self, scenario: str, name: str, value: float) -> None:
        """Note a measured number; the name ends in its unit."""
        self.figures.setdefault(scenario, {})[name] = round(value, 3)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "held": self.held,
            "checks": [asdict(check) for check in self.checks],
            "figures": self.figures,
        }

    def summary(self) -> str:
        """One line per scenario, and every failed check."""
        lines = []
        for scenario in dict.fromkeys(check.scenario for check in self.checks):
            own = [check for check in self.checks if check.scenario == scenario]
            good = sum(check.held for check in own)
            figures = self.figures.get(scenario, {})
            shown = ", ".join(f"{name} {value:g}" for name, value in figures.items())
            tail = f"; {shown}" if shown else ""
            lines.append(f"{scenario}: {good} of {len(own)} checks held{tail}")
            lines += [f"  FAIL {one.name}: {one.evidence}" for one in own if not one.held]
        return "\n".join(lines)
