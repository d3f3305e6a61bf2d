# SPDX-License-Identifier: Apache-2.0
"""Jobs that outlive who started them, under a real systemd and without one."""

from __future__ import annotations

from pathlib import Path
from typing import Callable

import pytest

from lab.beds import booted

pytestmark = [pytest.mark.beds, pytest.mark.sandbox]

PROGRAM = Path(__file__).parent / "inside/jobs.py"


@pytest.mark.parametrize(("name", "units"), [("debian", True), ("devuan", False)])
def test_a_job_is_found_again_by_another_process_and_killed_whole(
    name: str, units: bool, made: Callable[[str], Path], tmp_path: Path
) -> None:
    found = booted.boot(made(name), tmp_path, PROGRAM)
    assert found["units"] is units
    assert found["brief"] == {"phase": "ended", "status": 7}
    assert found["out"].splitlines()[0] == "/usr"
    assert found["err"] == "oops\n"
    assert found["long"]["phase"] == "running"
    assert found["killed"] != "running"
    assert (found["removed"], found["left"]) == ([True, True], [])
    assert found.get("units_left", "") == ""


def test_systemd_gives_a_job_its_slice_and_its_limits(
    made: Callable[[str], Path], tmp_path: Path
) -> None:
    found = booted.boot(made("debian"), tmp_path, PROGRAM)
    assert found["shown"] == {
        "Slice": "try.slice",
        "CPUQuotaPerSecUSec": "500ms",
        "MemoryMax": str(64 << 20),
        "ActiveState": "active",
    }
    assert "try.slice/try-brief.service" in found["out"]
