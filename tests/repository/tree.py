# SPDX-License-Identifier: Apache-2.0
"""The source tree as the tests of this directory see it: files, imports, entry points."""

from __future__ import annotations

import ast
import configparser
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("agentcore", "osdrivers", "freebsd/agentcore_freebsd", "lab")
NOT_OURS = frozenset(("__pycache__", "build", "dist"))


def files(*below: str, suffix: str = "") -> Iterator[Path]:
    """Every file below these places, hidden directories but ``.ci`` and generated ones left out."""
    for start in below or (".",):
        if (ROOT / start).is_file():
            yield ROOT / start
        for directory, names, found in os.walk(ROOT / start):
            names[:] = sorted(
                name
                for name in names
                if name not in NOT_OURS
                and not name.endswith(".egg-info")
                and (not name.startswith(".") or name == ".ci")
            )
            for name in sorted(found):
                if name.endswith(suffix):
                    yield Path(directory, name)


def name_of(path: Path) -> str:
    """A path as it is written in messages."""
    return path.relative_to(ROOT).as_posix()


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes(), filename=str(path))


def module_name(path: Path) -> str:
    """``osdrivers/host/host.py`` is ``osdrivers.host.host``, a package its own name."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts[1:] if parts[0] == "freebsd" else parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@dataclass(frozen=True)
class Import:
    """One name that a file imports, wherever in its text; ``typing`` ones only for annotations."""

    path: Path
    line: int
    name: str
    typing: bool

    def __str__(self) -> str:
        return f"{name_of(self.path)}:{self.line} imports {self.name}"

    def within(self, *modules: str) -> bool:
        """It is one of these modules, or lies in one."""
        return any(self.name == each or self.name.startswith(each + ".") for each in modules)


def imports(*below: str) -> Iterator[Import]:
    """Imports in all files of these packages, relative ones resolved; ``a.b`` for a name b of a."""
    for path in files(*below, suffix=".py"):
        yield from _imports_of(path)


@cache
def _imports_of(path: Path) -> tuple[Import, ...]:
    tree = parsed(path)
    typing = {id(node) for block in _typing_blocks(tree) for node in ast.walk(block)}
    return tuple(
        Import(path, getattr(node, "lineno", 0), name, id(node) in typing)
        for node in ast.walk(tree)
        for name in _imported(path, node)
    )


def _typing_blocks(tree: ast.Module) -> Iterator[ast.If]:
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            yield node


def _imported(path: Path, node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    origin = node.module or ""
    if node.level:
        package = module_name(path).split(".")
        if path.name != "__init__.py":
            package = package[:-1]
        package = package[: len(package) - node.level + 1]
        origin = ".".join([*package, *([node.module] if node.module else [])])
    return [f"{origin}.{alias.name}" for alias in node.names]


def entry_points(group: str) -> dict[str, str]:
    """``name`` to ``module:function`` of both distributions' setup.cfg."""
    found: dict[str, str] = {}
    for place in ("setup.cfg", "freebsd/setup.cfg"):
        text = configuration(place).get("options.entry_points", group, fallback="")
        for line in text.strip().splitlines():
            name, _, value = line.partition("=")
            found[name.strip()] = value.strip()
    return found


def configuration(place: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / place)
    return parser


def distributions() -> list[str]:
    """Ids of the systems that have a driver, without versions; generic Linux is none."""
    names = {
        name.rsplit("-", 1)[0] if name[-1].isdigit() else name for name in entry_points("osdrivers")
    }
    return sorted(names - {"linux"})
