# SPDX-License-Identifier: Apache-2.0
"""Runs in a booted tree: starts jobs as the runner of extensions does, from processes that end."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from osdrivers.host import Host
from osdrivers.host.jobs import RUNNING, WAITING, Job, Jobs

LIMIT_S = 30.0
RECORDS = "/var/lib/try"
STARTED = "/run/long-job"
#: A long job's parts: one that lives on in the background, one that waits to be killed.
LONG = ("/bin/sh", "-c", f"echo begun; sleep 600 & echo $! >{STARTED}; exec sleep 600")
BRIEF = ("/bin/sh", "-c", "pwd; cat /proc/self/cgroup; echo oops >&2; exit 7")


def run(*argv: str) -> str:
    ended = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return ended.stdout.strip()


def until(jobs: Jobs, record: str, wanted: tuple[str, ...]) -> dict[str, object]:
    """The state, when it is none of these any more."""
    end = time.monotonic() + LIMIT_S
    while jobs.state(record).phase in wanted and time.monotonic() < end:
        time.sleep(0.05)
    found = jobs.state(record)
    return {"phase": found.phase, "status": found.status}


def removed(jobs: Jobs, name: str) -> bool:
    """Whether it could be forgotten before long: what was killed is not gone at once."""
    end = time.monotonic() + LIMIT_S
    while not jobs.remove(f"{RECORDS}/{name}"):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def begin() -> None:
    """What an agent does that is gone afterwards."""
    limits = {"slice": "try.slice", "cpu_percent": 50, "memory_mib": 64}
    jobs = Jobs(Host())
    jobs.start(Job(f"{RECORDS}/brief", BRIEF, "/usr", unit="try-brief", **limits))  # type: ignore[arg-type]
    jobs.start(Job(f"{RECORDS}/long", LONG, unit="try-long", **limits))  # type: ignore[arg-type]


def main() -> None:
    host = Host()
    host.make_directory(RECORDS, mode=0o700)
    code = "import runpy; runpy.run_path('/lab/program.py', run_name='begin')"
    subprocess.run((sys.executable, "-c", code), check=True)
    jobs = Jobs(host)
    found: dict[str, object] = {"units": jobs.in_units()}
    found["brief"] = until(jobs, f"{RECORDS}/brief", (WAITING, RUNNING))
    found["out"] = jobs.output(f"{RECORDS}/brief", "out", 4096).decode()
    found["err"] = jobs.output(f"{RECORDS}/brief", "err", 4096).decode()
    found["long"] = until(jobs, f"{RECORDS}/long", (WAITING,))
    end = time.monotonic() + LIMIT_S
    while not Path(STARTED).exists() and time.monotonic() < end:
        time.sleep(0.05)
    if jobs.in_units():
        names = ("Slice", "CPUQuotaPerSecUSec", "MemoryMax", "ActiveState")
        shown = run("systemctl", "show", "try-long", *(f"--property={name}" for name in names))
        found["shown"] = dict(line.partition("=")[::2] for line in shown.splitlines())
    jobs.kill(f"{RECORDS}/long")
    found["killed"] = until(jobs, f"{RECORDS}/long", (RUNNING,))["phase"]
    found["removed"] = [removed(jobs, name) for name in ("brief", "long")]
    if jobs.in_units():
        listing = ("systemctl", "list-units", "--all", "--plain", "--no-legend")
        found["units_left"] = run(*listing, "try-*.service")
    found["left"] = host.names(RECORDS)
    Path("/lab/result.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
elif __name__ == "begin":
    begin()
