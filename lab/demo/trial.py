# SPDX-License-Identifier: Apache-2.0
"""One run of the agent in a sandbox, and the ways to ask what became of it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from lab.sandbox import Sandbox
from osdrivers.conformance.beds.remote import Ended, Started
from osdrivers.errors import OperationError

from .snapshot import Snapshot
from .wanted import Wanted

_LOGIN_S = 60.0
_CONNECT_S = 20


class NotHeld(OperationError):
    """Something that the demo promises is not so; the message says what was found instead."""


def held_if(condition: object, evidence: str) -> str:
    """The evidence, if the condition is true.

    :raises NotHeld: it is not.
    """
    if not condition:
        raise NotHeld(evidence)
    return evidence


@dataclass(frozen=True)
class Ran:
    """What the agent did: how it ended, its own account of it, and the time that passed."""

    ended: Ended
    seconds: float
    actions: Sequence[dict[str, Any]] = ()
    tasks: Sequence[dict[str, Any]] = ()
    last_words: str = ""
    driver: str = ""


@dataclass
class Trial:
    """A guest after the agent ran."""

    made: Sandbox
    wanted: Wanted
    before: Snapshot
    routes_before: str
    ran: Ran = field(default_factory=lambda: Ran(Ended(-1), 0.0))

    # ---- in the guest

    def says(self, *argv: str) -> str:
        """Standard output of a command in the guest.

        :raises NotHeld: it failed.
        """
        ended = self.made.bed.guest.run(argv)
        if ended.status != 0:
            said = " ".join((ended.stderr or ended.stdout).split())
            raise NotHeld(f"{' '.join(argv)}: status {ended.status}: {said}")
        return ended.stdout

    def log(self) -> list[dict[str, Any]]:
        """What the platform received."""
        return self.made.requests()

    # ---- from the network

    def with_key(self, *command: str, stdin: bytes = b"") -> str:
        """Log in with the administrator's key and run a command.

        :raises NotHeld: no login, or the command failed.
        """
        key = self.made.scratch("key")
        if not key.exists():
            key.touch(mode=0o600)
            key.write_bytes(self.wanted.private_key)
        options = (
            "-i",
            str(key),
            "-o",
            "BatchMode=yes",
            "-o",
            "PreferredAuthentications=publickey",
        )
        return self._login((), options, command, stdin)

    def with_password(self, *command: str) -> str:
        """Log in with the administrator's password and run a command.

        :raises NotHeld: no login, or the command failed.
        """
        with self.passing(self.wanted.password) as sshpass:
            return self._login(sshpass, self._password_options, command, b"")

    def start_with_password(self, sshpass: Sequence[str], complaints: int) -> Started:
        """Begin a login with another password; it takes as long as PAM wants it to.

        :param complaints: a descriptor for ssh's standard error.
        """
        argv = self._argv(sshpass, self._password_options, ("true",))
        return self.made.bed.fabric.start(argv, stderr=complaints)

    @contextlib.contextmanager
    def passing(self, password: str) -> Iterator[tuple[str, ...]]:
        """A command prefix that types a password, which is in no argument and no file name."""
        path = self.made.scratch(f"password-{len(os.listdir(self.made.bed.scratch))}")
        path.touch(mode=0o600)
        path.write_text(password)
        yield "sshpass", "-f", str(path)

    _password_options = (
        *("-o", "PubkeyAuthentication=no", "-o", "NumberOfPasswordPrompts=1"),
        *("-o", "PreferredAuthentications=password"),
    )

    def _login(
        self, prefix: Sequence[str], options: Sequence[str], command: Sequence[str], stdin: bytes
    ) -> str:
        argv = self._argv(prefix, options, command)
        ended = self.made.bed.fabric.run(argv, stdin=stdin, timeout_s=_LOGIN_S)
        said = " ".join(ended.stderr.split()) or "no message"
        held_if(ended.status == 0, f"{' '.join(command)} over SSH: status {ended.status}: {said}")
        return ended.stdout

    def _argv(
        self, prefix: Sequence[str], options: Sequence[str], command: Sequence[str]
    ) -> tuple[str, ...]:
        """ssh(1), trusting only the host keys that lie in the guest."""
        known = self.made.scratch("known_hosts")
        if not known.exists():
            known.write_text(self._known_hosts())
        return (
            *(*prefix, "ssh", "-F", "none", "-o", "IdentitiesOnly=yes", "-o", "LogLevel=ERROR"),
            *("-o", "StrictHostKeyChecking=yes", "-o", f"UserKnownHostsFile={known}"),
            *("-o", "GlobalKnownHostsFile=/dev/null", "-o", f"ConnectTimeout={_CONNECT_S}"),
            *(*options, f"{self.wanted.machine.user}@{self.made.address}", "--", *command),
        )

    def _known_hosts(self) -> str:
        lines = self.says("sh", "-c", "cat /etc/ssh/ssh_host_*_key.pub").splitlines()
        return "".join(f"{self.made.address} {' '.join(each.split()[:2])}\n" for each in lines)
