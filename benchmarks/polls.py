# SPDX-License-Identifier: Apache-2.0
"""Days of the daemon's loop in a minute: memory, open files, what each poll costs.

The scheduler with goal states and the state file, as the daemon runs them; only time is not real.
The platform is that of ``polling.py``, which takes no reports: none is sent, and nothing leaves
loopback.  It prints and judges nothing:
``python benchmarks/polls.py [POLLS]``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable

import polling

ROOT = Path(__file__).resolve().parents[1]
POLLS = 100_000
SAMPLES = 10


class Waiter:
    """Time passes when the loop waits, at once; at each tenth of the polls a look is taken."""

    def __init__(self, polls: int, stop: Callable[[], None]) -> None:
        self.now_s, self.polls, self.each, self._stop = 0.0, 0, polls // SAMPLES, stop
        self.readings: list[tuple[int, int, int]] = []

    def monotonic(self) -> float:
        return self.now_s

    def wait(self, seconds: float) -> tuple[Callable[[], None], ...]:
        self.now_s += seconds
        return ()

    def polled(self) -> None:
        """One more."""
        if self.polls % self.each == 0:
            self.readings.append((*polling.memory_kib(), len(os.listdir("/proc/self/fd"))))
        self.polls += 1
        if len(self.readings) > SAMPLES:
            self._stop()


def follow(ports: list[int], polls: int) -> None:
    """The process that is measured."""
    sys.path.insert(0, str(ROOT))
    from agentcore.configuration import Configuration
    from agentcore.daemon.driver_child import chosen
    from agentcore.daemon.frame import Frame
    from agentcore.daemon.goalstates import GoalStates
    from agentcore.daemon.reporting import StateFile
    from agentcore.daemon.running import _driver
    from agentcore.daemon.scheduler import Scheduler
    from agentcore.daemon.stopping import Stop
    from agentcore.daemon.troubles import Troubles
    from osdrivers.host import Host, Places

    class Counted(GoalStates):
        def step(self, now_s: float) -> float:
            waiter.polled()
            return super().step(now_s)

    stop = Stop()
    waiter = Waiter(polls, stop.request)
    with tempfile.TemporaryDirectory() as name:
        host = Host("/", places=Places(state=f"{name}/state", run=f"{name}/run"))
        host.make_directory(f"{name}/state")
        host.make_directory(f"{name}/run")
        system = chosen(host, "")
        troubles = Troubles(lambda level, text: print(text, file=sys.stderr), time.time)
        frame = Frame(
            driver=_driver(host, system),
            chosen=system,
            configuration=Configuration(),
            selection=waiter,  # type: ignore[arg-type]
            stop=stop,
            scheduler=Scheduler(waiter, stop, troubles),
            troubles=troubles,
            log=lambda level, text: None,
            now=lambda: 1_900_000_000.0 + waiter.now_s,
            endpoint=f"http://127.0.0.1:{ports[0]}",
            plugin=f"http://127.0.0.1:{ports[1]}",
        )
        frame.scheduler.add((Counted(frame), StateFile(frame, 0.0)))
        before = os.times()
        frame.scheduler.run()
        after = os.times()
    cpu = after.user + after.system - before.user - before.system
    found = {"readings": waiter.readings, "cpu_s": cpu, "days": waiter.now_s / 86400}
    print(json.dumps({**found, "failing": len(troubles.open)}))


def main() -> None:
    polls = int(sys.argv[1]) if len(sys.argv) > 1 else POLLS
    with subprocess.Popen(
        [sys.executable, str(ROOT / "benchmarks/polling.py"), "serve"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as service:
        ports = json.loads(service.stdout.readline() if service.stdout else b"[]")
        command = [sys.executable, __file__, "follow", json.dumps(ports), str(polls)]
        printed = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
        service.communicate()
    found = json.loads(printed)
    readings = found["readings"][1:]  # the first round fills caches of the interpreter
    counted = polls // SAMPLES * (len(readings) - 1)
    grown_kib = readings[-1][1] - readings[0][1]
    print(f"polls of the daemon      {counted:8}  {found['days']:.1f} days, in one loop")
    print(f"memory (PSS)             {readings[-1][0] / 1024:8.1f} MiB")
    print(f"growth, 1,000 polls      {grown_kib / counted * 1000:8.3f} KiB   target 1")
    print(f"open files               {readings[0][2]:8} at first, {readings[-1][2]} at last")
    print(f"CPU of a poll            {found['cpu_s'] / polls * 1000:8.3f} ms")
    print(f"failing at the end       {found['failing']:8}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["follow"]:
        follow(json.loads(sys.argv[2]), int(sys.argv[3]))
    else:
        main()
