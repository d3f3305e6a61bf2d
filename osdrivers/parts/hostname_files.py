# SPDX-License-Identifier: Apache-2.0
"""The host name in files, and hostname(1) for the kernel's (H1).  Source: hostname(5), RFC 1123."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from ..actions import Action, EditFile, Plan, Remove, Run, Verify, WriteFile
from ..errors import FileFailed, InvalidInput, UnsafeRefused
from ..host import Host
from . import dhcp_names

LIMIT_BYTES = 64  # HOST_NAME_MAX of Linux
HOSTS, OWN_ADDRESS = "/etc/hosts", "127.0.1.1"
#: The name of an image in files that must have one, and in its line of /etc/hosts.
NOBODY, PLACEHOLDER = "localhost.localdomain", "localhost"
_NEVER_EMPTY = ("/etc/HOSTNAME",)
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\Z")
_LOCAL = re.compile(r"localhost\d*(\.|\Z)", re.IGNORECASE)
_VARIABLE = re.compile(r"^([ \t]*HOSTNAME=)[\"']?([^\"'#\s]*)[\"']?", re.MULTILINE)


class Hostname:
    """``files``: each holds the name alone, but for those of /etc/sysconfig, which assign it."""

    def __init__(self, host: Host, files: Sequence[str] = ("/etc/hostname",)) -> None:
        self._host, self._files = host, tuple(files)

    def get(self) -> str:
        for path in self._files:
            name = self._in_file(path)
            if name:
                return name
        return ""

    def kernel(self) -> str:
        """The name the running kernel has; "" where none runs."""
        if self._host.offline:
            return ""
        return self._host.read(f"{self._host.places.procfs}/sys/kernel/hostname", "").strip()

    def ensure(self, name: str) -> Plan:
        check(name)
        drifted = not self._host.offline and self.kernel() != name
        # First, while the old name is still known: a run that is killed here starts again.
        changes: list[Action] = [*self.hosts(name)]
        changes += [self._write(path, name) for path in self._wrong(name)]
        if drifted:
            self._host.require("hostname", package="hostname or inetutils")
        if not changes and not drifted:
            return
        kernel = Run(("hostname", name), booted=True)
        try:
            yield from changes
        except FileFailed:
            if drifted:
                yield kernel  # half of it is better than nothing; the failure is told all the same
            raise
        if drifted or self._host.offline:
            yield kernel
        yield Verify(f"the host name is {name}", lambda: self.holds(name))

    def forget(self, *, delete: bool = False) -> Plan:
        """P1: no file has a name of this machine's, none of a DHCP client's either; the running
        kernel keeps its own.

        A file that holds the name alone is emptied (``delete``: removed), for then the first boot
        finds none.  One of /etc/sysconfig, and SUSE's, must have one: old scripts need it.
        :raises UnsafeRefused: it is a link to a file of another kind.
        """
        old = [name for name in (self.get(), self.kernel()) if name and not _LOCAL.match(name)]
        changes: list[Action] = [*dhcp_names.forgotten(self._host, old)]
        changes += self._hosts_of_nobody({*old})
        for path in self._real(path for path in self._files if self._named(path)):
            if path in _NEVER_EMPTY or _assigns(path):
                summary = f"HOSTNAME={NOBODY}" if _assigns(path) else NOBODY
                changes.append(EditFile(path, partial(_nobodys, path), summary))
            elif delete:
                changes.append(Remove(path, beneath="/etc"))
            else:
                changes.append(EditFile(path, lambda _: b"", "emptied"))
        yield from changes

    def _named(self, path: str) -> bool:
        found = self._host.status(path)
        if found is None or found.kind != "file":
            return False
        real = self._host.locate(path, follow=True)
        known = (*self._files, "/etc/hostname", "/etc/HOSTNAME")
        if real not in (self._host.locate(each) for each in known):
            raise UnsafeRefused(f"{path} is a link to {real}", hint="edit that file yourself")
        if path in _NEVER_EMPTY or _assigns(path):
            return bool(self._in_file(path)) and not _LOCAL.match(self._in_file(path))
        return found.size > 0

    def _hosts_of_nobody(self, old: set[str]) -> Iterator[EditFile]:
        """The line that has an old name, under one that the next name takes the place of."""
        found = self._host.status(HOSTS, follow=False)
        text = self._host.read_bytes(HOSTS, b"")
        if found is None or found.kind != "file":  # somebody else's file, in another place
            return
        if renamed(text, old, PLACEHOLDER) != text:
            change = partial(renamed, old=old, name=PLACEHOLDER)
            yield EditFile(HOSTS, change, f"{OWN_ADDRESS} {PLACEHOLDER}")

    def holds(self, name: str) -> bool:
        """Whether kernel and files have this name."""
        return not self._wrong(name) and (self._host.offline or self.kernel() == name)

    def hosts(self, name: str) -> Iterator[EditFile]:
        """A 127.0.1.1 line of the old name follows; one of another name is somebody else's."""
        known = {self.get(), self.kernel()} - {"", name}
        old = {before for before in known if not _LOCAL.match(before)} | {PLACEHOLDER}
        text = self._host.read_bytes(HOSTS, b"")
        if renamed(text, old, name) != text:
            yield EditFile(HOSTS, lambda now: renamed(now, old, name), f"{OWN_ADDRESS} {name}")

    def _wrong(self, name: str) -> list[str]:
        """The files that say another name; one behind several links counts once."""
        return [path for path in self._real(self._files) if self._in_file(path) != name]

    def _real(self, files: Iterable[str]) -> Sequence[str]:
        real = {self._host.locate(path, follow=True): path for path in reversed([*files])}
        return [*reversed(real.values())]

    def _in_file(self, path: str) -> str:
        text = self._host.read(path, "")
        if _assigns(path):
            found = _VARIABLE.findall(text)
            return found[-1][1] if found else ""
        lines = (line.strip() for line in text.split("\n"))
        return next((line for line in lines if line and not line.startswith("#")), "")

    def _write(self, path: str, name: str) -> EditFile | WriteFile:
        if _assigns(path):
            return EditFile(path, lambda text: _assigned(text, name), f"HOSTNAME={name}")
        return WriteFile(path, f"{name}\n".encode())


