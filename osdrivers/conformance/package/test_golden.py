# SPDX-License-Identifier: Apache-2.0
"""Every operation on every captured machine, line by line, as ``--golden DIR`` has it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from osdrivers.conformance.bench import Captured
from osdrivers.conformance.cases import asked_for
from osdrivers.conformance.operations import OPERATIONS
from osdrivers.conformance.selection import machines


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "golden_machine" in metafunc.fixturenames:
        given = metafunc.config.getoption("--golden")
        metafunc.parametrize("golden_machine", list(machines(metafunc.config)) if given else [])


def test_the_trace_is_the_golden_one(
    captured: Captured, golden_machine: str, pytestconfig: pytest.Config
) -> None:
    golden = Path(pytestconfig.getoption("--golden"), f"{golden_machine}.trace")
    text = "".join(f"{line}\n" for line in _trace(captured, golden_machine, pytestconfig))
    if pytestconfig.getoption("--update"):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(text, encoding="utf-8")
    assert golden.is_file(), f"no {golden}: look at the trace, then run with --update"
    assert text.splitlines() == golden.read_text(encoding="utf-8").splitlines()


def _trace(captured: Captured, name: str, config: pytest.Config) -> Iterator[str]:
    driver = captured.trial(name).driver()
    for each in OPERATIONS:
        if each.supported(driver) and asked_for(config, name, each.name):
            yield f"# {each.letter} {each.name}"
            yield from captured.undisturbed(name, each).ran.lines
