# SPDX-License-Identifier: Apache-2.0
"""A machine becomes an image, and two machines are made of it."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from osdrivers.errors import AgentError

from . import inspection, managed
from .bench import Bench
from .stage import Medium, Stage, set_up

_LAYER = "agentcore"
_OFF_LIMIT_S = 500.0
_IDENTITY = {
    "keys": "cat /etc/ssh/ssh_host_*_key.pub",
    "machine-id": "cat /etc/machine-id",
    "name": "hostname; cat /etc/hostname",
    "users": "getent passwd | cut -d: -f1,3 | tr '\\n' ' '",
    "leases": "cat /var/lib/dhcp/*.leases",
    "state": "ls -A /var/lib/waagent",
    "failed": "systemctl list-units --failed --no-legend --plain",
}
# The account goes, so it cannot be the account's own session that does it.
_GENERALISE = (
    "systemd-run --quiet --collect --unit=lab-generalise sh -c"
    ' \'waagent -force -deprovision+user >/dev/console 2>&1; echo "deprovision ended: $?"'
    " >/dev/console; systemctl poweroff'"
)
_FIRST, _SECOND = "first", "second"
_IDS = {
    _FIRST: "5a2f0d51-7f37-4a0c-9d6f-1f3a1c6b0001",
    _SECOND: "5a2f0d51-7f37-4a0c-9d6f-1f3a1c6b0002",
}


def clone(bench: Bench) -> None:
    """Provision, deprovision, and boot two clones: each is a machine of its own."""
    kept = bench.network.place / "generalised.qcow2"
    with bench.report.trial("clone", "ran to the end"):
        origin = _image(bench, kept)
        known = {"origin": origin}
        for which in (_FIRST, _SECOND):
            known[which] = _boot(bench, which, kept)
        _compared(bench, known)
    kept.unlink(missing_ok=True)


def _image(bench: Bench, kept: Path) -> dict[str, str]:
    """The machine that the image is made of, as it was; its disk is copied to ``kept``."""
    with set_up("clone", bench, _LAYER, media=(Medium(),), user="maker") as stage:
        stage.switch_on()
        stage.wait_final_report()
        managed.enabled(stage)
        found = stage.guest.sections(_IDENTITY)
        with suppress(AgentError):  # the connection may end before the answer
            stage.guest.as_root(_GENERALISE)
        stage.vm.wait_off(_OFF_LIMIT_S)
        said = [line for line in stage.vm.console_text().splitlines() if "deprovision" in line]
        stage.check("deprovisioned", "deprovision ended: 0" in " ".join(said), said[-1:])
        shutil.copyfile(stage.vm.disk, kept)
    return found


def _boot(bench: Bench, which: str, disk: Path) -> dict[str, str]:
    name = f"clone-{which}"
    user, vm_id = f"user-{which}", _IDS[which]
    with set_up(
        name, bench, _LAYER, media=(Medium(),), disk=disk, user=user, vm_id=vm_id
    ) as stage:  # fmt: skip
        stage.switch_on()
        health = stage.wait_final_report()
        stage.check("platform-ready", health.state == "Ready", health.description or "Ready")
        stage.report.figure(name, "ready_s", stage.since_start(health.time))
        inspection.logins(stage)
        found = stage.guest.sections(_IDENTITY)
        _own(stage, found)
    return found


def _own(stage: Stage, found: dict[str, str]) -> None:
    names = set(found["name"].split())
    stage.check("hostname", names == {stage.machine.hostname}, found["name"])
    users = [word.partition(":")[0] for word in found["users"].split()]
    good = stage.machine.user in users and "maker" not in users
    stage.check("users", good, users[-3:])
    stage.check("no-extension", managed.HANDLER not in found["state"], found["state"])
    stage.check("no-unit-failed", not found["failed"], found["failed"] or "none")


def _compared(bench: Bench, known: dict[str, dict[str, str]]) -> None:
    for what in ("machine-id", "keys"):
        values = [_bodies(own[what]) for own in known.values()]
        shared = set.intersection(*values) if values else set()
        apart = all(values) and len(set().union(*values)) == sum(map(len, values))
        bench.report.check("clone", f"{what}-differ", apart, shared or f"of {', '.join(known)}")


def _bodies(text: str) -> set[str]:
    """A machine-id, or the bodies of public keys, without types and comments."""
    return {max(line.split(), key=len) for line in text.splitlines() if line.strip()}
