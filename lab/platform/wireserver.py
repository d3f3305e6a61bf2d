# SPDX-License-Identifier: Apache-2.0
"""The wire server: versions, goal state, certificates, and the guest's reports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Optional
from urllib.parse import unquote

from osdrivers.errors import InvalidInput

from . import certificates, conduct, documents, exchange, healthservice
from .certificates import Certificate
from .exchange import Reply, Request
from .machine import Machine
from .state import State

NAME = "wireserver"

BlobsUrl = Callable[[Request], str]
"""The blob store's URL as the sender of a request reaches it."""


class WireServer:
    """Answers what 168.63.129.16 answers at port 80."""

    def __init__(self, state: State, blobs_url: BlobsUrl) -> None:
        self._state, self._blobs_url = state, blobs_url

    def answer(self, request: Request) -> Reply:
        """The reply to one request."""
        route, comp = request.route.rstrip("/").lower(), request.query.get("comp", "").lower()
        if route == "" and comp == "versions":
            return self._versions(request)
        if route == "/healthservice":
            return healthservice.answer(self._state, request)
        if not (route == "/machine" or route.startswith("/machine/")):
            return exchange.refusal(404, "no such resource", f"unknown path {request.route}")
        found = conduct.wire_headers(request)
        if not request.header("x-ms-version"):
            return exchange.refusal(400, "the header x-ms-version is missing", *found)
        answers = self._get if request.method in ("GET", "HEAD") else self._post
        return answers(request, comp).with_violations(found)

    def _versions(self, request: Request) -> Reply:
        if request.method not in ("GET", "HEAD"):
            return exchange.refusal(405, "only GET", f"{request.method} on the versions")
        old = request.twist == "wrong-versions"
        return exchange.xml(documents.versions("1999-01-01" if old else documents.PROTOCOL))

    def _get(self, request: Request, comp: str) -> Reply:
        if comp == "goalstate":
            return self._goal_state(request)
        if comp not in ("config", "certificates", "remoteaccess"):
            return exchange.refusal(404, "no such resource", f"unknown comp={comp}")
        state, machine = self._state, self._state.machine
        found = () if state.goal_state_asked else (f"{comp} asked for before any goal state",)
        asked = request.query.get("incarnation", "")
        stale = request.twist == "stale-incarnation"
        if asked != str(machine.incarnation) and not stale:
            line = f"incarnation {asked or '(none)'} is not the current one, {machine.incarnation}"
            return exchange.refusal(410, line, *found)
        if unquote(request.route) != unquote(documents.place(machine)):
            return exchange.refusal(410, "another container's document", *found)
        if comp == "config":
            return self._config(request, machine).with_violations(found)
        return self._secret(request, comp, machine).with_violations(found)

    def _goal_state(self, request: Request) -> Reply:
        with self._state.lock:
            self._state.goal_state_asked = True
            machine = self._state.machine
        if request.twist == "stale-incarnation":
            machine = machine.changed(incarnation=max(1, machine.incarnation - 1))
        whole = request.twist != "no-role-instance"
        return exchange.xml(documents.goal_state(machine, request.base, role_instance=whole))

    def _config(self, request: Request, machine: Machine) -> Reply:
        kind = request.query.get("type", "").lower()
        if kind == "hostingenvironmentconfig":
            return exchange.xml(documents.hosting_environment(machine))
        if kind == "sharedconfig":
            return exchange.xml(documents.shared_config(machine))
        if kind == "extensionsconfig":
            goal = self._state.fabric
            blobs = self._blobs_url(request)
            return exchange.xml(
                documents.extensions_config(goal.machine, blobs, goal.ticks, self.protect)
            )
        if kind == "fullconfig":
            return exchange.xml(documents.hosting_environment(machine))
        return exchange.refusal(404, "no such configuration", f"unknown type={kind}")

    def protect(self, content: bytes) -> tuple[str, str]:
        """``content`` encrypted to the tenant certificate, and that certificate's thumbprint."""
        tenant = self._state.tenant()
        return certificates.protect(content, tenant.certificate), tenant.thumbprint

    def _secret(self, request: Request, comp: str, machine: Machine) -> Reply:
        """What is encrypted to the certificate in the request."""
        found: list[str] = []
        try:
            recipient = certificates.from_header(
                request.header("x-ms-guest-agent-public-x509-cert")
            )
        except InvalidInput as error:
            found.append(f"x-ms-guest-agent-public-x509-cert: {error}")
            return exchange.refusal(400, "the transport certificate is missing or wrong", *found)
        cipher = request.header("x-ms-cipher-name") or "DES_EDE3_CBC"
        if cipher not in certificates.CIPHERS:
            return exchange.refusal(400, f"no cipher {cipher}", f"x-ms-cipher-name: {cipher}")
        if not request.header("x-ms-cipher-name"):
            found.append("x-ms-cipher-name is missing")
        if request.twist == "other-key":
            recipient = self._state.stranger().certificate
        if comp == "remoteaccess":
            return exchange.xml(
                documents.remote_access(
                    machine, lambda word: certificates.remote_password(word, recipient, cipher)
                ),
                *found,
            )
        return exchange.xml(self._certificates(request, recipient, cipher), *found)

    def _certificates(self, request: Request, recipient: str, cipher: str) -> bytes:
        held: tuple[Certificate, ...] = self._state.certificates()
        number = self._state.machine.incarnation
        if request.twist == "no-data":
            return certificates.document((), recipient, cipher, number)
        content: Optional[bytes] = None
        if request.twist == "not-a-pfx":
            content = b"this is no PFX"
        return certificates.document(held, recipient, cipher, number, content=content)

    def _post(self, request: Request, comp: str) -> Reply:
        reports = {
            "health": conduct.health,
            "roleproperties": conduct.role_properties,
            "telemetrydata": conduct.telemetry,
        }
        if comp not in reports:
            return exchange.refusal(404, "no such resource", f"unknown comp={comp}")
        if request.method != "POST":
            return exchange.refusal(405, "only POST", f"{request.method} on comp={comp}")
        with self._state.lock:
            reply = reports[comp](self._state, request)
        newest = ("x-ms-latest-goal-state-incarnation-number", str(self._state.machine.incarnation))
        return Reply(reply.status, reply.body, (*reply.headers, newest), reply.violations)
