# SPDX-License-Identifier: Apache-2.0
"""The kit's clauses of a driver's package: each finds what it is there for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from osdrivers import loader
from osdrivers.conformance.package.source import DRIVER_LINES, foreign, source

GOOD = """
from dataclasses import replace
from osdrivers.debian import debian
def acme(host):
    return replace(debian(host), name="acme")
"""
#: Each clause has something to find in it.
BAD = (
    """
print("hello")
import ssl
def acme(host):
    return "a driver"
"""
    + "#\n" * DRIVER_LINES
)
FOREIGN = (
    "import os",
    "import os.path as where",
    "from subprocess import run",
    "from osdrivers.host.tree import _KINDS",
    "from osdrivers import loader",
    "from osdrivers.conformance.machines import machine",
    "import agentcore.settings",
    "def f():\n    import socket",
    "text = open('/etc/passwd').read()",
)


def tried(where: Path, *options: str) -> tuple[int, str]:
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--pyargs")
    done = subprocess.run(
        (*command, *options),
        cwd=where,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(where), *filter(None, sys.path)))},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def site(tmp_path: Path) -> Path:
    info = tmp_path / "acme_os-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-os\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[osdrivers]\nacme-3 = acme_os:acme\n")
    (tmp_path / "acme_os.py").write_text(GOOD)
    return tmp_path


def test_a_good_package_passes_every_clause(site: Path) -> None:
    status, said = tried(site, "osdrivers.conformance.package", "--driver", "acme_os:acme")
    assert status == 0, said
    assert said.count("package holds:") == 5


def test_each_clause_fails_on_a_package_that_breaks_it(site: Path) -> None:
    (site / "acme_os.py").write_text(GOOD + BAD)
    (site / "acme_os-1.dist-info/entry_points.txt").write_text("[osdrivers]\nAcme 3 = acme_os:x\n")
    status, said = tried(site, "osdrivers.conformance.package", "--driver", "acme_os:acme")
    assert status != 0
    assert said.count("package fails:") == 5


@pytest.mark.parametrize("does", ["host.ask('true')", "host.write('/x', b'')"])
def test_making_a_driver_may_neither_run_nor_write_anything(site: Path, does: str) -> None:
    (site / "acme_os.py").write_text(GOOD.replace("    return", f"    {does}\n    return"))
    words = ("--driver", "acme_os:acme", "-k", "makes_a_driver")
    status, said = tried(site, "osdrivers.conformance.package", *words)
    assert status != 0
    assert "package fails: test_it_is_a_function" in said


@pytest.mark.parametrize("line", FOREIGN)
def test_what_is_not_for_drivers_is_found(tmp_path: Path, line: str) -> None:
    (tmp_path / "x.py").write_text(GOOD)
    assert list(foreign(tmp_path / "x.py")) == []
    (tmp_path / "x.py").write_text(f"{GOOD}\n{line}\n")
    assert list(foreign(tmp_path / "x.py"))


def test_without_a_driver_the_kit_has_tried_nothing_and_fails(site: Path) -> None:
    assert tried(site, "osdrivers.conformance.package")[0] != 0


def test_a_run_of_which_only_the_package_was_tried_fails(site: Path) -> None:
    """No machine is there, so that every clause of an operation is skipped."""
    status, said = tried(site, "osdrivers.conformance", "--driver", "acme_os:acme")
    assert status != 0
    assert "nothing was tried" in said
    assert "package holds:" in said


def test_an_operation_that_there_is_not_is_a_usage_error(site: Path) -> None:
    status, said = tried(site, "osdrivers.conformance", "--operation", "usr")
    assert status == 4
    assert "no operation 'usr'" in said


@pytest.mark.parametrize("target", sorted({each.target for each in loader.entries()}))
def test_our_own_drivers_are_held_to_it(target: str) -> None:
    found = source(target)
    assert [said for path in found.files for said in foreign(path)] == []
    assert len(found.driver.read_text().splitlines()) <= DRIVER_LINES
