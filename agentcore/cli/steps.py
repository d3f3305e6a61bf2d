# SPDX-License-Identifier: Apache-2.0
"""Words that change one thing of a machine: its serial console, firewall, service, or the agent.

Each has ``--plan``.  Exit status 0: it is so now, or was so already.
"""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Sequence
from typing import Callable

from agentcore.errors import UsageError
from osdrivers import loader, trace
from osdrivers.actions import Plan
from osdrivers.api import Driver
from osdrivers.errors import NotPermitted, Unsupported
from osdrivers.executor import Task, carry_out

from .arguments import configured, machine, parse, parser

_ABOUT = {
    "serialconsole": "Let kernel, boot loader and a login speak on the first serial port.",
    "setup-firewall": "Let only root open connections to the platform's address.",
    "register-service": "Start the agent's service, now and at boot.",
    "uninstall": "Stop the agent, start it no more at boot, and take its firewall rules away.",
}
_SERVICE = "agent"


def run(name: str, words: Sequence[str]) -> int:
    """Carry the word's plan out, or show it.

    :raises NotPermitted: the caller is not root.  :raises Unsupported: this system cannot.
    """
    made = parser(name, _ABOUT[name])
    made.add_argument("--plan", action="store_true", help="show every action; change nothing")
    if name == "uninstall":
        made.add_argument("--force", action="store_true", help="do not ask")
    if name == "setup-firewall":
        made.add_argument("address", help="of the wire server; also as setup-firewall=ADDRESS")
    options = parse(made, words)
    host, found = configured(machine(options, shown=options.plan), options)
    if not options.plan and not host.offline and os.geteuid() != 0:
        denied = PermissionError(1, f"{name} needs root")
        raise NotPermitted(f"waagent {name}", denied, hint="run it as root, or with --plan")
    driver = loader.load(host, override=found.settings.system.driver or "").driver
    guard = name == "setup-firewall"
    plan = _guarded(driver, options.address) if guard else _PLANS[name](driver)
    task = Task(name, plan)
    if name == "uninstall" and not (options.plan or options.force) and not _agreed(driver, task):
        print("waagent: nothing was changed", file=sys.stderr)
        return 1
    show = trace.json_to(print) if options.json else trace.lines_to(print)
    (outcome,) = carry_out((task,), driver.host, show, dry_run=options.plan)
    if outcome.error is not None:
        raise outcome.error
    if name == "uninstall" and not options.json:
        print("the agent's files are its package's: remove that with the system's own tool")
    return 0


def _console(driver: Driver) -> Callable[[], Plan]:
    if driver.boot is None:
        raise Unsupported(
            f"driver {driver.name} knows no boot loader of this system",
            hint="add console=ttyS0,115200 to the kernel's command line by hand",
        )
    return driver.boot.ensure_serial_console


def _guarded(driver: Driver, text: str) -> Callable[[], Plan]:
    firewall = driver.firewall
    if firewall is None:
        raise Unsupported(f"driver {driver.name} knows no firewall of this system")
    try:
        address = ipaddress.ip_address(text)
    except ValueError as wrong:
        raise UsageError(f"waagent setup-firewall {text}", hint="an IP address") from wrong
    return lambda: firewall.ensure_guarded((address,))


def _registered(driver: Driver) -> Callable[[], Plan]:
    def plan() -> Plan:
        yield from driver.services.ensure_enabled(_SERVICE)
        if not driver.host.offline:
            yield from driver.services.ensure_started(_SERVICE)

    return plan


def _without_agent(driver: Driver) -> Callable[[], Plan]:
    def plan() -> Plan:
        if driver.firewall is not None and not driver.host.offline:
            yield from driver.firewall.ensure_unguarded()
        if not driver.host.offline and driver.services.active(_SERVICE):
            yield from driver.services.ensure_stopped(_SERVICE)
        if driver.services.enabled(_SERVICE):
            yield from driver.services.ensure_disabled(_SERVICE)

    return plan


_PLANS: dict[str, Callable[[Driver], Callable[[], Plan]]] = {
    "serialconsole": _console,
    "register-service": _registered,
    "uninstall": _without_agent,
}


def _agreed(driver: Driver, task: Task) -> bool:
    """Every action, then the question; whoever says nothing has said no."""

    def line(text: str) -> None:
        print(text, file=sys.stderr)

    carry_out((task,), driver.host, trace.lines_to(line), dry_run=True)
    print("waagent: go on? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
