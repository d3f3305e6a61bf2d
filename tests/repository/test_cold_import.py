# SPDX-License-Identifier: Apache-2.0
"""What the command and the contract cost before they do anything."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = (
    "stevedore",
    "importlib.metadata",
    "asyncio",
    "requests",
    "cryptography",
    "pkg_resources",
    "ssl",
)


def loaded_by(statement: str, source: Path) -> str:
    code = f"{statement}\nimport sys\nprint(*[name for name in {HEAVY} if name in sys.modules])"
    # -S -E: what site and .pth files of this environment import is not the agent's doing.
    path = f"import sys; sys.path[:0] = {[str(source), *sys.path]!r}\n"
    done = subprocess.run(
        [sys.executable, "-S", "-E", "-c", path + code],
        cwd=source,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    "module",
    [
        "agentcore.cli",
        "osdrivers.api",
        "osdrivers.loader",
        "osdrivers.identity",
        "agentcore.errors",
    ],
)
def test_importing_loads_nothing_heavy(module: str, source: Path) -> None:
    assert loaded_by(f"import {module}", source) == ""


@pytest.mark.parametrize("arguments", [["version"], ["--version"], ["-version"], ["help"]])
def test_answering_a_small_question_loads_nothing_heavy(arguments: list[str], source: Path) -> None:
    statement = (
        "import agentcore.cli, contextlib, io\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        f"    agentcore.cli.main({arguments!r})"
    )
    assert loaded_by(statement, source) == ""
