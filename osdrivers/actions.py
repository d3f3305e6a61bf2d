# SPDX-License-Identifier: Apache-2.0
"""Every kind of change there is.  A plan is a generator of these.

An action is a value: ``str()`` is its line in plan, trace and log, ``fields()`` the same for
programs.  What depends on an earlier effect (a new account's uid) is resolved in ``apply``, so
that a plan that is only shown says the same as one that is carried out.

When an action fails, its error is thrown into the plan at the ``yield``: the plan may yield what
undoes its work, then raises again.  ``booted`` actions mean nothing on an offline root and are
skipped there, still shown.
"""

from __future__ import annotations

import select
import shlex
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Callable, ClassVar, Optional, Protocol, Union

from .errors import PostconditionFailed
from .host import Host, Secret

NOTHING = Secret()
_LOOK_S = 0.02
Fields = Mapping[str, Union[str, int, bool, list[str]]]


class Action(Protocol):
    """One recorded change.  ``kind`` is one of the words of the plan's JSON schema."""

    @property
    def kind(self) -> str: ...

    @property
    def booted(self) -> bool: ...

    def apply(self, host: Host) -> None:
        """Carry it out.  :raises OperationError: the machine refused."""

    def fields(self) -> Fields:
        """What a program needs to know of it; never a secret."""


Plan = Generator[Action, None, None]


@dataclass(frozen=True)
class Run:
    """A command.  Secrets go to its standard input; ``ok`` lists the statuses that are success."""

    argv: tuple[str, ...]
    stdin: Secret = NOTHING
    timeout_s: float = 60.0
    booted: bool = False
    ok: tuple[int, ...] = (0,)
    kind: ClassVar[str] = "run"

    def apply(self, host: Host) -> None:
        host.run(*self.argv, stdin=self.stdin, timeout_s=self.timeout_s, ok=self.ok)

    def fields(self) -> Fields:
        extra = {"stdin": "<secret>"} if self.stdin else {}
        return {"argv": list(self.argv), **extra}

    def __str__(self) -> str:
        return f"run    {shlex.join(self.argv)}" + (" < <secret>" if self.stdin else "")


@dataclass(frozen=True)
class WriteFile:
    """A whole file, replaced atomically.

    ``data`` may be a Secret (then ``mode`` must deny others).  ``owner`` is ``user[:group]``.
    ``beneath``: a user's directory, in which no link is followed.  ``check``: a command that must
    accept the new file (its path is appended) before it takes the name.
    """

    path: str
    data: Union[bytes, Secret]
    mode: int = 0o644
    owner: str = ""
    beneath: str = ""
    check: tuple[str, ...] = ()
    booted: bool = False
    kind: ClassVar[str] = "write"

    def __post_init__(self) -> None:
        if isinstance(self.data, Secret) and self.mode & 0o077:
            raise ValueError(f"{self.path}: a secret needs a private mode")

    def apply(self, host: Host) -> None:
        data = self.data.reveal() if isinstance(self.data, Secret) else self.data
        host.write(
            self.path,
            data,
            mode=self.mode,
            owner=self.owner,
            beneath=self.beneath,
            check=self.check,
        )

    def fields(self) -> Fields:
        size = {} if isinstance(self.data, Secret) else {"bytes": len(self.data)}
        owner = {"owner": self.owner} if self.owner else {}
        return {"path": self.path, "mode": f"{self.mode:04o}", **size, **owner}

    def __str__(self) -> str:
        what = "<secret>" if isinstance(self.data, Secret) else f"{len(self.data)} bytes"
        return f"write  {self.path} {self.mode:04o} {what}" + _owned(self.owner)


