# SPDX-License-Identifier: Apache-2.0
"""The guest as its owner meets it: over SSH, with a key or a password."""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from lab.platform import commands
from osdrivers.errors import CommandFailed, CommandTimeout, OperationError

PORT = 22
_COMMAND_LIMIT_S = 240.0
_BANNER_LIMIT_S = 5.0
_PAUSE_S = 0.5
_REFUSED = 255
_OPTIONS = {
    "ConnectTimeout": "30",
    "LogLevel": "ERROR",
    "NumberOfPasswordPrompts": "1",
    "IdentitiesOnly": "yes",
    "PermitLocalCommand": "no",
}


def make_key(place: Path) -> Path:
    """A new key pair; the public half is beside it with ``.pub``."""
    key = place / "id_ed25519"
    commands.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", str(key)))
    return key


@dataclass(frozen=True)
class Guest:
    """An account on the machine at ``address``.

    ``known_hosts`` remembers the host's keys from the first login on, so that a later login
    fails if they changed.
    """

    address: str
    user: str
    key: Path
    known_hosts: Path
    password: str = ""

    def by_key(self, *words: str, limit_s: float = _COMMAND_LIMIT_S) -> str:
        """Run a command after a login with the key; its standard output.

        :raises CommandFailed: no login (status 255), or the command failed.
        """
        return self._ssh((), ("-i", str(self.key), *_preferring("publickey")), words, b"", limit_s)

    def by_password(self, *words: str, limit_s: float = _COMMAND_LIMIT_S) -> str:
        """Run a command after a login with the password and nothing else."""
        how = _preferring("password,keyboard-interactive")
        without_keys = ("-o", "PubkeyAuthentication=no")
        return self._ssh(("sshpass", "-e"), (*how, *without_keys), words, b"", limit_s)

    def as_root(self, script: str, *, limit_s: float = _COMMAND_LIMIT_S) -> str:
        """Run a shell script through sudo(8), which asks for the password; its standard output."""
        words = ("sudo", "-k", "-S", "-p", "''", "sh", "-c", shlex.quote(script))
        how = ("-i", str(self.key), *_preferring("publickey"))
        return self._ssh((), how, words, self.password.encode() + b"\n", limit_s)

    def sections(
        self, scripts: Mapping[str, str], *, limit_s: float = _COMMAND_LIMIT_S
    ) -> dict[str, str]:
        """What each root script of ``scripts`` printed, all in one login."""
        mark = "---- lab section "
        # A line of its own, although what came before may have left its last one open.
        parts = [f"echo\necho '{mark}{n}'\n( {text} ) 2>&1" for n, text in scripts.items()]
        printed = self.as_root("\n".join(parts), limit_s=limit_s)
        pieces = re.split(f"^{mark}(.*)\n", printed, flags=re.MULTILINE)
        return dict(zip(pieces[1::2], (text.strip() for text in pieces[2::2])))

    def listening(self) -> bool:
        """Whether an SSH server greets at the address."""
        try:
            with socket.create_connection((self.address, PORT), _BANNER_LIMIT_S) as connection:
                connection.settimeout(_BANNER_LIMIT_S)
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False

    def wait_login(self, still_possible: Callable[[], object], limit_s: float) -> None:
        """Come back when a login with the key succeeds.

        ``still_possible`` is called between the attempts and may raise.

        :raises OperationError: none succeeded in time; the last refusal is the cause.
        """
        deadline_s = time.monotonic() + limit_s
        last: Exception | None = None
        while time.monotonic() < deadline_s:
            still_possible()
            if self.listening():
                try:
                    self.by_key("true")
                    return
                except CommandFailed as error:
                    last = error
            time.sleep(_PAUSE_S)
        raise OperationError(
            f"no SSH login as {self.user} within {limit_s:g} s", hint=str(last or "nothing listens")
        ) from last

    def boot_id(self) -> str:
        """Differs after every boot."""
        return self.by_key("cat", "/proc/sys/kernel/random/boot_id").strip()

    def _ssh(
        self, before: Sequence[str], how: Sequence[str], words: Sequence[str], stdin: bytes,
        limit_s: float,
    ) -> str:  # fmt: skip
        options = {
            **_OPTIONS,
            "UserKnownHostsFile": str(self.known_hosts),
            "StrictHostKeyChecking": "accept-new",
        }
        settings = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        account = f"{self.user}@{self.address}"
        command = (*before, "ssh", "-F", "none", *settings, *how, account, *words)
        environment = {**os.environ, "SSHPASS": self.password, "LC_ALL": "C"}
        environment.pop("SSH_AUTH_SOCK", None)
        try:
            done = subprocess.run(
                command, input=stdin, capture_output=True, env=environment, timeout=limit_s,
                check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise CommandTimeout(tuple(command), limit_s) from error
        if done.returncode != 0:
            raise CommandFailed(
                tuple(command), done.returncode, done.stderr.decode(errors="replace")
            )
        return done.stdout.decode(errors="replace")


def _preferring(methods: str) -> tuple[str, ...]:
    batch = () if "password" in methods else ("-o", "BatchMode=yes")
    return ("-o", f"PreferredAuthentications={methods}", *batch)
