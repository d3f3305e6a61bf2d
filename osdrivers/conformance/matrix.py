# SPDX-License-Identifier: Apache-2.0
"""The page of systems and operations: on which bed each cell was proved, or that it was not.

An operation is proved as far as the tools that it runs are: a pretend tool that was compared with
the real one proves on the pretend machine.  ``unproved.json`` lists the others; they are proved
where a clause or a test carries this operation out with the real ones (see :mod:`.proofs`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from .bench import Captured
from .operation import Operation
from .operations import OPERATIONS
from .proofs import Proofs, read
from .trial import tools

#: Words of a reason: the lab's run of a virtual machine is no test with marks.
_IN_THE_VM = "virtual machine"
Unproved = Mapping[str, Mapping[str, str]]
_HEAD = """# Systems and operations

<!-- Written by python -m osdrivers.conformance: change the code, then run make matrix. -->

Each cell says on which beds the operation was proved on that system.

- *pretend*: a captured machine; the tools it runs there were compared with the real ones.
- *root*, *network*, *loop*: the very tools it runs there were also run for it, by the kit or by a
  test, in a disposable copy of a root tree; with a DHCP server at the other end of its cable; with
  a loop device as its disk.
- *vm*: the lab's virtual machine runs a tool that no other bed can.
- *Unproved* names the tools that were not compared and did this operation nowhere for real; the
  operation holds on the pretend machine all the same.
- An empty cell: the system has no such operation.

"""


def matrix(captured: Captured, unproved: Unproved, proofs: Proofs) -> str:
    """The page, in Markdown."""
    names = captured.names
    lines = [
        "| operation | " + " | ".join(names) + " |",
        "|---" * (len(names) + 1) + "|",
    ]
    for each in OPERATIONS:
        cells = [_cell(captured, name, each, (unproved, proofs)) for name in names]
        lines.append(f"| {each.letter} {each.name} | " + " | ".join(cells) + " |")
    return _HEAD + "\n".join(lines) + "\n"


def _cell(
    captured: Captured, name: str, operation: Operation, shown: tuple[Unproved, Proofs]
) -> str:
    driver = captured.trial(name).driver()
    if not operation.supported(driver):
        return ""
    unproved, proofs = shown
    ran = captured.undisturbed(name, operation).ran
    system = str(ran.commands.box.facts["system"])
    listed, proofs = unproved[system], proofs if system == "linux" else Proofs()  # all beds' kernel
    ran_tools = tools(ran.calls)
    beds = {"pretend"} | (proofs.beds_of_all(operation.name, ran_tools) if ran_tools else set())
    missing = []
    for tool in set(ran_tools) & set(listed):
        real = proofs.beds(operation.name, tool) or (
            {"vm"} if _IN_THE_VM in listed[tool] else frozenset()
        )
        beds |= real
        missing += [] if real else [f"`{tool}`"]
    return f"*unproved*: {', '.join(sorted(missing))}" if missing else ", ".join(sorted(beds))


def written(captured: Captured, tests: Path) -> str:
    """The page, from what lies below the directory of the tests."""
    here = tests / "conformance"
    unproved = json.loads((here / "unproved.json").read_text(encoding="utf-8"))
    return matrix(captured, unproved, read(tests, here / "proved.json"))
