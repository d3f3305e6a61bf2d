# SPDX-License-Identifier: Apache-2.0
"""The scenario itself."""

from __future__ import annotations

import datetime
import json
import signal

from lab.handlers import Sample
from lab.platform.machine import Machine
from lab.sandbox import guest, sandbox
from osdrivers.errors import OperationError

from .play import STATE, Follower, Play

_OPTIONS = {
    **guest.OPTIONS,
    "ResourceDisk.Format": "n",
    "ResourceDisk.EnableSwap": "n",
    "Extensions.GoalStatePeriod": "2",
    "Extensions.InitialGoalStatePeriod": "2",
    "Provisioning.MonitorHostNamePeriod": "2",
}


def live(play: Play) -> None:
    """First boot, then everything that the platform may want afterwards."""
    machine = Machine.example(hostname="life")
    with sandbox(machine, options=_OPTIONS) as made:
        follower = Follower(made, play)
        with play.scene("provisioned"):
            ended = made.agent("provision")
            if ended.status != 0:
                raise OperationError(f"waagent provision: {ended.status}: {ended.stderr[-300:]}")
        follower.start()
        try:
            _scenes(play, follower)
        finally:
            if follower.daemon is not None:
                with play.scene("stops-when-asked"):
                    status = follower.stop()
                    if status != 0:
                        raise OperationError(f"exit status {status}")


def _scenes(play: Play, run: Follower) -> None:
    with play.scene("three-extensions-with-dependencies"):
        run.want(
            (Sample("Lab.First"), {"settings": {"n": 1}, "sequence": 1, "level": 1}),
            (Sample("Lab.Second", temper="slow"), {"settings": {}, "sequence": 1, "level": 2}),
            (Sample("Lab.Third"), {"settings": {}, "sequence": 1, "level": 3}),
        )
        for name in ("Lab.First", "Lab.Second", "Lab.Third"):
            run.reported(name, status="success", sequence=1, handler_status="Ready")
        names = ("Lab.Second", "Lab.Third")
        files = " ".join(f"{STATE}/{name}-1.0.0.0/status/1.status" for name in names)
        times = run.says(f"stat -c %Y {files}").split()
        if not int(times[0]) <= int(times[1]):
            raise OperationError(f"Third was enabled before Second had succeeded: {times}")
    with play.scene("protected-settings-reach-their-extension-alone"):
        run.want(
            (Sample("Lab.Secret", temper="secretive"),
             {"settings": {}, "protected": {"password": "quite secret"}, "sequence": 1}),
        )  # fmt: skip
        entry = run.reported("Lab.Secret", status="success", sequence=1)
        digest = run.says("printf '%s' '{\"password\": \"quite secret\"}' | sha256sum").split()[0]
        if entry["message"] != digest:
            raise OperationError(f"its protected settings are {entry['message']}, not {digest}")
        if run.says("grep -rl 'quite secret' /var/lib/waagent /var/log /run 2>/dev/null || true"):
            raise OperationError("the secret lies about in the clear")
    with play.scene("new-settings"):
        run.want((Sample("Lab.First"), {"settings": {"n": 2}, "sequence": 2, "level": 1}))
        run.reported("Lab.First", status="success", sequence=2)
    with play.scene("a-failure-is-reported-and-mended"):
        run.want((Sample("Lab.Weak", temper="failing"), {"settings": {}, "sequence": 1}))
        run.reported("Lab.Weak", handler_status="NotReady")
        if run.made.agent("status").status != 1:
            raise OperationError("waagent status does not exit with 1")
        run.want((Sample("Lab.Weak", "1.1.0.0"), {"settings": {}, "sequence": 2}))
        run.reported("Lab.Weak", status="success", sequence=2, version="1.1.0.0")
    with play.scene("a-crash-in-the-middle-runs-nothing-twice"):
        run.want((Sample("Lab.Late", temper="slow"), {"settings": {}, "sequence": 1}))
        run.until(f"grep -q enable {STATE}/Lab.Late.calls 2>/dev/null")
        run.stop(signal.SIGKILL)
        run.start()
        run.reported("Lab.Late", status="success", sequence=1)
        calls = [each.split()[0] for each in run.calls("Lab.Late")]
        if calls != ["install", "enable"]:
            raise OperationError(f"called: {calls}")
    with play.scene("an-account-for-a-guest"):
        later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=2)
        expires = later.strftime("%a, %d %b %Y %H:%M:%S UTC")
        users = [{"name": "guest1", "password": "Lent-0-password", "expiration": expires}]
        run.want(users=users)
        run.until("id guest1 >/dev/null 2>&1")
        if "password" in run.says("grep -r Lent-0 /var/lib/waagent /var/log /run || true"):
            raise OperationError("its password lies about in the clear")
        run.want(users=[])
        run.until("! id guest1 >/dev/null 2>&1")
    with play.scene("disabled-and-removed"):
        run.want((Sample("Lab.Third"), {"state": "disabled", "settings": {}, "sequence": 1}))
        run.until(f"grep -q disable {STATE}/Lab.Third.calls")
        run.want((Sample("Lab.First"), {"state": "uninstall"}))
        run.until(f"! test -d {STATE}/Lab.First-1.0.0.0")
        if not any(each.startswith("uninstall") for each in run.calls("Lab.First")):
            raise OperationError("its uninstall command did not run")
    with play.scene("one-process-and-no-child"):
        state = run.says("cat /run/waagent/status.json")
        pid = json.loads(state)["pid"]
        memory = run.says(f"sed -n 's/^Pss: *//p' /proc/{pid}/smaps_rollup").strip()
        children = run.says(f"cat /proc/{pid}/task/*/children").split()
        programs = [run.says(f"cat /proc/{each}/comm || true").strip() for each in children]
        evidence = f"PSS {memory}, children {programs}"
        play.note("one-process-and-no-child", held=not children, evidence=evidence)
    with play.scene("one-that-never-ends-delays-neither-report-nor-stop"):
        run.want((Sample("Lab.Deaf", temper="deaf"), {"settings": {}, "sequence": 1}))
        run.reported("Lab.Deaf", status="transitioning")
        status = run.stop()
        if status != 0:
            raise OperationError(f"exit status {status}")
        run.start()
        run.reported("Lab.Deaf", status="transitioning")
    with play.scene("protocol-kept"):
        violations = run.ask(do="state")["violations"]
        if violations:
            raise OperationError(f"{len(violations)}: {violations[0]}")
