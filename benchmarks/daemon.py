# SPDX-License-Identifier: Apache-2.0
"""What the idle daemon costs: memory, CPU, requests, processes; and how soon it stops.

The real daemon against the lab's platform on loopback, in a mount namespace of its own, so that
it finds an empty state directory and this machine keeps its own.  Needs root.  Beside it a bare
interpreter of the same run, for the ratio.  It prints and judges nothing:
``python benchmarks/daemon.py [SECONDS]``.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SECONDS = 60
SETTLING_S = 35.0  # after a change the platform is asked more often
TICKS = os.sysconf("SC_CLK_TCK")
SEPARATE = (
    'mount -t tmpfs t /var/lib && mount -t tmpfs t /var/log && mount -t tmpfs t /run && exec "$@"'
)
#: This machine's disks are not the benchmark's.
CONFIGURATION = "OS.RootDeviceScsiTimeout=None\nOS.EnableFirewall=n\nPid.File=/run/waagent.pid\n"


def pss_kib(pid: int) -> int:
    """Proportional set size (proc_pid_smaps_rollup(5))."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    return int(re.findall(r"^Pss:\s+(\d+)", text, re.M)[0])


def cpu_s(pid: int) -> float:
    """User and system time, with that of children that ended (proc_pid_stat(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICKS


def switches(pid: int) -> int:
    """Context switches so far."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return sum(map(int, re.findall(r"ctxt_switches:\s+(\d+)", text)))


def children(pid: int) -> int:
    """Children now."""
    return len(Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split())


def interpreter_kib() -> int:
    """A bare interpreter's PSS."""
    code = "import sys; print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-I", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as bare:
        if bare.stdout is not None:
            bare.stdout.readline()
        found = pss_kib(bare.pid)
        bare.communicate()
    return found


def measure(directory: Path, platform: dict[str, str], seconds: int) -> None:
    """Start the daemon, let it settle, look at it for so long, and end it."""
    configuration = directory / "waagent.conf"
    configuration.write_text(CONFIGURATION, encoding="ascii")
    command = [
        *("unshare", "--mount", "sh", "-c", SEPARATE, "sh", sys.executable, "-m", "agentcore"),
        *("daemon", "--provisioned", f"--conf={configuration}"),
        f"--endpoint=http://{platform['wireserver']}",
        f"--plugin=http://{platform['hostplugin']}",
    ]
    log = directory / "requests.jsonl"
    with subprocess.Popen(command, cwd=ROOT) as daemon:
        time.sleep(SETTLING_S)
        first = len(log.read_text(encoding="utf-8").splitlines())
        if first < 4 or daemon.poll() is not None:
            daemon.kill()
            raise SystemExit("the daemon did not do what was to be measured")
        begin, cpu, seen = time.monotonic(), cpu_s(daemon.pid), switches(daemon.pid)
        most = 0
        while time.monotonic() - begin < seconds:
            time.sleep(1.0)
            most = max(most, children(daemon.pid))
        minute = 60.0 / (time.monotonic() - begin)
        cpu, seen = cpu_s(daemon.pid) - cpu, switches(daemon.pid) - seen
        asked = len(log.read_text(encoding="utf-8").splitlines()) - first
        memory, bare = pss_kib(daemon.pid), interpreter_kib()
        threads = len(os.listdir(f"/proc/{daemon.pid}/task"))
        files = len(os.listdir(f"/proc/{daemon.pid}/fd"))
        before = time.monotonic()
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(30)
        stopped = time.monotonic() - before
    print(f"memory (PSS)             {memory / 1024:8.1f} MiB  target 22")
    print(f"bare interpreter         {bare / 1024:8.1f} MiB  ratio {memory / bare:.2f}")
    print(f"CPU a minute             {cpu * minute:8.3f} s    target 0.35")
    print(f"requests a minute        {asked * minute:8.1f}")
    print(f"context switches         {seen * minute:8.1f} a minute")
    print(f"children                 {most:8} at most; threads {threads}, open files {files}")
    print(f"stop                     {stopped:8.3f} s    target 2")


def main() -> None:
    if os.geteuid() != 0 or not shutil.which("unshare"):
        print("daemon: not measured: it needs root and unshare(1)")
        return
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    with (
        tempfile.TemporaryDirectory() as name,
        subprocess.Popen(
            [sys.executable, "-m", "lab", "serve", "--dir", name], cwd=ROOT, stdout=subprocess.PIPE
        ) as service,
    ):
        try:
            line = service.stdout.readline() if service.stdout else b"{}"
            measure(Path(name), json.loads(line), seconds)
        finally:
            service.terminate()


if __name__ == "__main__":
    main()
