# SPDX-License-Identifier: Apache-2.0
"""A pretend machine as its tools see it: a directory that is the disk.

What a real machine keeps in its kernel and its daemons lies in ``/proc``, where a kernel shows it
(mounts, swap, routes, host name), or in ``/.machine`` (running services, media).  So the whole
state is files: two machines are equal when their trees are, and another process can go on.
"""

from __future__ import annotations

import getopt
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from typing import Any, Callable, Optional

from ..host import Completed
from ..host.tree import Tree

STATE = "/.machine"
#: Days since 1970 that every clock of a pretend machine shows: trees do not change with the date.
TODAY = 20400


class UnknownUse(BaseException):
    """A pretend tool was asked for something nobody has taught it.

    Not an Exception: nothing may take it for the failure of a tool, nor carry on after it.
    """

    def __init__(self, argv: Iterable[str], why: str) -> None:
        super().__init__(f"{' '.join(argv)}: {why}; teach osdrivers.conformance.tools this use")


class Box:
    """Files of the tree by guest path, links followed as the guest would."""

    def __init__(self, root: str) -> None:
        self.root = root
        self._tree = Tree(root)

    @property
    def facts(self) -> Mapping[str, Any]:
        """What ``machine.json`` says: system, versions, tools, hardware."""
        found: dict[str, Any] = json.loads(self.read(f"{STATE}/machine.json"))
        return found

    def version(self, program: str, default: str = "") -> str:
        """The release of a program on this machine."""
        return str(self.facts.get("versions", {}).get(program, default))

    def real(self, path: str, *, follow: bool = True) -> str:
        """The real path of a guest path."""
        return self._tree.locate(path, follow=follow)

    def exists(self, path: str) -> bool:
        return os.path.lexists(self.real(path))

    def is_directory(self, path: str) -> bool:
        return os.path.isdir(self.real(path))

    def read(self, path: str, default: Optional[str] = None) -> str:
        try:
            with open(self.real(path), encoding="utf-8", errors="surrogateescape") as stream:
                return stream.read()
        except (FileNotFoundError, NotADirectoryError):
            if default is None:
                raise
            return default

    def lines(self, path: str) -> list[str]:
        """Lines of a file, none when it is not there."""
        return self.read(path, "").splitlines()

    def write(self, path: str, text: str, mode: Optional[int] = None) -> None:
        """Replace a file as careful tools do; a present one keeps its owner and mode."""
        real = self.real(path)
        os.makedirs(os.path.dirname(real), exist_ok=True)
        fresh = f"{real}.pretend"
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8", errors="surrogateescape") as stream:
            stream.write(text)
        present = os.stat(real) if os.path.exists(real) else None
        if present is not None and os.geteuid() == 0:
            os.chown(fresh, present.st_uid, present.st_gid)
        os.chmod(fresh, mode if mode is not None else (present.st_mode if present else 0o644))
        os.rename(fresh, real)

    def change(self, path: str, change: Callable[[list[str]], list[str]]) -> None:
        """Map the lines of a file to others; nothing is written when they are the same."""
        before = self.lines(path)
        after = change(list(before))
        if after != before:
            self.write(path, "".join(f"{line}\n" for line in after))

    def make_directory(self, path: str, mode: int = 0o755, owner: tuple[int, int] = (0, 0)) -> None:
        real = self.real(path)
        os.makedirs(real, exist_ok=True)
        os.chmod(real, mode)
        self.own(path, owner)

    def own(self, path: str, owner: tuple[int, int]) -> None:
        """chown(1) -h, as far as the test's user may."""
        if os.geteuid() == 0:
            os.chown(self.real(path, follow=False), *owner, follow_symlinks=False)

    def link(self, path: str, target: str) -> None:
        real = self.real(path, follow=False)
        os.makedirs(os.path.dirname(real), exist_ok=True)
        if os.path.lexists(real):
            os.unlink(real)
        os.symlink(target, real)

    def remove(self, path: str) -> bool:
        """Delete a file, a link or a whole directory; whether there was one."""
        real = self.real(path, follow=False)
        if not os.path.lexists(real):
            return False
        if os.path.isdir(real) and not os.path.islink(real):
            shutil.rmtree(real)
        else:
            os.unlink(real)
        return True

    def names(self, path: str) -> list[str]:
        real = self.real(path)
        return sorted(os.listdir(real)) if os.path.isdir(real) else []

    def remembered(self, topic: str) -> dict[str, Any]:
        """What the machine keeps outside its files: ``units``, ``media``, ..."""
        found: dict[str, Any] = json.loads(self.read(f"{STATE}/{topic}.json", "{}"))
        return found

    def remember(self, topic: str, state: Mapping[str, Any]) -> None:
        text = json.dumps(state, indent=1, sort_keys=True) + "\n"
        if text != self.read(f"{STATE}/{topic}.json", ""):
            self.write(f"{STATE}/{topic}.json", text)


Tool = Callable[[Box, tuple[str, ...], bytes], Completed]


def done(stdout: str = "", stderr: str = "") -> Completed:
    """Success."""
    return Completed(0, stdout, stderr)


def refused(status: int, stderr: str, stdout: str = "") -> Completed:
    """Failure, with what the real tool says."""
    return Completed(status, stdout, stderr + "\n" if stderr else "")


def options(
    argv: tuple[str, ...], short: str, *long: str, intermixed: bool = True
) -> tuple[dict[str, str], list[str]]:
    """getopt_long(3): given options (the last of each), and the words that remain.

    ``long`` are names, with ``=`` where they take a value; ``s/shell=`` is filed under ``-s``.
    :raises UnknownUse: an option that the pretend tool does not know.
    """
    names, short_of = [], {}
    for entry in long:
        letter, slash, name = entry.rpartition("/")
        names.append(name)
        if slash:
            short_of["--" + name.rstrip("=")] = "-" + letter
    parse = getopt.gnu_getopt if intermixed else getopt.getopt
    try:
        pairs, rest = parse(list(argv[1:]), short, names)
    except getopt.GetoptError as unknown:
        raise UnknownUse(argv, str(unknown)) from unknown
    return {short_of.get(name, name): value for name, value in pairs}, rest
