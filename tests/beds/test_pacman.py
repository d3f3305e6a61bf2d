# SPDX-License-Identifier: Apache-2.0
"""The driver of Arch installs a package with the real pacman, and knows why it cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import pytest

from lab.beds import booted

pytestmark = [pytest.mark.beds, pytest.mark.sandbox]

PROGRAM = Path(__file__).parent / "inside/packages.py"


def test_a_package_comes_once_and_failures_have_their_names(
    made: Callable[[str], Path], tmp_path: Path
) -> None:
    assert booted.boot(made("arch"), tmp_path, PROGRAM) == {
        "before": "",
        "none": "NotFound",
        "locked": "Busy",
        "install": "",
        "after": "1.0-1",
        "again": [],
        "file": True,
    }
