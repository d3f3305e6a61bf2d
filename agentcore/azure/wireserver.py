# SPDX-License-Identifier: Apache-2.0
"""The wire server: what the platform wants of this machine, and what it is told about it.

Plain HTTP to a link-local address, never through a proxy.
"""

from __future__ import annotations

from typing import Callable, Optional, TypeVar

from agentcore.errors import Malformed, Refused, Unreachable

from . import extensionsconfig, goalstate, health, remoteaccess
from .desired import Desired, RemoteAccess
from .goalstate import PROTOCOL, CertificateFile, GoalState, HostingConfig, SharedConfig
from .http import Client, Endpoint, Request, Response
from .retry import PATIENT, Clock, RetryPolicy
from .xml import DOCUMENT_LIMIT_BYTES

T = TypeVar("T")
HEADERS = (("x-ms-agent-name", "WALinuxAgent"), ("x-ms-version", PROTOCOL))
XML_TYPE = ("Content-Type", "text/xml;charset=utf-8")
#: A goal state without a role instance, or an old one, is replaced within seconds.
FRESH = RetryPolicy(deadline_s=3.0, first_s=0.5, factor=1.0, cap_s=0.5)
GONE = (404, 410)


class Stale(Unreachable):
    """A goal state older than one already known: the server has not caught up yet."""


