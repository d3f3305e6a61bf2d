# SPDX-License-Identifier: Apache-2.0
"""One boot of one client: does it reach Ready and a login, and what does that cost."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from lab.platform.state import HealthReport
from lab.vm.bench import Bench
from lab.vm.image import Layer
from lab.vm.inspection import password_login, sudo
from lab.vm.stage import READY_LIMIT_S, Medium, Stage, set_up
from osdrivers.errors import AgentError, CommandFailed, OperationError

_PAUSE_S = 1.0
_SETTLE_S = 60
_IDLE_S = 60
_MIB = 1024.0

# Two samples of the unit's control group, with the quiet time between them.
_SAMPLE = """\
group=/sys/fs/cgroup/system.slice/{unit}
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
sleep {settle}; sample; sleep {idle}; echo again; sample; echo end
"""


@dataclass
class Boot:
    """What one boot showed; figures by name, the name ends in its unit."""

    figures: dict[str, float] = field(default_factory=dict)


def boot(bench: Bench, client: Layer, *, idle: bool) -> Boot:
    """Provision one machine with the client, and log in.

    Checks go to the bench's report under the client's name.
    """
    shown = Boot()
    with (
        bench.report.trial(client.name, "ran to the end"),
        set_up(client.name, bench, client.name, media=(Medium(),), stock_disk=True) as stage,
    ):
        stage.switch_on()
        health = _until_ready_and_reached(stage, shown)
        said = f"{health.state} {health.substatus} {health.description}"
        stage.check("platform-ready", health.state == "Ready", said)
        password_login(stage)
        sudo(stage)
        requests = stage.platform.requests
        shown.figures["first request, s"] = stage.since_start(requests[0].time)
        stage.check("protocol", True, _violations(stage))
        if idle:
            _idle(stage, client, shown)
    return shown


def _until_ready_and_reached(stage: Stage, shown: Boot) -> HealthReport:
    """Ready and the first login with the key, in whichever order they come."""
    # The image's host keys may greet first, and then be replaced: nothing is remembered.
    stranger = replace(stage.guest, known_hosts=Path("/dev/null"))
    final: HealthReport | None = None
    reached = False
    seen = 0
    deadline_s = time.monotonic() + READY_LIMIT_S
    while final is None or not reached:
        if time.monotonic() > deadline_s:
            what = "no final report" if final is None else "no login with the key"
            raise OperationError(
                f"{what} within {READY_LIMIT_S:g} s", hint=f"see {stage.vm.console}"
            )
        seen, latest = stage.reports_after(seen)
        if final is None and latest is not None:
            final = latest
            shown.figures["Ready, s"] = stage.since_start(final.time)
            shown.figures["processor time until Ready, s"] = stage.vm.processor_s()
            if final.state != "Ready":
                return final
        if not reached and stranger.listening():
            try:
                stranger.by_key("true")
            except CommandFailed:
                pass  # not provisioned yet: the next round tries again
            else:
                reached = True
                shown.figures["first SSH key login, s"] = stage.since_start(time.time())
                stage.check("ssh-key-login", True, f"{stage.progress.elapsed_s:.0f} s")
        time.sleep(_PAUSE_S)
    return final


def _violations(stage: Stage) -> str:
    """Not a check of ours: what the platform found odd in somebody else's requests."""
    found = sorted(set(stage.platform.violations))
    return f"{len(found)} kinds of request break the protocol: {found}" if found else "kept"


def _idle(stage: Stage, client: Layer, shown: Boot) -> None:
    """A quiet minute: memory, processor time, wake-ups, requests."""
    stage.progress.say(f"  a quiet minute, after {_SETTLE_S} s")
    script = _SAMPLE.format(unit=client.unit, settle=_SETTLE_S, idle=_IDLE_S)
    try:
        text = stage.guest.as_root(script, limit_s=_SETTLE_S + _IDLE_S + 90)
    except AgentError as error:
        stage.check("idle-figures", False, error)
        return
    end_s = time.time()
    before, after = (_sums(part) for part in text.partition("end")[0].split("again", 1))
    per_minute = 60.0 / _IDLE_S
    asked = [one for one in stage.platform.requests if end_s - _IDLE_S <= one.time <= end_s]
    shown.figures.update(
        {
            "idle RSS, MiB": after.get("rss", 0) / _MIB,
            "idle PSS, MiB": after.get("pss", 0) / _MIB,
            "agent processes": after.get("processes", 0),
            "agent threads": after.get("threads", 0),
            "idle CPU, ms per minute": _grown("usage", before, after) / 1000 * per_minute,
            "context switches per minute": _grown("switches", before, after) * per_minute,
            "HTTP requests per minute": len(asked) * per_minute,
        }
    )


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
