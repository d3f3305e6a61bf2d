# SPDX-License-Identifier: Apache-2.0
"""The host's plugin for the guest agent, port 32526."""

from __future__ import annotations

import base64
import binascii
import json
import uuid
from typing import Any
from urllib.parse import urlsplit

from . import exchange, vmsettings
from .blobs import BlobStore
from .documents import Protect
from .exchange import Reply, Request
from .state import State
from .wireserver import BlobsUrl

NAME = "hostplugin"
API_VERSION = "2015-09-01"

_VERSIONS = json.dumps(["2015-07-01", API_VERSION, "2016-06-01"]).encode()
_GUARDED = {
    # route: method, needs the configuration's name, needs a correlation id
    "/vmsettings": ("GET", True, True),
    "/extensionartifact": ("GET", True, False),
    "/status": ("PUT", True, False),
    "/vmagentlog": ("PUT", False, True),
}


class HostPlugin:
    """Answers what the host answers at port 32526."""

    def __init__(
        self, state: State, store: BlobStore, blobs_url: BlobsUrl, protect: Protect
    ) -> None:
        self._state, self._store = state, store
        self._blobs_url, self._protect = blobs_url, protect

    def answer(self, request: Request) -> Reply:
        """The reply to one request."""
        route = request.route.rstrip("/").lower()
        if route == "/versions":
            self._state.host_versions_asked = True
            return exchange.json(_VERSIONS)
        if route == "/health":
            return exchange.json(b'{"status":"ok"}')
        if route not in _GUARDED:
            return exchange.refusal(404, "no such resource", f"unknown path {request.route}")
        found = self._headers(request, route)
        refused = self._container(request)
        if refused is not None:
            return refused.with_violations(found)
        answers = {
            "/vmsettings": self._vm_settings,
            "/extensionartifact": self._artifact,
            "/status": self._status,
            "/vmagentlog": self._log,
        }
        return answers[route](request).with_violations(found)

    def _headers(self, request: Request, route: str) -> tuple[str, ...]:
        method, needs_config, needs_correlation = _GUARDED[route]
        found = []
        if request.method != method:
            found.append(f"{request.method} on {route}, not {method}")
        if request.header("x-ms-version") != API_VERSION:
            found.append(f"x-ms-version is {request.header('x-ms-version') or 'missing'}")
        config = request.header("x-ms-host-config-name")
        if needs_config and config != self._state.machine.role_config:
            found.append(f"x-ms-host-config-name is {config or 'missing'}")
        if needs_correlation and not _is_uuid(request.header("x-ms-client-correlationid")):
            found.append("x-ms-client-correlationid is missing or no UUID")
        if route != "/vmsettings" and not self._state.host_versions_asked:
            found.append(f"{route} before /versions")
        return tuple(found)

    def _container(self, request: Request) -> Reply | None:
        said = request.header("x-ms-containerid")
        with self._state.lock:
            wanted, former = self._state.machine.container_id, self._state.former_containers
        if said == wanted:
            return None
        line = f"x-ms-containerid is {said or 'missing'}, not {wanted}"
        if said in former:
            return exchange.refusal(410, "the container has moved", line)
        return exchange.refusal(400, "InvalidContainerConfiguration", line)

    def _vm_settings(self, request: Request) -> Reply:
        goal = self._state.goal
        if request.header("if-none-match") == goal.etag:
            return Reply(304, headers=(("ETag", goal.etag),))
        body = vmsettings.document(goal, self._blobs_url(request), self._protect)
        if request.twist == "no-etag":
            return exchange.json(body)
        return exchange.json(body, ("ETag", goal.etag))

    def _artifact(self, request: Request) -> Reply:
        location = request.header("x-ms-artifact-location")
        if not location:
            line = "x-ms-artifact-location is missing"
            return exchange.refusal(400, line, line)
        return self._store.read(request, urlsplit(location).path)

    def _status(self, request: Request) -> Reply:
        try:
            document: dict[str, Any] = json.loads(request.body)
            content = base64.b64decode(document.get("content", ""), validate=True)
            headers = {
                str(one["headerName"]).lower(): str(one["headerValue"])
                for one in document["headers"]
            }
            uri = str(document["requestUri"])
        except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
            return exchange.refusal(400, "not a status", f"the body is no status: {error!r}")
        sort = request.header("content-type").split(";")[0].strip().lower()
        found = () if sort == "application/json" else (f"Content-Type is {sort or 'missing'}",)
        written = self._store.write(uri, headers, content).with_violations(found)
        return Reply(200 if written.status == 201 else 502, b"", (), written.violations)

    def _log(self, request: Request) -> Reply:
        found = [
            f"{name} is missing"
            for name in (
                "x-ms-vmagentlog-deploymentid",
                "x-ms-client-name",
                "x-ms-client-version",
            )
            if not request.header(name)
        ]
        if not request.body.startswith(b"PK"):
            found.append("the body is no zip archive")
        with self._state.lock:
            self._state.logs.append(request.body)
        return Reply(200, b"", violations=tuple(found))


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
