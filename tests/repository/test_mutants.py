# SPDX-License-Identifier: Apache-2.0
"""The deliberate faults fit what they break; ``python -m tests.mutants`` tries them."""

from __future__ import annotations

import re

from tests.mutants import ROOT, mutants


def test_each_deliberate_fault_fits_its_file_and_names_a_test_that_there_is() -> None:
    clauses = "".join(
        path.read_text() for path in (ROOT / "osdrivers/conformance/clauses").glob("*.py")
    )
    for mutant in mutants():
        mutant.broken((ROOT / mutant.file).read_text())
        path, _, name = mutant.arguments[0].partition("::")
        text = (ROOT / path).read_text() + clauses
        assert re.search(rf"^def {name.partition('[')[0]}", text, re.M), mutant.name
