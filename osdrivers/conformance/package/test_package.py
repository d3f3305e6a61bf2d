# SPDX-License-Identifier: Apache-2.0
"""What a driver's package must be like: imported at no cost, on one screen, on public names."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

from osdrivers import loader
from osdrivers.api import Driver
from osdrivers.conformance.package.source import DRIVER_LINES, FILE_LINES, NEVER, foreign, source
from osdrivers.host import Completed, Host, Secret

_NAME = re.compile(r"[a-z](?:[a-z0-9_-]*?[a-z_])?(?:-\d+(?:\.\d+)*)?")
_HEAVY = sorted({*NEVER, "importlib.metadata", "asyncio"})


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "target" in metafunc.fixturenames:
        given = metafunc.config.getoption("--driver")
        targets = [_target(given)] if given else []
        metafunc.parametrize("target", targets, ids=lambda each: str(each).replace(":", "."))


def _target(given: str) -> str:
    """``module:function`` of a driver that was named by its entry."""
    found = [each.target for each in loader.entries() if each.name == given]
    return found[0] if found else given


@pytest.fixture(autouse=True)
def _for_the_report(target: str, record_property: Callable[[str, object], None]) -> None:
    record_property("osdrivers-package", target)


def test_importing_it_prints_nothing_and_loads_nothing_heavy(target: str) -> None:
    """A process of its own, on the same search path: here everything is loaded already."""
    module = target.partition(":")[0]
    code = f"import sys, {module}; print(*sorted(set({_HEAVY!r}) & sys.modules.keys()))"
    path = os.pathsep.join(each or os.getcwd() for each in sys.path)
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == []


def test_it_is_a_function_that_makes_a_driver_of_an_empty_tree(target: str, tmp_path: Path) -> None:
    module, _, name = target.partition(":")
    driver = getattr(import_module(module), name)(Host(str(tmp_path), commands=_Mute()))
    assert isinstance(driver, Driver)
    assert driver.name
    assert list(tmp_path.iterdir()) == []


def test_it_uses_public_names_and_reaches_the_machine_through_its_host(target: str) -> None:
    assert [said for path in source(target).files for said in foreign(path)] == []


def test_a_driver_is_on_one_screen_and_every_file_in_one_reading(target: str) -> None:
    found = source(target)
    limits = {path: DRIVER_LINES if path == found.driver else FILE_LINES for path in found.files}
    lines = {path: len(path.read_text("utf-8").splitlines()) for path in limits}
    assert [
        f"{path.name} has {lines[path]} lines, not {most} at most"
        for path, most in limits.items()
        if lines[path] > most
    ] == []


def test_an_entry_point_names_it_by_an_id_and_perhaps_a_version(target: str) -> None:
    names = [each.name for each in loader.entries() if each.target == target]
    assert names, f"no entry point in {' or '.join(loader.GROUPS)} leads to {target}: installed?"
    assert [name for name in names if not _NAME.fullmatch(name)] == []


class _Mute:
    """No command may run."""

    def find(self, command: str) -> str:
        return ""

    def __call__(self, argv: tuple[str, ...], stdin: Secret, timeout_s: float) -> Completed:
        raise AssertionError(f"building a driver ran {argv}")
