# SPDX-License-Identifier: Apache-2.0
"""Commands on a machine: the seam that every test replaces.

Source: posix_spawn(3p), setsid(2), chroot(8).
"""

from __future__ import annotations

import os
import resource
import select
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, Optional, Protocol

from ..errors import CommandFailed, CommandMissing, CommandTimeout
from .secret import Secret

#: Looked up in this order, never in the caller's PATH: a user may have put a python or an ip there.
SEARCH_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
ENVIRONMENT: Mapping[str, str] = {
    "PATH": ":".join(SEARCH_PATH),
    "LC_ALL": "C",
    "LANG": "C",
    "HOME": "/",
    "DEBIAN_FRONTEND": "noninteractive",  # debconf(7): nobody is there to answer
}
OUTPUT_LIMIT_BYTES = 4 * 1024 * 1024
CHROOT_MISSING = 127  # chroot(1): the command was not found


@dataclass(frozen=True)
class Completed:
    """What became of a command: exit status (negative: the signal), and both streams as text."""

    status: int
    stdout: str = ""
    stderr: str = ""


class Commands(Protocol):
    """Runs commands on one machine."""

    def __call__(self, argv: tuple[str, ...], stdin: Secret, timeout_s: float) -> Completed:
        """Run one command to its end.

        :raises CommandMissing: it is not installed.
        :raises CommandTimeout: it did not end in time; it was killed with its children.
        """

    def find(self, command: str) -> str:
        """The guest path of a command, "" when it is not installed."""


class SystemCommands:
    """Real processes; below a foreign root they run in a chroot(8)."""

    def __init__(self, root: str = "/") -> None:
        self._root = root
        self.child_cpu_s = 0.0

    def find(self, command: str) -> str:
        if command.startswith("/"):
            return command if self._executable(command) else ""
        for directory in SEARCH_PATH:
            if self._executable(f"{directory}/{command}"):
                return f"{directory}/{command}"
        return ""

    def _executable(self, path: str) -> bool:
        real = os.path.join(self._root, path.lstrip("/"))
        # An absolute link of an image points into the image: its being a link is enough there.
        return os.access(real, os.X_OK) or (self._root != "/" and os.path.islink(real))

    def __call__(self, argv: tuple[str, ...], stdin: Secret, timeout_s: float) -> Completed:
        found = self.find(argv[0])
        if not found:
            raise CommandMissing(argv[0])
        prefix = () if self._root == "/" else ("/usr/sbin/chroot", self._root)
        # Files instead of pipes: a service that keeps our stdout open must not hold us up, and a
        # secret longer than a pipe must not deadlock.
        with _scratch() as given, _scratch() as out, _scratch() as err:
            given.write(stdin.reveal())
            given.seek(0)
            status = self._run((*prefix, found, *argv[1:]), (given, out, err), timeout_s)
            if status is None:
                raise CommandTimeout(argv, timeout_s)
            if prefix and status == CHROOT_MISSING:
                raise CommandMissing(argv[0])
            return Completed(status, _text(out, stdin), _text(err, stdin))

    def _run(
        self, argv: tuple[str, ...], streams: tuple[IO[bytes], IO[bytes], IO[bytes]], limit_s: float
    ) -> Optional[int]:
        """Exit status; None after the group was killed because its time was over."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        try:
            child = subprocess.Popen(
                argv,
                env=dict(ENVIRONMENT),
                cwd="/",
                start_new_session=True,
                umask=0o022,
                stdin=streams[0],
                stdout=streams[1],
                stderr=streams[2],
            )
        except FileNotFoundError as missing:
            raise CommandMissing(argv[0]) from missing
        except OSError as refused:
            raise CommandFailed(argv, 126, refused.strerror or str(refused)) from refused
        try:
            return child.returncode if _ended(child, limit_s) else None
        finally:
            if child.poll() is None:  # late, or we are being stopped ourselves
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            self.child_cpu_s += after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _scratch() -> IO[bytes]:
    """A file without a name, in memory where the system can."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("command", os.MFD_CLOEXEC), "w+b")
    import tempfile  # with random, hashlib and shutil: a megabyte that Linux does not need

    return tempfile.TemporaryFile()


def _ended(child: subprocess.Popen[bytes], limit_s: float) -> bool:
    """Wait for the process itself, not for whatever it left running.

    pidfd_open(2) (Linux 5.3) wakes at once; elsewhere subprocess polls with growing pauses.
    """
    try:
        descriptor = os.pidfd_open(child.pid)
    except (AttributeError, OSError):
        try:
            child.wait(limit_s)
        except subprocess.TimeoutExpired:
            return False
        return True
    try:
        ready, _, _ = select.select([descriptor], [], [], limit_s)
    finally:
        os.close(descriptor)
    if ready:
        child.wait()
    return bool(ready)


def _text(stream: IO[bytes], stdin: Secret) -> str:
    stream.seek(0)
    return stdin.redact(stream.read(OUTPUT_LIMIT_BYTES)).decode("utf-8", errors="replace")
