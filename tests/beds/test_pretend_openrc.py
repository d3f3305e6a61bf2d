# SPDX-License-Identifier: Apache-2.0
"""The pretended rc-update and rc-service end as OpenRC's do, and leave the same runlevels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Callable

import pytest

from lab.beds import booted

pytestmark = [pytest.mark.beds, pytest.mark.sandbox]

PROGRAM = Path(__file__).parent / "inside/openrc_tools.py"
COMMANDS = (
    ("rc-update", "add", "tried", "default"),
    ("rc-update", "add", "tried", "default"),
    ("rc-update", "add", "no-such", "default"),
    ("rc-update", "del", "tried", "boot"),
    ("rc-update", "add", "tried", "boot"),
    ("rc-update", "del", "tried", "boot", "default"),
    ("rc-update", "del", "tried", "default"),
    ("rc-update", "add", "tried"),
    ("rc-update", "--all", "del", "tried"),
    ("rc-update", "--all", "del", "tried"),
    ("rc-service", "tried", "status"),
    ("rc-service", "tried", "start"),
    ("rc-service", "tried", "status"),
    ("rc-service", "tried", "restart"),
    ("rc-service", "tried", "stop"),
    ("rc-service", "tried", "stop"),
    ("rc-service", "--ifstarted", "tried", "restart"),
    ("rc-service", "tried", "status"),
    ("rc-service", "no-such", "start"),
)


def test_openrc_tools_end_alike(made: Callable[[str], Path], tmp_path: Path) -> None:
    given = {"commands.json": json.dumps(COMMANDS)}
    found = booted.boot(made("alpine"), tmp_path, PROGRAM, given)["commands"]
    assert [tuple(each["argv"]) for each in found] == [*COMMANDS]
    unlike = [
        each
        for each in found
        if each["statuses"][0] != each["statuses"][1] or each["in"][0] != each["in"][1]
    ]
    assert unlike == []
