# SPDX-License-Identifier: Apache-2.0
"""The launcher: what it started ends with it, whatever ends it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.sandbox

_LIMIT_S = 120
# What runs inside: the address of the platform, and a process that outlives nothing.
_INSIDE = """\
import subprocess, sys, time
from pathlib import Path
from lab.vm.network import Network
Network(Path(sys.argv[1])).up()
subprocess.Popen(["sleep", "600"])
print("up", flush=True)
time.sleep(600)
"""
_LAUNCH = """\
import signal, sys
from lab.vm import namespace
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
namespace.stop_on_signals()
sys.exit(namespace.run_inside(("inside", sys.argv[1])))
"""


@pytest.fixture
def launcher(tmp_path: Path, source: Path) -> Iterator[subprocess.Popen[str]]:
    (tmp_path / "inside.py").write_text(_INSIDE)
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{source}"}
    process = subprocess.Popen(
        (sys.executable, "-c", _LAUNCH, str(tmp_path)),
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment,
    )  # fmt: skip
    with process:
        yield process
        process.kill()


def descendants(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            found += [child, *descendants(child)]
    return found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_nothing_outlives_the_launcher(
    launcher: subprocess.Popen[str], number: signal.Signals
) -> None:
    assert launcher.stdout is not None
    assert launcher.stdout.readline() == "up\n"
    inside = descendants(launcher.pid)
    assert len(inside) >= 3  # unshare, the first process inside, and what that started
    handles = [os.pidfd_open(pid) for pid in inside]
    launcher.send_signal(number)
    for handle in handles:
        ended, _, _ = select.select([handle], [], [], _LIMIT_S)
        os.close(handle)
        assert ended
    links = {path.name for path in Path("/sys/class/net").iterdir()}
    assert not [name for name in links if name.startswith(("lab-br", "lab-tap"))]
