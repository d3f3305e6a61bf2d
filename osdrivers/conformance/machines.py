# SPDX-License-Identifier: Apache-2.0
"""Pretend machines: a directory is the disk, a table of small functions is the toolbox.

A *captured machine* is a directory with the files of a system's root, an ``ORIGIN`` that says where
they come from, and ``machine.json``: what files cannot say (see ``described.py``).
:func:`machine` makes a disk of it and returns a Host whose commands are Python functions that
edit that disk as the real tools do.  A use that no function was taught raises; nothing succeeds
silently.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from typing import Any, Optional

from ..errors import CommandMissing
from ..host import SEARCH_PATH, Completed, Host, Secret
from .box import STATE, Box, Tool, UnknownUse
from .described import DESCRIPTION, description
from .manners import Call, Manners
from .tools import toolbox

__all__ = ["Call", "PretendCommands", "UnknownUse", "attach", "machine", "set_up"]

_ABOUT = ("ORIGIN", DESCRIPTION)


class PretendCommands:
    """Commands of one pretend machine.

    ``misbehaving`` are the names of :class:`.manners.Manners`: ``missing``, ``failing``, ...
    """

    def __init__(
        self,
        root: str,
        *,
        tools: Optional[Mapping[str, Tool]] = None,
        **misbehaving: Iterable[str],
    ) -> None:
        self.box = Box(root)
        self._tools = dict(toolbox(self.box.facts["system"]) if tools is None else tools)
        self._manners = Manners(**misbehaving)
        self.calls: list[Call] = []
        self._places: dict[str, str] = {}

    def find(self, command: str) -> str:
        """The guest path of a command, "" when it is not installed."""
        directories = ("",) if command.startswith("/") else SEARCH_PATH
        for directory in directories:
            path = f"{directory}/{command}" if directory else command
            real = f"{self._real(directory)}/{command}" if directory else self.box.real(path)
            if os.path.islink(real):
                real = self.box.real(path)
            if os.path.isfile(real) and os.access(real, os.X_OK):
                return "" if self._manners.lacks(command) else path
        return ""

    def _real(self, directory: str) -> str:
        if directory not in self._places:
            self._places[directory] = self.box.real(directory)
        return self._places[directory]

    def __call__(self, argv: tuple[str, ...], stdin: Secret, timeout_s: float) -> Completed:
        found, name = self.find(argv[0]), os.path.basename(argv[0])
        if not found:
            raise CommandMissing(argv[0])
        mask = os.umask(0o022)  # as a host starts commands
        try:
            ended = self._run(name, found, argv, stdin, timeout_s)
        except OSError as cause:
            if cause.errno != errno.EROFS:
                raise
            ended = Completed(1, "", f"{name}: {cause.strerror}\n")
        finally:
            os.umask(mask)
        self.calls.append(Call(argv, ended.status))
        return Completed(ended.status, _clean(ended.stdout, stdin), _clean(ended.stderr, stdin))

    def _run(
        self, name: str, found: str, argv: tuple[str, ...], stdin: Secret, timeout_s: float
    ) -> Completed:
        instead = self._manners.instead(argv, self.calls, timeout_s)
        if instead is not None:
            return instead
        directory = os.path.dirname(found)
        tool = self._tools.get(f"{directory}/*") or self._tools.get(name)
        if tool is None:
            raise UnknownUse(argv, "no such pretend tool")
        return tool(self.box, argv, stdin.reveal())


def _clean(text: str, stdin: Secret) -> str:
    return stdin.redact(text.encode(errors="surrogateescape")).decode(errors="replace")


def machine(directory: str, root: str, **commands: Any) -> Host:
    """A Host for a fresh copy of a captured machine; ``root`` is where its disk is made.

    ``commands`` are those of :class:`PretendCommands`.
    """
    set_up(directory, root)
    return attach(root, **commands)


def attach(root: str, **commands: Any) -> Host:
    """A Host for a pretend machine whose disk is there already."""
    return Host(root, commands=PretendCommands(root, **commands), offline=False)


def set_up(directory: str, root: str) -> None:
    """Make the disk of a captured machine at ``root``, which must not exist or be empty."""
    shutil.copytree(directory, root, symlinks=True, dirs_exist_ok=True)
    facts = description(directory)
    for name in _ABOUT:
        if os.path.exists(os.path.join(root, name)):
            os.unlink(os.path.join(root, name))
    box = Box(root)
    _level(root)
    for path, mode in facts.get("directories", {}).items():
        box.make_directory(path, int(mode, 8))
    for path, target in facts.get("links", {}).items():
        box.link(path, target)
    for path in facts["tools"]:
        box.write(path, "pretend\n", 0o755)
    for path, text in facts.get("files", {}).items():
        box.write(path, text)
    for path, dress in facts.get("modes", {}).items():
        mode, uid, gid = dress.split()
        os.chmod(box.real(path, follow=False), int(mode, 8))
        box.own(path, (int(uid), int(gid)))
    box.write(f"{STATE}/machine.json", json.dumps(facts, indent=1, sort_keys=True) + "\n", 0o600)
    for topic, state in facts.get("state", {}).items():
        box.remember(topic, state)


def _level(root: str) -> None:
    """Give all modes and owners that do not depend on who checked the tree out."""
    for directory, _, names in os.walk(root):
        os.chmod(directory, 0o755)  # noqa: S103 - as the directories of a root are
        paths = [directory, *(os.path.join(directory, name) for name in names)]
        for path in paths:
            if os.geteuid() == 0:
                os.chown(path, 0, 0, follow_symlinks=False)
            if not os.path.islink(path) and not os.path.isdir(path):
                os.chmod(path, 0o755 if os.stat(path).st_mode & 0o100 else 0o644)
