# SPDX-License-Identifier: Apache-2.0
"""Where the demo cannot prove anything it shows a plan and says so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab import demo
from lab.demo.report import Check, Report
from osdrivers.errors import ConfigError, FileFailed, NotFound

FOREIGN = ("rhel", "suse", "freebsd")
ROOT = Path(__file__).resolve().parents[3]
# The first plan imports everything: the interpreter may lie where nobody else can read.
AS_NOBODY = """
import contextlib, io, os, sys
from lab import demo
with contextlib.redirect_stdout(io.StringIO()):
    demo.main(["--driver", "rhel"])
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
sys.exit(demo.main([]))
"""


@pytest.mark.parametrize("system", FOREIGN)
def test_a_system_whose_tools_are_not_here_is_shown_as_a_plan(
    system: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "report.json"
    status = demo.main(["--driver", system, "--json", str(path)])
    report = json.loads(path.read_text())
    assert (status, report["proved"], report["checks"]) == (0, False, [])
    assert f"the tools of {system} are not here" in report["reason"]
    assert any("azureuser" in line for line in report["plan"])
    assert "a plan proves nothing" in capsys.readouterr().out


def test_a_tree_without_programs_is_shown_as_a_plan(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_text("ID=debian\nVERSION_ID=12\n")
    before = sorted(os.listdir(tmp_path))
    assert demo.main(["--root", str(tmp_path)]) == 0
    assert sorted(os.listdir(tmp_path)) == before


def test_a_system_that_nobody_captured_is_an_error_that_lists_those_that_are() -> None:
    with pytest.raises(NotFound, match="debian-12"):
        demo.main(["--driver", "plan9"])


def test_a_tree_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="--root"):
        demo.main(["--root", str(tmp_path / "nowhere")])


def test_a_report_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileFailed, match="--json"):
        Report().write(str(tmp_path / "nowhere/report.json"))


@pytest.mark.sandbox
def test_an_agent_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--agent"):
        demo.main(["--agent", str(tmp_path / "nowhere")])


@pytest.mark.sandbox
def test_without_root_the_plan_and_why_it_is_not_carried_out_are_shown() -> None:
    done = subprocess.run(
        (sys.executable, "-B", "-c", AS_NOBODY), cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 1, done.stderr
    assert "useradd" in done.stdout
    assert done.stdout.splitlines()[-1] == (
        "not carried out: a sandbox needs root; a plan proves nothing"
    )


def test_one_check_that_does_not_hold_is_enough_to_prove_nothing() -> None:
    held, other = Check("a", True, "seen"), Check("b", False, "not seen")
    assert Report(checks=[held]).proved
    assert not Report(checks=[held, other]).proved
    assert not Report().proved
    lines = list(Report(checks=[held, other]).lines())
    assert any(line.split() == ["NOT", "HELD", "b", "not", "seen"] for line in lines)
    assert lines[-1].endswith("did not hold: b")


@pytest.mark.sandbox
def test_where_no_sandbox_can_be_made_the_plan_and_the_reason_are_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/sh").write_text("#!/bin/true\n")
    (tmp_path / "bin/sh").chmod(0o755)
    assert demo.main(["--root", str(tmp_path)]) != 0
    said = capsys.readouterr().out
    assert "useradd" in said
    assert said.splitlines()[-1].startswith(f"not carried out: no Python in {tmp_path}")
