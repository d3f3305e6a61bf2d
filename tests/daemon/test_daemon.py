# SPDX-License-Identifier: Apache-2.0
"""The real daemon against the lab's platform, in a mount namespace of its own (needs root)."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from lab.handlers import Sample
from lab.handlers.offering import offered
from lab.platform.machine import Machine
from lab.platform.server import Platform

ROOT = Path(__file__).parents[2]
LIMIT_S = 120.0
#: State, log and run directory of the daemon: below the test's directory, seen by nobody else.
SEPARATE = (
    'for each in lib log; do mkdir -p "$0/$each" && mount --bind "$0/$each" "/var/$each"; done; '
    'mkdir -p "$0/run" && mount --bind "$0/run" /run; exec "$@"'
)
CONFIGURATION = """
OS.RootDeviceScsiTimeout=None
OS.EnableFirewall=n
Extensions.GoalStatePeriod=1
Pid.File=/run/waagent.pid
"""
pytestmark = pytest.mark.sandbox


class Bed:
    """A platform and the command line of a daemon that follows it."""

    def __init__(self, tmp_path: Path, platform: Platform) -> None:
        self.root, self.platform = tmp_path / "guest", platform
        self.root.mkdir()
        configuration = tmp_path / "waagent.conf"
        configuration.write_text(CONFIGURATION, encoding="ascii")
        wire, plugin = (_url(*platform.addresses[one]) for one in SERVICES)
        self.options = [f"--conf={configuration}", f"--endpoint={wire}", f"--plugin={plugin}"]

    def command(self, *words: str) -> list[str]:
        agent = [sys.executable, "-m", "agentcore", *words]
        return ["unshare", "--mount", "sh", "-c", SEPARATE, str(self.root), *agent]

    @contextmanager
    def daemon(self) -> Iterator[subprocess.Popen[str]]:
        command = self.command("daemon", "--provisioned", *self.options)
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as running:
            try:
                yield running
            finally:
                if running.poll() is None:
                    running.kill()

    def log(self) -> str:
        path = self.root / "log/waagent.log"
        return path.read_text(encoding="utf-8") if path.exists() else ""


SERVICES = ("wireserver", "hostplugin")


def _url(host: str, port: int) -> str:
    return f"http://{host}:{port}"


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Bed]:
    with Platform(Machine(hostname="vm1", user="u"), tmp_path / "platform") as platform:
        yield Bed(tmp_path, platform)


def until(holds: Callable[[], object]) -> None:
    for _ in range(int(LIMIT_S / 0.05)):
        if holds():
            return
        select.select([], [], [], 0.05)
    raise AssertionError("it never came to that")


def test_it_follows_and_reports_in_one_small_process_and_stops_cleanly(bed: Bed) -> None:
    with bed.daemon() as running:
        bed.platform.wait_for(lambda platform: platform.status, LIMIT_S)
        until((bed.root / "run/waagent/status.json").exists)
        state = json.loads((bed.root / "run/waagent/status.json").read_text(encoding="utf-8"))
        assert state["pid"] == running.pid
        assert os.listdir(f"/proc/{running.pid}/task") == [str(running.pid)], "no threads"
        loaded = Path(f"/proc/{running.pid}/maps").read_text(encoding="utf-8")
        for heavy in ("_ssl", "libssl", "cryptography", "_hashlib"):
            assert heavy not in loaded
        running.send_signal(signal.SIGTERM)
        assert running.wait(LIMIT_S) == 0
    assert bed.log().splitlines()[-1].endswith("stops, as it was asked to")


def test_a_second_daemon_is_refused_and_says_who_is_there(bed: Bed) -> None:
    with bed.daemon() as running:
        bed.platform.wait_for(lambda platform: platform.status, LIMIT_S)
        second = subprocess.run(
            bed.command("daemon", "--provisioned", *bed.options),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
        )
        assert second.returncode == 17
        assert "at work" in second.stderr
        assert running.poll() is None


def test_an_extension_is_enabled_and_reported_through_the_daemon(bed: Bed) -> None:
    sample = Sample("Lab.Good", "1.0.0")
    with bed.daemon():
        bed.platform.wait_for(lambda platform: platform.status, LIMIT_S)
        plugin = offered(bed.platform, sample, settings={"a": 1})
        bed.platform.push(replace(bed.platform.machine, plugins=(plugin,)))

        def ready(platform: Platform) -> bool:
            report = json.loads(platform.status or b"{}").get("aggregateStatus", {})
            handlers = report.get("handlerAggregateStatus", ())
            return [each["status"] for each in handlers] == ["Ready"]

        bed.platform.wait_for(ready, LIMIT_S)
    assert (bed.root / "lib/waagent/Lab.Good-1.0.0/HandlerManifest.json").exists()
    assert len(list((bed.root / "lib/waagent/history").iterdir())) == 2


def test_a_command_without_end_delays_neither_report_nor_stop(bed: Bed) -> None:
    pids = bed.root / "lib/waagent/Lab.Deaf.calls.pids"

    def told(platform: Platform) -> bool:
        return "will not stop" in (platform.status or b"").decode()

    with bed.daemon() as running:
        bed.platform.wait_for(lambda platform: platform.status, LIMIT_S)
        plugin = offered(bed.platform, Sample("Lab.Deaf", "1.0.0", "deaf"), settings={"a": 1})
        bed.platform.push(replace(bed.platform.machine, plugins=(plugin,)))
        try:
            bed.platform.wait_for(told, LIMIT_S)
            running.send_signal(signal.SIGTERM)
            assert running.wait(LIMIT_S) == 0
            os.kill(int(pids.read_text(encoding="ascii")), 0)  # it goes on without the agent
        finally:
            until(pids.exists)
            os.killpg(os.getpgid(int(pids.read_text(encoding="ascii"))), signal.SIGKILL)


def test_start_returns_when_it_is_set_up_and_says_why_it_is_not(bed: Bed) -> None:
    words = bed.command("start", "--provisioned", *bed.options)
    first = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S)
    assert (first.returncode, first.stderr) == (0, "")
    bed.platform.wait_for(lambda platform: platform.status, LIMIT_S)
    state = bed.root / "run/waagent/status.json"
    until(state.exists)
    pid = json.loads(state.read_text(encoding="utf-8"))["pid"]
    try:
        second = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S)
        assert second.returncode != 0
        assert "did not start" in second.stderr and "at work" in second.stderr
    finally:
        os.kill(pid, signal.SIGTERM)
    until(lambda: bed.log().endswith("stops, as it was asked to\n"))
