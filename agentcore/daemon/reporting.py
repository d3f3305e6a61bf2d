# SPDX-License-Identifier: Apache-2.0
"""What the platform and the administrator are told: the status report, and the state file."""

from __future__ import annotations

import dataclasses
import os
from typing import Optional

from agentcore.azure import storage
from agentcore.azure.status import HandlerStatus, Report
from agentcore.azure.statusblob import UNCHANGED_S, StatusReporter
from agentcore.standing import Contact, ExtensionStanding, GoalStanding, Problem, Standing
from osdrivers.errors import AgentError

from .frame import Board, Frame
from .troubles import Trouble

#: A report that is due again after a failure, or because something changed while it was sent.
AGAIN_S = 10.0
FEATURES: tuple[tuple[str, str], ...] = (("MultipleExtensionsPerHandler", "1.0"),)
#: The state file is written when it changes, and so often all the same: it says who is alive.
FRESH_S = 60.0


class Reports:
    """The task that sends the status report: a changed one at once, the same once a minute."""

    name = "report"

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._reporter: Optional[StatusReporter] = None
        self._of: object = None

    def step(self, now_s: float) -> float:
        """Send it if it is due."""
        frame, board = self._frame, self._frame.board
        poller, update = board.poller, board.update
        if poller is None or update is None:
            return UNCHANGED_S
        if self._reporter is None or self._of is not poller:
            self._of = poller
            self._reporter = StatusReporter(
                poller.plugin,
                frame,
                direct=lambda puts: storage.send(frame.host, puts, frame.proxies),
                reidentify=poller.reidentify,
                now=frame.now,
                quiet=float(frame.settings.daemon.quiet),
            )
        try:
            if self._reporter.send(self._report(), update.desired.status_blob):
                board.reported, board.reported_way = frame.now(), self._reporter.way
                poller.reported()
        except AgentError as failure:
            frame.troubles.failed("status-report", failure)
            return AGAIN_S
        frame.troubles.worked("status-report")
        return UNCHANGED_S

    def _report(self) -> Report:
        frame, board = self._frame, self._frame.board
        handlers, goal_state = board.handlers()
        features = FEATURES
        if board.poller is not None and board.poller.fast_track_supported:
            features = (*FEATURES, ("FastTrack", "1.0"))
        return Report(
            frame.driver.hostname.get(),
            frame.chosen.id,
            frame.chosen.version,
            handlers=handlers,
            goal_state=goal_state,
            features=features,
        )


class StateFile:
    """The task that writes down what ``waagent status`` prints."""

    name = "state"

    def __init__(self, frame: Frame, started: float) -> None:
        self._frame, self._started = frame, started
        self._written: Optional[Standing] = None
        self._at_s = float("-inf")

    def step(self, now_s: float) -> float:
        """Write it when it changed but for times, or when it is a minute old."""
        found = self._standing()
        if _lasting(found) != _lasting(self._written) or now_s - self._at_s >= FRESH_S:
            found.save(self._frame.host)
            self._written, self._at_s = found, now_s
        return AGAIN_S

    def _standing(self) -> Standing:
        frame, board = self._frame, self._frame.board
        handlers, goal_state = board.handlers()
        plugin = board.poller is not None and board.poller.plugin_failure is None
        return Standing(
            time=frame.now(),
            pid=os.getpid(),
            started=self._started,
            contact=Contact(str(board.endpoint or ""), board.contact, plugin),
            goal=_goal(board, settled=goal_state is not None),
            extensions=tuple(map(_extension, handlers)),
            driver=f"{frame.chosen.name}: {frame.chosen.reason}",
            firewall=board.guarded,
            update_policy=frame.settings.daemon.update_policy,
            update_wish=board.wished_version,
            problems=tuple(map(_problem, frame.troubles.open)),
        )


def _lasting(found: Optional[Standing]) -> Optional[Standing]:
    """What of it counts as a change."""
    if found is None:
        return None
    contact = dataclasses.replace(found.contact, last=0.0)
    return dataclasses.replace(found, time=0.0, contact=contact)


def _goal(board: Board, *, settled: bool) -> GoalStanding:
    if board.update is None:
        return GoalStanding()
    desired = board.update.desired
    return GoalStanding(desired.source, desired.identity.name, board.taken, settled)


def _extension(found: HandlerStatus) -> ExtensionStanding:
    own = found.extension
    return ExtensionStanding(
        found.name,
        found.version,
        found.status,
        own.code if own is not None and own.code else found.code,
        ((own.message if own is not None else "") or found.message)[:400],
        own.extension if own is not None else "",
        own.sequence if own is not None else None,
        own.status if own is not None else "",
    )


def _problem(found: Trouble) -> Problem:
    hint = f": {found.hint}" if found.hint else ""
    return Problem(found.what, found.reason, f"{found.text}{hint}", found.since)
