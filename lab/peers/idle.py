# SPDX-License-Identifier: Apache-2.0
"""What a service costs while nothing happens, as the guest's kernel counts it."""

from __future__ import annotations

import re
import time

from lab.vm.stage import Stage
from osdrivers.errors import FactError

SETTLE_S = 60
IDLE_S = 60
_MIB = 1024.0
_VERSIONS = 5

# Two samples of the unit's control group, with the quiet time between them.  The number of
# processes that the whole guest started is read by the shell itself, just around the pause, which
# is the one process of ours.
_SAMPLE = """\
group=/sys/fs/cgroup/system.slice/{unit}
started() {{
    while read -r name number; do
        [ "$name" != processes ] || echo "forks $number"
    done </proc/stat
}}
sample() {{
    echo "usage $(sed -n 's/^usage_usec //p' $group/cpu.stat 2>/dev/null)"
    for pid in $(cat $group/cgroup.procs 2>/dev/null); do
        echo "process $pid"
        sed -n -e 's/^Rss: *\\([0-9]*\\).*/rss \\1/p' -e 's/^Pss: *\\([0-9]*\\).*/pss \\1/p' \
            /proc/$pid/smaps_rollup
        sed -n -e 's/^Threads:[^0-9]*/threads /p' /proc/$pid/status
        for task in /proc/$pid/task/*/status; do
            sed -n -e 's/^\\(non\\)\\{{0,1\\}}voluntary_ctxt_switches:[^0-9]*/switches /p' $task
        done
    done
}}
sleep {settle}; sample; started; sleep {idle}; echo again; started; sample; echo end
"""
_VERSION = f"""\
waagent version >/dev/null
times
for turn in {" ".join(map(str, range(_VERSIONS)))}; do waagent version >/dev/null; done
times
"""


def began(stage: Stage, unit: str) -> float:
    """When the unit was started in this boot: the wall clock of this side, seconds.

    :raises FactError: systemd does not say.
    """
    script = f"systemctl show -P InactiveExitTimestampMonotonic {unit}; cat /proc/uptime"
    words = stage.guest.as_root(script).split()
    if len(words) < 2 or not words[0].isdigit():
        raise FactError(f"when {unit} began", " ".join(words))
    return time.time() - float(words[1]) + int(words[0]) / 1e6


def figures(stage: Stage, unit: str) -> dict[str, float]:
    """A quiet minute: memory, processor time, wake-ups, requests; then the cost of ``version``."""
    script = _SAMPLE.format(unit=unit, settle=SETTLE_S, idle=IDLE_S)
    text = stage.guest.as_root(script, limit_s=SETTLE_S + IDLE_S + 240)
    end_s = time.time()
    before, after = (_sums(part) for part in text.partition("end")[0].split("again", 1))
    per_minute = 60.0 / IDLE_S
    asked = [one for one in stage.platform.requests if end_s - IDLE_S <= one.time <= end_s]
    return {
        "idle RSS, MiB": after.get("rss", 0) / _MIB,
        "idle PSS, MiB": after.get("pss", 0) / _MIB,
        "agent processes": after.get("processes", 0),
        "agent threads": after.get("threads", 0),
        "idle CPU, ms per minute": _grown("usage", before, after) / 1000 * per_minute,
        "context switches per minute": _grown("switches", before, after) * per_minute,
        "HTTP requests per minute": len(asked) * per_minute,
        "processes started per minute, guest": (_grown("forks", before, after) - 1) * per_minute,
        "daemon's CPU since boot, s": after.get("usage", 0) / 1e6,
        "waagent version, CPU ms": _version(stage),
    }


def _version(stage: Stage) -> float:
    """Processor time of one ``waagent version`` in the guest, milliseconds."""
    lines = stage.guest.as_root(_VERSION, limit_s=240.0).splitlines()
    # times(1) prints two lines: the shell's own, and its children's, each user and system.
    children = [sum(map(_seconds, line.split())) for line in lines if "m" in line][1::2]
    return (children[1] - children[0]) / _VERSIONS * 1000 if len(children) == 2 else 0.0


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(\d+)m([\d.]+)s", text)
    return int(found[1]) * 60 + float(found[2]) if found else 0.0


def _sums(text: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        if name == "process":
            found["processes"] = found.get("processes", 0) + 1
        elif value.strip().isdigit():
            found[name] = found.get(name, 0) + int(value)
    return found


def _grown(name: str, before: dict[str, float], after: dict[str, float]) -> float:
    return after.get(name, 0.0) - before.get(name, 0.0)
