# SPDX-License-Identifier: Apache-2.0
"""Finds the wire server and follows the goal state: the task, around ``azure.poller``."""

from __future__ import annotations

from typing import Optional

from agentcore import history
from agentcore.azure import storage
from agentcore.azure.artifactsprofile import LIMIT_BYTES as PROFILE_LIMIT_BYTES
from agentcore.azure.certificates_child import refresh
from agentcore.azure.hostplugin import PORT, HostPlugin
from agentcore.azure.http import Endpoint, parse_endpoint
from agentcore.azure.pace import Pace, Periods
from agentcore.azure.poller import Poller
from agentcore.azure.retry import ONCE
from agentcore.azure.transport import TransportKey
from agentcore.azure.update import Update
from agentcore.azure.wireserver import WireServer
from agentcore.provisioning.link import Link
from osdrivers.errors import AgentError

from .frame import Frame
from .work import wanted_routes

#: Tasks that a new goal state concerns.
CONCERNED = ("extensions", "accounts", "probe", "report", "state")
#: Without an answer for so long the wire server is looked for anew: the machine may have moved.
LOST_S = 300.0


class GoalStates:
    """The task."""

    name = "goal-state"

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._periods = Periods(period_s=float(frame.settings.daemon.goal_state_period_s))
        self._finding = Pace(self._periods)
        self._answered_s = frame.monotonic()

    def step(self, now_s: float) -> float:
        """Ask once.  A failure is told, and the poller says when to ask again."""
        frame = self._frame
        poller = frame.board.poller
        if poller is None:
            return self._found(now_s)
        try:
            update = poller.poll()
        except AgentError as failure:
            frame.troubles.failed("platform", failure)
            if now_s - self._answered_s >= LOST_S:
                self._forget(poller)
                return self._finding.due_in_s(now_s)
            return poller.due_in_s()
        self._answered(poller, update)
        return poller.due_in_s()

    def close(self) -> None:
        """Give the connections back."""
        if self._frame.board.poller is not None:
            self._frame.board.poller.close()

    def _answered(self, poller: Poller, update: Optional[Update]) -> None:
        board, frame = self._frame.board, self._frame
        self._answered_s, board.contact = frame.monotonic(), frame.now()
        frame.troubles.worked("platform")
        if poller.plugin_failure is None:
            frame.troubles.worked("host-plugin")
        else:
            frame.troubles.failed("host-plugin", poller.plugin_failure)
        if update is None:
            return
        board.update, board.taken = update, frame.now()
        identity = update.desired.identity
        frame.log("INFO", f"new goal state {identity.name} from {update.desired.source}")
        self._remember(update)
        self._wish(update)
        for note in update.notes:
            frame.log("WARNING", note)
        for name in CONCERNED:
            frame.scheduler.wake(name)

    def _remember(self, update: Update) -> None:
        """Keep an account of it; the goal state is followed whether or not there is room."""
        try:
            history.keep(self._frame.host, update, self._frame.now())
        except AgentError as failure:
            self._frame.troubles.failed("history", failure)
        else:
            self._frame.troubles.worked("history")

    def _wish(self, update: Update) -> None:
        """The version that the platform would like to see: shown, and never installed."""
        frame, board = self._frame, self._frame.board
        named = (one.version for one in update.desired.families if one.version)
        wished = next(named, "")
        if wished == board.wished_version:
            return
        board.wished_version = wished
        if wished and frame.settings.daemon.update_policy == "notify":
            frame.log(
                "INFO", f"the platform wishes agent {wished}: the package manager has updates"
            )

    # ---- finding

    def _found(self, now_s: float) -> float:
        frame = self._frame
        link = Link(frame.driver, frame.settings, frame, frame.endpoint)
        try:
            link.connect(0.0)
        except AgentError as failure:
            frame.troubles.failed("platform", failure)
            self._finding.failed(now_s, failure)
            return self._finding.due_in_s(now_s)
        finally:
            link.close()
        endpoint = link.endpoint
        if endpoint is None:
            return self._periods.period_s
        frame.log("INFO", f"wire server {endpoint} ({link.how})")
        self._finding.succeeded(now_s, changed=True)
        self._answered_s = now_s
        frame.board.endpoint = endpoint
        frame.board.poller = self._poller(endpoint)
        frame.board.routes = wanted_routes(link)
        frame.scheduler.wake("firewall")
        return 0.0

    def _poller(self, endpoint: Endpoint) -> Poller:
        frame = self._frame
        host, settings = frame.host, frame.settings
        openssl = settings.system.openssl_path or "openssl"
        plugin = parse_endpoint(frame.plugin) if frame.plugin else Endpoint(endpoint.host, PORT)
        return Poller(
            WireServer(endpoint, frame, retry=ONCE, fresh=ONCE),
            HostPlugin(plugin),
            host,
            frame,
            certificates=lambda goal: refresh(host, endpoint, goal, openssl),
            transport_certificate=lambda: TransportKey(host, openssl).certificate(),
            fetch=lambda uri: storage.fetch(host, uri, frame.proxies, PROFILE_LIMIT_BYTES),
            periods=self._periods,
            fast_track=settings.daemon.fast_track,
        )

    def _forget(self, poller: Poller) -> None:
        self._frame.log("WARNING", "the platform is silent: the wire server is looked for anew")
        poller.close()
        self._frame.board.poller = None
        self._answered_s = self._frame.monotonic()
