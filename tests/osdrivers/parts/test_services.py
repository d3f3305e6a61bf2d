# SPDX-License-Identifier: Apache-2.0
"""Services under four init systems: the same promises, and each one's own words."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Callable, Union

import pytest

from osdrivers.api import Services
from osdrivers.errors import CommandMissing, Conflict, NotFound, PostconditionFailed
from osdrivers.host import Completed, Host, Secret
from osdrivers.parts import openrc, sshd, systemd, sysv, upstart
from tests.osdrivers.parts.overlaid import done, lines, overlaid, refused

UNITS = {"ssh": ("ssh", "sshd"), "agent": ("walinuxagent.service", "waagent.service")}
UNIT = "[Unit]\nDescription=x\n[Service]\nExecStart=/x\n[Install]\nWantedBy=multi-user.target\n"
Answers = Mapping[tuple[str, ...], Union[Completed, str]]


class _Said:
    """A running machine whose tools say what a real one said, and nothing else."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    def __call__(self, argv: tuple[str, ...], stdin: Secret, timeout_s: float) -> Completed:
        found = self._answers.get(argv, Completed(1))
        return found if isinstance(found, Completed) else Completed(0, found)

    def find(self, command: str) -> str:
        return f"/usr/bin/{command}"


def _tree(root: Path, *files: str, text: str = UNIT) -> None:
    for path in files:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def _running(root: Path, answers: Answers) -> Host:
    return Host(str(root), commands=_Said(answers), offline=False)


# ---- systemd


def _systemd(root: Path, answers: Answers) -> systemd.Services:
    return systemd.Services(_running(root, answers), UNITS)


def test_the_first_unit_that_exists_is_meant(tmp_path: Path) -> None:
    _tree(tmp_path, "usr/lib/systemd/system/sshd.service")
    services = _systemd(tmp_path, {("systemctl", "is-active", "sshd.service"): "active\n"})
    assert services.active("ssh")
    assert not services.active("agent")


@pytest.mark.parametrize("path", ["lib/systemd/system/sshd@.service", "etc/init.d/x"])
def test_templates_and_scripts_are_units_too(tmp_path: Path, path: str) -> None:
    _tree(tmp_path, path)
    name = "sshd@rsa" if "@" in path else "x"
    services = _systemd(tmp_path, {("systemctl", "is-active", f"{name}.service"): "active\n"})
    assert services.active(name)


def test_a_socket_that_listens_counts_as_running(tmp_path: Path) -> None:
    """Ubuntu 22.10 and later: the service itself starts with the first connection."""
    _tree(tmp_path, "lib/systemd/system/ssh.service", "lib/systemd/system/ssh.socket")
    said = Completed(0, "inactive\nactive\n")
    services = _systemd(tmp_path, {("systemctl", "is-active", "ssh.service", "ssh.socket"): said})
    assert services.active("ssh")
    assert [*services.ensure_started("ssh")] == []


def test_a_unit_that_failed_is_started_again(tmp_path: Path) -> None:
    _tree(tmp_path, "lib/systemd/system/ssh.service")
    failed = {("systemctl", "is-active", "ssh.service"): Completed(3, "failed\n")}
    plan = _systemd(tmp_path, failed).ensure_started("ssh")
    assert [str(action) for action in plan] == [
        "run    systemctl reset-failed ssh.service",
        "run    systemctl start ssh.service",
        "verify ssh.service is active",
    ]


def test_a_start_that_claims_success_is_checked(tmp_path: Path) -> None:
    _tree(tmp_path, "lib/systemd/system/ssh.service")
    answers = {
        ("systemctl", "is-active", "ssh.service"): Completed(3, "inactive\n"),
        ("systemctl", "start", "ssh.service"): Completed(0),
    }
    services = _systemd(tmp_path, answers)
    with pytest.raises(PostconditionFailed):
        done(_running(tmp_path, answers), lambda: services.ensure_started("ssh"))


