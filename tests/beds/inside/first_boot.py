# SPDX-License-Identifier: Apache-2.0
"""Runs in a booted tree: provisions it, then asks real tools, not the agent, what is so."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import Any

from osdrivers import loader
from osdrivers.actions import Plan
from osdrivers.api import Driver, Service, Services
from osdrivers.executor import Task, carry_out
from osdrivers.host import Host
from osdrivers.probes import Probes

AGENT = "import sys; from agentcore.cli import main; sys.exit(main())"
PROVE = "/root/early-service-ran"
SSH = (
    *("ssh", "-F", "none", "-i", "/lab/key", "-o", "StrictHostKeyChecking=no"),
    *("-o", "BatchMode=yes", "-o", "LogLevel=ERROR", "-o", "UserKnownHostsFile=/dev/null"),
)


def run(*argv: str) -> tuple[int, str]:
    """Status and what was said."""
    ended = subprocess.run(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return ended.returncode, ended.stdout.strip()


def provision() -> dict[str, Any]:
    ended = subprocess.run(
        (sys.executable, "-c", AGENT, "provision", "--ovf", "/lab/ovf-env.xml", "--json"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    actions = [json.loads(line) for line in ended.stdout.splitlines()]
    return {"status": ended.returncode, "actions": actions, "said": ended.stderr}


def shown(init: str, service: str) -> dict[str, bool]:
    """What the init system's own tools say of a service."""
    if init == "systemd":
        unit = f"{service}.service"
        active = run("systemctl", "is-active", unit)[0] == 0
        return {"active": active, "enabled": run("systemctl", "is-enabled", unit)[0] == 0}
    if init == "openrc":
        listed = run("rc-update", "show", "default")[1].split()
        return {
            "active": run("rc-service", service, "status")[0] == 0,
            "enabled": service in listed,
        }
    links = [name for name in os.listdir("/etc/rc2.d") if name.endswith(service)]
    active = run(f"/etc/init.d/{service}", "status")[0] == 0
    return {"active": active, "enabled": any(name.startswith("S") for name in links)}


def verbs(host: Host, services: Services, init: str, real: str) -> list[dict[str, Any]]:
    """Each verb of V1 on the SSH server, with what the driver and the tools say after it."""
    found = []
    for verb, plan in (
        ("stop", services.ensure_stopped),
        ("start", services.ensure_started),
        ("disable", services.ensure_disabled),
        ("enable", services.ensure_enabled),
        ("restart", services.restart),
    ):
        error = done(host, lambda plan=plan: plan("ssh"))  # type: ignore[misc]
        driver = {"active": services.active("ssh"), "enabled": services.enabled("ssh")}
        again = [str(each) for each in plan("ssh")] if verb != "restart" else []
        found.append(
            {"verb": verb, "error": error, "tools": shown(init, real), "driver": driver,
             "again": again}
        )  # fmt: skip
    return found


def own_service(host: Host, services: Services, init: str) -> dict[str, Any]:
    """V3: a service of ours is installed, started by the init system's own tool, and removed."""
    ours = Service("agent-try", "try", ("/bin/sh", "-c", f"id -u >{PROVE}"), oneshot=True)
    found: dict[str, Any] = {"install": done(host, lambda: services.ensure_installed(ours))}
    found["enabled"] = shown(init, "agent-try")["enabled"]
    start = {"systemd": ("systemctl", "start", "agent-try"),
             "openrc": ("rc-service", "agent-try", "start")}  # fmt: skip
    found["start"] = run(*start.get(init, ("/etc/init.d/agent-try", "start")))
    found["ran"] = os.path.exists(PROVE)
    found["again"] = [str(each) for each in services.ensure_installed(ours)]
    found["uninstall"] = done(host, lambda: services.ensure_uninstalled("agent-try"))
    found["left"] = [
        path for path in ("/etc/init.d/agent-try", "/etc/systemd/system/agent-try.service")
        if os.path.lexists(path)
    ]  # fmt: skip
    return found


def done(host: Host, plan: Any) -> str:
    """Carry one plan out; "" or what went wrong."""

    def planned() -> Plan:
        yield from plan()

    outcome = carry_out([Task("try", planned)], host, lambda *_: None)[0]
    return "" if outcome.error is None else repr(outcome.error)


def main() -> None:
    found: dict[str, Any] = {"uname": os.uname().nodename, "first": provision()}
    host = Host()
    driver: Driver = loader.load(host).driver
    init = Probes(host).init
    found["driver"], found["init"] = driver.name, init
    found["pid1"] = os.path.basename(os.readlink("/proc/1/exe"))
    become = ("sudo", "-n") if shutil.which("sudo") else ("doas", "-n")
    login = (*SSH, "azureuser@127.0.0.1", "--")
    found["login"] = run(*login, "id", "-un")
    found["root"] = run(*login, *become, "id", "-u")
    found["kernel_name"] = os.uname().nodename
    found["static_name"] = run("cat", "/etc/hostname")[1]
    if init == "systemd":
        found["hostnamectl"] = run("hostnamectl", "--static")
    found["second"] = provision()
    real = os.environ.get("SSH_SERVICE") or (
        "ssh" if any(map(os.path.exists, ("/etc/init.d/ssh",))) else "sshd"
    )
    found["verbs"] = verbs(host, driver.services, init, real)
    found["own"] = own_service(host, driver.services, init)
    with open("/lab/result.json", "w") as file:
        json.dump(found, file)


main()
