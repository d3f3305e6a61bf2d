# SPDX-License-Identifier: Apache-2.0
"""What a run of the kit found: each operation on each system, and where it was tried."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from .cases import Shared, shared_of
from .choice import not_tried
from .operations import OPERATIONS
from .real_clause import one_operation_after_another
from .report_page import page
from .selection import drivers_of, systems

#: The row of the clauses that are no operation's; then the operations.
WHOLE = "driver"
ROWS = (("G11", WHOLE), *((each.letter, each.name) for each in OPERATIONS))
#: Where the clauses lie that are about a driver's package, and need no machine.
_PACKAGE = "package"
SIGNS = {"holds": "+", "fails": "F", "unsupported": "-", "not tried": "?"}


@dataclass(frozen=True)
class Cell:
    """One operation on one system: ``holds``, ``fails``, ``unsupported`` or ``not tried``.

    ``tools`` are the real ones that it ran, on beds that have some.  ``shared``: clauses that were
    tried on another machine, where the same parts do the same -> that machine.
    """

    state: str
    clauses: int = 0
    beds: tuple[str, ...] = ()
    why: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    shared: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """One clause that was tried, or skipped, on one operation of one system."""

    machine: str
    operation: str
    clause: str
    bed: str
    outcome: str
    why: str = ""
    tools: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """``drivers``: system -> name of its driver; ``cells``: system -> operation -> cell."""

    drivers: Mapping[str, str]
    cells: Mapping[str, Mapping[str, Cell]]
    elsewhere: Mapping[str, str] = field(default_factory=dict)

    @property
    def tried(self) -> bool:
        states = {cell.state for cells in self.cells.values() for cell in cells.values()}
        return bool(states & {"holds", "fails"})

    def as_json(self) -> str:
        return json.dumps(asdict(self), indent=1) + "\n"

    def lines(self) -> Iterable[str]:
        """The table for a terminal."""
        systems = list(self.cells)
        for number, name in enumerate(systems, 1):
            yield f"{number:3} {name}: driver {self.drivers[name]}"
        yield f"{'':20}" + "".join(f"{number:3}" for number in range(1, len(systems) + 1))
        for letter, row in ROWS:
            signs = (SIGNS[self.cells[name][row].state] for name in systems)
            yield f"{letter:4}{row:16}" + "".join(f"{sign:>3}" for sign in signs)
        yield "  ".join(f"{sign} {state}" for state, sign in SIGNS.items())
        for name in systems:
            for operation, cell in self.cells[name].items():
                for why in cell.why:
                    yield f"{name} {operation}: {cell.state}: {why}"
        shared = [cell.shared for cells in self.cells.values() for cell in cells.values()]
        if any(shared):
            count, places = sum(map(len, shared)), sum(map(bool, shared))
            yield f"{count} clauses of {places} cells were tried where the same parts do the same"
            yield "(the JSON report names the machine of each; --thorough tries all of them)"
        for bed, where in self.elsewhere.items():
            yield f"bed {bed}: not tried: {where}"


def report_of(config: pytest.Config, results: Iterable[Result], shared: Shared) -> Report:
    """The report of a run on the machines that its options name."""
    by_place: dict[tuple[str, str], list[Result]] = {}
    beds = set()
    for result in results:
        by_place.setdefault((result.machine, result.operation), []).append(result)
        beds.add(result.bed if result.outcome != "skipped" else "")
    drivers: dict[str, str] = {}
    cells: dict[str, dict[str, Cell]] = {}
    beds_of = systems(config)
    for name, driver in drivers_of(config):
        drivers[name], on = driver.name, beds_of[name][1]
        cells[name] = {WHOLE: _cell(by_place.get((name, WHOLE), []), "pretend" in on, on)}
        for each in OPERATIONS:
            can = any(each.is_for(bed, driver) for bed in on)
            tried = _cell(by_place.get((name, each.name), []), can, on)
            tried = replace(tried, shared=shared.get((name, each.name), {}))
            cells[name][each.name] = tried if each.supported(driver) else Cell("unsupported")
    return Report(drivers, cells, not_tried(config, frozenset(beds)))


def _cell(results: list[Result], can: bool, on: tuple[str, ...]) -> Cell:
    failed = [each for each in results if each.outcome == "failed"]
    passed = [each for each in results if each.outcome == "passed"]
    beds = tuple(sorted({each.bed for each in (*failed, *passed)}))
    clauses = len(failed) + len(passed)
    if failed:
        return Cell("fails", clauses, beds, tuple(f"{each.clause}: {each.why}" for each in failed))
    if passed:
        ran = tuple(sorted({tool for each in passed for tool in each.tools}))
        return Cell("holds", clauses, beds, (), ran)
    none = "no clause was selected" if can else f"it is for none of these beds: {', '.join(on)}"
    reasons = dict.fromkeys(each.why for each in results) or [none]
    return Cell("not tried", 0, (), tuple(reasons))


_SHARED = "osdrivers-shared"


class Recorder:
    """The plugin of a run that is the kit's: keeps what became of each clause, and reports."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._results: list[Result] = []
        self._package: list[str] = []
        self._operations = False
        self._empty = False

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        self._operations = any(item.path.parent.name != _PACKAGE for item in items)
        empty = [item for item in items if _is_of_no_operation(item)]
        if empty and len(empty) < len(items):
            self._config.hook.pytest_deselected(items=empty)
            items[:] = [item for item in items if item not in empty]
        one_operation_after_another(items)
        for item in items:
            parameters = getattr(getattr(item, "callspec", None), "params", {})
            if parameters.get("machine_name"):
                operation = getattr(parameters.get("operation"), "name", WHOLE)
                clause = str(getattr(item, "originalname", item.name))
                where = parameters.get("bed_name", "pretend")
                place = (parameters["machine_name"], operation, clause, where)
                item.user_properties.append(("osdrivers", place))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """In the process that reports, whichever process tried the clause (pytest-xdist)."""
        said = dict(report.user_properties)
        place = said.get("osdrivers")
        if "osdrivers-package" in said and (report.when == "call" or report.failed):
            clause = report.nodeid.rpartition("::")[2]
            self._package.append(f"{'fails' if report.failed else 'holds'}: {clause}")
        if not isinstance(place, (tuple, list)) or (report.when != "call" and report.passed):
            return
        machine, operation, clause, bed = map(str, place)
        ran = said.get("osdrivers-tools", ())
        tools = tuple(map(str, ran)) if isinstance(ran, (tuple, list)) else ()
        result = Result(machine, operation, clause, bed, report.outcome, _why(report), tools)
        self._results.append(result)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """A run that tried nothing has shown nothing.  A worker's share of it may be nothing."""
        if hasattr(self._config, "workerinput"):
            said = [[*place, kept] for place, kept in shared_of(self._config).items()]
            vars(self._config)["workeroutput"][_SHARED] = said
            return
        tried = any(each.outcome != "skipped" for each in self._results)
        tried = tried or bool(self._package and not self._operations)
        self._empty = not tried and not self._config.option.collectonly
        if self._empty and session.exitstatus in (0, 5):
            session.exitstatus = 1

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """A worker of pytest-xdist has ended: take over what only those who collect know."""
        for machine, operation, kept in getattr(node, "workeroutput", {}).get(_SHARED, ()):
            shared_of(self._config).setdefault((machine, operation), {}).update(kept)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        report = report_of(self._config, self._results, shared_of(self._config))
        terminalreporter.section("conformance")
        for line in report.lines():
            terminalreporter.write_line(line)
        for line in self._package:
            terminalreporter.write_line(f"package {line}")
        if self._empty:
            why = "every clause was skipped or is of an unsupported operation"
            terminalreporter.write_line(f"conformance: nothing was tried: {why}", red=True)
        for option, text in (
            ("report_json", report.as_json),
            ("report_html", lambda: page(report, ROWS)),
        ):
            path = self._config.getoption(option)
            if path:
                Path(path).write_text(text(), encoding="utf-8")


def _is_of_no_operation(item: pytest.Item) -> bool:
    """A clause for which nothing is left to try here; pytest makes one item of it that skips."""
    mark = item.get_closest_marker("skip")
    return mark is not None and "got empty parameter set" in str(mark.kwargs.get("reason", ""))


def _why(report: pytest.TestReport) -> str:
    """One line: why it was skipped, or what did not hold."""
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    crash = getattr(report.longrepr, "reprcrash", None)
    said = str(crash.message if crash is not None else report.longrepr or "")
    return said.partition("\n")[0][:200]