@pytest.mark.parametrize("state", ["starting", "initializing"])
def test_while_the_system_boots_nothing_is_waited_for(tmp_path: Path, state: str) -> None:
    _tree(tmp_path, "lib/systemd/system/ssh.service")
    answers: Answers = {
        ("systemctl", "is-system-running"): Completed(1, f"{state}\n"),
        ("systemctl", "--version"): "systemd 252 (252.39-1~deb12u1)\n+PAM",
    }
    (started, _) = _systemd(tmp_path, answers).ensure_started("ssh")
    assert str(started) == "run    systemctl --job-mode=ignore-dependencies start ssh.service"
    answers = {**answers, ("systemctl", "is-active", "ssh.service"): "active\n"}
    (reload,) = _systemd(tmp_path, answers).restart("ssh", reload=True)
    assert "--job-mode=ignore-dependencies try-reload-or-restart ssh.service" in str(reload)


@pytest.mark.parametrize(
    ("version", "verb"), [("219", "reload-or-try-restart"), ("252", "try-reload-or-restart")]
)
def test_the_verb_is_one_that_this_release_knows(tmp_path: Path, version: str, verb: str) -> None:
    _tree(tmp_path, "lib/systemd/system/ssh.service")
    answers = {
        ("systemctl", "--version"): f"systemd {version}\n",
        ("systemctl", "is-active", "ssh.service"): "active\n",
    }
    (reload,) = _systemd(tmp_path, answers).restart("ssh", reload=True)
    assert str(reload) == f"run    systemctl {verb} ssh.service"


def test_a_masked_unit_is_a_conflict_and_for_sshd_nothing_to_do(tmp_path: Path) -> None:
    _tree(tmp_path, "lib/systemd/system/ssh.service")
    (tmp_path / "etc/systemd/system").mkdir(parents=True)
    (tmp_path / "etc/systemd/system/ssh.service").symlink_to("/dev/null")
    host = _running(tmp_path, {})
    services = systemd.Services(host, UNITS)
    assert not services.enabled("ssh")
    for plan in (services.ensure_started, services.ensure_enabled):
        assert isinstance(refused(host, lambda plan=plan: plan("ssh")), Conflict)
    assert lines(host, lambda: sshd.Sshd(host, services).ensure_running(reload=True)) == []


@pytest.mark.parametrize(
    ("answer", "enabled"),
    [("enabled", True), ("static", True), ("alias", True), ("enabled-runtime", True),
     ("disabled", False), ("masked", False), ("linked", True), ("indirect", True)],
)  # fmt: skip
def test_the_word_of_systemctl_counts_where_it_runs(
    tmp_path: Path, answer: str, enabled: bool
) -> None:
    _tree(tmp_path, "lib/systemd/system/ssh.service")
    said = {("systemctl", "is-enabled", "ssh.service"): Completed(not enabled, f"{answer}\n")}
    assert _systemd(tmp_path, said).enabled("ssh") is enabled


def test_the_agent_does_not_wait_for_its_own_end(tmp_path: Path) -> None:
    _tree(tmp_path, "lib/systemd/system/waagent.service")
    services = _systemd(tmp_path, {("systemctl", "is-active", "waagent.service"): "active\n"})
    assert [str(action) for action in services.ensure_stopped("agent")] == [
        "run    systemctl --no-block stop waagent.service"
    ]
    assert "--no-block" in str(next(services.restart("agent")))


def test_files_tell_whether_a_unit_of_an_offline_root_is_enabled(tmp_path: Path) -> None:
    _tree(tmp_path, "usr/lib/systemd/system/ssh.service", "usr/lib/systemd/system/x.service")
    _tree(tmp_path, "usr/lib/systemd/system/plain.service", text="[Service]\nExecStart=/x\n")
    wants = tmp_path / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir(parents=True)
    (wants / "ssh.service").symlink_to("/usr/lib/systemd/system/ssh.service")
    services = systemd.Services(Host(str(tmp_path)), UNITS)
    assert services.enabled("ssh")
    assert not services.enabled("x")
    assert services.enabled("plain"), "a static unit is pulled in by others"
    assert not services.enabled("agent")
    assert not services.active("ssh")


