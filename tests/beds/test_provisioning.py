# SPDX-License-Identifier: Apache-2.0
"""A whole first boot on each tree, with its real tools and the driver that its identity chooses."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import pytest

from lab.beds.description import described, names
from lab.demo import proving

pytestmark = [pytest.mark.beds, pytest.mark.sandbox, pytest.mark.alone]


@pytest.mark.parametrize("name", names())
def test_a_machine_is_provisioned_and_logged_in_to(name: str, made: Callable[[str], Path]) -> None:
    said: list[str] = []
    report = proving.prove(str(made(name)), "", "", said.append)
    failed = [str(check) for check in report.checks if not check.held]
    assert not failed, "\n".join((*failed, *said[-20:]))
    assert report.system["driver"] == described(name).driver
    assert len(report.checks) == len(proving.CHECKS) + 1