def check(name: str) -> None:
    """:raises InvalidInput: no machine can, or should, have this name."""
    if not name or not name.isascii() or len(name) > LIMIT_BYTES:
        raise InvalidInput(f"host name {name[:80]!r}", hint=f"use 1 to {LIMIT_BYTES} ASCII letters")
    if not all(_LABEL.match(label) for label in name.split(".")):
        raise InvalidInput(f"host name {name!r}", hint="use letters, digits and inner hyphens")
    if _LOCAL.match(name):
        raise InvalidInput(f"host name {name!r} is not this machine's alone")


def renamed(text: bytes, old: set[str], name: str) -> bytes:
    """A hosts(5) file whose 127.0.1.1 lines have ``name`` where they had an old one."""
    lines = text.decode("utf-8", "surrogateescape").split("\n")
    short = name.partition(".")[0]
    for number, line in enumerate(lines):
        entry, mark, comment = line.partition("#")
        words = re.split(r"(\s+)", entry)
        if OWN_ADDRESS not in words[:1]:
            continue
        for before in sorted(old):
            first = before.partition(".")[0]
            for position, word in enumerate(words[1:], 1):
                if word == before:
                    words[position] = name
                elif word == first:
                    words[position] = short
                elif word.startswith(f"{first}.") and first in words:
                    words[position] = short + word[len(first) :]
        lines[number] = "".join(words) + mark + comment
    return "\n".join(lines).encode("utf-8", "surrogateescape")


def _nobodys(path: str, text: bytes) -> bytes:
    return _assigned(text, NOBODY) if _assigns(path) else f"{NOBODY}\n".encode()


def _assigns(path: str) -> bool:
    """/etc/sysconfig/network is a shell fragment."""
    return "/sysconfig/" in path


def _assigned(text: bytes, name: str) -> bytes:
    whole = text.decode("utf-8", "surrogateescape")
    if _VARIABLE.search(whole):
        return _VARIABLE.sub(rf"\g<1>{name}", whole).encode("utf-8", "surrogateescape")
    ended = text if text.endswith(b"\n") or not text else text + b"\n"
    return ended + f"HOSTNAME={name}\n".encode()