@overlaid
def test_the_real_systemctl_enables_and_disables_on_a_tree(host: Host) -> None:
    services = systemd.Services(host, {"demo": ("demo.service",)})
    _tree(Path("/"), "etc/systemd/system/demo.service")
    offline = Host("/", offline=True)
    services = systemd.Services(offline, {"demo": ("demo.service",)})
    assert not services.enabled("demo")
    assert done(offline, lambda: services.ensure_enabled("demo"))
    assert services.enabled("demo")
    assert done(offline, lambda: services.ensure_enabled("demo")) == []
    assert done(offline, lambda: services.ensure_disabled("demo"))
    assert not services.enabled("demo")
    assert done(offline, lambda: services.ensure_disabled("demo")) == []
    subprocess.run(("systemctl", "mask", "ssh.service"), check=True, capture_output=True)
    ssh = systemd.Services(offline, UNITS)
    assert isinstance(refused(offline, lambda: ssh.ensure_enabled("ssh")), Conflict)


# ---- SysV


def _script(path: str, name: str, code: str) -> None:
    header = f"### BEGIN INIT INFO\n# Provides: {name}\n# Required-Start:\n# Required-Stop:\n"
    levels = "# Default-Start: 2 3 4 5\n# Default-Stop: 0 1 6\n### END INIT INFO\n"
    Path(path).write_text(f"#!/bin/sh\n{header}{levels}{code}")
    os.chmod(path, 0o755)


STATEFUL = """case "$1" in
start) touch /run/demo;; stop) rm -f /run/demo;; status) test -e /run/demo || exit 3;;
restart|reload) echo "$1" >>/run/demo;; *) exit 2;; esac
"""


@overlaid
def test_a_real_init_script_does_as_it_is_told(host: Host) -> None:
    services = sysv.Services(host, {"service": ("absent", "demo")})
    _script("/etc/init.d/demo", "demo", STATEFUL)
    assert not services.active("service")
    assert done(host, lambda: services.ensure_stopped("service")) == []
    assert done(host, lambda: services.restart("service")) == []
    assert done(host, lambda: services.ensure_started("service")) == [
        "run    /etc/init.d/demo start"
    ]
    assert services.active("service")
    assert done(host, lambda: services.ensure_started("service")) == []
    assert done(host, lambda: services.restart("service"))
    assert done(host, lambda: services.restart("service", reload=True))
    assert host.read("/run/demo") == "restart\nreload\n"
    assert done(host, lambda: services.ensure_stopped("service"))
    assert not services.active("service")


@overlaid
def test_the_real_update_rc_d_enables_and_disables(host: Host) -> None:
    services = sysv.Services(host, {"service": ("demo",)})
    _script("/etc/init.d/demo", "demo", STATEFUL)
    for _ in range(2):
        assert not services.enabled("service")
        assert done(host, lambda: services.ensure_enabled("service"))
        assert services.enabled("service")
        assert done(host, lambda: services.ensure_enabled("service")) == []
        assert done(host, lambda: services.ensure_disabled("service"))
        assert done(host, lambda: services.ensure_disabled("service")) == []


@pytest.mark.parametrize(
    ("tool", "expected"),
    [
        ("update-rc.d", ["update-rc.d demo defaults", "update-rc.d demo enable"]),
        ("chkconfig", ["chkconfig --add demo", "chkconfig demo on"]),
        ("insserv", ["insserv demo"]),
    ],
)
def test_the_tool_that_is_there_registers_a_script(
    tmp_path: Path, tool: str, expected: list[str]
) -> None:
    _tree(tmp_path, "etc/rc.d/init.d/demo", f"usr/sbin/{tool}")
    (tmp_path / "usr/sbin" / tool).chmod(0o755)
    host = Host(str(tmp_path))
    services = sysv.Services(host)
    assert lines(host, lambda: services.ensure_enabled("demo")) == [f"run    {x}" for x in expected]
    (tmp_path / "etc/rc.d/rc3.d").mkdir(parents=True)
    (tmp_path / "etc/rc.d/rc3.d/S50demo").write_text("")
    assert lines(host, lambda: services.ensure_enabled("demo")) == []
    (tmp_path / "usr/sbin" / tool).unlink()
    (tmp_path / "etc/rc.d/rc3.d/S50demo").unlink()
    assert isinstance(refused(host, lambda: services.ensure_enabled("demo")), CommandMissing)


