# SPDX-License-Identifier: Apache-2.0
"""``waagent driver new``: a package that the conformance kit takes at once."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from agentcore.cli import main
from osdrivers.errors import InvalidInput
from osdrivers.loader import STANDARD, Entry
from osdrivers.skeleton import skeleton
from tests.osdrivers.outside import Venv

DEBIAN = Entry(STANDARD, "debian-9", "osdrivers.debian:debian")


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Venv:
    return Venv(tmp_path_factory.mktemp("venv"))


@pytest.fixture(scope="module")
def package(venv: Venv, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("setuptools")
    above = tmp_path_factory.mktemp("new")
    venv.waagent("driver", "new", "acme-3", "--like", "debian", cwd=str(above))
    venv.install(above / "osdriver-acme")
    return above / "osdriver-acme"


def test_a_new_package_passes_the_kits_clauses_of_import_and_layout(
    venv: Venv, package: Path
) -> None:
    kit = ("--pyargs", "osdrivers.conformance.package", "--driver", "acme-3")
    said = venv.pytest(*kit, cwd=str(package))
    assert said.count("package holds:") == 5
    assert "5 passed" in said


def test_its_own_test_passes_and_says_what_is_not_there_yet(venv: Venv, package: Path) -> None:
    said = venv.pytest("tests", cwd=str(package))
    assert "1 passed, 1 skipped" in said
    assert "waagent driver capture" in said or os.geteuid() != 0


def test_the_new_driver_serves_its_system_and_no_other(
    venv: Venv, package: Path, tmp_path: Path
) -> None:
    for system, wanted in (("acme\nVERSION_ID=4", "acme"), ("debian\nVERSION_ID=12", "debian")):
        (tmp_path / "etc").mkdir(exist_ok=True)
        (tmp_path / "etc/os-release").write_text(f"ID={system}\n")
        said = venv.waagent("driver", "explain", "--json", "--root", str(tmp_path))
        assert json.loads(said)["driver"] == wanted


def test_a_driver_of_the_skeleton_is_on_one_screen(package: Path) -> None:
    assert len((package / "osdriver_acme/driver.py").read_text().splitlines()) <= 80


@pytest.mark.parametrize("name", ["", "Acme", "acme os", "../x", "3", "acme-", "acme-x.1", "a\nb"])
def test_what_cannot_be_an_entry_points_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        skeleton(name, DEBIAN)


def test_nothing_is_written_where_something_is(tmp_path: Path) -> None:
    assert main(("driver", "new", "acme", "--like", "debian", str(tmp_path))) != 0
    assert main(("driver", "new", "acme", "--like", "nothing", str(tmp_path / "x"))) != 0
    assert main(("driver", "new", "acme", str(tmp_path / "x"))) != 0
    assert list(tmp_path.iterdir()) == []