class WireServer:
    """One wire server.

    :param retry: for each request.
    :param fresh: for goal states that are not complete or not current yet.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        clock: Clock,
        *,
        retry: RetryPolicy = PATIENT,
        fresh: RetryPolicy = FRESH,
        client: Optional[Client] = None,
    ) -> None:
        self.endpoint = endpoint
        self._clock = clock
        self._retry = retry
        self._fresh = fresh
        self._client = client or Client(endpoint)
        self._last: Optional[GoalState] = None
        self._announced = -1

    def __enter__(self) -> WireServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connection back; the next request opens another."""
        self._client.close()

    # ---- asking

    def negotiate(self) -> tuple[str, ...]:
        """The versions the server offers, if ours is among them.

        :raises Malformed: it is not.
        """
        answer = self._send(Request("GET", "/?comp=versions"))
        versions = goalstate.supported_versions(answer.body)
        if PROTOCOL not in versions:
            raise Malformed(
                f"http://{self.endpoint} does not speak version {PROTOCOL}",
                hint=f"it offers {', '.join(versions)[:200] or 'none'}",
            )
        return versions

    def goal_state(self) -> GoalState:
        """The goal state, complete and not older than what this object has seen or was told.

        A lower incarnation for the same container is stale; for another container it means that
        the machine was moved, and is right.

        :raises Stale: it stayed old; the next call takes what it gets, for the platform may
            have begun to count anew.
        :raises Malformed: it stayed without a role instance.
        """
        try:
            self._last = self._fresh.run(self._one_goal_state, self._clock)
        except Stale:
            self._last, self._announced = None, -1
            raise
        return self._last

    def _one_goal_state(self) -> GoalState:
        answer = self._send(Request("GET", "/machine/?comp=goalstate", HEADERS))
        found = goalstate.parse_goal_state(answer.body, self.endpoint)
        last = self._last
        if last is not None and last.container_id != found.container_id:
            self._announced = -1
            return found
        expected = max(self._announced, last.number if last is not None else -1)
        if 0 <= found.number < expected:
            raise Stale(
                f"the goal state of http://{self.endpoint} is stale: "
                f"incarnation {found.number}, expected {expected}"
            )
        return found

    def poll_goal_state(self, known: Optional[GoalState]) -> GoalState:
        """The goal state as the server has it now, from one request, judged by nobody.

        :returns: ``known`` itself where the document is the same, byte by byte.
        :raises goalstate.NoRoleInstance: not complete yet; ask again soon.
        """
        answer = self._send(Request("GET", "/machine/?comp=goalstate", HEADERS))
        if known is not None and answer.body == known.raw:
            return known
        return goalstate.parse_goal_state(answer.body, self.endpoint)

    def with_goal_state(self, call: Callable[[GoalState], T]) -> T:
        """``call`` with the current goal state; once more with a new one if a document is gone.

        The documents of a goal state go (404, 410) when the next incarnation replaces it.
        """
        try:
            return call(self.goal_state())
        except Refused as refused:
            if refused.status not in GONE:
                raise
        return call(self.goal_state())

    def hosting_config(self, goal: GoalState) -> HostingConfig:
        """Names of the machine for reports."""
        return goalstate.parse_hosting_config(self._document(goal.hosting_config))

    def shared_config(self, goal: GoalState) -> SharedConfig:
        """The shared configuration; ``raw`` is what other software reads as SharedConfig.xml."""
        return goalstate.parse_shared_config(self._document(goal.shared_config))

    def extensions_config(self, goal: GoalState) -> Desired:
        """What the goal state's ExtensionsConfig wants; without one, nothing."""
        if not goal.extensions_config:
            return extensionsconfig.empty(goal.incarnation)
        return extensionsconfig.parse(self._document(goal.extensions_config), goal.incarnation)

    def remote_access(self, goal: GoalState, transport_certificate: str) -> RemoteAccess:
        """The accounts that the platform lends; none where the goal state names no document."""
        if not goal.remote_access:
            return RemoteAccess()
        extra = (
            ("x-ms-cipher-name", "AES128_CBC"),
            ("x-ms-guest-agent-public-x509-cert", transport_certificate),
        )
        return remoteaccess.parse(self._document(goal.remote_access, extra))

    def certificates(
        self, goal: GoalState, transport_certificate: str, cipher: str
    ) -> CertificateFile:
        """The certificates, encrypted to the transport certificate.

        :param transport_certificate: base64 of its DER on one line.
        :param cipher: ``AES128_CBC`` or ``DES_EDE3_CBC``.
        """
        if not goal.certificates:
            return CertificateFile(goal.incarnation, b"", b"")
        extra = (
            ("x-ms-cipher-name", cipher),
            ("x-ms-guest-agent-public-x509-cert", transport_certificate),
        )
        return goalstate.parse_certificate_file(self._document(goal.certificates, extra))

    def _document(self, target: str, extra: tuple[tuple[str, str], ...] = ()) -> bytes:
        return self._send(Request("GET", target, (*HEADERS, *extra))).body

    # ---- telling

    def report_health(self, goal: GoalState, report: health.Report) -> None:
        """Tell the platform how the machine is.  See :mod:`agentcore.azure.health`.

        :raises ServiceError: it was not told; provisioning goes on all the same.
        """
        body = health.document(
            report,
            incarnation=goal.incarnation,
            container_id=goal.container_id,
            instance_id=goal.instance_id,
        )
        answer = self._send(Request("POST", "/machine?comp=health", (*HEADERS, XML_TYPE), body))
        newest = answer.headers.get("x-ms-latest-goal-state-incarnation-number", "")
        if newest.isascii() and newest.isdigit() and len(newest) < 20:
            self._announced = int(newest)

    def report_observations(self, observations: bytes) -> None:
        """Tell the health service.  See :mod:`agentcore.azure.observations`."""
        kind = (("Content-Type", "application/json"),)
        self._send(Request("POST", "/HealthService", (*HEADERS, *kind), observations))

    def report_fingerprint(self, goal: GoalState, fingerprint: str) -> None:
        """Tell the platform the SSH host key's fingerprint, colons removed.

        :raises ServiceError: it was not told.
        """
        body = health.properties(
            fingerprint, container_id=goal.container_id, instance_id=goal.instance_id
        )
        request = Request("POST", "/machine?comp=roleProperties", (*HEADERS, XML_TYPE), body)
        self._send(request, accept=(202,))

    def _send(self, request: Request, accept: tuple[int, ...] = (200, 201, 202)) -> Response:
        def once() -> Response:
            return self._client.send(request, limit_bytes=DOCUMENT_LIMIT_BYTES, accept=accept)

        return self._retry.run(once, self._clock)