# ---- upstart


def test_an_upstart_job_is_enabled_unless_it_is_manual(tmp_path: Path) -> None:
    _tree(tmp_path, "etc/init/ssh.conf", text="start on runlevel [2345]\n")
    host = _running(tmp_path, {("initctl", "status", "ssh"): "ssh start/running, process 7\n"})
    services = upstart.Services(host, UNITS)
    assert services.active("ssh")
    assert services.enabled("ssh")
    assert done(host, lambda: services.ensure_disabled("ssh"))
    assert (tmp_path / "etc/init/ssh.override").read_text() == "manual\n"
    assert not services.enabled("ssh")
    assert done(host, lambda: services.ensure_disabled("ssh")) == []
    (tmp_path / "etc/init/ssh.override").write_text("nice 5\nmanual\n")
    assert done(host, lambda: services.ensure_enabled("ssh"))
    assert (tmp_path / "etc/init/ssh.override").read_text() == "nice 5\n"
    (tmp_path / "etc/init/ssh.override").write_text("manual\n")
    assert done(host, lambda: services.ensure_enabled("ssh"))
    assert not (tmp_path / "etc/init/ssh.override").exists()
    assert lines(host, lambda: services.restart("ssh", reload=True)) == [
        "run    initctl reload ssh"
    ]
    assert lines(host, lambda: services.ensure_started("ssh")) == []


def test_without_a_job_the_script_serves(tmp_path: Path) -> None:
    _tree(tmp_path, "etc/init.d/ssh")
    host = _running(tmp_path, {})
    services = upstart.Services(host, UNITS)
    assert lines(host, lambda: services.ensure_started("ssh")) == ["run    /etc/init.d/ssh start"]


# ---- OpenRC


def test_openrc_is_asked_by_name(tmp_path: Path) -> None:
    _tree(tmp_path, "etc/init.d/sshd")
    host = _running(tmp_path, {("rc-service", "sshd", "status"): Completed(32)})
    services = openrc.Services(host, UNITS)
    assert lines(host, lambda: services.ensure_started("ssh")) == ["run    rc-service sshd start"]
    assert lines(host, lambda: services.ensure_enabled("ssh")) == [
        "run    rc-update add sshd default"
    ]
    (tmp_path / "etc/runlevels/default").mkdir(parents=True)
    (tmp_path / "etc/runlevels/default/sshd").symlink_to("/etc/init.d/sshd")
    assert lines(host, lambda: services.ensure_enabled("ssh")) == []
    assert lines(host, lambda: services.ensure_disabled("ssh"))
    host = _running(tmp_path, {("rc-service", "sshd", "status"): Completed(0)})
    assert openrc.Services(host, UNITS).active("ssh")


# ---- all of them

ALL: list[Callable[[Host], Services]] = [
    systemd.Services, sysv.Services, upstart.Services, openrc.Services,
]  # fmt: skip


@pytest.mark.parametrize("kind", ALL)
def test_a_service_that_does_not_exist_is_not_found(
    tmp_path: Path, kind: Callable[[Host], Services]
) -> None:
    host = Host(str(tmp_path))
    services = kind(host)
    assert not services.active("ssh")
    assert not services.enabled("ssh")
    for plan in (services.ensure_started, services.ensure_enabled, services.restart):
        assert isinstance(refused(host, lambda plan=plan: plan("ssh")), NotFound)
    for plan in (services.ensure_stopped, services.ensure_disabled):
        assert lines(host, lambda plan=plan: plan("ssh")) == []


@pytest.mark.parametrize("kind", ALL)
def test_an_almost_empty_tree_has_a_sensible_plan(
    tmp_path: Path, kind: Callable[[Host], Services]
) -> None:
    host = Host(str(tmp_path), assume_tools=True)
    services = kind(host)
    assert "ssh" in lines(host, lambda: services.ensure_started("ssh"))[0]
    if kind is not upstart.Services:  # a job is enabled unless a file says otherwise
        assert "ssh" in lines(host, lambda: services.ensure_enabled("ssh"))[0]
