# SPDX-License-Identifier: Apache-2.0
"""The documents say what is so."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from agentcore import errors as agent_errors
from agentcore import settings
from agentcore.version import VERSION
from osdrivers import errors as driver_errors
from tests.repository.tree import ROOT, distributions, entry_points, files, name_of

LINK = re.compile(r"\[[^\]]+\]\(([^)#\s]+)(?:#[^)]*)?\)")
QUOTED = re.compile(r"`([^`\n]+)`")
BLOCK = re.compile(r"^```[a-z]*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
#: First parts of a quoted path that is meant from the root of the tree.
TOP = ("agentcore/", "osdrivers/", "freebsd/", "lab/", "conf/", "packaging/", "tests/", "docs/",
       "benchmarks/", "scripts/", ".ci/")  # fmt: skip
#: What the README tells to try on other machines than this one, without the program's name.
COMMANDS = [
    line.split("#")[0].replace("\\\n", " ").partition(" ")[2]
    for line in re.findall(
        r"^\.venv/bin/waagent (?:[^\n\\]*\\\n)*.*$",
        (ROOT / "README.md").read_text("utf-8"),
        re.MULTILINE,
    )
    if "--root" in line
]
PAGES = sorted(files(suffix=".md"))


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs/generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", sorted(generator().PAGES))
def test_a_generated_file_is_up_to_date(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == generator().PAGES[name](), "run make docs"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_and_paths_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    broken = [
        target
        for target in LINK.findall(text)
        if "://" not in target and not (page.parent / target).exists()
    ]
    for quoted in QUOTED.findall(BLOCK.sub("", text)):
        place = quoted.split("::")[0].split(":")[0]
        # A word with a placeholder or a pattern in it is not a path.
        if quoted.startswith(TOP) and not re.search(r"[<>*{} ]|\b[A-Z]+\b", place):
            broken += [] if (ROOT / place).exists() else [quoted]
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_make_targets_that_are_named_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = set(re.findall(r"`make ([a-z]+)", page.read_text(encoding="utf-8")))
    assert named <= targets


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_options_that_are_named_exist(page: Path) -> None:
    known = {*settings.options(), *settings.LATER}
    sections = "|".join(sorted({key.split(".")[0] for key in known if "." in key}))
    named = re.findall(rf"`((?:{sections})\.[A-Z][A-Za-z]+)(?:=[^`]*)?`", page.read_text("utf-8"))
    assert set(named) <= known


def test_the_readme_tells_how_each_system_is_proved() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = [row for row in text.splitlines() if row.startswith("|")]
    missing = [name for name in distributions() if not any(f"`{name}`" in row for row in rows)]
    assert not missing


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_the_readme_shows_works(command: str) -> None:
    assert len(COMMANDS) == 2
    code = f"import sys; from agentcore.cli import main; sys.exit(main({command.split()!r}))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_the_news_begin_with_this_version() -> None:
    first = re.search(r"^## (\S+)", (ROOT / "NEWS.md").read_text("utf-8"), re.MULTILINE)
    assert first is not None
    assert first.group(1) == VERSION


@pytest.mark.parametrize("module", [driver_errors, agent_errors], ids=lambda one: one.__name__)
def test_the_tree_of_errors_is_drawn_as_it_is(module: ModuleType) -> None:
    drawn = dict(re.findall(r"^[│├└─ ]*([A-Z]\w+) +(\d+) ", module.__doc__ or "", re.MULTILINE))
    real = {
        name: str(kind.exit_status)
        for name, kind in vars(module).items()
        if isinstance(kind, type)
        and issubclass(kind, driver_errors.AgentError)
        and kind.__module__ == module.__name__
        and kind is not driver_errors.AgentError
    }
    assert drawn == real


def test_each_error_has_an_exit_status_of_its_own() -> None:
    statuses = [
        kind.exit_status
        for module in (driver_errors, agent_errors)
        for kind in vars(module).values()
        if isinstance(kind, type)
        and issubclass(kind, driver_errors.AgentError)
        and kind.__module__ == module.__name__
    ]
    assert sorted(statuses) == sorted(set(statuses))


@pytest.mark.parametrize("name", sorted(entry_points("osdrivers")))
def test_a_driver_is_named_by_an_id_and_perhaps_a_version(name: str) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_-]*[a-z](-[0-9.]+)?", name)