@dataclass(frozen=True)
class EditFile:
    """A change inside a file: ``change`` maps the present bytes to the wanted ones.

    ``summary`` says what changes ("PasswordAuthentication no"); ``mode`` and ``owner`` are for a
    file that does not exist yet, or that lies ``beneath`` a user's directory.
    """

    path: str
    change: Callable[[bytes], bytes] = field(compare=False, repr=False)
    summary: str
    mode: int = 0o644
    owner: str = ""
    beneath: str = ""
    check: tuple[str, ...] = ()
    booted: bool = False
    kind: ClassVar[str] = "edit"

    def apply(self, host: Host) -> None:
        host.edit(
            self.path,
            self.change,
            mode=self.mode,
            owner=self.owner,
            beneath=self.beneath,
            check=self.check,
        )

    def fields(self) -> Fields:
        owner = {"owner": self.owner} if self.owner else {}
        return {"path": self.path, "mode": f"{self.mode:04o}", "summary": self.summary, **owner}

    def __str__(self) -> str:
        return f"edit   {self.path} {self.mode:04o} {self.summary}" + _owned(self.owner)


@dataclass(frozen=True)
class FillFile:
    """A file of ``size_bytes`` without holes, 0600: swap space.

    Left alone if it is there in full already.  ``allocate`` reserves blocks instead of writing
    zeros, for file systems whose swap code accepts that (swapon(8), NOTES).
    """

    path: str
    size_bytes: int
    allocate: bool
    booted: bool = True
    kind: ClassVar[str] = "write"

    def apply(self, host: Host) -> None:
        host.fill(self.path, self.size_bytes, allocate=self.allocate)

    def fields(self) -> Fields:
        return {"path": self.path, "mode": "0600", "bytes": self.size_bytes}

    def __str__(self) -> str:
        way = "allocated" if self.allocate else "zeros"
        return f"write  {self.path} 0600 {self.size_bytes} bytes {way}"


@dataclass(frozen=True)
class WriteNode:
    """A value written into a node of sysfs, procfs or /dev.  A Secret is never said."""

    path: str
    data: Union[bytes, Secret]
    booted: bool = True
    kind: ClassVar[str] = "write"

    def apply(self, host: Host) -> None:
        data = self.data.reveal() if isinstance(self.data, Secret) else self.data
        host.write_into(self.path, data)

    def fields(self) -> Fields:
        size = {} if isinstance(self.data, Secret) else {"bytes": len(self.data)}
        return {"path": self.path, **size}

    def __str__(self) -> str:
        if isinstance(self.data, Secret):
            return f"write  {self.path} <secret>"
        return f"write  {self.path} {self.data.decode('ascii', 'replace').strip()}"


@dataclass(frozen=True)
class MakeLink:
    """A symbolic link, replaced atomically."""

    path: str
    target: str
    booted: bool = False
    kind: ClassVar[str] = "write"

    def apply(self, host: Host) -> None:
        host.link(self.path, self.target)

    def fields(self) -> Fields:
        return {"path": self.path, "target": self.target}

    def __str__(self) -> str:
        return f"write  {self.path} -> {self.target}"


@dataclass(frozen=True)
class Rename:
    """rename(2): what was made under another name takes its place at once."""

    path: str
    target: str
    booted: bool = False
    kind: ClassVar[str] = "write"

    def apply(self, host: Host) -> None:
        host.rename(self.path, self.target)

    def fields(self) -> Fields:
        return {"path": self.target, "from": self.path}

    def __str__(self) -> str:
        return f"write  {self.target} from {self.path}"


@dataclass(frozen=True)
class Remove:
    """A file or a directory deleted; never through a link, never across a mount point.

    ``beneath``: a directory below which none of the path's components may be a link either.
    """

    path: str
    recursive: bool = False
    booted: bool = False
    beneath: str = ""
    kind: ClassVar[str] = "remove"

    def apply(self, host: Host) -> None:
        host.remove(self.path, recursive=self.recursive, beneath=self.beneath)

    def fields(self) -> Fields:
        return {"path": self.path, "recursive": self.recursive}

    def __str__(self) -> str:
        return f"remove {self.path}" + (" and what is in it" if self.recursive else "")


