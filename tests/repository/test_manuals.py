# SPDX-License-Identifier: Apache-2.0
"""Manual pages without a warning, and commands of the documents that exist with their options."""

from __future__ import annotations

import functools
import re
import subprocess
from pathlib import Path

import pytest

from agentcore.cli import COMMANDS, main
from tests.repository.tree import ROOT, files

MANUALS = sorted((ROOT / "docs/man").iterdir())
SHOWN = re.compile(
    r"`(?:\.venv/bin/)?waagent ([^`\n]+)`|^(?:\.venv/bin/)?waagent (.+)$", re.MULTILINE
)
#: Words that stand for others: `waagent COMMAND`, `waagent apply WORD`.
PLACEHOLDER = re.compile(r"[A-Z<\[(.]")


@pytest.mark.tools
@pytest.mark.parametrize("page", MANUALS, ids=lambda page: page.name)
@pytest.mark.parametrize(
    "checker",
    [
        ("groff", "-man", "-ww", "-z", "-Tutf8", "-rCHECKSTYLE=2"),
        ("mandoc", "-T", "lint", "-W", "warning,stop"),
    ],
    ids=lambda checker: checker[0],
)
def test_a_manual_page_has_no_warning(checker: tuple[str, ...], page: Path) -> None:
    done = subprocess.run(
        [*checker, str(page)], capture_output=True, text=True, timeout=240, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def shown() -> set[tuple[str, ...]]:
    """Command lines of this agent in the documents, in words."""
    found = set()
    for page in files(suffix=".md"):
        for pair in SHOWN.findall(page.read_text(encoding="utf-8")):
            found.add(tuple("".join(pair).split("#")[0].split()))
    return found


@functools.cache
def help_of(words: tuple[str, ...]) -> str:
    import contextlib
    import io

    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
        main([*words, "--help"])
    return said.getvalue()


@pytest.mark.parametrize("words", sorted(shown()), ids=" ".join)
def test_a_command_that_is_shown_exists_with_its_options(words: tuple[str, ...]) -> None:
    name = words[0].lstrip("-").split("=")[0].rstrip(",:")
    if PLACEHOLDER.match(name):
        return
    assert name in COMMANDS
    has_verbs = "VERB" in help_of((name,))
    command = (name, words[1]) if has_verbs and len(words) > 1 else (name,)
    for option in re.findall(r"--[a-z][a-z-]+", " ".join(words[1:])):
        assert option in help_of(command), f"{' '.join(command)} has no {option}"


def test_commands_were_found() -> None:
    assert len(shown()) > 15
