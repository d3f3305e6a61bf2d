# SPDX-License-Identifier: Apache-2.0
"""The conformance kit over both drivers, and who is chosen where."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from osdrivers import loader
from osdrivers.host import Host

ACME, HOUSE = "osdriver_acme.driver:acme", "osdriver_acme.house:house_debian"
MACHINES = Path(__file__).parent / "machines"
GOLDEN = Path(__file__).parent / "golden"
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: accounts own files")


def kit(what: str, driver: str, *options: str) -> None:
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--pyargs", what)
    done = subprocess.run(
        (*command, "--driver", driver, *options), capture_output=True, text=True, check=False
    )
    print(done.stdout)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("driver", [ACME, HOUSE])
def test_the_package_is_what_a_drivers_should_be(driver: str) -> None:
    kit("osdrivers.conformance.package", driver)


@AS_ROOT
def test_the_trace_is_the_golden_one() -> None:
    words = ("--root", str(MACHINES), "--golden", str(GOLDEN))
    kit("osdrivers.conformance.package", ACME, *words)


@AS_ROOT
@pytest.mark.parametrize("driver", [ACME, HOUSE])
def test_every_operation_does_what_it_promises(driver: str) -> None:
    kit("osdrivers.conformance", driver, "--root", str(MACHINES))


@pytest.mark.parametrize(
    ("release", "chosen"),
    [
        ("ID=acme\nVERSION_ID=3\n", ACME),
        ("ID=acme\nVERSION_ID=99.1\n", ACME),
        ("ID=acme\n", ACME),
        ("ID=debian\nVERSION_ID=12\n", HOUSE),
        ("ID=debian\nVERSION_ID=99\n", HOUSE),
        ("ID=debian\nVERSION_ID=11\n", "osdrivers.debian:debian"),
        ("ID=ubuntu\nID_LIKE=debian\nVERSION_ID=24.04\n", "osdrivers.ubuntu:ubuntu"),
    ],
)
def test_each_system_gets_its_driver(tmp_path: Path, release: str, chosen: str) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_text(release)
    found = loader.load(Host(str(tmp_path))).choice
    assert found.entry.target == chosen
    assert found.rejected == ()
