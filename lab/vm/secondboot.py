# SPDX-License-Identifier: Apache-2.0
"""The same disk once more: nothing may change, and the machine is reached as before."""

from __future__ import annotations

import contextlib
import json
import time

from osdrivers.errors import AgentError, OperationError

from .stage import Stage

_LIMIT_S = 600.0
_EVERY_BOOT = {"resource-disk", "swap", "claim"}
_UNITS_LIMIT_S = 400.0
# What any boot of Debian writes; the journal, which is compared line by line; and what the daemon
# writes down at each start.
_PASSED_OVER = ("/etc/resolv.conf", "/var/lib/waagent/journal.jsonl")
_SNAPSHOT = (
    "find /etc /home /root /var/lib/waagent -xdev ! -type d"
    " -printf '%p %y %m %U:%G %s %T@ %l\\n' | sort"
)


def boot_again(stage: Stage) -> None:
    """Restart from inside, log in with the remembered host key, compare."""
    before = _questions(stage)
    told = len(stage.platform.health)
    _restart(stage)
    stage.report.figure(stage.name, "second_login_s", stage.since_start(time.time()))
    stage.check("second-boot-login", True, "with the key, and the host key is the same")
    # Asked before the comparison: it waits until every unit has done its work.
    with contextlib.suppress(AgentError):
        stage.guest.by_key("systemctl", "is-system-running", "--wait", limit_s=_UNITS_LIMIT_S)
    after = _questions(stage)
    changed = sorted(set(_files(before)) ^ set(_files(after)))
    stage.check("second-boot-unchanged", not changed, changed or f"{len(_files(after))} files")
    new = after["actions"].splitlines()[len(before["actions"].splitlines()) :]
    tasks = {str(json.loads(line).get("task")) for line in new}
    stage.check("second-boot-actions", tasks <= _EVERY_BOOT, sorted(tasks) or "none")
    later = [f"{one.state} {one.substatus}" for one in stage.platform.health[told:]]
    stage.check("second-boot-not-unready", "NotReady" not in " ".join(later), later or "no report")
    stage.check("second-boot-units", not after["units"], after["units"] or "no unit failed")


def _restart(stage: Stage) -> None:
    first = stage.guest.boot_id()
    stage.mark_restart()
    with contextlib.suppress(AgentError):  # the connection may end before the answer
        stage.guest.as_root("systemctl reboot")
    deadline_s = time.monotonic() + _LIMIT_S
    while time.monotonic() < deadline_s:
        stage.guest.wait_login(stage.look, deadline_s - time.monotonic())
        with contextlib.suppress(AgentError):  # the old system is on its way down
            if stage.guest.boot_id() != first:
                return
        time.sleep(1.0)
    raise OperationError(f"the machine did not boot again within {_LIMIT_S:g} s")


def _questions(stage: Stage) -> dict[str, str]:
    return stage.guest.sections(
        {
            "files": _SNAPSHOT,
            "actions": "cat /var/lib/waagent/journal.jsonl",
            "units": "systemctl list-units --failed --no-legend --plain",
        }
    )


def _files(found: dict[str, str]) -> list[str]:
    lines = found["files"].splitlines()
    return [line for line in lines if not line.startswith(_PASSED_OVER)]
