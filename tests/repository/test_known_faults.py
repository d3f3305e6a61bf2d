# SPDX-License-Identifier: Apache-2.0
"""The table of known faults names tests that there are."""

from __future__ import annotations

import re

from tests.repository.tree import ROOT

PAGE = ROOT / "docs/maintainer/known-faults.md"
ROW = re.compile(r"^\| ([^|-][^|]*) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
TEST = re.compile(r"`([^`]+)::(test_\w+)`")
FAULTS = 65


def rows() -> list[tuple[str, str]]:
    """Entry and tests of each row of both tables, without their heads."""
    found = ROW.findall(PAGE.read_text("utf-8"))
    return [(entry, tests) for entry, _, tests in found if tests != "test"]


def test_every_fault_of_the_table_has_a_test_that_there_is() -> None:
    for number, tests in rows():
        named = TEST.findall(tests)
        assert named, f"fault {number} names no test"
        assert TEST.sub("", tests).strip(" ,") == "", f"fault {number}: more than tests"
        for path, name in named:
            assert re.search(rf"^def {name}\(", (ROOT / path).read_text("utf-8"), re.MULTILINE), (
                f"fault {number}: {path} has no {name}"
            )


def test_each_fault_has_one_row() -> None:
    assert [int(entry) for entry, _ in rows() if entry.isdigit()] == list(range(1, FAULTS + 1))
