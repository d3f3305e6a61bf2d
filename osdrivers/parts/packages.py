# SPDX-License-Identifier: Apache-2.0
"""Packages with whichever manager keeps this system's database."""

from __future__ import annotations

import errno
import re
from collections.abc import Sequence
from functools import cached_property
from typing import Callable, Protocol

from ..actions import Plan, Verify
from ..errors import (
    AgentError,
    Busy,
    CommandFailed,
    CommandMissing,
    CommandTimeout,
    InvalidInput,
    NoSpace,
    NotFound,
    ReadOnlyTarget,
)
from ..host import Host
from ..probes import Probes

#: apt-get(8) takes a "-" at the end for a request to remove.
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9+._-]{0,198}[A-Za-z0-9+._])?")
INSTALL_TIMEOUT_S = 1800.0


class Manager(Protocol):
    """One package manager.

    ``tools``: what it runs, the one that installs first.  ``database``: paths of which a system
    that it keeps has one; () where the tool itself is proof.
    """

    @property
    def tools(self) -> tuple[str, ...]: ...

    @property
    def database(self) -> tuple[str, ...]: ...

    def version(self, name: str) -> str:
        """What is installed, "" when nothing is."""

    def install(self, names: tuple[str, ...]) -> Plan:
        """Install these; every question of the tool is answered with yes."""

    def busy(self, failure: CommandFailed) -> bool: ...

    def unknown(self, failure: CommandFailed) -> bool: ...


class Packages:
    """The first of ``managers`` whose database and tool are there, looked for at first use."""

    def __init__(self, host: Host, managers: Sequence[Callable[[Host], Manager]]) -> None:
        self._host, self._makers, self._probes = host, managers, Probes(host)

    @cached_property
    def _manager(self) -> Manager:
        """:raises CommandMissing: none is there."""
        managers = [make(self._host) for make in self._makers]
        for manager in managers:
            kept = any(map(self._host.exists, manager.database)) or not manager.database
            if kept and self._host.has(manager.tools[0]):
                return manager
        if self._host.assume_tools:
            return managers[0]
        raise CommandMissing(", ".join(each.tools[0] for each in managers))

    def installed(self, name: str) -> str:
        _check(name)
        try:
            return self._manager.version(name)
        except CommandMissing:
            if self._host.assume_tools:
                return ""
            raise

    def ensure_installed(self, names: Sequence[str]) -> Plan:
        wanted = tuple(dict.fromkeys(names))
        missing = tuple(name for name in wanted if not self.installed(name))
        if not missing:
            return
        manager = self._manager
        self._refuse_images(missing)
        self._host.require(*manager.tools)
        try:
            yield from manager.install(missing)
        except CommandFailed as failure:
            raise self._explained(failure, missing) from failure
        yield Verify(f"installed: {' '.join(missing)}", lambda: all(map(self.installed, missing)))

    def _refuse_images(self, names: Sequence[str]) -> None:
        """:raises ReadOnlyTarget: packages are part of an image here."""
        if self._probes.ostree or self._probes.usr_read_only:
            cause = OSError(errno.EROFS, f"an image holds the packages, cannot add {names[0]}")
            raise ReadOnlyTarget("/usr", cause, hint="add it to the image, or as the image's tool")

    def _explained(self, failure: CommandFailed, names: Sequence[str]) -> AgentError:
        text, listed = failure.stderr, " ".join(names)
        if isinstance(failure, CommandTimeout):
            return failure
        if self._manager.busy(failure):
            return Busy(f"{failure.argv[0]}: another package manager runs", hint="try again")
        if self._manager.unknown(failure):
            return NotFound(f"no repository has {listed}", hint="add the repository that has it")
        for code, kind in ((errno.EROFS, ReadOnlyTarget), (errno.ENOSPC, NoSpace)):
            cause = OSError(code, "Read-only file system" if code == errno.EROFS else "No space")
            if cause.strerror is not None and cause.strerror in text:
                return kind("/usr", cause, hint=f"needed to install {listed}")
        return failure


def _check(name: str) -> None:
    """:raises InvalidInput: no package is called so, or a tool would read more into it."""
    if not _NAME.fullmatch(name):
        raise InvalidInput(f"{name!r} is not the name of a package")
