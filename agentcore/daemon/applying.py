# SPDX-License-Identifier: Apache-2.0
"""How the daemon changes the machine: by ``waagent apply`` in a transient unit, or by itself.

Under systemd the daemon is closed in a sandbox, so its plans run in a unit of their own, which
also ends by itself when the daemon is stopped meanwhile.  Elsewhere there is no sandbox.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Callable, Optional

from agentcore.settings import Settings
from osdrivers import trace
from osdrivers.api import Driver
from osdrivers.errors import AgentError, CommandFailed, OperationError
from osdrivers.executor import Observer, Task, carry_out
from osdrivers.host import Host, Secret

from . import accounts, work
from .stopping import Stop

TIMEOUT_S = 120.0
#: systemd-run(1) has --wait since 232, --pipe since 235 and --collect since 236.
SYSTEMD_SINCE = 236
_RUNNING = "/run/systemd/system"


class Applier:
    """Carries out words of ``waagent apply``.

    :param observe: sees each action where this process carries it out.
    :param configuration: the main file's name, when it is not the usual one.
    """

    def __init__(
        self,
        driver: Driver,
        settings: Settings,
        observe: Observer,
        stop: Stop,
        configuration: str = "",
    ) -> None:
        self._driver, self._settings = driver, settings
        self._observe, self._stop, self._configuration = observe, stop, configuration
        self._apart: Optional[bool] = None

    def __call__(self, *words: str, stdin: Secret = Secret()) -> None:  # noqa: B008 - immutable
        """Do it and wait for it, 120 s at most.

        :raises AgentError: it failed; of several tasks the first that did.
        """
        if self.apart:
            self._unit(words, stdin)
            return
        with self._stop.shield():
            carry(self._driver, self._settings, words, stdin, self._observe)

    @property
    def apart(self) -> bool:
        """Whether a transient unit does it."""
        if self._apart is None:
            self._apart = _can_run_units(self._driver.host)
        return self._apart

    def _unit(self, words: Sequence[str], stdin: Secret) -> None:
        options = ("--quiet", "--wait", "--pipe", "--collect", "--service-type=exec")
        named = ("--description=waagent apply " + words[0],)
        conf = (f"--conf={self._configuration}",) if self._configuration else ()
        command = (sys.executable, "-I", "-m", "agentcore", "apply", *conf, *words)
        argv = ("systemd-run", *options, *named, "--", *command)
        try:
            self._driver.host.run(*argv, stdin=stdin, timeout_s=TIMEOUT_S)
        except CommandFailed as failure:
            # The last line is the command's own: "waagent: TEXT".
            said = failure.stderr.strip().splitlines() if failure.stderr else []
            text = said[-1].removeprefix("waagent: ") if said else f"status {failure.status}"
            raise OperationError(
                f"waagent apply {words[0]}: {text}", hint="see the agent's log"
            ) from failure


def carry(
    driver: Driver, settings: Settings, words: Sequence[str], stdin: Secret, observe: Observer
) -> None:
    """Carry out one word's tasks in this process.  :raises AgentError: the first failure."""
    _first(carry_out(_tasks(driver, settings, words, stdin), driver.host, observe))


def _tasks(
    driver: Driver, settings: Settings, words: Sequence[str], stdin: Secret
) -> Iterable[Task]:
    if words and words[0] == "accounts":
        return accounts.tasks(driver, settings, accounts.unpacked(stdin))
    return work.tasks(driver, settings, words)


def _first(outcomes: Iterable[object]) -> None:
    for outcome in outcomes:
        error = getattr(outcome, "error", None)
        if isinstance(error, AgentError):
            raise error


def _can_run_units(host: Host) -> bool:
    if host.offline or not host.is_directory(_RUNNING) or not host.has("systemd-run"):
        return False
    words = host.ask("systemd-run", "--version").stdout.split()
    return len(words) > 1 and words[1].isdigit() and int(words[1]) >= SYSTEMD_SINCE


def journalled(host: Host, log: Observer, now: Callable[[], float]) -> Observer:
    """The observer of a run that changes the machine: log and journal."""
    return log if host.offline else trace.both(log, trace.Journal(host, now))
