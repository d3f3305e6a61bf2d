# SPDX-License-Identifier: Apache-2.0
"""A world of its own for the virtual machine: network, mounts and processes.

The network has no way out.  All processes of it belong to one PID namespace, so when its first
one ends - by itself, by a signal, by SIGKILL, or because the launcher was killed - the kernel ends
the rest, and the bridge, the tap device and the platform's addresses are gone with them.
Source: pid_namespaces(7), unshare(1), setpriv(1).
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn, Optional

_ENTER = (
    "setpriv", "--pdeathsig", "KILL",
    "unshare", "--net", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc",
)  # fmt: skip


def stop_on_signals() -> None:
    """Let SIGTERM and SIGHUP unwind the stack as SIGINT does, so that clean-up happens."""

    def stop(number: int, frame: Optional[FrameType]) -> NoReturn:
        raise KeyboardInterrupt(signal.Signals(number).name)

    for one in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, stop)


def run_inside(module_arguments: Sequence[str]) -> int:
    """Run ``python -m <module_arguments>`` in fresh namespaces; its exit status.

    Whatever interrupts the wait ends everything inside.
    """
    process = subprocess.Popen((*_ENTER, sys.executable, "-m", *module_arguments))
    try:
        return process.wait()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
