# SPDX-License-Identifier: Apache-2.0
"""The daemon's task that looks after extensions, and what is reported of them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Callable, Optional

from agentcore.azure.desired import FAST_TRACK, Desired
from agentcore.azure.goalstate import GoalState
from agentcore.azure.http import Endpoint
from agentcore.azure.status import TRANSITIONING, GoalStateStatus, HandlerStatus
from agentcore.extensions import configured
from agentcore.extensions.machine import Machine
from agentcore.extensions.starting import Surroundings
from agentcore.settings import Settings
from osdrivers.host import Host

#: Small things that one step of the task does at most, so that others come to theirs.
AT_ONCE = 20
#: Between looks at extensions that have not come to an end yet.
LOOK_S = 3.0


class ExtensionTask:
    """Follows the goal state that holds.

    :param wanted: the goal state and where it came from; None before the first.
    :param services: the wire server and the host's plugin, as far as they are known.
    :param changed: called when there is something new to report.
    :param proxies: URL for each scheme, for storage.  :param environment: the agent's own.
    :param now: the scheduler's clock.  :param wall: seconds since 1970-01-01 (UTC).
    """

    name = "extensions"

    def __init__(
        self, host: Host, settings: Settings, *,
        wanted: Callable[[], Optional[tuple[Desired, GoalState]]],
        services: Callable[[], tuple[Optional[Endpoint], Optional[Endpoint]]],
        changed: Callable[[], object],
        log: Callable[[str], object],
        now: Callable[[], float],
        wall: Callable[[], float],
        proxies: Mapping[str, str],
        environment: Mapping[str, str],
    ) -> None:  # fmt: skip
        self._host, self._settings = host, settings
        self._wanted, self._services, self._changed = wanted, services, changed
        self._proxies, self._environment, self._now = proxies, environment, now
        self._done: object = None
        self._entries: tuple[HandlerStatus, ...] = ()
        self._looked_s, self._unsettled = 0.0, False
        self.machine = Machine(
            host,
            configured.layout(settings),
            now_text=lambda: stamp(wall()),
            wall=wall,
            log=log,
            may_begin=configured.may_begin(host, settings, now),
        )

    def step(self, now_s: float) -> float:
        """Some small things; none of them waits."""
        found = self._wanted()
        if found is not None:
            self._take(*found)
        pause_s = self.machine.step(now_s)
        for _ in range(AT_ONCE):
            if pause_s:
                break
            pause_s = self.machine.step(now_s)
        self._tell(now_s)
        return min(pause_s, LOOK_S) if self._unsettled else pause_s

    def report(self) -> tuple[tuple[HandlerStatus, ...], Optional[GoalStateStatus]]:
        """Of each set of settings, and of the goal state as a whole."""
        return self.machine.report(self._now()), self.machine.goal_status()

    def _take(self, desired: Desired, goal: GoalState) -> None:
        self.machine.know(
            self._surroundings(desired, goal), configured.allowed(self._host, self._settings)
        )
        self.machine.want(desired)

    def _surroundings(self, desired: Desired, goal: GoalState) -> Surroundings:
        wire, plugin = self._services()
        about = None
        if plugin is not None:
            about = {
                "host": plugin.host,
                "port": plugin.port,
                "container_id": goal.container_id,
                "config_name": goal.config_name,
            }
        return configured.surroundings(
            self._settings,
            endpoint=wire.host if wire is not None else "",
            host_plugin=about,
            proxies=self._proxies,
            environment=self._environment,
            from_blob=desired.source == FAST_TRACK,
        )

    def _tell(self, now_s: float) -> None:
        """Extensions change their status when they like: look at all, but not at each step."""
        here = self.machine.progress
        done = (here.goal, here.handled, here.handlers, here.instead)
        if done == self._done and now_s - self._looked_s < LOOK_S:
            return
        entries, _ = self.report()
        self._unsettled = any(
            one.extension is not None and one.extension.status == TRANSITIONING for one in entries
        )
        if (done, entries) != (self._done, self._entries):
            self._changed()
        self._done, self._entries, self._looked_s = done, entries, now_s


def stamp(wall_s: float) -> str:
    """Like ``2030-01-01T00:00:00Z``."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(wall_s))
