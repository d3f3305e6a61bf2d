# SPDX-License-Identifier: Apache-2.0
"""A service of our own under each init system (V3): its words reach the program as they are."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Callable

import pytest
from agentcore_freebsd import rc, rc_script

from osdrivers.api import Service, Services
from osdrivers.errors import Conflict, InvalidInput
from osdrivers.host import Host
from osdrivers.parts import (
    openrc,
    openrc_script,
    systemd,
    systemd_unit,
    sysv,
    sysv_script,
    upstart,
    upstart_job,
)
from osdrivers.parts.own_service import MARK
from tests.osdrivers.parts.answering import machine, shown
from tests.osdrivers.parts.overlaid import done, lines, overlaid

AWKWARD = ("a b", "it's", '"', "$HOME", "`id`", "\\", "*", "%n", ";", "#x", "", "ü")
ENVIRONMENT = {"MODE": "50% $x 'y' \\"}
SAY = "import json, os, sys; print(json.dumps([sys.argv[1:], os.environ['MODE']]))"
SERVICE = Service("agent-guard", 'Guards "all" at 100%', ("/usr/sbin/agent", "guard"), oneshot=True)

#: Each part, the file it writes, and the tools it runs.
INITS: dict[str, tuple[Callable[[Host], Services], str, str]] = {
    "systemd": (systemd.Services, "/etc/systemd/system/agent-guard.service", "systemctl"),
    "upstart": (upstart.Services, "/etc/init/agent-guard.conf", "initctl"),
    "sysv": (sysv.Services, "/etc/init.d/agent-guard", "insserv"),
    "openrc": (openrc.Services, "/etc/init.d/agent-guard", "rc-update"),
    "rc": (
        lambda host: rc.Services(host.with_places(units="/usr/local/etc/rc.d")),
        "/usr/local/etc/rc.d/agent-guard",
        "sysrc",
    ),
}
NETWORK_JOB = {"/etc/init/networking.conf": "start on startup\n"}
each_init = pytest.mark.parametrize("init", sorted(INITS))


def _services(root: Path, init: str, files: dict[str, str] | None = None) -> Services:
    make, _, tool = INITS[init]
    return make(machine(root, {**NETWORK_JOB, **(files or {})}, {tool: ""}))


@each_init
def test_a_service_that_is_not_ours_is_refused_and_left(tmp_path: Path, init: str) -> None:
    path = INITS[init][1]
    services = _services(tmp_path, init, {path: f"#!/bin/sh\n# theirs\n{MARK}\n"})
    with pytest.raises(Conflict):
        shown(services.ensure_installed(SERVICE))
    assert shown(services.ensure_uninstalled(SERVICE.name)) == []


@each_init
def test_a_link_in_its_place_is_not_ours(tmp_path: Path, init: str) -> None:
    path = INITS[init][1]
    services = _services(tmp_path, init, {"/x": f"{MARK}\n", path: "-> /x"})
    with pytest.raises(Conflict):
        shown(services.ensure_installed(SERVICE))
    assert shown(services.ensure_uninstalled(SERVICE.name)) == []


@pytest.mark.parametrize("directory", ["/usr/lib/systemd/system", "/etc/init.d"])
def test_a_unit_of_the_vendor_is_not_hidden_by_ours(tmp_path: Path, directory: str) -> None:
    name = "agent-guard" if "init.d" in directory else "agent-guard.service"
    services = _services(tmp_path, "systemd", {f"{directory}/{name}": "[Unit]\n"})
    with pytest.raises(Conflict):
        shown(services.ensure_installed(SERVICE))


@each_init
@pytest.mark.parametrize(
    "wrong",
    [
        *({"name": name} for name in ("", "a/b", "..", "-x", "a b", "a.b", "ü", "x" * 65)),
        {"command": ()},
        {"command": ("agent",)},
        {"command": ("/x", "a\nb")},
        {"command": ("/x", "\0")},
        {"description": "a\n[Service]"},
        {"environment": {"A B": ""}},
        {"environment": {"A": "\n"}},
    ],
    ids=str,
)
def test_what_no_init_system_could_be_told_is_refused(
    tmp_path: Path, init: str, wrong: dict[str, object]
) -> None:
    services = _services(tmp_path, init)
    with pytest.raises(InvalidInput):
        shown(services.ensure_installed(replace(SERVICE, **wrong)))  # type: ignore[arg-type]
    if wrong.get("name") is not None:
        with pytest.raises(InvalidInput):
            shown(services.ensure_uninstalled(str(wrong["name"])))


@each_init
def test_only_what_is_ours_below_usr_local_is_ever_below_usr(tmp_path: Path, init: str) -> None:
    plan = shown(_services(tmp_path, init).ensure_installed(SERVICE))
    written = [line.split()[1] for line in plan if line.startswith("write")]
    assert written == [INITS[init][1]]


def test_where_upstart_runs_the_network_as_a_script_ours_is_one(tmp_path: Path) -> None:
    host = machine(tmp_path, {"/etc/rc.d/init.d/network": ""}, {"chkconfig": "", "initctl": ""})
    plan = shown(upstart.Services(host).ensure_installed(replace(SERVICE, early=True)))
    assert plan[0].startswith("write  /etc/rc.d/init.d/agent-guard 0755")
    assert "run    chkconfig --add agent-guard" in plan


# ---- their texts


def _said(script: str, *argv: str, shell: str = "/bin/sh") -> object:
    ended = subprocess.run(
        (shell, "-s", *argv), input=script, capture_output=True, text=True, check=True
    )
    return json.loads(ended.stdout)


def _telling(**more: object) -> Service:
    command = (sys.executable, "-c", SAY, *AWKWARD)
    made = Service("agent-guard", "x", command, oneshot=True, environment=ENVIRONMENT)
    return replace(made, **more)  # type: ignore[arg-type]


EXPECTED = [[*AWKWARD], ENVIRONMENT["MODE"]]


@pytest.mark.tools
@pytest.mark.parametrize("oneshot", [True, False])
def test_a_job_of_upstart_runs_the_very_words(oneshot: bool) -> None:
    text = upstart_job.text(_telling(oneshot=oneshot))
    (block,) = re.findall(r"^(?:pre-start )?script\n(.*)^end script$", text, re.M | re.S)
    assert _said(block) == EXPECTED
    assert ("respawn" in text) is not oneshot


@pytest.mark.tools
def test_a_oneshot_of_openrc_and_rc_runs_the_very_words() -> None:
    assert _said(openrc_script.text(_telling(), run="/run") + "start\n") == EXPECTED
    text = rc_script.text(_telling(), run="/var/run").replace(". /etc/rc.subr", "")
    stub = "load_rc_config() { :; }\nrun_rc_command() { $start_cmd; }\n"
    assert _said(stub + text) == EXPECTED


@pytest.mark.tools
def test_a_daemon_of_openrc_and_rc_has_its_words_after_they_are_evaluated() -> None:
    """openrc-run and rc.subr say ``eval ... $command $command_args``."""
    text = openrc_script.text(_telling(oneshot=False), run="/run")
    assert _said(text + 'eval "$command $command_args"\n') == EXPECTED
    text = rc_script.text(_telling(oneshot=False), run="/var/run").replace(". /etc/rc.subr", "")
    daemon = 'daemon() { shift 4; "$@"; }\n'
    stub = daemon + "load_rc_config() { :; }\nrun_rc_command() { eval daemon $command_args; }\n"
    assert _said(stub + text.replace("/usr/sbin/daemon", "daemon")) == EXPECTED


@pytest.mark.tools
def test_a_oneshot_script_runs_once_a_boot(tmp_path: Path) -> None:
    text = sysv_script.text(_telling(), run=str(tmp_path), boot_level=True)
    assert _said(text, "start") == EXPECTED
    for verb, status in (("start", 0), ("status", 0), ("stop", 0), ("status", 3), ("x", 2)):
        assert _status(text, verb) == status, verb


def _status(text: str, verb: str) -> int:
    return subprocess.run(
        ("/bin/sh", "-s", verb), input=text.encode(), capture_output=True
    ).returncode


@pytest.mark.tools
def test_a_daemons_script_starts_tells_and_stops_it(tmp_path: Path) -> None:
    sleeper = replace(_telling(oneshot=False), command=(shutil.which("sleep") or "", "1000"))
    text = sysv_script.text(sleeper, run=str(tmp_path), boot_level=False)
    verbs = (("status", 3), ("start", 0), ("status", 0), ("try-restart", 0), ("status", 0))
    try:
        for verb, status in verbs:
            assert _status(text, verb) == status, verb
        first = (tmp_path / "agent-guard.pid").read_text()
        assert _status(text, "start") == 0
        assert (tmp_path / "agent-guard.pid").read_text() == first
    finally:
        assert _status(text, "stop") == 0
    assert _status(text, "status") == 3
    assert not os.path.exists(f"/proc/{first.strip()}")


@pytest.mark.tools
@pytest.mark.parametrize("early", [True, False])
@pytest.mark.parametrize("oneshot", [True, False])
def test_systemd_accepts_the_unit(tmp_path: Path, early: bool, oneshot: bool) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here")
    path = tmp_path / "agent-guard.service"
    path.write_text(systemd_unit.text(_telling(early=early, oneshot=oneshot)))
    ended = subprocess.run(
        ("systemd-analyze", "verify", "--man=no", str(path)), capture_output=True, text=True
    )
    assert "agent-guard" not in ended.stderr, ended.stderr


def test_in_a_unit_nothing_is_expanded() -> None:
    text = systemd_unit.text(_telling())
    (command,) = re.findall(r"^ExecStart=(.*)$", text, re.M)
    assert command.endswith(
        r""" "a b" "it's" "\"" "$$HOME" "`id`" "\\" "*" "%%n" ";" "#x" "" "ü\""""[:-2] + '"'
    )
    assert "Environment=\"MODE=50%% $x 'y' \\\\\"\n" in text