@dataclass(frozen=True)
class Empty:
    """A file cut to no bytes in its place, for whoever holds it open; ``beneath`` as in Remove."""

    path: str
    beneath: str = ""
    booted: bool = False
    kind: ClassVar[str] = "write"

    def apply(self, host: Host) -> None:
        host.empty(self.path, beneath=self.beneath)

    def fields(self) -> Fields:
        return {"path": self.path, "bytes": 0}

    def __str__(self) -> str:
        return f"write  {self.path} emptied"


@dataclass(frozen=True)
class MakeDirectory:
    """A directory with this mode and owner; parents that are missing are made 0755."""

    path: str
    mode: int = 0o755
    owner: str = ""
    beneath: str = ""
    booted: bool = False
    kind: ClassVar[str] = "mkdir"

    def apply(self, host: Host) -> None:
        host.make_directory(self.path, mode=self.mode, owner=self.owner, beneath=self.beneath)

    def fields(self) -> Fields:
        owner = {"owner": self.owner} if self.owner else {}
        return {"path": self.path, "mode": f"{self.mode:04o}", **owner}

    def __str__(self) -> str:
        return f"mkdir  {self.path} {self.mode:04o}" + _owned(self.owner)


@dataclass(frozen=True)
class ChangeOwner:
    """Owner and, where given, mode of something that is there already."""

    path: str
    owner: str
    mode: Optional[int] = None
    booted: bool = False
    kind: ClassVar[str] = "chown"

    def apply(self, host: Host) -> None:
        host.change_owner(self.path, self.owner)
        if self.mode is not None:
            host.change_mode(self.path, self.mode)

    def fields(self) -> Fields:
        mode = {} if self.mode is None else {"mode": f"{self.mode:04o}"}
        return {"path": self.path, "owner": self.owner, **mode}

    def __str__(self) -> str:
        mode = "" if self.mode is None else f" {self.mode:04o}"
        return f"chown  {self.path}{mode} {self.owner}"


@dataclass(frozen=True)
class Mount:
    """mount(8) of ``source`` at ``path``."""

    source: str
    path: str
    fs: str
    options: tuple[str, ...] = ()
    timeout_s: float = 60.0
    booted: bool = True
    kind: ClassVar[str] = "mount"

    @property
    def argv(self) -> tuple[str, ...]:
        options = ("-o", ",".join(self.options)) if self.options else ()
        return ("mount", "-t", self.fs, *options, self.source, self.path)

    def apply(self, host: Host) -> None:
        host.run(*self.argv, timeout_s=self.timeout_s)

    def fields(self) -> Fields:
        return {"argv": list(self.argv), "path": self.path}

    def __str__(self) -> str:
        return f"mount  {shlex.join(self.argv[1:])}"


@dataclass(frozen=True)
class Unmount:
    """umount(8) of what is mounted at ``path``."""

    path: str
    timeout_s: float = 60.0
    booted: bool = True
    kind: ClassVar[str] = "umount"

    def apply(self, host: Host) -> None:
        host.run("umount", self.path, timeout_s=self.timeout_s)

    def fields(self) -> Fields:
        return {"argv": ["umount", self.path], "path": self.path}

    def __str__(self) -> str:
        return f"umount {self.path}"


@dataclass(frozen=True)
class Verify:
    """A postcondition: catches a tool that claims success without doing it.

    ``holds`` asks the machine; it is called only when the plan is carried out.  What a daemon
    does after its tool has returned may take ``within_s`` seconds: it is asked again till then.
    """

    what: str
    holds: Callable[[], Any] = field(compare=False, repr=False)
    booted: bool = False
    within_s: float = 0.0
    kind: ClassVar[str] = "verify"

    def apply(self, host: Host) -> None:
        end_s = time.monotonic() + self.within_s
        while not self.holds():
            if time.monotonic() >= end_s:
                raise PostconditionFailed(f"{self.what}: not so after the change")
            select.select([], [], [], _LOOK_S)

    def fields(self) -> Fields:
        return {"what": self.what}

    def __str__(self) -> str:
        return f"verify {self.what}"


def _owned(owner: str) -> str:
    return f" {owner}" if owner else ""
