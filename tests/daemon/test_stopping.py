# SPDX-License-Identifier: Apache-2.0
"""Signals, in processes of their own: what they end, and what they leave to end by itself."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

LIMIT_S = 60.0
BEGIN = """
import os, select, signal, sys, time
from agentcore.daemon.scheduler import Scheduler
from agentcore.daemon.stopping import Stop, Stopped
from agentcore.daemon.troubles import Troubles
from agentcore.daemon.waiting import Selection
def told(*line): print(*line, flush=True)
stop = Stop(0.05)
waiter = Selection(stop)
loop = Scheduler(waiter, stop, Troubles(told, time.time))
reader, writer = os.pipe()
class Task:
    name = "task"
    def step(self, now_s):
        {body}
        return 1000.0
loop.add([Task()])
with stop.signals():
    {before}
    loop.run()
print("ended", flush=True)
"""


def stopped(body: str, before: str = "pass", number: int = signal.SIGTERM) -> str:
    """What a process printed that got the signal after its first line."""
    code = BEGIN.format(body=body, before=before)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        first = child.stdout.readline()
        child.send_signal(number)
        try:
            rest, _ = child.communicate(timeout=LIMIT_S)
        finally:
            child.kill()
    assert child.returncode == 0
    return first + rest


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_wait_of_the_loop(number: int) -> None:
    assert stopped("print('waiting', flush=True)", number=number) == "waiting\nended\n"


def test_a_signal_ends_a_blocking_call_of_a_task() -> None:
    body = "print('reading', flush=True); os.read(reader, 1)"
    assert stopped(body) == "reading\nended\n"


def test_what_is_shielded_finishes_and_nothing_after_it_begins() -> None:
    body = (
        "\n        with stop.shield():"
        "\n            print('begun', flush=True); select.select([], [], [], 0.4)"
        "\n            print('finished', flush=True)"
        "\n        os.read(reader, 1); print('never', flush=True)"
    )
    assert stopped(body) == "begun\nfinished\nended\n"


def test_no_barrier_takes_the_stop_for_an_error() -> None:
    body = (
        "print('reading', flush=True)"
        "\n        try: os.read(reader, 1)"
        "\n        except Exception: print('swallowed', flush=True)"
    )
    assert stopped(body) == "reading\nended\n"
