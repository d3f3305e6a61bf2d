# SPDX-License-Identifier: Apache-2.0
"""What following the goal state costs when nothing is new: CPU, memory, files, processes.

The poller runs in a process of its own, as the daemon would run it; only its clock is not real.
A second process answers with fixed documents, so that it costs little itself.
It prints and judges nothing: ``python benchmarks/polling.py [POLLS]``.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
POLLS = 20_000
SAMPLES = 10


def serve() -> None:
    """Answer on two ports, told on standard output, until standard input ends."""
    sys.path.insert(0, str(ROOT))
    from lab.platform import documents, vmsettings
    from lab.platform.machine import Machine, Plugin
    from lab.platform.state import Goal

    plugins = tuple(Plugin(f"Lab.Ext{n}", "1.0", settings={"n": n}) for n in range(3))
    machine = Machine("vm1", "u", tenant_certificate=False, fast_track=True, plugins=plugins)
    base, ticks = "http://168.63.129.16:80", 638_000_000_000_000_000

    def protect(_: bytes) -> tuple[str, str]:
        raise AssertionError("nothing is protected here")

    answers = {
        "comp=versions": documents.versions(),
        "comp=goalstate": documents.goal_state(machine, base),
        "type=sharedConfig": documents.shared_config(machine),
        "type=extensionsConfig": documents.extensions_config(machine, base, ticks, protect),
    }
    settings = vmsettings.document(Goal(machine, ticks), base, protect)

    def answer(request: bytes) -> bytes:
        head = request.decode("latin-1")
        if "vmSettings" in head and "if-none-match" in head.lower():
            return f"HTTP/1.1 304 Not Modified\r\nETag: {ticks}\r\n\r\n".encode()
        body = next((text for name, text in answers.items() if name in head), settings)
        top = f"HTTP/1.1 200 OK\r\nETag: {ticks}\r\nContent-Length: {len(body)}\r\n\r\n"
        return top.encode() + body

    def talk(listener: socket.socket) -> None:
        while True:
            connection, _ = listener.accept()
            while request := connection.recv(65536):
                connection.sendall(answer(request))

    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    for one in listeners:
        threading.Thread(target=talk, args=(one,), daemon=True).start()
    print(json.dumps([one.getsockname()[1] for one in listeners]), flush=True)
    sys.stdin.read()


def memory_kib() -> tuple[int, int]:
    """PSS and anonymous memory (proc_pid_smaps_rollup)."""
    text = Path("/proc/self/smaps_rollup").read_text(encoding="ascii")
    found = {name: int(re.findall(rf"^{name}:\s+(\d+)", text, re.M)[0]) for name in _FIELDS}
    return found["Pss"], found["Anonymous"]


_FIELDS = ("Pss", "Anonymous")


class Clock:
    """Time passes only when it is told to."""

    now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s

    def wait(self, seconds: float) -> bool:
        raise AssertionError(f"the poller waits by itself: {seconds} s")


def expect(held: bool) -> None:
    """Stop where the measurement would be of something else."""
    if not held:
        raise SystemExit("the poller did not do what was to be measured")


def follow(ports: list[int], polls: int) -> None:
    """The process that is measured."""
    sys.path.insert(0, str(ROOT))
    from agentcore.azure.hostplugin import HostPlugin
    from agentcore.azure.http import Endpoint
    from agentcore.azure.poller import Poller
    from agentcore.azure.retry import ONCE
    from agentcore.azure.wireserver import WireServer
    from osdrivers.host import Host, Places

    clock = Clock()
    server, plugin = (Endpoint("127.0.0.1", port) for port in ports)
    with tempfile.TemporaryDirectory() as state:
        poller = Poller(
            WireServer(server, clock, retry=ONCE, fresh=ONCE),
            HostPlugin(plugin),
            Host("/", places=Places(state=state)),
            clock,
            certificates=lambda goal: (),
            transport_certificate=str,
        )
        expect(poller.poll() is not None)
        readings, cpu = [], []
        for _ in range(SAMPLES + 1):
            readings.append((*memory_kib(), len(os.listdir("/proc/self/fd"))))
            before = os.times()
            for _ in range(polls // SAMPLES):
                clock.now_s += poller.due_in_s()
                expect(poller.poll() is None)
            after = os.times()
            cpu.append(after.user + after.system - before.user - before.system)
        children = after.children_user + after.children_system
    print(json.dumps({"readings": readings, "cpu_s": cpu, "children_s": children}))


def main() -> None:
    polls = int(sys.argv[1]) if len(sys.argv) > 1 else POLLS
    with subprocess.Popen(
        [sys.executable, __file__, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as service:
        ports = json.loads(service.stdout.readline() if service.stdout else b"[]")
        command = [sys.executable, __file__, "follow", json.dumps(ports), str(polls)]
        printed = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
        service.communicate()
    found = json.loads(printed)
    readings = found["readings"][1:]  # the first round fills caches of the interpreter
    counted = polls // SAMPLES * (len(readings) - 1)
    grown_kib = readings[-1][1] - readings[0][1]
    each_ms = sum(found["cpu_s"]) / (polls // SAMPLES * len(found["cpu_s"])) * 1000
    print(f"polls                    {counted:8}")
    print(f"memory (PSS)             {readings[-1][0] / 1024:8.1f} MiB")
    print(f"growth, 1,000 polls      {grown_kib / counted * 1000:8.3f} KiB   target 1")
    print(f"open files               {readings[0][2]:8} at first, {readings[-1][2]} at last")
    print(f"CPU of a poll            {each_ms:8.3f} ms")
    print(f"CPU of a minute's polls  {each_ms * 10:8.3f} ms")
    print(f"CPU of children          {found['children_s']:8.3f} s")


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve()
    elif sys.argv[1:2] == ["follow"]:
        follow(json.loads(sys.argv[2]), int(sys.argv[3]))
    else:
        main()
