# SPDX-License-Identifier: Apache-2.0
"""Commands that outlive whoever started them."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Callable

import pytest

from osdrivers.host import Completed, Host, Job, Jobs, JobState, Places, Secret
from osdrivers.host.jobs import SHELL

LIMIT_S = 60.0


def until(holds: Callable[[], bool]) -> None:
    for _ in range(int(LIMIT_S / 0.02)):
        if holds():
            return
        select.select([], [], [], 0.02)
    raise AssertionError("it never came to that")


class Bed:
    """Real processes, no units: their place of /run is empty."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.host = Host(places=Places(run=str(directory / "run"), state=str(directory)))
        self.jobs = Jobs(self.host)

    def start(self, name: str, script: str, **more: object) -> str:
        record = str(self.directory / name)
        self.jobs.start(Job(record, ("/bin/sh", "-c", script), str(self.directory), **more))  # type: ignore[arg-type]
        return record

    def ended(self, record: str) -> JobState:
        until(lambda: self.jobs.state(record).phase not in ("running", "waiting"))
        return self.jobs.state(record)


@pytest.fixture
def bed(tmp_path: Path) -> Bed:
    return Bed(tmp_path)


@pytest.mark.tools
def test_the_end_of_a_command_is_on_record_with_both_streams(bed: Bed) -> None:
    record = bed.start("one", 'pwd; echo "$GIVEN" >&2; exit 17', environment={"GIVEN": "x y'\"$"})
    assert bed.ended(record) == JobState("ended", 17)
    assert bed.jobs.output(record, "out", 100).decode() == f"{bed.directory}\n"
    assert bed.jobs.output(record, "err", 100) == b"x y'\"$\n"
    assert {path.stat().st_mode & 0o077 for path in (bed.directory / "one").iterdir()} == {0}
    assert bed.jobs.remove(record)
    assert bed.jobs.state(record).phase == "absent"


@pytest.mark.tools
def test_a_job_outlives_the_process_that_started_it_and_is_found_again(bed: Bed) -> None:
    record, go = bed.directory / "one", bed.directory / "go"
    os.mkfifo(go)
    starter = (
        "import os; from osdrivers.host import *\n"
        f"host = Host(places=Places(run={str(bed.directory / 'run')!r}))\n"
        f"Jobs(host).start(Job({str(record)!r}, ('/bin/sh', '-c', 'cat {go}; exit 3')))\n"
        "os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", starter], timeout=LIMIT_S, check=False)
    assert done.returncode == -signal.SIGKILL
    until(lambda: bed.jobs.state(str(record)).phase == "running")
    go.write_bytes(b"")
    assert bed.ended(str(record)) == JobState("ended", 3)


@pytest.mark.tools
def test_a_job_that_nobody_has_begun_can_be_withdrawn_and_never_begins(bed: Bed) -> None:
    record = bed.directory / "one"
    record.mkdir()
    assert bed.jobs.state(str(record)).phase == "waiting"
    assert bed.jobs.withdraw(str(record))
    bed.start("one", f"touch {bed.directory}/ran")
    until(lambda: not bed.jobs._children or bed.jobs.state(str(record)).phase == "lost")
    until(lambda: bed.jobs._reap() or not bed.jobs._children)  # type: ignore[func-returns-value]
    assert not (bed.directory / "ran").exists()


@pytest.mark.tools
def test_one_that_has_begun_cannot_be_withdrawn(bed: Bed) -> None:
    record = bed.start("one", "sleep 60")
    until(lambda: bed.jobs.state(record).phase == "running")
    assert not bed.jobs.withdraw(record)
    bed.jobs.kill(record)
    assert bed.ended(record).phase == "lost"


@pytest.mark.tools
def test_killing_ends_the_deaf_and_their_children(bed: Bed) -> None:
    record = bed.start("one", "trap '' TERM HUP INT; sleep 60 & echo $!; wait; sleep 60")
    until(lambda: bool(bed.jobs.output(record, "out", 100)))
    child = int(bed.jobs.output(record, "out", 100))
    bed.jobs.kill(record)
    assert bed.ended(record).phase == "lost"
    until(lambda: not Path(f"/proc/{child}/stat").exists() or "Z" in _state(child))


def _state(process: int) -> str:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


@pytest.mark.tools
def test_a_number_that_another_process_got_is_not_the_job(bed: Bed) -> None:
    record = bed.directory / "one"
    record.mkdir()
    stat = Path(f"/proc/{os.getpid()}/stat").read_text().strip()
    boot = Path("/proc/sys/kernel/random/boot_id").read_text()
    (record / "pid").write_text(f"{os.getpid()}\n{stat}\n{boot}")
    assert bed.jobs.state(str(record)).phase == "running"
    words = stat.split()
    words[-31 if len(words) == 52 else 21] = "1"
    (record / "pid").write_text(f"{os.getpid()}\n{' '.join(words)}\n{boot}")
    assert bed.jobs.state(str(record)).phase == "lost"
    (record / "pid").write_text(f"{os.getpid()}\n{stat}\nanother-boot\n")
    assert bed.jobs.state(str(record)).phase == "lost"


