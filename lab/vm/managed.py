# SPDX-License-Identifier: Apache-2.0
"""The daemon under systemd: a goal state with an extension, and all that can be seen of it."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Callable

from lab.handlers import Sample
from lab.handlers.offering import offered
from lab.platform import status
from lab.platform.machine import RemoteUser
from osdrivers.errors import CommandFailed, OperationError

from .stage import Stage

HANDLER = "Lab.Sample"
SECRET = "a protected setting"
UNIT = "waagent.service"
_STATUS_LIMIT_S = 500.0
_LOOK_S = 2.0
_PATIENCE_S = 120.0
_SETTLED = "until grep -q 'settled.: true' /run/waagent/status.json; do sleep 1; done"
_QUESTIONS = {
    "settled": f'timeout 400 sh -c "{_SETTLED}"; echo $?',
    "state": f"systemctl show -p ActiveState,Type,NRestarts,StatusText {UNIT}",
    "failed": "systemctl list-units --failed --no-legend --plain",
    "status": "waagent status",
    "status-json": 'waagent status --json; echo "exit $?"',
    "analyze": 'waagent analyze; echo "exit $?"',
    "left": "systemctl list-units --all --no-legend --plain 'waagent-*.service'",
    "refused": f"journalctl -b -o cat --no-pager -u {UNIT} | "
    "grep -i -e 'permission denied' -e EPERM -e 'not permitted' -e Traceback || true",
    "calls": f"cat /var/lib/waagent/{HANDLER}.calls",
    "package": "dpkg -V agentcore",
    "journal": f"journalctl -b --no-pager -u {UNIT}",
}


def push(stage: Stage, sample: Sample, **wanted: Any) -> float:
    """A new incarnation with that extension alone; the wall clock then, seconds."""
    plugin = offered(stage.platform, sample, **wanted)
    moment = time.time()
    stage.platform.push(stage.platform.machine.changed(plugins=(plugin,)))
    return moment


def wait_status(
    stage: Stage, limit_s: float = _STATUS_LIMIT_S, **asked: object
) -> Mapping[str, Any]:
    """The first entry of the status blob that is as asked for (see :mod:`lab.platform.status`).

    :raises OperationError: it did not come, or the machine ended.
    """
    deadline_s = time.monotonic() + limit_s
    while time.monotonic() < deadline_s:
        stage.look()
        try:
            found = stage.platform.wait_for(
                lambda platform: status.entries(platform.status, asked), _LOOK_S
            )
        except TimeoutError:
            continue
        return found[0]
    raise OperationError(
        f"no status {asked} within {limit_s:g} s", hint=f"the last: {stage.platform.status!r:.400}"
    )


def enabled(stage: Stage) -> None:
    """An extension with protected settings comes up, and reports what it could read."""
    sample = Sample(HANDLER, temper="secretive")
    since = push(stage, sample, settings={"public": 1}, protected={"secret": SECRET}, sequence=0)
    entry = wait_status(stage, handler=HANDLER, handler_status="Ready", status="success")
    stage.report.figure(stage.name, "goal_to_enabled_s", time.time() - since)
    wanted = hashlib.sha256(json.dumps({"secret": SECRET}).encode()).hexdigest()
    stage.check("extension-enabled", entry["message"] == wanted, entry)


def inside(stage: Stage, calls: tuple[str, ...]) -> None:
    """How the guest looks from inside while one extension is enabled.

    ``calls`` are the commands that its handler had so far.
    """
    found = stage.guest.sections(_QUESTIONS, limit_s=_STATUS_LIMIT_S)
    for name, text in found.items():
        (stage.place / f"inside-{name}.txt").write_text(text + "\n")
    state = set(found["state"].splitlines())
    good = {"ActiveState=active", "Type=notify", "NRestarts=0"} <= state
    stage.check("daemon-active", good, found["state"])
    stage.check("no-unit-failed", not found["failed"], found["failed"] or "none")
    stage.check("no-unit-left", not _foreign(found["left"]), _foreign(found["left"]) or "none")
    stage.check("sandbox-suffices", not found["refused"], found["refused"] or "nothing was denied")
    made = tuple(line.split()[0] for line in found["calls"].splitlines())
    stage.check("handler-commands", made == calls, found["calls"])
    stage.check("package-unchanged", not found["package"], found["package"] or "dpkg -V is silent")
    _told(stage, found)


def known_again(stage: Stage) -> None:
    """After a restart the daemon follows the same goal state, and no command runs again."""
    knows = f"until grep -q {HANDLER} /run/waagent/status.json; do sleep 1; done"
    stage.guest.as_root(
        f"timeout {_STATUS_LIMIT_S:g} sh -c '{knows}'", limit_s=_STATUS_LIMIT_S + 60
    )
    inside(stage, ("install", "enable"))


def renamed(stage: Stage) -> None:
    """A new host name is published to the DHCP server, by a unit outside the daemon's sandbox."""
    name = f"{stage.machine.hostname}-anew"
    stage.guest.as_root(f"hostnamectl set-hostname {name}")
    deadline_s = time.monotonic() + _STATUS_LIMIT_S
    while name not in stage.network.host_names() and time.monotonic() < deadline_s:
        stage.look()
        time.sleep(_LOOK_S)
    names = stage.network.host_names()
    stage.check("new-name-published", name in names, names[-3:])


def lent(stage: Stage) -> None:
    """An account that the platform lends can be logged in to, and goes when it is withdrawn."""
    user = RemoteUser("lent", "Lent-for-a-while 7 <&>")
    wait = "timeout 400 sh -c 'until {} getent passwd lent; do sleep 2; done'"
    stage.platform.push(stage.platform.machine.changed(users=(user,)))
    stage.guest.as_root(wait.format(""), limit_s=_STATUS_LIMIT_S)
    borrower = replace(stage.guest, user=user.name, password=user.password)
    with stage.report.trial(stage.name, "lent-account"):
        # The account is there before its password is.
        said = _patiently(lambda: borrower.by_password("id", "-un"))
        stage.check("lent-account", said.strip() == user.name, said)
    stage.platform.push(stage.platform.machine.changed(users=()))
    stage.guest.as_root(wait.format("!"), limit_s=_STATUS_LIMIT_S)
    stage.check("lent-account-goes", True, "getent does not know it any more")


def _patiently(ask: Callable[[], str]) -> str:
    deadline_s = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return ask()
        except CommandFailed:
            if time.monotonic() > deadline_s:
                raise
        time.sleep(_LOOK_S)


def _told(stage: Stage, found: Mapping[str, str]) -> None:
    """``waagent status`` and ``waagent analyze``."""
    text, _, code = found["status-json"].rpartition("exit ")
    said = json.loads(text)
    well = code == "0" and said["running"] and said["provisioned"] and not said["problems"]
    stage.check("status-well", well, f"exit {code}, {said['problems']}")
    listed = f"extension     {HANDLER}" in found["status"]
    stage.check("status-lists-the-extension", listed, found["status"])
    table, _, code = found["analyze"].rpartition("exit ")
    last = table.splitlines()[-1:]
    stage.check("analyze", code == "0" and last[0].startswith("all "), last)


def _foreign(listed: str) -> list[str]:
    """Units of jobs: the others are ours for good."""
    names = [line.split()[0] for line in listed.splitlines() if line.strip()]
    return [name for name in names if name != "waagent-provision.service"]
