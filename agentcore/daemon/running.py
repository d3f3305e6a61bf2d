# SPDX-License-Identifier: Apache-2.0
"""The daemon from its start to its end.

Order of a boot: what provisions (``waagent provision``) is a unit of its own under systemd;
elsewhere the daemon starts it first, as a child that ends.  Then the lock, the driver, and the
loop.  Nothing here is awaited from the platform: that is the first task's work.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Callable

from agentcore.configuration import Configuration
from agentcore.errors import UsageError
from agentcore.log import Log, journal_stream
from agentcore.version import VERSION
from osdrivers import loader
from osdrivers.api import Driver
from osdrivers.errors import Busy, CommandFailed
from osdrivers.host import Host
from osdrivers.identity import Identity

from .applying import Applier, journalled
from .driver_child import Chosen, chosen
from .extensions import extension_task
from .frame import Frame
from .goalstates import GoalStates
from .keeping import StoreKeeper
from .monitors import monitors
from .notify import Notifier, started
from .probe import ProbeResponder
from .reporting import Reports, StateFile
from .scheduler import LONGEST_S, Scheduler
from .stopping import Stop, Stopped
from .troubles import Troubles
from .waiting import Selection

PROVISION_LIMIT_S = 1800.0
BUSY_STATUS = Busy.exit_status


@dataclass(frozen=True)
class Wanted:
    """What the command line says.

    :param endpoint: the wire server's URL, instead of discovery.  :param plugin: the host
        plugin's.  :param configuration: the main file, when it is not the usual one.
    :param provisioned: do not provision first, whatever the init system.
    """

    endpoint: str = ""
    plugin: str = ""
    configuration: str = ""
    provisioned: bool = False


def run(
    host: Host, found: Configuration, wanted: Wanted, ready: Callable[[], None] = lambda: None
) -> None:
    """Be the daemon until a signal asks to stop.

    :param ready: called once everything is set up.
    :raises Busy: another agent is at work.  :raises AgentError: there is no driver.
    """
    notifier = started()
    stop = Stop()
    selection = Selection(stop)
    log = _log(host, found)
    with contextlib.ExitStack() as closing:
        for each in (stop.close, selection.close, notifier.close):
            closing.callback(each)
        closing.enter_context(stop.signals())
        with contextlib.suppress(Stopped), stop.task():
            log("INFO", f"agentcore {VERSION}, Python {sys.version.split()[0]}, starts")
            notifier.status("starting")
            if not wanted.provisioned:
                _provision(host, wanted, log)
            closing.enter_context(host.claim(found.settings.agent.pid_file))
            _prepare(host, found, log)
            frame = _frame(host, found, wanted, selection, stop, notifier, log)
            closing.enter_context(_at_work(frame))
        if not stop.requested:
            notifier.send(READY="1", STATUS="follows the platform")
            ready()
            frame.scheduler.run()
        notifier.send(STOPPING="1", STATUS="stops")
        log("INFO", "stops, as it was asked to")


def _log(host: Host, found: Configuration) -> Callable[[str, str], None]:
    agent, journal = found.settings.agent, journal_stream()
    written = Log(
        host,
        time.time,
        lambda text: print(f"waagent: {text}", file=sys.stderr),
        verbose=agent.verbose,
        as_json=found.settings.daemon.log_format == "json",
        journal=journal,
    )
    if journal is not None or not sys.stderr.isatty():
        return written

    def both(level: str, text: str) -> None:
        written(level, text)
        print(f"{level.lower():8} {' '.join(text.split())}", file=sys.stderr, flush=True)

    return both


def _provision(host: Host, wanted: Wanted, log: Callable[[str, str], None]) -> None:
    """Where no unit does it: first boot, or what belongs to every boot, in a child that ends."""
    if host.is_directory("/run/systemd/system"):
        return
    conf = (f"--conf={wanted.configuration}",) if wanted.configuration else ()
    given = (f"--endpoint={wanted.endpoint}",) if wanted.endpoint else ()
    command = (sys.executable, "-I", "-m", "agentcore", "provision", *conf, *given)
    try:
        host.run(*command, timeout_s=PROVISION_LIMIT_S)
    except CommandFailed as failure:
        if failure.status == BUSY_STATUS:
            raise Busy("another agent is at work here", hint="wait for it to end") from failure
        log("WARNING", f"provisioning: {failure}")  # its own log says what; we go on


def _prepare(host: Host, found: Configuration, log: Callable[[str, str], None]) -> None:
    state = host.places.state
    if not host.is_directory(state):
        host.make_directory(state, mode=0o700)
    if host.exists(f"{state}/disable_agent"):
        raise UsageError(
            f"the agent is switched off by {state}/disable_agent", hint="remove it, then start"
        )
    if found.settings.system.enable_fips:
        os.environ["OPENSSL_FIPS"] = "1"
    for note in found.notes:
        log("WARNING", str(note))


def _frame(
    host: Host,
    found: Configuration,
    wanted: Wanted,
    selection: Selection,
    stop: Stop,
    notifier: Notifier,
    log: Callable[[str, str], None],
) -> Frame:
    system = chosen(host, found.settings.system.driver or "")
    for doubt in system.doubts:
        log("WARNING", doubt)
    log("INFO", f"driver {system.name}: {system.reason}")
    troubles = Troubles(log, time.time)
    scheduler = Scheduler(
        selection,
        stop,
        troubles,
        quiet=float(found.settings.daemon.quiet),
        idle=lambda: notifier.alive(selection.monotonic()),
        longest_s=notifier.watchdog_s / 4 or LONGEST_S,
    )
    return Frame(
        driver=_driver(host, system),
        chosen=system,
        configuration=found,
        selection=selection,
        stop=stop,
        scheduler=scheduler,
        troubles=troubles,
        log=log,
        now=time.time,
        endpoint=wanted.endpoint,
        plugin=wanted.plugin,
        configuration_file=wanted.configuration,
    )


def _driver(host: Host, system: Chosen) -> Driver:
    """The driver that the child chose, without what choosing needs."""
    known = Identity(id=system.id, version=system.version)
    return loader.load(host, known, override=system.target, known=()).driver


@contextlib.contextmanager
def _at_work(frame: Frame) -> Iterator[None]:
    """All tasks, in the order of their first step; closed at the end."""
    goals, began = GoalStates(frame), frame.now()
    as_json = frame.settings.daemon.log_format == "json"
    actions = Log(frame.host, frame.now, lambda _: None, as_json=as_json, journal=journal_stream())
    observe = journalled(frame.host, actions.observer(), frame.now)
    apply = Applier(frame.driver, frame.settings, observe, frame.stop, frame.configuration_file)
    probe = ProbeResponder(frame.selection, lambda: _probe_port(frame), lambda: "", frame.monotonic)
    frame.scheduler.add((StateFile(frame, began), goals, *monitors(frame, apply)))
    frame.scheduler.add((extension_task(frame), Reports(frame), StoreKeeper(frame), probe))
    try:
        yield
    finally:
        probe.close()
        goals.close()


def _probe_port(frame: Frame) -> int:
    update = frame.board.update
    if update is None or not frame.settings.daemon.probe:
        return 0
    return update.goal.lb_probe_port or 0
