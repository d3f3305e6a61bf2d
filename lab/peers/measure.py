# SPDX-License-Identifier: Apache-2.0
"""One boot of one client: does it reach Ready and a login, and what does that cost."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from lab.handlers import Sample
from lab.platform.state import HealthReport
from lab.vm.bench import Bench
from lab.vm.image import Layer
from lab.vm.inspection import password_login, sudo
from lab.vm.managed import HANDLER, push, wait_status
from lab.vm.stage import READY_LIMIT_S, Medium, Stage, set_up
from osdrivers.errors import AgentError, CommandFailed, OperationError

from . import idle

_PAUSE_S = 1.0


@dataclass
class Boot:
    """What one boot showed; figures by name, the name ends in its unit."""

    figures: dict[str, float] = field(default_factory=dict)


def boot(bench: Bench, client: Layer, *, quiet: bool) -> Boot:
    """Provision one machine with the client, log in, have an extension enabled.

    Checks go to the bench's report under the client's name.  ``quiet``: and watch it do nothing.
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
        began = idle.began(stage, client.unit)
        shown.figures["Ready after its service began, s"] = health.time - began
        _extension(stage, shown)
        stage.check("protocol", True, _violations(stage))
        if quiet:
            _quiet(stage, client, shown)
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


def _extension(stage: Stage, shown: Boot) -> None:
    """From a new goal state to the status blob that says the extension is enabled."""
    # Nobody waits for a daemon that has not come up: its first status says that it has.
    stage.platform.wait_for(lambda platform: platform.status, READY_LIMIT_S)
    shown.figures["first status blob, s"] = stage.since_start(time.time())
    since = push(stage, Sample(HANDLER), settings={"public": 1}, sequence=0)
    entry = wait_status(stage, handler=HANDLER, handler_status="Ready", status="success")
    shown.figures["goal state to enabled, s"] = time.time() - since
    stage.check("extension-enabled", True, entry)


def _violations(stage: Stage) -> str:
    """Not a check of ours: what the platform found odd in somebody else's requests."""
    found = sorted(set(stage.platform.violations))
    return f"{len(found)} kinds of request break the protocol: {found}" if found else "kept"


def _quiet(stage: Stage, client: Layer, shown: Boot) -> None:
    stage.progress.say(f"  a quiet minute, after {idle.SETTLE_S} s")
    try:
        shown.figures.update(idle.figures(stage, client.daemon))
    except AgentError as error:
        stage.check("idle-figures", False, error)
