# SPDX-License-Identifier: Apache-2.0
"""The report holds what was tried, in whichever process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.sandbox


def report(source: Path, file: Path, *arguments: str) -> Any:
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments)
    machine = source / "tests" / "machines" / "debian-12"
    kit = ("--pyargs", "osdrivers.conformance", "--root", str(machine), "--report-json", str(file))
    page = ("--report-html", str(file.with_suffix(".html")))
    done = subprocess.run(
        (*command, *kit, *page, "--operation", "user", "--operation", "route"),
        cwd=source,
        capture_output=True,
        text=True,
        timeout=480,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert "+ holds" in done.stdout
    return json.loads(file.read_text())


def test_the_report_of_two_processes_holds_what_that_of_one_does(
    source: Path, tmp_path: Path
) -> None:
    pytest.importorskip("xdist")
    one = report(source, tmp_path / "one.json")
    two = report(source, tmp_path / "two.json", "-n", "2", "--dist", "loadfile")
    assert one == two
    cells = one["cells"]["debian-12"]
    assert {name for name, cell in cells.items() if cell["state"] == "holds"} == {
        *("driver", "user", "route")
    }
    assert (tmp_path / "one.html").read_text() == (tmp_path / "two.html").read_text()
