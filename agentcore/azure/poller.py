# SPDX-License-Identifier: Apache-2.0
"""What the platform wants now, asked again and again.

Two kept connections; when nothing is new a poll is two requests, starts no process and keeps
nothing.  Between the wire server ("fabric") and the host plugin ("fast track") the newer wish
holds.  A goal state is taken over whole or not at all: what fails is fetched anew at the next
poll.  Who calls decides when (``due_in_s``); nothing here waits.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Callable, Optional

from agentcore.errors import ServiceError, Unreachable
from osdrivers.errors import AgentError
from osdrivers.host import Host

from . import sharedconfig
from .arbitration import choose, newer
from .artifactsprofile import on_hold
from .certificates_child import Held
from .desired import FAST_TRACK, Desired, RemoteAccess
from .fasttrack import FastTrack
from .goalstate import GoalState
from .hostplugin import HostPlugin, Moved, NoSettings
from .neededkeys import listed, missing_keys
from .pace import NORMAL, Pace, Periods
from .retry import Clock
from .unread import Unread
from .update import Update
from .wireserver import Stale, WireServer

#: So many polls in a row may show an older incarnation before it is believed.
STALE_LIMIT = 5
#: So many polls are given to certificates that are not there before the rest goes on.
CERTIFICATE_ATTEMPTS = 3
#: Between two looks for certificates that are still not there.
CERTIFICATE_RECHECK_S = 60.0


class Poller:
    """Follows the goal state of one machine.

    :param server: with a retry policy of one attempt: the next poll is the next attempt.
    :param host: the running machine; its state directory gets the shared configuration.
    :param certificates: fetches and keeps a goal state's certificates, in a child.
    :param transport_certificate: this machine's, for the remote access document; read anew at
        each call, since the child may have renewed it.
    :param fetch: gets the artifacts profile where the host plugin cannot, in a child.
    """

    def __init__(
        self, server: WireServer, plugin: HostPlugin, host: Host, clock: Clock, *,
        certificates: Callable[[GoalState], tuple[Held, ...]],
        transport_certificate: Callable[[], str],
        fetch: Optional[Callable[[str], bytes]] = None,
        periods: Periods = NORMAL, fast_track: bool = True,
    ) -> None:  # fmt: skip
        self._server, self._plugin, self._host, self._clock = server, plugin, host, clock
        self._certificates = certificates
        self._transport_certificate, self._fetch = transport_certificate, fetch
        self._pace = Pace(periods)
        self._fast_track = FastTrack(host, periods.period_s, enabled=fast_track)
        self._asked: Optional[GoalState] = None
        self._stale = 0
        self._last: Optional[Update] = None
        self._etag = ""
        self._lost = False
        self._attempts = 0
        self._owed = False
        self._owed_next_s = 0.0
        self._unread = Unread(clock)
        #: Why the host plugin was of no use at the last poll, or None.
        self.plugin_failure: Optional[AgentError] = None

    # ---- what the scheduler uses

    @property
    def last(self) -> Optional[Update]:
        """What holds now; None before the first goal state."""
        return self._last

    @property
    def plugin(self) -> HostPlugin:
        """The host plugin, identified: status reports go through it."""
        return self._plugin

    @property
    def fast_track_supported(self) -> bool:
        """Whether the host plugin has vmSettings: the status report says so."""
        return self._fast_track.supported

    def due_in_s(self) -> float:
        """Seconds until the next poll is due."""
        return self._pace.due_in_s(self._clock.monotonic())

    def poll(self) -> Optional[Update]:
        """Ask once; None when nothing is new.

        :raises AgentError: nothing was taken over; the last goal state holds.  ``due_in_s``
            says when to ask again.
        """
        try:
            update = self._poll()
        except AgentError as error:
            self._pace.failed(self._clock.monotonic(), error)
            raise
        self._pace.succeeded(self._clock.monotonic(), changed=update is not None)
        return update

    def refresh(self) -> Update:
        """Take over everything anew, e.g. because the status blob's URI does not work.

        :raises AgentError: as :meth:`poll`.
        """
        self._etag = ""
        found = self._take(self._goal(), self._vm_settings(forced=True), fabric=True)
        self._pace.succeeded(self._clock.monotonic(), changed=True)
        return found

    def reidentify(self) -> None:
        """Ask for the container's name again, because the host plugin does not know it.

        :raises ServiceError: the wire server does not answer.
        """
        self._goal()

    def reported(self) -> None:
        """A status report was sent: what the lost host plugin wanted is no longer waited for."""
        if self._lost:
            self._fast_track.forget()
            self._lost = False

    def close(self) -> None:
        """Give both connections back."""
        self._server.close()
        self._plugin.close()

    # ---- asking

    def _poll(self) -> Optional[Update]:
        goal = self._goal()
        fabric = self._last is None or _differs(goal, self._last.goal)
        fabric = fabric or self._unread.due()
        wanted = self._vm_settings(forced=fabric)
        if self._fast_track.supported:
            self._lost = False
        elif self._lost and self._last is not None and self._last.desired.source == FAST_TRACK:
            fabric = True
        if fabric or wanted is None:
            return self._take(goal, wanted, fabric=True) if fabric else self._completed()
        before = self._last
        update = self._take(goal, wanted, fabric=False)
        if before is None or update.desired is not before.desired:
            return update
        return None if update.missing == before.missing else update

    def _goal(self) -> GoalState:
        """The goal state; the plugin learns the container's name, which changes at any time."""
        found = self._server.poll_goal_state(self._asked)
        last = self._asked
        if last is not None and last.container_id == found.container_id:
            behind = 0 <= found.number < last.number
            self._stale = self._stale + 1 if behind else 0
            if behind and self._stale < STALE_LIMIT:
                raise Stale(
                    f"the goal state of http://{self._server.endpoint} is stale: incarnation "
                    f"{found.number}, expected {last.number}"
                )
        self._stale = 0
        self._asked = found
        self._plugin.identify(found)
        return found

    def _vm_settings(self, *, forced: bool) -> Optional[Desired]:
        """The plugin's wish if it is news and its own; what is wrong with the plugin is noted."""
        now_s = self._clock.monotonic()
        if not self._fast_track.due(now_s):
            return None
        try:
            found = self._ask_plugin("" if forced else self._etag)
        except NoSettings as missing:
            self._lost = self._fast_track.missing(now_s) or self._lost
            self._etag, self.plugin_failure = "", missing
            return None
        except ServiceError as error:
            self._fast_track.failed(now_s)
            self.plugin_failure = error
            return None
        self._fast_track.answered(now_s)
        self.plugin_failure = None
        if found is not None and not forced and found.identity.etag == self._etag:
            return None  # it was asked to say only that nothing is new
        if found is None or found.source == FAST_TRACK:
            return found
        # It repeats the wire server; without the certificates, so it is not acted upon.
        self._etag = found.identity.etag
        self._fast_track.forget()
        return None

    def _ask_plugin(self, etag: str) -> Optional[Desired]:
        try:
            return self._plugin.vm_settings(etag)
        except Moved:
            self._goal()
            return self._plugin.vm_settings(etag)

    # ---- taking over

    def _take(self, goal: GoalState, wanted: Optional[Desired], *, fabric: bool) -> Update:
        """All of a goal state, then nothing can fail any more."""
        notes: list[str] = []
        last = self._last
        if fabric or last is None:
            read = lambda: self._server.extensions_config(goal)  # noqa: E731
            document = self._unread.ask(read, wanted, notes)
            sharedconfig.keep(self._host, self._server.shared_config(goal).raw)
            remote = self._remote_access(goal)
            held = self._refreshed(goal, () if last is None else last.certificates, notes)
            chosen = self._chosen(document, wanted)
        else:
            remote, held = last.remote_access, last.certificates
            chosen = newer(wanted, last.desired) if wanted else last.desired
        missing = missing_keys(chosen, self._host)
        if missing and not fabric:
            held = self._refreshed(goal, held, notes)
            missing = missing_keys(chosen, self._host)
        if missing and self._attempts < CERTIFICATE_ATTEMPTS - 1:
            self._attempts += 1
            raise Unreachable(f"{listed(missing)} not sent yet, and needed by settings")
        if missing:
            notes.append(f"{listed(missing)} not on this machine, and needed by settings")
        update = Update(goal, chosen, remote, held, missing, fabric, tuple(notes))
        return self._commit(update, wanted)

    def _commit(self, update: Update, wanted: Optional[Desired]) -> Update:
        if update.desired.source == FAST_TRACK:
            self._fast_track.record(update.desired.identity.created_ticks)
        elif not update.desired.outdated:
            self._fast_track.forget()
        if wanted is not None:
            self._etag = wanted.identity.etag
        self._attempts = 0
        self._owed_next_s = self._clock.monotonic() + CERTIFICATE_RECHECK_S
        self._last = update
        return update

    def _completed(self) -> Optional[Update]:
        """Certificates that were missing, once they have come; asked for every minute."""
        last, now_s = self._last, self._clock.monotonic()
        if last is None or not (self._owed or last.missing) or now_s < self._owed_next_s:
            return None
        self._owed_next_s = now_s + CERTIFICATE_RECHECK_S
        held = self._certificates(last.goal)
        self._owed, missing = False, missing_keys(last.desired, self._host)
        if (held, missing) == (last.certificates, last.missing):
            return None
        self._last = replace(last, certificates=held, missing=missing, fabric=False, notes=())
        return self._last

    def _chosen(self, document: Desired, wanted: Optional[Desired]) -> Desired:
        if document.artifacts_profile:
            held = on_hold(document.artifacts_profile, self._plugin, self._fetch)
            document = replace(document, on_hold=held)
        return choose(
            document,
            wanted,
            self._last.desired if self._last else None,
            self._fast_track.last_ticks,
            lost=self._lost or not self._fast_track.enabled,
        )

    def _remote_access(self, goal: GoalState) -> RemoteAccess:
        if not goal.remote_access:
            return RemoteAccess()
        return self._server.remote_access(goal, self._transport_certificate())

    def _refreshed(
        self, goal: GoalState, before: tuple[Held, ...], notes: list[str]
    ) -> tuple[Held, ...]:
        """The certificates.  After some attempts the rest goes on without them, and says so."""
        try:
            held = self._certificates(goal)
        except AgentError as error:
            if self._attempts < CERTIFICATE_ATTEMPTS - 1:
                self._attempts += 1
                raise
            notes.append(str(error))
            self._owed = True
            return before
        self._owed = False
        return held


def _differs(found: GoalState, last: GoalState) -> bool:
    """A machine that was moved or woken has another container and the same incarnation."""
    return (found.incarnation, found.container_id) != (last.incarnation, last.container_id)
