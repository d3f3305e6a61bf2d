# SPDX-License-Identifier: Apache-2.0
"""The source of the package that a driver comes in, read and never run."""

from __future__ import annotations

import ast
import importlib.util
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

#: What a driver or part reaches through its host instead.
THROUGH_THE_HOST = (
    *("os", "pathlib", "shutil", "tempfile", "glob", "socket", "fcntl", "io", "subprocess"),
    *("pwd", "grp", "pty", "ctypes", "platform", "multiprocessing", "asyncio"),
)
#: What an agent pays for at every start, or what decides elsewhere which driver is taken.
NEVER = frozenset(
    ["stevedore", "pkg_resources", "requests", "cryptography", "ssl", "agentcore", "lab"]
)
CARRIES_OUT = ("osdrivers.loader", "osdrivers.executor", "osdrivers.conformance")
DRIVER_LINES, FILE_LINES = 80, 300


@dataclass(frozen=True)
class Source:
    """The driver's own file, and every file that is installed with it."""

    driver: Path
    files: tuple[Path, ...]


def source(target: str) -> Source:
    """Of ``module:function``; of one of our own drivers, whose package holds more, the file.

    :raises ImportError: there is no such module.
    """
    module = target.partition(":")[0]
    top = module.partition(".")[0]
    found, package = importlib.util.find_spec(module), importlib.util.find_spec(top)
    if found is None or not found.origin or package is None:
        raise ImportError(f"no module {module}")
    driver = Path(found.origin)
    if top == "osdrivers" or not package.submodule_search_locations:
        return Source(driver, (driver,))
    places = [Path(place) for place in package.submodule_search_locations]
    files = sorted(path for place in places for path in place.rglob("*.py"))
    return Source(driver, tuple(path for path in files if "tests" not in path.parts))


def foreign(path: Path) -> Iterator[str]:
    """Imports and calls that a driver has no business with, each with its line."""
    tree = ast.parse(path.read_bytes(), filename=os.fspath(path))
    for node in ast.walk(tree):
        for name in _imported(node):
            why = _why_not(name)
            if why:
                yield f"{path.name}:{getattr(node, 'lineno', 0)} imports {name}: {why}"
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("open", "exec", "eval"):
            yield f"{path.name}:{node.lineno} calls {getattr(node.func, 'id', '')}()"


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and not node.level:
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _why_not(name: str) -> str:
    first = name.partition(".")[0]
    if first in THROUGH_THE_HOST:
        return "the machine is reached through the host"
    if first in NEVER:
        return "that is not for drivers"
    if any(name == each or name.startswith(f"{each}.") for each in CARRIES_OUT):
        return "a driver answers, others carry out"
    private = any(part.startswith("_") for part in name.split("."))
    return "not a public name" if first == "osdrivers" and private else ""
