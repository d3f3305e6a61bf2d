# SPDX-License-Identifier: Apache-2.0
"""Runs a test inside a disposable copy of this machine, against its real tools.

The test is forked into namespaces of its own and sees ``/`` through an overlay whose changes are
in memory: nothing is left behind, however it ends.  There is no network but loopback.
"""

from __future__ import annotations

import ctypes
import inspect
import os
import signal
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any, Callable

import pytest

from osdrivers.actions import Plan
from osdrivers.errors import AgentError
from osdrivers.executor import Task, carry_out
from osdrivers.host import Host

_NEWNS, _NEWUTS, _NEWIPC, _NEWPID, _NEWNET = 0x20000, 0x4000000, 0x8000000, 0x20000000, 0x40000000
_PDEATHSIG = 1


def overlaid(test: Callable[..., None]) -> Callable[..., None]:
    """Mark a test whose first parameter is ``host``: the copy, as a machine that runs."""
    rest = [*inspect.signature(test).parameters.values()][1:]

    def outside(**fixtures: Any) -> None:
        complaint = _forked(lambda: test(Host("/"), **fixtures))
        if complaint:
            pytest.fail(complaint, pytrace=False)

    outside.__name__, outside.__doc__ = test.__name__, test.__doc__
    outside.__signature__ = inspect.Signature(rest)  # type: ignore[attr-defined]
    outside.pytestmark = [*getattr(test, "pytestmark", [])]  # type: ignore[attr-defined]
    return pytest.mark.sandbox(outside)


def _forked(body: Callable[[], None]) -> str:
    """The traceback of what went wrong in the copy, "" when nothing did."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ours)
        _die_with_parent()
        _in_namespaces(lambda: _report(body, theirs))
        os._exit(0)
    os.close(theirs)
    with open(ours, encoding="utf-8", errors="replace") as stream:
        text = stream.read()
    os.waitpid(child, 0)
    return "" if text == "done" else text or "the copy ended before the test did"


def _in_namespaces(body: Callable[[], None]) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_NEWNS | _NEWUTS | _NEWIPC | _NEWPID | _NEWNET):
        os._exit(1)
    first = os.fork()
    if first == 0:
        _die_with_parent()
        body()
        os._exit(0)
    os.waitpid(first, 0)


def _report(body: Callable[[], None], stream: int) -> None:
    try:
        _enter_copy()
        body()
        os.write(stream, b"done")
    except BaseException:
        os.write(stream, traceback.format_exc().encode())


def _enter_copy() -> None:
    scratch = "/mnt"  # any directory: only this mount namespace sees what is on it
    _run("mount", "--make-rprivate", "/")
    _run("mount", "-t", "tmpfs", "copy", scratch)
    for name in ("upper", "work", "root"):
        os.mkdir(f"{scratch}/{name}")
    root = f"{scratch}/root"
    layers = f"lowerdir=/,upperdir={scratch}/upper,workdir={scratch}/work"
    _run("mount", "-t", "overlay", "-o", layers, "copy", root)
    for path in {str(Path(entry).resolve()) for entry in sys.path if entry}:
        if os.path.isdir(path) and os.stat(path).st_dev != os.stat("/").st_dev:
            _run("mount", "--bind", path, root + path)
    _run("mount", "--rbind", "/dev", f"{root}/dev")
    _run("mount", "-t", "tmpfs", "-o", "mode=0755", "run", f"{root}/run")
    _run("mount", "-t", "proc", "proc", f"{root}/proc")
    os.chroot(root)
    os.chdir("/")
    os.umask(0o077)
    _run("ip", "link", "set", "lo", "up")


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def done(host: Host, plan: Callable[[], Plan]) -> list[str]:
    """Carry a plan out after foretelling it; its actions as lines.  Raises its error."""
    foretold = lines(host, plan)
    carried = _carried(host, plan, dry_run=False)
    assert carried == foretold, "the plan that was shown is not the one that was carried out"
    return carried


def lines(host: Host, plan: Callable[[], Plan]) -> list[str]:
    """What a plan would do, nothing done."""
    return _carried(host, plan, dry_run=True)


def _carried(host: Host, plan: Callable[[], Plan], *, dry_run: bool) -> list[str]:
    seen: list[str] = []

    def observe(event: Any) -> None:
        if event.action is not None and event.status in ("planned", "started", "skipped"):
            seen.append(str(event.action))

    (outcome,) = carry_out([Task("test", plan)], host, observe, dry_run=dry_run)
    if outcome.error is not None:
        raise outcome.error
    return seen


def refused(host: Host, plan: Callable[[], Plan]) -> AgentError:
    """The error of a plan that is refused before its first action."""
    try:
        next(plan(), None)
    except AgentError as error:
        return error
    raise AssertionError("it was not refused")
