# SPDX-License-Identifier: Apache-2.0
"""``waagent deprovision``: says what it will do, asks, and does it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from agentcore.errors import UsageError
from agentcore.provisioning.deprovision import Deprovision
from osdrivers import loader, trace
from osdrivers.errors import NotPermitted, first_line
from osdrivers.executor import Observer, Outcome, carry_out

from .arguments import configured, machine, parse, parser

PARTIAL, DECLINED, INTERRUPTED = 1, 1, 130  # of a shell: 128 and SIGINT
_USER = "+user"


def run(name: str, words: Sequence[str]) -> int:
    """``deprovision [+user]``; the classic word for both is one.

    :raises NotPermitted: the caller is not root.
    """
    made = parser("deprovision", "Make a machine ready to become an image. It is not undone.")
    made.add_argument("what", nargs="*", metavar="+user", help="its account and home, too")
    made.add_argument("--plan", action="store_true", help="show every action; change nothing")
    made.add_argument("--force", action="store_true", help="do not ask, and do not mind extensions")
    options = parse(made, words)
    wrong = [word for word in options.what if word not in (_USER, "force", "plan")]
    if wrong:
        raise UsageError(f"waagent deprovision {wrong[0]}", hint=f"did you mean {_USER}?")
    options.force |= "force" in options.what
    options.plan |= "plan" in options.what
    user = name.endswith(_USER) or _USER in options.what
    return _deprovision(options, user)


def _deprovision(options: argparse.Namespace, user: bool) -> int:
    host, found = configured(machine(options, shown=options.plan), options)
    if not options.plan and not host.offline and os.geteuid() != 0:
        denied = PermissionError(1, "deprovisioning needs root")
        raise NotPermitted("waagent deprovision", denied, hint="run it as root, or with --plan")
    driver = loader.load(host, override=found.settings.system.driver or "").driver
    work = Deprovision(driver, found.settings, user)
    if not options.force:
        work.refuse()
    show = trace.json_to(print) if options.json else trace.lines_to(print)
    if options.plan:
        return _ended(carry_out(work.tasks(), driver.host, show, dry_run=True))
    if not options.force and not _agreed(work, user, options.root):
        print("waagent: nothing was changed", file=sys.stderr)
        return DECLINED
    return carried_out(work, show)


def carried_out(work: Deprovision, show: Observer) -> int:
    """The exit status; an interrupt ends it between two steps, and the next run finds the rest."""
    try:
        return _ended(carry_out(work.tasks(), work.driver.host, show))
    except KeyboardInterrupt:
        print(
            "waagent: interrupted: part of it is done, and no image can be made of this yet; "
            "the same command again does the rest",
            file=sys.stderr,
        )
        return INTERRUPTED


def _agreed(work: Deprovision, user: bool, root: str) -> bool:
    """Every action, then the question; whoever says nothing has said no.

    On standard error, so that standard output has the actions alone.
    """
    where = "this machine" if root == "/" else root

    def line(text: str) -> None:
        print(text, file=sys.stderr)

    line(f"waagent: this takes from {where} what makes it itself, and is not undone:")
    carry_out(work.tasks(), work.driver.host, trace.lines_to(line), dry_run=True)
    if user:
        line(f"waagent: account {work.account() or '(none is known)'} and its home go too")
    print("waagent: go on? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _ended(outcomes: list[Outcome]) -> int:
    status = 0
    for outcome in outcomes:
        if outcome.error is not None:
            print(f"waagent: {outcome.task}: {first_line(outcome.error)}", file=sys.stderr)
            status = PARTIAL
    return status
