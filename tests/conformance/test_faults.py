# SPDX-License-Identifier: Apache-2.0
"""The kit finds out each driver that is broken on purpose, and a run that tried nothing."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from osdrivers.conformance import clauses
from osdrivers.conformance.operations import BY_NAME
from tests.conformance.faults.beds import CHOSEN_BY
from tests.conformance.faults.beds import FAULTS as ON_A_BED
from tests.conformance.faults.drivers import BROKEN, FAULTS

pytestmark = pytest.mark.sandbox
DRIVER = "tests.conformance.faults.drivers:faulty"


def kit(
    source: Path, *arguments: str, driver: str = DRIVER, **environment: str
) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    return subprocess.run(
        (*command, "--pyargs", "osdrivers.conformance", "--driver", driver, *arguments),
        cwd=source,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=1200,
    )


@pytest.fixture(scope="module")
def report(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One run over a machine for each fault, of the clause and operation that must show it."""
    top = tmp_path_factory.mktemp("faults")
    for name, fault in BROKEN.items():
        (top / name).symlink_to(source / "tests" / "machines" / fault.machine)
    tried = {name: f"{name}-{fault.operation}" for name, fault in FAULTS.items()}
    wanted = " or ".join(
        f"({fault.clause} and {tried.get(name, name)})" for name, fault in BROKEN.items()
    )
    file = top / "report.json"
    of_one = {name: each for name, each in BROKEN.items() if each.operation in BY_NAME}
    only = [f"--operation={name}:{fault.operation}" for name, fault in of_one.items()]
    given = ("--root", str(top), "--thorough", "-k", wanted, "--report-json", str(file))
    done = kit(source, *given, *only)
    assert done.returncode == 1, done.stdout[-2000:] + done.stderr[-2000:]
    found: dict[str, Any] = json.loads(file.read_text())
    return found


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_the_clause_finds_the_fault_out(report: dict[str, Any], name: str) -> None:
    fault = BROKEN[name]
    cell = report["cells"][name][fault.operation]
    assert cell["state"] == "fails"
    assert any(fault.clause in why for why in cell["why"])


@pytest.mark.parametrize("name", sorted(ON_A_BED))
def test_a_bed_finds_out_what_a_pretend_machine_does_not(
    source: Path, tmp_path: Path, name: str
) -> None:
    fault = ON_A_BED[name]
    bed = BY_NAME[fault.operation].beds[0]
    file = tmp_path / "report.json"
    machine = source / "tests" / "machines" / fault.machine
    given = ("--root", str(machine), "--bed", "pretend", "--bed", bed, "-k", fault.clause)
    kit(
        source,
        *(*given, "--operation", fault.operation, "--report-json", str(file)),
        driver="tests.conformance.faults.beds:faulty",
        **{CHOSEN_BY: name},
    )
    cells = json.loads(file.read_text())["cells"]
    states = {system: row[fault.operation]["state"] for system, row in cells.items()}
    assert states.pop(fault.machine) in ("holds", "not tried")
    assert list(states.values()) == ["fails"]


def test_every_clause_has_a_fault_that_it_finds() -> None:
    directory = Path(clauses.__file__).parent
    text = "".join(path.read_text() for path in sorted(directory.glob("test_*.py")))
    names = re.findall(r"^def test_(\w+)\(", text, re.MULTILINE)
    found = {fault.clause for fault in (*BROKEN.values(), *ON_A_BED.values())}
    unbroken = [clause for clause in names if not any(f"_{part}" in f"_{clause}" for part in found)]
    assert unbroken == ["errors_are_ours"]


def test_a_run_in_which_everything_is_skipped_fails(source: Path) -> None:
    machine = source / "tests" / "machines" / "debian-12"
    done = kit(source, "--root", str(machine), "-k", "g9 and debian-12-route")
    assert done.returncode == 1
    assert "nothing was tried" in done.stdout


def test_a_run_without_a_machine_fails(source: Path, tmp_path: Path) -> None:
    done = kit(source, "--root", str(tmp_path))
    assert done.returncode == 1
    assert "nothing was tried" in done.stdout
