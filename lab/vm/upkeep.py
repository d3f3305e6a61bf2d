# SPDX-License-Identifier: Apache-2.0
"""A machine in use: what happens to its extensions while its agent is changed, killed, removed."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from lab.handlers import Sample
from lab.platform import commands

from . import managed
from .bench import Bench
from .package import NAME, Package, deb
from .runner import SOURCE, cache
from .stage import Medium, Stage, set_up

_LIMIT_S = 700.0
_NEXT = "3.999.0.0"
_FETCHED = "/root/next.deb"
_PID = f"tail -n 1 /var/lib/waagent/{managed.HANDLER}.calls.pids"
_ALIVE = f"kill -0 $({_PID}) && echo lives || echo gone"
_CALLS = {"calls": f"cat /var/lib/waagent/{managed.HANDLER}.calls"}
_APT = "DEBIAN_FRONTEND=noninteractive apt-get -qq -y -oDpkg::Use-Pty=0"
_WATCHDOG = """\
drop_in=/run/systemd/system/waagent.service.d/lab.conf
mkdir -p ${drop_in%/*}
printf '[Service]\\nWatchdogSec=20\\nRestartSec=1\\n' >$drop_in
systemctl daemon-reload
systemctl restart waagent
main=$(systemctl show -P MainPID waagent)
kill -STOP $main
timeout 300 sh -c 'until [ "$(systemctl show -P NRestarts waagent)" != 0 ]; do sleep 1; done'
timeout 300 sh -c 'until systemctl is-active waagent; do sleep 1; done'
rm $drop_in
systemctl daemon-reload
journalctl -b -o cat --no-pager -u waagent | grep 'Watchdog timeout'
"""


def upkeep(bench: Bench) -> None:
    """An extension's command goes on while the daemon is upgraded, hangs and is removed."""
    name = "upkeep"
    with (
        bench.report.trial(name, "ran to the end"),
        set_up(name, bench, NAME, media=(Medium(),), stock_disk=True) as stage,
    ):
        stage.switch_on()
        stage.wait_final_report()
        managed.renamed(stage)
        managed.lent(stage)
        managed.push(stage, Sample(managed.HANDLER, temper="deaf"), settings={}, sequence=0)
        managed.wait_status(stage, handler=managed.HANDLER, status="transitioning")
        _upgraded(stage)
        _watched(stage)
        _removed(stage)
        _purged(stage)


def _upgraded(stage: Stage) -> None:
    url = _offer(stage)
    fetch = f"import urllib.request as r; r.urlretrieve({url!r}, {_FETCHED!r})"
    found = stage.guest.sections(
        {
            "before": "systemctl show -P MainPID waagent",
            "upgrade": f'python3 -c "{fetch}" && {_APT} install {_FETCHED}; echo "exit $?"',
            "after": "systemctl show -P MainPID waagent; systemctl is-active waagent",
            "version": f"dpkg-query -W -f '${{Version}}' {NAME}",
            "command": _ALIVE,
            **_CALLS,
        },
        limit_s=_LIMIT_S,
    )
    stage.check("upgraded", found["version"] == _NEXT, found["upgrade"])
    after = found["after"].split()
    fresh = after[1:] == ["active"] and after[0] != found["before"]
    stage.check("upgrade-restarts-the-daemon", fresh, f"{found['before']}, then {after}")
    _goes_on(stage, "upgrade", found)


def _watched(stage: Stage) -> None:
    """A daemon that hangs is replaced; the extension's command does not notice."""
    found = stage.guest.sections({"watchdog": _WATCHDOG, "command": _ALIVE, **_CALLS},
                                 limit_s=_LIMIT_S)  # fmt: skip
    stage.check("watchdog", "Watchdog timeout" in found["watchdog"], found["watchdog"])
    _goes_on(stage, "watchdog", found)


def _goes_on(stage: Stage, name: str, found: Mapping[str, str]) -> None:
    calls = [line.split()[0] for line in found["calls"].splitlines()]
    good = found["command"] == "lives" and calls == ["install", "enable"]
    stage.check(f"{name}-leaves-the-command-alone", good, f"it {found['command']}: {calls}")


def _removed(stage: Stage) -> None:
    """Without the package nothing of the agent runs; with it again the state is known."""
    found = stage.guest.sections(
        {
            "remove": f'{_APT} remove {NAME}; echo "exit $?"',
            "units": "systemctl list-units --all --no-legend --plain 'waagent*.service'"
            f" | grep -v {managed.HANDLER}",
            "state": "ls /var/lib/waagent; ls /etc/waagent.conf",
            "command": _ALIVE,
            "again": f'{_APT} install {_FETCHED}; echo "exit $?"; systemctl is-active waagent',
            "provisioned": "systemctl is-active waagent-provision; waagent status | grep provi",
            "failed": "systemctl list-units --failed --no-legend --plain",
            **_CALLS,
        },
        limit_s=_LIMIT_S,
    )
    stage.check("removed", not found["units"], found["units"] or "no unit is left")
    kept = "provisioned" in found["state"] and "/etc/waagent.conf" in found["state"]
    stage.check("removal-keeps-the-state", kept, found["state"])
    _goes_on(stage, "removal", found)
    stage.check("installed-again", found["again"].endswith("active"), found["again"])
    stage.check("no-unit-failed", not found["failed"], found["failed"] or "none")


def _purged(stage: Stage) -> None:
    names = "find / -xdev -not -path '/proc/*' -name '*waagent*' -o -xdev -name '*agentcore*'"
    found = stage.guest.sections(
        {
            "purge": f'{_APT} purge {NAME}; echo "exit $?"',
            # The drop-in is the lab's own.
            "left": f"{names} | grep -v -e ^/var/lib/dpkg -e ^/var/cache -e ^/var/lib/apt"
            " -e ^/etc/systemd/system/waagent-provision.service.d || true",
            "login": "id -un",
        },
        limit_s=_LIMIT_S,
    )
    stage.check("purge-leaves-nothing", not found["left"], found["left"] or found["purge"])


def _offer(stage: Stage) -> str:
    """The same package with a higher version, where the guest can fetch it: its URL."""
    built = deb(Package(SOURCE, cache()).debs(), NAME)
    with tempfile.TemporaryDirectory() as place:
        tree, made = Path(place, "tree"), Path(place, "next.deb")
        commands.run(("dpkg-deb", "--raw-extract", str(built), str(tree)))
        control = tree / "DEBIAN/control"
        lines = control.read_text().splitlines()
        lines = [f"Version: {_NEXT}" if line.startswith("Version:") else line for line in lines]
        control.write_text("\n".join(lines) + "\n")
        commands.run(("dpkg-deb", "--root-owner-group", "-Znone", "-b", str(tree), str(made)))
        stage.platform.blobs.put("/debs/next.deb", made.read_bytes())
    host, port = stage.platform.blobs_address
    return f"http://{host}:{port}/debs/next.deb"
