# SPDX-License-Identifier: Apache-2.0
"""The virtual machine itself: slow, and left to ``make vm`` and ``.ci/run``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.vm

_LIMIT_S = 1500


def test_a_guest_is_provisioned_from_a_real_drive(tmp_path: Path, source: Path) -> None:
    written = tmp_path / "vm.json"
    command = (sys.executable, "-m", "lab", "vm", "--shortest", "--json", str(written))
    done = subprocess.run(command, cwd=source, timeout=_LIMIT_S, check=False)
    report = json.loads(written.read_text())
    assert [one for one in report["checks"] if not one["held"]] == []
    assert done.returncode == 0
