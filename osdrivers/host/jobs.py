# SPDX-License-Identifier: Apache-2.0
"""Commands that outlive whoever started them: begun once, found again, their end on record.

Each job has a directory of its own, its *record*: ``pid`` (who began it), ``out``, ``err``, and
``status`` (how it ended).  A small shell writes them, so the end is known also when the agent was
not there to see it.  ``pid`` is made with link(2), which exactly one can do: the shell when it
begins, or a restarted agent that finds a job nobody has begun.  So none runs twice.
With systemd a job is a transient unit in a slice; elsewhere a session of its own, with limits.
Source: link(2), setsid(2), proc_pid_stat(5), systemd-run(1), sd_booted(3), getrlimit(2), nice(1).
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Optional

from ..errors import CommandFailed, FileFailed, NotFound
from .commands import ENVIRONMENT
from .host import Host

ABSENT, WAITING, RUNNING, ENDED, LOST = "absent", "waiting", "running", "ended", "lost"
SYSTEMD = "systemd/system"
#: Of a job that was to have a share of a processor, where nothing measures shares.
NICE = 10
_DESCRIBED = 200
#: ``claim.*`` is written first and linked to ``pid``: whoever reads ``pid`` finds it whole.
#: ``status.new`` has its page before the command begins: its end is known on a full disk too.
#: RLIMIT_DATA counts private memory that can be written (Linux 4.7), not address space that is only
#: reserved: under RLIMIT_AS some runtimes do not even start.
SHELL = r"""
record=$1 place=$2 data_kib=$3 nice=$4
shift 4
umask 077
exec </dev/null >>"$record/out" 2>>"$record/err" || exit 125
{
    echo $$
    if [ -r /proc/$$/stat ]; then
        cat /proc/$$/stat /proc/sys/kernel/random/boot_id
    else
        ps -o lstart= -p $$
    fi
} >"$record/claim.$$" || exit 125
echo "         " >"$record/status.new" || exit 125
ln "$record/claim.$$" "$record/pid" 2>/dev/null || exit 125
rm -f "$record/claim.$$"
ulimit -c 0
(
    umask 022
    [ -z "$data_kib" ] || ulimit -d "$data_kib" || exit 125
    cd "$place" && exec ${nice:+nice -n "$nice"} "$@"
)
code=$?
echo $code 1<>"$record/status.new" || exit 125
sync "$record/status.new" 2>/dev/null
mv -f "$record/status.new" "$record/status"
"""


@dataclass(frozen=True)
class Job:
    """One command.

    :param record: guest path of its record; made 0700, its parent must be there.
    :param place: the working directory.
    :param environment: besides what every command gets; visible to others, so never a secret.
    :param unit: name of the unit without ``.service``, where there is systemd.
    :param cpu_percent: of one processor, ``memory_mib`` of all its processes, where there is
        systemd.  Elsewhere memory is what each process may have for itself (RLIMIT_DATA), and one
        that was to have a share of a processor gives way to all others (nice).
    """

    record: str
    argv: tuple[str, ...]
    place: str = "/"
    environment: Mapping[str, str] = field(default_factory=dict)
    unit: str = ""
    slice: str = ""
    cpu_percent: Optional[int] = None
    memory_mib: Optional[int] = None


@dataclass(frozen=True)
class JobState:
    """``absent`` (no record), ``waiting`` (nobody began it), ``running``, ``ended`` with its exit
    status (128 + the signal that killed it), or ``lost``: begun, gone, and no end on record."""

    phase: str
    status: int = 0


class Jobs:
    """The jobs of the running machine."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._children: list[int] = []

    def start(self, job: Job) -> None:
        """Start it, and do not wait.

        :raises CommandFailed: the system did not start it.  :raises FileFailed: no record.
        """
        self._host.make_directory(job.record, mode=0o700)
        self._host.write(f"{job.record}/unit", job.unit.encode(), mode=0o600)
        record, place = self._host.locate(job.record), self._host.locate(job.place)
        units = self.in_units()
        limits = ("", "") if units else _limits(job)
        argv = ("/bin/sh", "-c", SHELL, "agentcore-job", record, place, *limits, *job.argv)
        if units:
            self._host.run(*_in_unit(job, argv))
        else:
            self.begin(job, argv)

    def begin(self, job: Job, argv: tuple[str, ...]) -> None:
        """Begin a job in a session of its own; ``argv`` is the shell that keeps its record.

        :raises CommandFailed: there is no process for it.
        """
        try:
            child = subprocess.Popen(
                argv,
                cwd="/",
                env={**ENVIRONMENT, **job.environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as refused:
            raise CommandFailed(job.argv, 126, refused.strerror or str(refused)) from refused
        child.returncode = 0  # waited for by its number, here or by init
        self._children.append(child.pid)

    def in_units(self) -> bool:
        """Whether jobs are systemd's units here."""
        present = self._host.is_directory(f"{self._host.places.run}/{SYSTEMD}")
        return present and self._host.has("systemd-run")

    def state(self, record: str) -> JobState:
        """What became of a job."""
        self._reap()
        # Read in this order: a job that ends meanwhile has a status when its process is gone.
        claim = self._claim(record)
        alive = bool(claim) and self._alive(claim)
        status = self._host.read(f"{record}/status", "").strip()
        if status.isdigit():
            return JobState(ENDED, int(status))
        if alive:
            return JobState(RUNNING)
        if claim:
            return JobState(LOST)
        return JobState(WAITING if self._host.is_directory(record) else ABSENT)

    def withdraw(self, record: str) -> bool:
        """Make sure that a waiting job never begins; False when it has begun."""
        ours = f"{record}/claim.agent"
        self._host.write(ours, b"0\n", mode=0o600)
        try:
            os.link(self._host.locate(ours), self._host.locate(f"{record}/pid"))
        except FileExistsError:
            return self._claim(record)[:1] == ["0"]
        return True

    def kill(self, record: str) -> None:
        """SIGKILL to a job and all that it started; it need not be there."""
        unit = self._host.read(f"{record}/unit", "").strip()
        if unit and self.in_units():
            self._host.ask("systemctl", "kill", "--signal=KILL", f"{unit}.service")
        claim = self._claim(record)
        if claim and self._alive(claim):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(os.getpgid(int(claim[0])), signal.SIGKILL)

    def remove(self, record: str) -> bool:
        """Forget an ended job; False while its unit holds what the command left running."""
        unit = self._host.read(f"{record}/unit", "").strip()
        if unit and self.in_units():
            if self._populated(f"{unit}.service"):
                return False
            self._host.ask("systemctl", "stop", f"{unit}.service")
            self._host.ask("systemctl", "reset-failed", f"{unit}.service")
        self._host.remove(record, recursive=True)
        return True

    def output(self, record: str, name: str, limit_bytes: int) -> bytes:
        """The last bytes of ``out`` or ``err``."""
        path = f"{record}/{name}"
        found = self._host.status(path, follow=False)
        if found is None or found.kind != "file":
            return b""
        start = max(found.size - limit_bytes, 0)
        return b"".join(self._host.pieces(path, ((start, found.size - start),)))

    def trim(self, record: str, limit_bytes: int) -> None:
        """Cut ``out`` and ``err`` to nothing where they are longer; writers append, and go on."""
        for name in ("out", "err"):
            found = self._host.status(f"{record}/{name}", follow=False)
            if found is not None and found.size > limit_bytes:
                self._host.empty(f"{record}/{name}", beneath=record)

    def _reap(self) -> None:
        for child in tuple(self._children):
            with contextlib.suppress(ChildProcessError):
                if os.waitpid(child, os.WNOHANG)[0] == 0:
                    continue
            self._children.remove(child)

    def _claim(self, record: str) -> list[str]:
        """Number of the process, what tells when it started, and the boot; [] when nobody began."""
        return self._host.read(f"{record}/pid", "").splitlines()

    def _alive(self, claim: list[str]) -> bool:
        number = claim[0]
        if number == "0" or len(claim) < 2:
            return False
        stat = self._host.read(f"/proc/{number}/stat", "")
        if len(claim) > 2:
            boot = self._host.read("/proc/sys/kernel/random/boot_id", "").strip()
            same = boot == claim[2] and _started(stat) == _started(claim[1])
            return same and not stat.rpartition(")")[2].lstrip().startswith("Z")
        return (
            self._host.ask("ps", "-o", "lstart=", "-p", number).stdout.strip() == claim[1].strip()
        )

    def _populated(self, unit: str) -> bool:
        shown = self._host.ask("systemctl", "show", "--property=ControlGroup", unit).stdout
        group = shown.strip().partition("=")[2]
        if not group:
            return False
        for tree in ("", "/systemd"):
            with contextlib.suppress(FileFailed, NotFound):
                if self._host.read(f"/sys/fs/cgroup{tree}{group}/cgroup.procs").strip():
                    return True
        return False


def _started(stat: str) -> str:
    """Field 22 of proc_pid_stat(5); the name in field 2 may hold blanks and brackets."""
    words = stat.rpartition(")")[2].split()
    return words[19] if len(words) > 19 else ""


def _limits(job: Job) -> tuple[str, str]:
    """For the shell: KiB of data for each process, and how far it gives way; "" none."""
    data = "" if job.memory_mib is None else str(job.memory_mib * 1024)
    return data, "" if job.cpu_percent is None else str(NICE)


def _in_unit(job: Job, argv: tuple[str, ...]) -> tuple[str, ...]:
    """The unit stays after the command's end for what the command left running (RemainAfterExit).

    systemd replaces variables in the command line of a unit; ``$$`` stands for one ``$``,
    systemd.service(5).
    """
    # Without one systemd shows the whole command line, and that is a shell's program.
    described = f"--description=waagent: {' '.join(job.argv)[:_DESCRIBED]}"
    options = [f"--unit={job.unit}", described, "--property=RemainAfterExit=yes"]
    if job.slice:
        options.append(f"--slice={job.slice}")
    if job.cpu_percent is not None:
        options.append(f"--property=CPUQuota={job.cpu_percent}%")
    if job.memory_mib is not None:
        options.append(f"--property=MemoryMax={job.memory_mib}M")
    options += [f"--setenv={name}={value}" for name, value in job.environment.items()]
    return ("systemd-run", "--quiet", *options, *(word.replace("$", "$$") for word in argv))
