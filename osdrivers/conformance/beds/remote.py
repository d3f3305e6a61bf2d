# SPDX-License-Identifier: Apache-2.0
"""One side of an open bed, from outside: run a program there, or start one and go on."""

from __future__ import annotations

import json
import os
import select
import signal as signals
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Optional

from osdrivers.errors import CommandTimeout, OperationError

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_START_S = 60
OUTPUT_LIMIT_BYTES = 16 * 1024 * 1024


class BedEnded(OperationError):
    """The bed was taken down, or killed, while it was used."""


@dataclass(frozen=True)
class Ended:
    """What became of a program.

    ``status`` is negative for a signal.  ``own_cpu_s`` is the program's CPU time in seconds,
    ``tools_cpu_s`` that of the programs it started and waited for.
    """

    status: int
    own_cpu_s: float = 0.0
    tools_cpu_s: float = 0.0
    stdout: str = ""
    stderr: str = ""


class Started:
    """A program that runs.  A context manager: it is killed on the way out."""

    def __init__(self, channel: socket.socket, argv: tuple[str, ...], report: int) -> None:
        self._channel, self._argv, self._report = channel, argv, report
        self._text = b""
        self._ended: Optional[Ended] = None
        try:
            self.pid = int(self._line(_START_S))
        except OperationError:
            os.close(report)
            raise

    def signal(self, number: int = signals.SIGKILL) -> None:
        """Send it a signal, if it still runs."""
        self._channel.send(json.dumps({"signal": number, "pid": self.pid}).encode())

    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._ended is None and not select.select([self._report], [], [], 0)[0]

    def fileno(self) -> int:
        """Readable once the program has ended: for select(2)."""
        return self._report

    def wait(self, timeout_s: float) -> Ended:
        """Its end.

        :raises CommandTimeout: it did not end in time; it still runs.
        :raises BedEnded: the bed ended first.
        """
        if self._ended is None:
            answer: dict[str, Any] = json.loads(self._line(timeout_s))
            os.close(self._report)
            self._ended = Ended(**answer)
        return self._ended

    def __enter__(self) -> Started:
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        if self._ended is None:
            try:
                self.signal()
                self.wait(_START_S)
            except (BedEnded, BrokenPipeError):
                os.close(self._report)

    def _line(self, limit_s: float) -> bytes:
        deadline = time.monotonic() + limit_s
        while b"\n" not in self._text:
            left_s = deadline - time.monotonic()
            if left_s <= 0 or not select.select([self._report], [], [], left_s)[0]:
                raise CommandTimeout(self._argv, limit_s)
            chunk = os.read(self._report, 4096)
            if not chunk:
                raise BedEnded(f"the bed ended while {self._argv[0]} ran")
            self._text += chunk
        line, _, self._text = self._text.partition(b"\n")
        return line


class Side:
    """Where programs run: in the guest, or at the far end of its network."""

    def __init__(self, channel: socket.socket, environment: Mapping[str, str]) -> None:
        self._channel, self._environment = channel, dict(environment)

    def start(
        self,
        argv: Sequence[str],
        *,
        stdin: Optional[int] = None,
        stdout: Optional[int] = None,
        stderr: Optional[int] = None,
        environment: Mapping[str, str] = {},
        directory: str = "/",
    ) -> Started:
        """Start a program; standard streams are descriptors, /dev/null where left out.

        :raises BedEnded: there is no bed any more.
        """
        wanted = {
            "argv": list(argv),
            "env": {**self._environment, **environment},
            "cwd": directory,
        }
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        ours, theirs = os.pipe2(os.O_CLOEXEC)
        streams = [null if each is None else each for each in (stdin, stdout, stderr)]
        try:
            socket.send_fds(self._channel, [json.dumps(wanted).encode()], [*streams, theirs])
        except BrokenPipeError as cause:
            os.close(ours)
            raise BedEnded(f"cannot run {argv[0]}: the bed has ended") from cause
        finally:
            os.close(null)
            os.close(theirs)
        return Started(self._channel, tuple(argv), ours)

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout_s: float = 60.0,
        environment: Mapping[str, str] = {},
        directory: str = "/",
    ) -> Ended:
        """Run a program to its end, with its output.  What it leaves running does not hold us.

        :raises CommandTimeout: killed.  :raises BedEnded: the bed ended first.
        """
        files = [os.memfd_create(name, os.MFD_CLOEXEC) for name in ("stdin", "stdout", "stderr")]
        try:
            os.write(files[0], stdin)
            os.lseek(files[0], 0, os.SEEK_SET)
            streams = dict(zip(("stdin", "stdout", "stderr"), files))
            running = self.start(argv, environment=environment, directory=directory, **streams)
            with running:
                ended = running.wait(timeout_s)
            out, err = (os.pread(file, OUTPUT_LIMIT_BYTES, 0) for file in files[1:])
        finally:
            for file in files:
                os.close(file)
        texts = (data.decode("utf-8", errors="replace") for data in (out, err))
        return Ended(ended.status, ended.own_cpu_s, ended.tools_cpu_s, *texts)
