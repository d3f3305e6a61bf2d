# SPDX-License-Identifier: Apache-2.0
"""Has pytest run a clause in a bed with real tools, and learn what became of it there."""

from __future__ import annotations

import pytest

from .bench import Bench
from .choice import real_tree
from .real import Beds, RealMachine

_BEDS = pytest.StashKey[Beds]()


def run(clause: pytest.Function, bed: str) -> None:
    """As pytest calls a test function: returns, or raises what it failed or was skipped with."""
    config = clause.config
    if _BEDS not in config.stash:
        config.stash[_BEDS] = Beds()
        config.add_cleanup(config.stash[_BEDS].close)
    given = {name: clause.funcargs[name] for name in clause._fixtureinfo.argnames}
    bench = given["bench"]
    assert isinstance(bench, Bench) and isinstance(bench.captured, RealMachine)
    place = (bench.operation.name, bed, real_tree(config))
    told = config.stash[_BEDS].tried(lambda: clause.obj(**given), bench.captured, place)
    clause.user_properties.append(("osdrivers-tools", list(told.tools)))
    if told.outcome == "skipped":
        pytest.skip(told.why)
    if told.outcome == "failed":
        *_, last = told.why.strip().splitlines()
        pytest.fail(f"{last}\n{told.why}", pytrace=False)


def one_operation_after_another(items: list[pytest.Item]) -> None:
    """Clauses that can share a bed follow each other: first those that leave it as it is, last
    those that look at what the operation did.  Those without a bed stay in front, as they are.
    """

    def place(item: pytest.Item) -> tuple[str, str, int]:
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        bed = str(parameters.get("bed_name", "pretend"))
        if bed == "pretend":
            return ("", "", 0)
        turn = 2 if item.get_closest_marker("universal") is None else 1
        turn = 0 if item.get_closest_marker("untouched") else turn
        return (bed, parameters["operation"].name, turn)

    items.sort(key=place)
