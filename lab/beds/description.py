# SPDX-License-Identifier: Apache-2.0
"""What a look-alike is made of, as the JSON files in ``tests/beds/trees`` say it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from lab.vm.cache import digest
from lab.vm.debian import contents
from osdrivers.errors import InvalidInput

PROJECT = Path(__file__).resolve().parents[2]
DESCRIPTIONS = PROJECT / "tests/beds/trees"
MACHINES = PROJECT / "tests/machines"
_RECIPE = 2  # raise it when what tree.py does with a description changes


@dataclass(frozen=True)
class Description:
    """A tree: Debian's base with more packages, then with another system's files and names.

    The steps are taken in the order of these fields.

    :param about: what it stands for, a sentence.
    :param driver: the driver that its identity must choose.
    :param packages: Debian's, installed without what they recommend.
    :param commands: run in the tree, each a list of words.
    :param remove: patterns, relative to the root, of what the system does not have.
    :param move: from a path to another, absolute.
    :param machine: a directory of ``tests/machines``, ``take`` paths in it that are copied.
    :param files: lines of each file, by its absolute path; they replace what is there.
    :param modes: octal permission bits of some files.
    :param links: symbolic links, by their absolute path.
    :param groups: made if they are not there.
    :param lacks: what the system has and Debian does not package, for the documentation.
    """

    name: str
    about: str
    driver: str
    packages: tuple[str, ...] = ()
    commands: tuple[tuple[str, ...], ...] = ()
    remove: tuple[str, ...] = ()
    move: Mapping[str, str] = field(default_factory=dict)
    machine: str = ""
    take: tuple[str, ...] = ()
    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    modes: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    lacks: str = ""

    @property
    def key(self) -> str:
        """Changes with anything that changes the tree, but for the words about it."""
        said = {each.name: getattr(self, each.name) for each in fields(self)}
        for words in ("about", "driver", "lacks"):
            del said[words]
        return digest([said, contents(MACHINES / self.machine) if self.machine else [], _RECIPE])


def described(name: str, directory: Path = DESCRIPTIONS) -> Description:
    """The description of that name.

    :raises InvalidInput: there is none, or it has a key that means nothing.
    """
    file = directory / f"{name}.json"
    if not file.is_file():
        raise InvalidInput(f"{name}: no such tree", hint=f"one of {', '.join(names(directory))}")
    said: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    unknown = set(said) - {each.name for each in fields(Description)} | ({"name"} & set(said))
    if unknown:
        raise InvalidInput(f"{file.name}: unknown keys {', '.join(sorted(unknown))}")
    for key in ("packages", "remove", "take", "groups"):
        said[key] = tuple(said.get(key, ()))
    said["commands"] = tuple(tuple(words) for words in said.get("commands", ()))
    said["files"] = {path: tuple(lines) for path, lines in said.get("files", {}).items()}
    return Description(name=name, **said)


def names(directory: Path = DESCRIPTIONS) -> tuple[str, ...]:
    """Every tree that is described."""
    return tuple(sorted(file.stem for file in directory.glob("*.json")))
