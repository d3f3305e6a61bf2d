# SPDX-License-Identifier: Apache-2.0
"""The example of a third party's package, installed from outside; tox runs all of its tests."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.osdrivers.outside import Venv

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs/examples/osdriver-acme"


def test_the_example_adds_a_system_and_overrides_another(tmp_path: Path) -> None:
    """Its own tests, but for the whole kit: which driver is chosen where, its golden trace."""
    pytest.importorskip("setuptools")
    package = tmp_path / "osdriver-acme"
    shutil.copytree(EXAMPLE, package, symlinks=True)
    venv = Venv(tmp_path / "venv")
    venv.install(package)
    said = venv.pytest("tests", "-k", "not every_operation", cwd=str(package))
    assert "passed" in said
    assert "failed" not in said


def test_adding_a_system_touches_nothing_else() -> None:
    """A file of code, a line, a captured machine, a golden trace."""
    lines = (EXAMPLE / "setup.cfg").read_text().splitlines()
    assert [line for line in lines if "driver:acme" in line] == [
        "    acme-3 = osdriver_acme.driver:acme"
    ]
    assert len((EXAMPLE / "osdriver_acme/driver.py").read_text().splitlines()) <= 80
    assert (EXAMPLE / "tests/machines/acme-3/machine.json").is_file()
    assert (EXAMPLE / "tests/golden/acme-3.trace").is_file()
    below = (path for name in ("osdrivers", "freebsd") for path in (ROOT / name).rglob("*.py"))
    assert [path for path in below if "osdriver_acme" in path.read_text("utf-8")] == []