@pytest.mark.tools
def test_what_a_command_leaves_running_holds_nothing_up(bed: Bed) -> None:
    record = bed.start("one", "sleep 60 & echo $!")
    assert bed.ended(record) == JobState("ended", 0)
    os.kill(int(bed.jobs.output(record, "out", 100)), signal.SIGKILL)


@pytest.mark.tools
def test_chatter_is_cut_while_it_goes_on(bed: Bed) -> None:
    go = bed.directory / "go"
    os.mkfifo(go)
    record = bed.start("one", f"head -c 300000 /dev/zero; cat {go}; echo end")
    until(lambda: len(bed.jobs.output(record, "out", 1 << 20)) == 300000)
    bed.jobs.trim(record, 200000)
    go.write_bytes(b"")
    bed.ended(record)
    assert bed.jobs.output(record, "out", 1 << 20) == b"end\n"


@pytest.mark.tools
def test_without_units_limits_are_those_of_each_process(bed: Bed) -> None:
    lower = str(min(os.nice(0) + 10, 19)).encode()
    script = f"ulimit -d; nice; {sys.executable} -Sc 'bytearray(200 << 20)' && echo had"
    record = bed.start("one", script, memory_mib=100, cpu_percent=50)
    assert bed.ended(record).phase == "ended"
    assert bed.jobs.output(record, "out", 100).split() == [b"102400", lower]
    assert b"MemoryError" in bed.jobs.output(record, "err", 9999)
    free = bed.start("two", f"ulimit -d; nice; {sys.executable} -Sc 'bytearray(200 << 20)'")
    assert bed.ended(free) == JobState("ended", 0)
    assert bed.jobs.output(free, "out", 100).split()[1] == str(os.nice(0)).encode()


FILLED = """
mount -t tmpfs -o size=256k none "$1" || exit 9
record=$1/one
mkdir "$record"
/bin/sh -c "$2" job "$record" / "" "" /bin/sh -c "head -c 999999 /dev/zero >$1/filler; exit 7"
cat "$record/status"
"""


@pytest.mark.sandbox
def test_the_end_of_a_command_is_on_record_though_the_disk_is_full(tmp_path: Path) -> None:
    command = ("unshare", "--mount", "sh", "-c", FILLED, "sh", str(tmp_path), SHELL)
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.stdout.split() == ["7"], done.stderr


class Systemd:
    """Answers as systemd's tools do, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    def __call__(self, argv: tuple[str, ...], stdin: Secret, timeout_s: float) -> Completed:
        self.asked.append(argv)
        shown = "ControlGroup=\n" if "show" in argv else ""
        return Completed(0, shown)

    def find(self, command: str) -> str:
        return f"/usr/bin/{command}"


def test_with_systemd_a_job_is_a_unit_in_a_slice_that_stays(tmp_path: Path) -> None:
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    systemd = Systemd()
    host = Host(places=Places(run=str(tmp_path / "run")), commands=systemd)
    record = str(tmp_path / "one")
    job = Job(record, ("/bin/sh", "-c", "echo $HOME"), unit="u", slice="s.slice", cpu_percent=5)
    Jobs(host).start(job)
    (argv,) = systemd.asked
    assert argv[:6] == (
        "systemd-run", "--quiet", "--unit=u", "--description=waagent: /bin/sh -c echo $HOME",
        "--property=RemainAfterExit=yes", "--slice=s.slice",
    )  # fmt: skip
    assert "--property=CPUQuota=5%" in argv
    assert argv[-1] == "echo $$HOME"
    assert Jobs(host).state(record).phase == "waiting"
    Jobs(host).kill(record)
    assert systemd.asked[-1] == ("systemctl", "kill", "--signal=KILL", "u.service")
    assert Jobs(host).remove(record)
    assert ("systemctl", "stop", "u.service") in systemd.asked


@pytest.mark.tools
def test_the_agents_own_environment_does_not_reach_a_job(bed: Bed) -> None:
    starter = (
        "from osdrivers.host import *\n"
        f"host = Host(places=Places(run={str(bed.directory / 'run')!r}))\n"
        f"Jobs(host).start(Job({str(bed.directory / 'one')!r}, ('/bin/sh', '-c', 'echo $A $B'),"
        " environment={'A': 'ours'}))\n"
    )
    spoofed = {**os.environ, "A": "theirs", "B": "theirs"}
    subprocess.run([sys.executable, "-c", starter], timeout=LIMIT_S, check=True, env=spoofed)
    record = str(bed.directory / "one")
    bed.ended(record)
    assert bed.jobs.output(record, "out", 100) == b"ours\n"
