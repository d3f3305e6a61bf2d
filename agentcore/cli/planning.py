# SPDX-License-Identifier: Apache-2.0
"""``waagent plan`` and ``waagent provision``."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any, Optional

from agentcore.azure import ovf
from agentcore.azure.retry import SystemClock
from agentcore.configuration import Configuration
from agentcore.errors import UsageError
from agentcore.log import Log
from agentcore.provisioning.goal import goal_of
from agentcore.provisioning.instance import instance_id
from agentcore.provisioning.progress import Progress, decisive
from agentcore.provisioning.tasks import FirstBoot, Materials
from osdrivers import loader, trace
from osdrivers.errors import AgentError, NotPermitted, first_line
from osdrivers.executor import Outcome, carry_out
from osdrivers.host import Host

from .arguments import configured, machine, parse, parser, read_file


def run(name: str, words: Sequence[str]) -> int:
    """Dispatch ``plan`` and ``provision``."""
    about = {
        "plan": "Show every action of a provisioning and change nothing.",
        "provision": "Provision this machine, or the tree below --root.",
    }
    made = parser(name, about[name])
    made.add_argument("--ovf", metavar="FILE", help="the document, instead of the machine's disc")
    if name == "plan":
        return _plan(parse(made, words))
    made.add_argument("--endpoint", metavar="URL", help="the wire server, instead of discovery")
    return _provision(parse(made, words))


def _plan(options: argparse.Namespace) -> int:
    if not options.ovf:
        raise UsageError("waagent plan", hint="--ovf FILE is needed")
    host, found = configured(machine(options, shown=True), options)
    data = read_file(options.ovf)
    goal = goal_of(ovf.parse(data), found.settings)
    for warning in (*map(str, found.notes), *goal.warnings):
        print(f"waagent: warning: {warning}", file=sys.stderr)
    loaded = loader.load(host, override=found.settings.system.driver or "")
    materials = Materials(ovf.scrub(data), instance_id(loaded.driver))
    boot = FirstBoot(loaded.driver, goal, found.settings, materials)
    show = trace.json_to(print) if options.json else trace.lines_to(print)
    tasks = (*boot.tasks(), *boot.every_boot())
    outcomes = carry_out(tasks, loaded.driver.host, show, dry_run=True)
    for outcome in outcomes:
        if outcome.error is not None:
            print(f"waagent: {outcome.task}: {first_line(outcome.error)}", file=sys.stderr)
    failure = decisive(outcomes)
    return failure.exit_status if failure is not None else 0


def _provision(options: argparse.Namespace) -> int:
    started = time.monotonic()
    host, found = configured(machine(options), options)
    if not host.offline and os.geteuid() != 0:
        denied = PermissionError(1, "provisioning needs root")
        raise NotPermitted("waagent provision", denied, hint="run it as root, or plan")
    if options.root != "/" and not options.ovf:
        raise UsageError("waagent provision --root", hint="an offline root needs --ovf FILE")
    with host.claim(found.settings.agent.pid_file), _stoppable():
        run = _run(host, found, options)
        failure = _carry(run, options)
    _summary(run, options, time.monotonic() - started)
    if failure is not None:
        print(f"waagent: {first_line(failure)}", file=sys.stderr)
    return failure.exit_status if failure is not None else 0


def _run(host: Host, found: Configuration, options: argparse.Namespace) -> Progress:
    """The machine, its driver, and everybody who wants to know what happens."""
    loaded = loader.load(host, override=found.settings.system.driver or "")
    driver = loaded.driver
    log = Log(driver.host, time.time, lambda text: print(f"waagent: {text}", file=sys.stderr))
    shown = trace.json_to(_line) if options.json else trace.lines_to(_line)
    observers = [shown, log.observer()]
    if not driver.host.offline:
        observers.append(trace.Journal(driver.host, time.time))

    def say(text: str) -> None:
        log("WARNING" if text.startswith("warning: ") else "INFO", text)
        print(f"waagent: {text}", file=sys.stderr, flush=True)

    clock = SystemClock()
    link = None
    if options.endpoint or not options.ovf:
        from agentcore.provisioning.link import Link

        link = Link(driver, found.settings, clock, options.endpoint or "")
    run = Progress(driver, found.settings, clock, trace.both(*observers), say, link)
    say(f"driver {driver.name}: {loaded.choice.reason}")
    for each in loaded.choice.rejected:
        run.warn(f"driver {each.entry} was passed over: {each.why}")
    for note in found.notes:
        run.warn(str(note))
    return run


def _carry(run: Progress, options: argparse.Namespace) -> Optional[AgentError]:
    from agentcore.provisioning.session import Session

    session = Session(run)
    try:
        if options.ovf:
            session.from_document(read_file(options.ovf))
        else:
            session.at_boot()
    except AgentError as failure:
        return failure
    finally:
        if run.link is not None:
            run.link.close()
    return decisive(run.stages)


@contextlib.contextmanager
def _stoppable() -> Iterator[None]:
    """SIGTERM ends every wait: a handler that raises ends a blocking call (PEP 475)."""

    def stop(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _line(text: str) -> None:
    print(text, flush=True)


def _summary(run: Progress, options: argparse.Namespace, seconds: float) -> None:
    """The timeline; with --json its own kind of line on standard error."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    described: dict[str, Any] = {
        "driver": run.driver.name,
        "seconds": round(seconds, 3),
        "own_cpu_s": round(own.ru_utime + own.ru_stime, 3),
        "tasks": [_described(outcome) for outcome in run.stages],
        "warnings": run.warnings,
    }
    if options.json:
        print(json.dumps({"summary": described}), file=sys.stderr)
        return
    changes = sum(outcome.changes for outcome in run.stages)
    print(
        f"waagent: {changes} changes in {seconds:.2f} s, "
        f"own CPU time {described['own_cpu_s']:.2f} s",
        file=sys.stderr,
    )


def _described(outcome: Outcome) -> dict[str, Any]:
    error = {"error": first_line(outcome.error)} if outcome.error is not None else {}
    return {
        "task": outcome.task,
        "changes": outcome.changes,
        "seconds": round(outcome.seconds, 4),
        **error,
    }
