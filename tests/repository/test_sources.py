# SPDX-License-Identifier: Apache-2.0
"""The house rules that a machine can check."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from agentcore.version import VERSION
from tests.repository.tree import (
    PACKAGES,
    ROOT,
    configuration,
    entry_points,
    files,
    name_of,
    parsed,
)

SPDX = "SPDX-License-Identifier: Apache-2.0"
COMMENTED = {".py", ".sh", ".toml", ".cfg", ".ini", ".yml", ".yaml"}
DRIVER_LINES, PART_LINES = 80, 300
VAGUE = {"util", "utils", "helper", "helpers", "common", "manager", "base", "misc"}
ANNOTATED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.AnnAssign)
CODE = (*PACKAGES, "tests", "benchmarks", "docs")


def test_each_source_file_begins_with_its_licence() -> None:
    missing = []
    for path in files():
        if name_of(path).startswith("tests/machines/"):
            continue  # another system's files, as they are there
        with open(path, "rb") as stream:
            head = stream.read(200).split(b"\n")
        script = head[0].startswith(b"#!")
        if path.suffix in COMMENTED or path.name == "Makefile" or script:
            line = head[1] if script else head[0]
            if line.decode("utf-8", "replace") != f"# {SPDX}":
                missing.append(name_of(path))
    assert not missing


def test_no_file_is_a_link() -> None:
    """Archives, file systems and tools that copy a tree turn links into files: a captured machine
    names its links in ``machine.json``."""
    assert [name_of(path) for path in files() if path.is_symlink()] == []


def test_each_package_file_has_annotations_that_are_not_evaluated() -> None:
    missing = [
        name_of(path)
        for path in files(*PACKAGES, suffix=".py")
        if any(isinstance(node, ANNOTATED) for node in ast.walk(parsed(path)))
        and "annotations" not in _futures(parsed(path))
    ]
    assert not missing


def _futures(tree: ast.Module) -> list[str]:
    return [
        alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module == "__future__"
        for alias in node.names
    ]


def test_each_module_says_what_it_is() -> None:
    silent = [
        name_of(path)
        for path in files(*PACKAGES, suffix=".py")
        if parsed(path).body and not ast.get_docstring(parsed(path))
    ]
    assert not silent


def test_file_names_say_what_is_in_them() -> None:
    vague = [
        name_of(path)
        for path in files(*CODE, suffix=".py")
        if VAGUE & set(path.stem.lower().split("_"))
    ]
    assert not vague


def test_a_driver_fits_on_a_screen_and_a_part_into_a_reader() -> None:
    modules = {target.partition(":")[0] for target in entry_points("osdrivers").values()}
    drivers = {f"{name.replace('.', '/')}.py" for name in modules}
    drivers = {
        f"freebsd/{name}" if name.startswith("agentcore_freebsd") else name for name in drivers
    }
    parts = {name_of(path) for path in files("osdrivers/parts", suffix=".py")}
    parts |= {name_of(path) for path in files("freebsd/agentcore_freebsd", suffix=".py")}
    assert len(drivers) >= 10 and len(parts) > 80
    long = [name for name in drivers if _lines(name) > DRIVER_LINES]
    long += [
        name for name in (parts | {"osdrivers/family.py"}) - drivers if _lines(name) > PART_LINES
    ]
    assert not long


def _lines(name: str) -> int:
    return len((ROOT / name).read_bytes().splitlines())


def test_nothing_of_ours_is_patched_in_tests() -> None:
    found = []
    for path in files(*CODE, suffix=".py"):
        for node in ast.walk(parsed(path)):
            patched = isinstance(node, ast.Attribute) and (
                node.attr == "patch"
                or (node.attr in ("setattr", "setitem", "delattr") and _is_monkeypatch(node.value))
            )
            imported = isinstance(node, ast.ImportFrom) and node.module == "unittest.mock"
            if patched or imported:
                found.append(f"{name_of(path)}:{node.lineno}")  # type: ignore[attr-defined]
    assert not found, "pass the thing in instead"


def _is_monkeypatch(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("monkeypatch", "patch", "mp")


def test_exceptions_of_every_kind_are_caught_only_at_the_edges() -> None:
    """Where a driver's or a plug-in's own bug ends: house rule 15."""
    edges = ("osdrivers/executor.py", "agentcore/cli/", "osdrivers/loader.py", "agentcore/daemon/")
    wrong = [
        f"{name_of(path)}:{node.lineno}"
        for path in files("agentcore", "osdrivers", "freebsd/agentcore_freebsd", suffix=".py")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ExceptHandler)
        and not name_of(path).startswith((*edges, "osdrivers/conformance/"))
        and _catches_all(node)
    ]
    assert not wrong


def _catches_all(handler: ast.ExceptHandler) -> bool:
    """Bare, or of Exception: but what only cleans up and raises again swallows nothing."""
    if any(isinstance(node, ast.Raise) and node.exc is None for node in handler.body):
        return False
    caught = handler.type
    names = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return caught is None or any(
        isinstance(name, ast.Name) and name.id in ("Exception", "BaseException") for name in names
    )


def test_no_file_names_this_clone_or_its_owner() -> None:
    places = [f"{ROOT}/".encode()]
    if Path.home().is_relative_to("/home"):
        places.append(f"{Path.home()}/".encode())
    found = [
        name_of(path) for path in files() if any(place in path.read_bytes() for place in places)
    ]
    assert not found


def test_no_issue_is_left_in_the_code() -> None:
    word = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
    found = [
        name_of(path)
        for path in files(*CODE, suffix=".py")
        if word.search(path.read_text(encoding="utf-8"))
    ]
    assert not found


def test_both_distributions_have_one_version_and_no_requirement_by_our_name() -> None:
    ours, freebsd = configuration("setup.cfg"), configuration("freebsd/setup.cfg")
    assert ours["metadata"]["version"] == "attr: agentcore.version.VERSION"
    assert freebsd["metadata"]["version"] == VERSION
    assert len(VERSION.split(".")) == 4
    assert "install_requires" not in freebsd["options"]
    assert not re.search(r"^\s*agentcore", ours["options"]["install_requires"], re.MULTILINE)


def test_the_floors_that_are_tested_are_those_that_are_declared() -> None:
    declared = configuration("setup.cfg")["options"]["install_requires"].split()
    tested = configuration("tox.ini")["testenv:floors"]["deps"].split()
    exact = {name: _numbers(floor) for name, _, floor in (d.partition("==") for d in tested)}
    for requirement in declared:
        name, _, floor = requirement.partition(">=")
        assert exact[name] == _numbers(floor)


def _numbers(version: str) -> list[int]:
    """1.5.0 is 1.5."""
    numbers = [int(part) for part in version.split(".")]
    while numbers[-1] == 0:
        numbers.pop()
    return numbers


def test_package_data_reaches_every_file_of_the_packages() -> None:
    for place, names in (("setup.cfg", ("agentcore", "osdrivers")), ("freebsd/setup.cfg", ())):
        base = ROOT / Path(place).parent
        data = configuration(place)["options.package_data"]
        for name in names or tuple(data):
            patterns = [pattern.strip() for pattern in data[name].split(",")]
            left = [
                name_of(path)
                for path in files(name_of(base / name) if base != ROOT else name)
                if path.suffix != ".py"
                and not any(_matches(path, base / name, pattern) for pattern in patterns)
            ]
            assert not left, f"{place} does not ship them"


def _matches(path: Path, package: Path, pattern: str) -> bool:
    """As setuptools does it: patterns are relative to the package that they are given for."""
    return path in set(package.glob(pattern))


def checked(*arguments: str) -> str:
    """What a checker says; "" when it is content."""
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.tools
def test_ruff_finds_nothing() -> None:
    assert checked("ruff", "check", "--output-format=concise", ".") == ""


@pytest.mark.tools
def test_files_are_formatted() -> None:
    assert checked("ruff", "format", "--check", ".") == ""


@pytest.mark.tools
def test_mypy_finds_nothing() -> None:
    assert checked("mypy") == ""


def test_tests_are_no_packages(source: Path) -> None:
    """pytest gives the package of tests/lab/platform the name ``platform``, and whoever imports the
    standard library's later gets that one instead."""
    assert [str(path) for path in (source / "tests").rglob("__init__.py")] == []
