# SPDX-License-Identifier: Apache-2.0
"""A platform that does not answer at first: the machine comes up all the same."""

from __future__ import annotations

from lab.platform.faults import Fault

from . import inspection, managed
from .bench import Bench
from .stage import READY_LIMIT_S, Medium, set_up

_SILENT = Fault("reset", count=None, name="silent")


def late_platform(bench: Bench) -> None:
    """Every connection is reset until somebody has logged in; then the platform is told Ready."""
    name = "late-platform"
    with (
        bench.report.trial(name, "ran to the end"),
        set_up(name, bench, "agentcore", media=(Medium(),), faults=(_SILENT,)) as stage,
    ):
        stage.switch_on()
        stage.guest.wait_login(stage.look, READY_LIMIT_S)
        stage.check("login-without-platform", not stage.platform.health, "nothing was told yet")
        inspection.logins(stage)
        stage.platform.faults.lift(_SILENT.label)
        stage.progress.say("  the platform answers from now on")
        health = stage.wait_final_report()
        stage.check("platform-ready", health.state == "Ready", health.description or "Ready")
        managed.enabled(stage)
        managed.inside(stage, ("install", "enable"))
