# SPDX-License-Identifier: Apache-2.0
"""The platform's address is guarded beside a firewalld that systemd started, and stays so."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import pytest

from lab.beds import booted

pytestmark = [pytest.mark.beds, pytest.mark.sandbox]

PROGRAM = Path(__file__).parent / "inside/firewall.py"
OPEN = {"rules": False, "guarded": []}
GUARDED = {"rules": True, "guarded": ["168.63.129.16"]}


def test_a_reload_of_firewalld_leaves_the_guard(
    made: Callable[[str], Path], tmp_path: Path
) -> None:
    found = booted.boot(made("rhel"), tmp_path, PROGRAM)
    assert found == {
        "firewalld": "running",
        "before": OPEN,
        "errors": [],
        "guarded": GUARDED,
        "again": [],
        "reload": "success",
        "reloaded": GUARDED,
        "errors_unguard": [],
        "after": OPEN,
    }
