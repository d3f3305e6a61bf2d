# SPDX-License-Identifier: Apache-2.0
"""The kit's clauses with real tools, in disposable copies of this machine.

What each operation ran there is kept in ``proved.json``, from which the matrix is made.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.sandbox
PROVED = Path(__file__).with_name("proved.json")
SYSTEM = "real-debian-12"
BEDS = ("root", "network", "loop")


@pytest.fixture(scope="module")
def cells(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One run over this machine; operation -> what the report says of it."""
    if not shutil.which("dnsmasq"):
        pytest.skip("needs dnsmasq")
    file = tmp_path_factory.mktemp("beds") / "report.json"
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--root", "/")
    beds = (word for bed in BEDS for word in ("--bed", bed))
    done = subprocess.run(
        (*command, *beds, "--pyargs", "osdrivers.conformance", "--report-json", str(file)),
        cwd=source,
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    ((system, found),) = json.loads(file.read_text())["cells"].items()
    if system != SYSTEM:
        pytest.skip(f"what is kept was tried on {SYSTEM}, not on {system}")
    return dict(found)


def test_what_the_real_tools_did_is_kept_as_it_was(
    cells: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    found: dict[str, dict[str, list[str]]] = {bed: {} for bed in BEDS}
    for operation, cell in cells.items():
        for bed in cell["beds"]:
            found[bed][operation] = cell["tools"]
    if request.config.getoption("--update"):
        PROVED.write_text(json.dumps(found, indent=1) + "\n")
    assert json.loads(PROVED.read_text()) == found


def test_every_operation_that_can_be_tried_there_holds(cells: dict[str, Any]) -> None:
    proved = json.loads(PROVED.read_text())
    for bed, operations in proved.items():
        assert operations, bed
        for operation in operations:
            assert cells[operation]["state"] == "holds", operation


def test_a_bed_that_is_not_there_is_told_with_its_reason(source: Path, tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--bed", "booted")
    done = subprocess.run(
        (*command, "--pyargs", "osdrivers.conformance", "--report-json", str(file)),
        cwd=source,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 1
    assert "nothing was tried" in done.stdout
    assert set(json.loads(file.read_text())["elsewhere"]) >= {"pretend", "booted", "vm", *BEDS}