NAMES = ["systemd", "upstart", "sysv", "openrc", "rc"]
EARLY = replace(SERVICE, early=True)
ORDER: Sequence[tuple[str, str, str]] = (
    (
        systemd_unit.text(EARLY),
        "Before=network-pre.target",
        "network-online",
    ),
    (upstart_job.text(EARLY), "starting networking", "runlevel [2345]"),
    (
        sysv_script.text(EARLY, run="/run", boot_level=True),
        "X-Start-Before:    networking",
        "$network",
    ),
    (openrc_script.text(EARLY, run="/run"), "before net", "after net"),
    (rc_script.text(EARLY, run="/run"), "BEFORE: netif", "NETWORKING"),
)


@pytest.mark.parametrize(("text", "there", "absent"), ORDER, ids=NAMES)
def test_what_is_early_comes_before_the_network(text: str, there: str, absent: str) -> None:
    assert there in text
    assert absent not in text


# ---- with the real tools


@overlaid
def test_update_rc_d_switches_it_on_before_the_network_and_off_again(host: Host) -> None:
    if not host.has("update-rc.d"):
        pytest.skip("no update-rc.d here")
    services, early = sysv.Services(host), replace(SERVICE, early=True)
    before = _links()
    done(host, lambda: services.ensure_installed(early))
    assert services.enabled(early.name)
    assert any("/rcS.d/S" in link for link in _links() - before)
    assert lines(host, lambda: services.ensure_installed(early)) == []
    done(host, lambda: services.ensure_uninstalled(early.name))
    assert _links() == before
    assert not os.path.exists("/etc/init.d/agent-guard")


def _links() -> set[str]:
    return {str(path) for path in Path("/etc").glob("rc?.d/*")}


@pytest.mark.proves("install", "uninstall", bed="root", tools=("systemctl",))
@overlaid
def test_systemctl_enables_it_in_the_administrators_tree_alone(host: Host) -> None:
    """As on an offline root: /usr is read-only, and no systemd runs."""
    subprocess.run(("mount", "--bind", "/usr", "/usr"), check=True)
    subprocess.run(("mount", "-o", "remount,bind,ro", "/usr"), check=True)
    offline = Host("/", offline=True)
    services = systemd.Services(offline)
    done(offline, lambda: services.ensure_installed(SERVICE))
    assert services.enabled(SERVICE.name)
    assert lines(offline, lambda: services.ensure_installed(SERVICE)) == []
    longer = replace(SERVICE, command=("/usr/sbin/agent", "other"))
    ran = done(offline, lambda: services.ensure_installed(longer))
    assert [line.split()[0] for line in ran] == ["write", "run"]
    assert ran[1].endswith("daemon-reload")
    done(offline, lambda: services.ensure_uninstalled(SERVICE.name))
    left = [str(path) for path in Path("/etc/systemd").rglob("agent-guard*")]
    assert left == []
