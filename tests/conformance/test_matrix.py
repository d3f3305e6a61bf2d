# SPDX-License-Identifier: Apache-2.0
"""The page of systems and operations says what is so now."""

from __future__ import annotations

from pathlib import Path

import pytest

from osdrivers.conformance.bench import Captured
from osdrivers.conformance.matrix import written

pytestmark = pytest.mark.sandbox


def test_the_matrix_is_what_make_matrix_would_write(source: Path, captured: Captured) -> None:
    page = source / "docs" / "driver-authors" / "matrix.md"
    assert page.read_text() == written(captured, source / "tests")
