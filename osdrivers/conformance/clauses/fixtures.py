# SPDX-License-Identifier: Apache-2.0
"""What every clause gets: an operation, and a machine on which its preconditions hold."""

from __future__ import annotations

import os

import pytest

from osdrivers.conformance.bench import Bench, Captured
from osdrivers.conformance.cases import captured_of
from osdrivers.conformance.operation import Operation
from osdrivers.conformance.real import RealMachine
from osdrivers.conformance.selection import builds, systems


@pytest.fixture(scope="session")
def captured(request: pytest.FixtureRequest) -> Captured:
    """The captured machines of this run."""
    if os.geteuid() != 0:
        pytest.skip("needs root: accounts own files")
    return captured_of(request.config)


@pytest.fixture
def bench(
    request: pytest.FixtureRequest, machine_name: str, operation: Operation, bed_name: str
) -> Bench:
    """A machine on which the operation's preconditions hold."""
    if bed_name == "pretend":
        return Bench(request.getfixturevalue("captured"), machine_name, operation)
    tree, _ = systems(request.config)[machine_name]
    build = builds(request.config).of(machine_name, os.fspath(tree))
    return Bench(RealMachine(build, operation), machine_name, operation)
