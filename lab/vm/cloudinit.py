# SPDX-License-Identifier: Apache-2.0
"""cloud-init provisions, and this project follows it."""

from __future__ import annotations

from . import inspection, managed
from .bench import Bench
from .stage import READY_LIMIT_S, Medium, Stage, set_up

NAME = "cloud-init"
LAYER = "agentcore-cloud-init"
_LIMIT_S = 400.0
_QUESTIONS = {
    "waited": "systemctl start waagent-provision waagent",
    "cloud-init": "cloud-init status --wait",
    "source": "cloud-id",
    "name": "hostname",
    "log": "cat /var/log/waagent.log",
    "tasks": 'waagent analyze --json | grep -o \'"task": "[^"]*"\' | sort -u',
}
#: What the one who provisions does.
_OF_PROVISIONING = ("account", "password", "host-name", "host-keys", "sudo", "ssh-keys")


def beside_cloud_init(bench: Bench) -> None:
    """The account is cloud-init's; ours are the report, the resource disk and the extension."""
    with (
        bench.report.trial(NAME, "ran to the end"),
        set_up(NAME, bench, LAYER, media=(Medium(),), stock_disk=True) as stage,
    ):
        stage.switch_on()
        # cloud-init itself says Ready, and does so before the account is there.
        stage.wait_final_report()
        stage.guest.wait_login(stage.look, READY_LIMIT_S)
        inspection.logins(stage)
        _who(stage)
        managed.enabled(stage)
        managed.inside(stage, ("install", "enable"))


def _who(stage: Stage) -> None:
    found = stage.guest.sections(_QUESTIONS, limit_s=_LIMIT_S)
    done = "status: done" in found["cloud-init"] and found["source"] == "azure"
    stage.check("cloud-init-done", done, f"{found['cloud-init']}, from {found['source']}")
    stage.check("hostname", found["name"] == stage.machine.hostname, found["name"])
    ours = [task for task in _OF_PROVISIONING if f'"{task}"' in found["tasks"]]
    stage.check("provisioned-once", not ours, ours or "no task of provisioning is ours")
    followed = "provisioned by cloud-init" in found["log"]
    stage.check("followed-cloud-init", followed, found["log"].splitlines()[:3])
