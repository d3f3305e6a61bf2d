# SPDX-License-Identifier: Apache-2.0
"""Every pretend tool was compared with the real one, or is said not to have been."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from osdrivers.conformance.tools import toolbox

HERE = Path(__file__).parent
BEDS = HERE.parent / "beds"
UNPROVED = json.loads((HERE / "unproved.json").read_text())


def compared() -> set[str]:
    """Tools that a comparison runs: words of its tests."""
    words: set[str] = set()
    for path in (*HERE.glob("test_pretend_*.py"), *BEDS.glob("test_pretend_*.py")):
        nodes = ast.walk(ast.parse(path.read_text()))
        words |= {str(node.value) for node in nodes if isinstance(node, ast.Constant)}
    return words


@pytest.mark.parametrize("system", sorted(UNPROVED))
def test_each_tool_is_compared_or_listed_as_unproved(system: str) -> None:
    tools, listed = set(toolbox(system)), set(UNPROVED[system])
    assert not listed - tools, "a tool that nobody pretends any more"
    partly = {tool for tool, why in UNPROVED[system].items() if why.startswith("only its")}
    proved = compared() if system == "linux" else compared() & {*_SAME_EVERYWHERE}
    assert tools - listed <= proved
    assert listed & proved <= partly, "compared meanwhile: take it off the list"


#: One program on every system.
_SAME_EVERYWHERE = ("ssh", "ssh-keygen", "sshd", "visudo")
