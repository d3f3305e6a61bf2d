# SPDX-License-Identifier: Apache-2.0
"""A machine whose files are real, below a directory, and whose commands answer from a table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Union

from osdrivers.actions import Action, Plan
from osdrivers.errors import CommandMissing
from osdrivers.host import Completed, Host, Secret

Answer = Union[str, Completed]


class Answers:
    """Commands by their words; a command that has no answer is not installed."""

    def __init__(self, table: Mapping[str, Answer]) -> None:
        self.table = dict(table)
        self.calls: list[str] = []

    def find(self, command: str) -> str:
        known = any(words.split()[0] == command for words in self.table)
        return f"/usr/bin/{command}" if known else ""

    def __call__(self, argv: tuple[str, ...], stdin: Secret, timeout_s: float) -> Completed:
        words = " ".join(argv)
        self.calls.append(words)
        if not self.find(argv[0]):
            raise CommandMissing(argv[0])
        answer = self.table.get(words, self.table.get(argv[0], Completed(1, "", "no answer")))
        return Completed(0, answer) if isinstance(answer, str) else answer


def machine(
    root: Path,
    files: Mapping[str, str] = {},
    commands: Mapping[str, Answer] = {},
    **options: Any,
) -> Host:
    """Files by guest path; ``-> target`` is a link, a path that ends in ``/`` a directory."""
    for path, text in files.items():
        real = root / path.strip("/")
        if path.endswith("/"):
            real.mkdir(parents=True, exist_ok=True)
            continue
        real.parent.mkdir(parents=True, exist_ok=True)
        if text.startswith("-> "):
            real.symlink_to(text[3:])
        else:
            real.write_text(text)
    return Host(str(root), commands=Answers(commands), **{"offline": False, **options})


def shown(plan: Plan) -> list[str]:
    """The actions of a plan that is only shown."""
    return [str(action) for action in plan]


def actions(plan: Plan) -> list[Action]:
    return list(plan)
