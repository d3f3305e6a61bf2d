# SPDX-License-Identifier: Apache-2.0
"""Every captured machine has traces of itself, so that the clauses of P1 have something to do."""

from __future__ import annotations

import pytest

from osdrivers.conformance.bench import Captured
from osdrivers.conformance.catalogue import image

pytestmark = pytest.mark.sandbox


def test_each_captured_machine_has_something_to_lose(captured: Captured, machine_name: str) -> None:
    idle = [
        operation.name
        for operation in image.OPERATIONS
        if not captured.undisturbed(machine_name, operation).ran.lines
    ]
    assert not idle
