# SPDX-License-Identifier: Apache-2.0
"""The kit as a pytest plugin, registered by its entry point.

``pytest --pyargs osdrivers.conformance --driver module:function [--root MACHINE]`` runs the
clauses over a driver of your own, on a captured machine (a directory with ``machine.json``).
Without its options the plugin does nothing, and loads nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

if TYPE_CHECKING:
    import pytest

_KIT = "osdrivers.conformance"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("osdrivers", "conformance of operating system drivers")
    group.addoption("--driver", default="", metavar="MODULE:FUNCTION", help="the driver to try")
    group.addoption(
        "--root", default="", metavar="DIR", help="a captured machine, several, or a root tree"
    )
    group.addoption(
        "--bed", action="append", default=[], metavar="NAME", help="where to try: see BEDS"
    )
    group.addoption(
        "--operation",
        action="append",
        default=[],
        metavar="[MACHINE:]NAME",
        help="try these operations only",
    )
    group.addoption(
        "--thorough", action="store_true", help="every clause on every machine, not once a part"
    )
    group.addoption("--report-json", default="", metavar="FILE", help="write the report as JSON")
    group.addoption("--report-html", default="", metavar="FILE", help="... as one page of HTML")
    group.addoption("--golden", default="", metavar="DIR", help="compare each machine's trace")
    group.addoption("--update", action="store_true", help="write golden files anew")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "each_part: a slow clause, tried on one machine for each part of a driver"
    )
    config.addinivalue_line("markers", "operation(name, ...): the operations of a clause")
    config.addinivalue_line("markers", "bed(name, ...): where a clause can be tried, see choice")
    config.addinivalue_line("markers", "untouched: a clause that leaves the machine as it found it")
    config.addinivalue_line("markers", "universal: a clause of every operation")
    config.addinivalue_line(
        "markers", "proves(operation, ..., bed=, tools=): what a test shows of the real tools"
    )
    if _is_asked_for(config):
        from .cases import refuse_unknown_operations
        from .report import Recorder

        refuse_unknown_operations(config)
        config.pluginmanager.register(Recorder(config), "osdrivers-conformance-report")


def _is_asked_for(config: pytest.Config) -> bool:
    """Whether this run is the kit's, and not one of a project that has it installed."""
    options = ("--driver", "--root", "--bed", "--report-json", "--report-html", "--golden")
    named = config.option.pyargs and any(arg.startswith(_KIT) for arg in config.args)
    return bool(named or any(config.getoption(option) for option in options))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if not {"machine_name", "operation"} & set(metafunc.fixturenames):
        return
    from .cases import cases

    cases(metafunc)


def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Optional[bool]:
    """Have a clause for a bed with real tools run inside it; others are pytest's."""
    parameters = getattr(getattr(pyfuncitem, "callspec", None), "params", {})
    if parameters.get("bed_name", "pretend") == "pretend":
        return None
    from .real_clause import run

    run(pyfuncitem, parameters["bed_name"])
    return True
