# SPDX-License-Identifier: Apache-2.0
"""Go on inside an open bed: a function runs in a fork of this process that has joined the guest.

So whatever was made here, a driver's plan or a clause, meets the guest's files, its commands, its
network and its processes, and no program has to be started there first.  Needs root.
Source: setns(2): a process of its own is needed, since only children join a process namespace.
"""

from __future__ import annotations

import os
import pickle
import socket
import traceback
from typing import Callable

from osdrivers.errors import OperationError

from . import kernel
from .opened import OpenBed

_SPACES = (
    ("ipc", kernel.NEW_IPC),
    ("uts", kernel.NEW_UTS),
    ("net", kernel.NEW_NETWORK),
    ("mnt", kernel.NEW_MOUNTS),
)


class LeftBehind(OperationError):
    """The process in the guest ended without an answer."""


def inside(bed: OpenBed, body: Callable[[int], object]) -> object:
    """What ``body`` returns in the guest; it is given an open directory with all that differs
    from the tree.  What it returns must be picklable.

    :raises LeftBehind: it raised, with its traceback, or was killed.
    """
    ours, theirs = socket.socketpair()
    with ours:
        child = os.fork()
        if child == 0:
            try:
                ours.close()
                kernel.die_with_parent()
                theirs.sendall(_joined(bed, body))
            finally:
                os._exit(0)
        theirs.close()
        with ours.makefile("rb") as stream:
            answer = stream.read()
        os.waitpid(child, 0)
    if not answer:
        raise LeftBehind("the process in the guest was killed")
    sound, value = pickle.loads(answer)  # noqa: S301 - our own child wrote it
    if not sound:
        raise LeftBehind(str(value))
    return value


def _joined(bed: OpenBed, body: Callable[[int], object]) -> bytes:
    """Join the namespaces; a grandchild, which alone is in that of the processes, runs it."""
    differs = os.open(os.path.dirname(bed.upper[""]), os.O_RDONLY | os.O_DIRECTORY)
    spaces = [
        (os.open(f"/proc/{bed.first}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC), kind)
        for name, kind in (("pid", kernel.NEW_PIDS), *_SPACES)
    ]
    for space, kind in spaces:
        kernel.enter(space, kind)
        os.close(space)
    answer, said = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(answer)
            kernel.die_with_parent()
            os.setsid()
            os.chdir("/")
            os.umask(0o022)
            kernel.drop_capabilities()
            with open(said, "wb") as stream:
                stream.write(_answer(body, differs))
        finally:
            os._exit(0)
    os.close(said)
    with open(answer, "rb") as stream:
        text = stream.read()
    os.waitpid(child, 0)
    return text


def _answer(body: Callable[[int], object], differs: int) -> bytes:
    try:
        return pickle.dumps((True, body(differs)))
    except BaseException:  # whatever it is, it ends here and is told outside
        return pickle.dumps((False, traceback.format_exc()))
