# SPDX-License-Identifier: Apache-2.0
"""Processes that are killed, or race, forked from a small one.

A fork of pytest copies the tables of all that it holds, thousands of times.  So an interpreter is
started that has the drivers and little else, and forks on request: ``python -m
osdrivers.conformance.children DESCRIPTOR`` serves that socket until its other end is closed.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pickle
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Callable, Optional

from ..api import Driver
from ..host import Completed, Host, Secret
from .ground import Ground
from .machines import PretendCommands
from .operations import BY_NAME
from .trial import Trial

_SIZE = struct.Struct("I")
Call = tuple[Callable[..., str], tuple[Any, ...]]
Build = Callable[[Host], Driver]


@dataclass(frozen=True)
class Ended:
    """How a child ended, as waitpid(2) tells, and what it returned."""

    status: int
    said: str


def killed_in_command(root: str, build: Build, operation: str, number: int) -> str:
    """Carry it out and be killed when the command with this number has run."""
    driver = build(Host(root, commands=_Deadly(root, number), offline=False))
    for action in BY_NAME[operation].plan(driver):
        action.apply(driver.host)
    return "it had fewer commands than that"


class _Deadly(PretendCommands):
    """Kills its own process when the command with this number has run."""

    def __init__(self, root: str, number: int) -> None:
        super().__init__(root)
        self._left = number

    def __call__(self, argv: tuple[str, ...], stdin: Secret, timeout_s: float) -> Completed:
        ended = super().__call__(argv, stdin, timeout_s)
        self._left -= 1
        if self._left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return ended


def carried_out(root: str, build: Build, operation: str) -> str:
    """The class of the error, "" when there was none."""
    error = Trial(Ground(root), build).run(BY_NAME[operation]).error
    return type(error).__name__ if error is not None else ""


class Children:
    """The small process, from outside."""

    def __init__(self) -> None:
        self._loaded: frozenset[str] = frozenset()
        self._channel, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )

    def run(self, *calls: Call) -> list[Ended]:
        """One child for each call, all begun at the same moment."""
        loaded = frozenset(sys.modules)
        fresh, self._loaded = sorted(loaded - self._loaded), loaded
        _send(self._channel, (fresh, list(calls)))
        answer = _receive(self._channel)
        if answer is None:
            raise RuntimeError("the process that forks has ended")
        return [Ended(*each) for each in answer]

    def close(self) -> None:
        self._channel.close()
        self._process.wait()


def _send(channel: socket.socket, value: object) -> None:
    data = pickle.dumps(value)
    channel.sendall(_SIZE.pack(len(data)) + data)


def _receive(channel: socket.socket) -> Any:
    """The next value, None at the end of the stream."""
    head = channel.recv(_SIZE.size, socket.MSG_WAITALL)
    if len(head) < _SIZE.size:
        return None
    data = channel.recv(_SIZE.unpack(head)[0], socket.MSG_WAITALL)
    return pickle.loads(data)  # noqa: S301 - between two processes of one program


def _serve(channel: socket.socket) -> None:
    while True:
        asked: Optional[tuple[list[str], Sequence[Call]]] = _receive(channel)
        if asked is None:
            return
        names, calls = asked
        for name in filter(_is_of_a_driver, names):  # else every child would, anew
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
        ready, go = os.pipe()
        begun = [_begun(call, ready, go) for call in calls]
        os.close(ready)
        os.close(go)  # all of them read the end of the file now
        ended = []
        for pid, answer in begun:
            with open(answer, encoding="utf-8") as stream:
                said = stream.read()
            ended.append((os.waitpid(pid, 0)[1], said))
        _send(channel, ended)


def _is_of_a_driver(module: str) -> bool:
    top, _, rest = module.partition(".")
    plain = top in getattr(sys, "stdlib_module_names", ()) and not top.startswith("_")
    return (top == "osdrivers" and not rest.startswith("conformance")) or plain


def _begun(call: Call, ready: int, go: int) -> tuple[int, int]:
    answer, said = os.pipe()
    child = os.fork()
    if child:
        os.close(said)
        return child, answer
    status = 1
    try:
        os.close(go)
        os.read(ready, 1)
        function, arguments = call
        os.write(said, function(*arguments).encode())
        status = 0
    finally:
        os._exit(status)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
