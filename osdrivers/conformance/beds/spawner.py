# SPDX-License-Identifier: Apache-2.0
"""Starts programs for somebody outside: the loop of the keeper, and of a guest's first process.

A request is one datagram: ``{"argv", "env", "cwd"}`` with four descriptors (standard input,
output, error, and a pipe for the report), or ``{"signal", "pid"}``.  The report is a line with
the process id, then one with a JSON object: ``status`` (negative: the signal), and the CPU time
in seconds, the program's own and that of the programs it waited for.  A pipe that ends early
means that the whole bed has ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
from collections.abc import Mapping
from typing import Any, Callable

from . import kernel

DATAGRAM_BYTES = 128 * 1024
_NOT_FOUND = 127


class Spawner:
    """Serves one channel until its other end is closed.

    ``also`` are further descriptors to wait on, with what to do when they are readable.
    """

    def __init__(self, channel: socket.socket, also: Mapping[int, Callable[[], None]] = {}) -> None:
        self._channel, self._also = channel, also
        self._reports: dict[int, int] = {}
        self._stop = False
        self._woken, self._waker = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def serve(self, until: int = 0) -> None:
        """Return when the channel has ended, on SIGTERM, or when the child ``until`` has ended."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._end)
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        channel = self._channel.fileno()
        while not self._stop:
            ready, _, _ = select.select([channel, self._woken, *self._also], [], [])
            if self._woken in ready:
                os.read(self._woken, 4096)
            if self._reap(until):
                return
            for descriptor in set(self._also) & set(ready):
                self._also[descriptor]()
            if channel in ready and not self._request():
                return

    def kill_all(self) -> None:
        """End every program that still runs, with the session it leads."""
        for pid in self._reports:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)

    def _end(self, *_: object) -> None:
        self._stop = True

    def _request(self) -> bool:
        try:
            text, descriptors, _, _ = socket.recv_fds(self._channel, DATAGRAM_BYTES, 4)
        except ConnectionResetError:
            return False
        if not text:
            return False
        wanted = json.loads(text)
        if "signal" in wanted:
            if wanted["pid"] in self._reports:
                os.kill(wanted["pid"], wanted["signal"])
            return True
        pid = os.fork()
        if pid == 0:
            _become(wanted, descriptors)
        for descriptor in descriptors[:3]:
            os.close(descriptor)
        self._reports[pid] = descriptors[3]
        with contextlib.suppress(BrokenPipeError):
            os.write(descriptors[3], b"%d\n" % pid)
        return True

    def _reap(self, until: int) -> bool:
        while True:
            try:
                # The process stays a zombie until its CPU time is read.
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return False
            if ended is None:
                return False
            own_s, tools_s = _cpu_s(ended.si_pid)
            _, status = os.waitpid(ended.si_pid, 0)
            report = self._reports.pop(ended.si_pid, None)
            if report is not None:
                answer = {
                    "status": os.waitstatus_to_exitcode(status),
                    "own_cpu_s": own_s,
                    "tools_cpu_s": tools_s,
                }
                with contextlib.suppress(BrokenPipeError):
                    os.write(report, json.dumps(answer).encode() + b"\n")
                os.close(report)
            if ended.si_pid == until:
                return True


def _cpu_s(pid: int) -> tuple[float, float]:
    """CPU time of a zombie: its own, and of its children that it waited for.  proc(5)."""
    tick = os.sysconf("SC_CLK_TCK")
    try:
        with open(f"/proc/{pid}/stat") as stat:
            times = [int(word) for word in stat.read().rpartition(")")[2].split()[11:15]]
    except OSError:
        return 0.0, 0.0
    return sum(times[:2]) / tick, sum(times[2:]) / tick


def _become(wanted: dict[str, Any], descriptors: list[int]) -> None:
    """In the child: turn into the program.  Never returns."""
    try:
        kernel.die_with_parent()
        os.setsid()
        os.umask(0o022)
        for number, descriptor in enumerate(descriptors[:3]):
            os.dup2(descriptor, number)
        os.closerange(3, 1024)
        signal.set_wakeup_fd(-1)
        for each in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGPIPE, signal.SIGHUP):
            signal.signal(each, signal.SIG_DFL)
        os.chdir(wanted["cwd"])
        os.execvpe(wanted["argv"][0], wanted["argv"], wanted["env"])  # noqa: S606
    except OSError as cause:
        os.write(2, f"{wanted['argv'][0]}: {cause.strerror}\n".encode())
    finally:
        os._exit(_NOT_FOUND)
