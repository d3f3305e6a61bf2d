# SPDX-License-Identifier: Apache-2.0
"""``waagent daemon``, ``waagent start`` and ``waagent apply``."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from typing import Callable

from agentcore.errors import UsageError
from osdrivers.errors import AgentError, NotPermitted, OperationError
from osdrivers.host import Host, Secret

from .arguments import configured, machine, parse, parser

_ABOUT = {
    "daemon": "Follow the platform's goal states, in the foreground, until SIGTERM.",
    "start": "The same in the background; returns when it is set up.",
    "apply": "Carry out one plan of the daemon: what it changes on the machine.",
}


def run(name: str, words: Sequence[str]) -> int:
    """Dispatch the three."""
    made = parser(name, _ABOUT.get(name, _ABOUT["daemon"]))
    if name == "apply":
        made.add_argument("words", nargs="+", metavar="WORD", help="what to do, with arguments")
        return _apply(parse(made, words))
    made.add_argument("--endpoint", metavar="URL", default="", help="the wire server's")
    made.add_argument("--plugin", metavar="URL", default="", help="the host plugin's")
    made.add_argument(
        "--provisioned", action="store_true", help="do not provision first where no unit does"
    )
    options = parse(made, words)
    _needs_root(name, machine(options))
    return _start(options) if name == "start" else _daemon(options, lambda: None)


def _needs_root(name: str, host: Host) -> None:
    if host.offline:
        raise UsageError(f"waagent {name} --root", hint="only a running machine has a daemon")
    if os.geteuid() != 0:
        denied = PermissionError(1, f"waagent {name} needs root")
        raise NotPermitted(f"waagent {name}", denied, hint="run it as root")


def _daemon(options: argparse.Namespace, ready: Callable[[], None]) -> int:
    from agentcore.daemon import running

    host, found = configured(machine(options), options)
    wanted = running.Wanted(
        options.endpoint, options.plugin, options.conf or "", options.provisioned
    )
    running.run(host, found, wanted, ready)
    return 0


def _apply(options: argparse.Namespace) -> int:
    from agentcore.daemon.applying import carry, journalled
    from agentcore.log import Log
    from osdrivers import loader

    host, found = configured(machine(options), options)
    _needs_root("apply", host)
    loaded = loader.load(host, override=found.settings.system.driver or "")
    given = sys.stdin.buffer.read() if options.words[0] == "accounts" else b""
    as_json = found.settings.daemon.log_format == "json"
    log = Log(
        loaded.driver.host,
        time.time,
        lambda text: print(text, file=sys.stderr),
        as_json=as_json,
    )
    observe = journalled(loaded.driver.host, log.observer(), time.time)
    carry(loaded.driver, found.settings, options.words, Secret(given), observe)
    return 0


def _start(options: argparse.Namespace) -> int:
    """Stays until the daemon is set up, or says why it is not."""
    from osdrivers.host.background import Tell, in_background

    def work(tell: Tell) -> int:
        try:
            return _daemon(options, lambda: tell(""))
        except AgentError as failure:
            tell(str(failure))
            return failure.exit_status

    told = in_background(work)
    if told:
        raise OperationError(f"the daemon did not start: {told}", hint="see the agent's log")
    return 0
