# SPDX-License-Identifier: Apache-2.0
"""The host's plugin for guest agents, port 32526 of the wire server's address.

It has the newest wishes (vmSettings, "fast track"), fetches artifacts and writes the status blob
for a guest that cannot reach storage.  Plain HTTP to a link-local address, one kept connection,
never through a proxy, no TLS.
"""

from __future__ import annotations

import base64
import json
import os
import re
from typing import Optional

from agentcore.errors import Malformed, Refused, ServiceError
from agentcore.version import VERSION

from . import vmsettings
from .desired import Desired
from .goalstate import GoalState
from .http import Client, Endpoint, Request, Response, Write
from .http_message import BODY_LIMIT_BYTES
from .reading import json_document
from .xml import DOCUMENT_LIMIT_BYTES

PORT = 32526
API_VERSION = "2015-09-01"
#: Older plugins send vmSettings that are known to be wrong.
FIRST_WITH_SETTINGS = (1, 0, 8, 133)
LOG_DEADLINE_S = 30.0
ARTIFACT_LIMIT_BYTES = 1024 * 1024 * 1024
#: Answers the methods here tell apart; others are what the client makes of them.
_CARRIED = re.compile("[!-~]{1,512}")
_JUDGED = (200, 201, 202, 400, 404, 410)


class Moved(Refused):
    """The plugin knows this container no more: ask for the goal state, then once more here."""


class NoSettings(ServiceError):
    """This plugin has no vmSettings, or is too old to be believed: the wire server's hold."""


class HostPlugin:
    """One host plugin.  ``identify`` comes before all else but ``healthy`` and ``versions``."""

    def __init__(self, endpoint: Endpoint, *, client: Optional[Client] = None) -> None:
        self.endpoint = endpoint
        self._client = client or Client(endpoint)
        self._container_id = self._config_name = ""
        self._versions_known = False

    def __enter__(self) -> HostPlugin:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connection back; the next request opens another."""
        self._client.close()

    def identify(self, goal: GoalState) -> None:
        """Speak for the container of this goal state from now on."""
        self._container_id = goal.container_id
        # A name that no header can carry is left out, and refused by the plugin, not by us.
        self._config_name = goal.config_name if _CARRIED.fullmatch(goal.config_name) else ""

    def versions(self) -> tuple[str, ...]:
        """The versions of its interface.

        :raises Malformed: ours is not among them, or it is no list.
        """
        headers = (("x-ms-containerid", self._container_id),) if self._container_id else ()
        answer = self._client.send(
            Request("GET", "/versions", headers), limit_bytes=DOCUMENT_LIMIT_BYTES
        )
        found = json_document(answer.body, "the host plugin's versions")
        if not isinstance(found, list) or API_VERSION not in found:
            raise Malformed(f"the host plugin at {self.endpoint} does not speak {API_VERSION}")
        self._versions_known = True
        return tuple(str(one) for one in found)

    def healthy(self) -> bool:
        """Whether it says that it is well; False also when it says nothing."""
        try:
            return self._client.send(Request("GET", "/health"), limit_bytes=65536).status == 200
        except ServiceError:
            return False

    def vm_settings(self, etag: str = "") -> Optional[Desired]:
        """What is wanted, or None if that is still what ``etag`` stood for.

        One attempt; whoever polls comes again.

        :param etag: ``identity.etag`` of the last answer; "" to get one in any case.
        :raises NoSettings: it has none.  :raises Moved: another container's turn.
        :raises Malformed: they cannot be understood, or have no ETag.
        """
        headers = [*self._named(), ("x-ms-client-correlationid", correlation_id())]
        if etag:
            headers.append(("if-none-match", etag))
        request = Request("GET", "/vmSettings", tuple(headers))
        answer = self._client.send(
            request, limit_bytes=DOCUMENT_LIMIT_BYTES, accept=(*_JUDGED, 304)
        )
        if answer.status == 304:
            return None
        if answer.status == 404:
            raise NoSettings(f"the host plugin at {self.endpoint} has no vmSettings")
        self._judge(answer, "vmSettings")
        tag = answer.headers.get("etag", "")
        if not _CARRIED.fullmatch(tag):
            raise Malformed(f"{vmsettings.WHAT} have no ETag")
        found = vmsettings.parse(answer.body, tag)
        if not _new_enough(found.host_plugin_version):
            raise NoSettings(
                f"the host plugin at {self.endpoint} is {found.host_plugin_version or 'unnamed'}, "
                "and the vmSettings of such are not used"
            )
        return found

    def artifact(
        self, uri: str, *, write: Optional[Write] = None, manifest: str = "",
        from_blob: bool = False, limit_bytes: int = 0, deadline_s: float = 60.0,
    ) -> bytes:  # fmt: skip
        """What lies at a URI of storage, fetched by the host.

        :param write: takes the content in pieces; b"" is returned then.
        :param manifest: for packages, the URI of the manifest that names it.
        :param from_blob: whether fast track asked for it (``x-ms-verify-from-artifacts-blob``).
        :raises Moved: another container's turn.  :raises Refused: not to be had, ``status`` 400
            included, which passes for manifests (the host's cache).
        """
        headers = [*self._named(), ("x-ms-artifact-location", uri)]
        if manifest:
            headers.append(("x-ms-artifact-manifest-location", manifest))
        if from_blob:
            headers.append(("x-ms-verify-from-artifacts-blob", "true"))
        limit = limit_bytes or (ARTIFACT_LIMIT_BYTES if write else BODY_LIMIT_BYTES)
        self._meet()
        request = Request("GET", "/extensionArtifact", tuple(headers))
        answer = self._client.send(
            request, limit_bytes=limit, accept=_JUDGED, deadline_s=deadline_s, write=write
        )
        self._judge(answer, "extensionArtifact")
        return answer.body

    def put(self, uri: str, headers: tuple[tuple[str, str], ...], content: bytes) -> None:
        """One PUT to storage, made by the host.

        :param headers: those that storage is to get.
        :param content: b"" leaves the body out (creation of a page blob).
        :raises Moved: another container's turn.  :raises ServiceError: storage or the host
            did not take it.
        """
        wanted: dict[str, object] = {
            "headers": [{"headerName": name, "headerValue": value} for name, value in headers],
            "requestUri": uri,
        }
        if content:
            wanted["content"] = base64.b64encode(content).decode()
        self._meet()
        request = Request(
            "PUT",
            "/status",
            (*self._named(), ("Content-Type", "application/json")),
            json.dumps(wanted, sort_keys=True).encode(),
        )
        self._judge(self._client.send(request, accept=_JUDGED), "status")

    def put_log(self, archive: bytes, deployment_id: str) -> None:
        """Hand a ZIP archive of logs to the host.  Only where log collection is switched on.

        :param deployment_id: ``GoalState.deployment_id``.
        :raises Moved: another container's turn.  :raises ServiceError: it was not taken.
        """
        headers = (
            ("x-ms-version", API_VERSION),
            ("x-ms-containerid", self._container_id),
            ("x-ms-vmagentlog-deploymentid", deployment_id),
            ("x-ms-client-correlationid", correlation_id()),
            ("x-ms-client-name", "WALinuxAgent"),
            ("x-ms-client-version", VERSION),
        )
        self._meet()
        request = Request("PUT", "/vmAgentLog", headers, archive)
        self._judge(self._client.send(request, accept=_JUDGED, deadline_s=LOG_DEADLINE_S), "log")

    def _named(self) -> tuple[tuple[str, str], ...]:
        return (
            ("x-ms-version", API_VERSION),
            ("x-ms-containerid", self._container_id),
            ("x-ms-host-config-name", self._config_name),
        )

    def _meet(self) -> None:
        """Its versions are asked for once before it is used, and again until it answered."""
        if not self._versions_known:
            self.versions()

    def _judge(self, answer: Response, what: str) -> None:
        if answer.status in (200, 201, 202):
            return
        line = f"{what} of the host plugin at {self.endpoint}: HTTP {answer.status}"
        misnamed = answer.status == 400 and b"InvalidContainerConfiguration" in answer.body[:4096]
        if answer.status == 410 or misnamed:
            raise Moved(f"{line}, it knows this container no more", answer.status)
        raise Refused(line, answer.status)


def _new_enough(version: str) -> bool:
    parts = version.split(".")
    if not all(part.isascii() and part.isdigit() and len(part) < 10 for part in parts):
        return False
    return tuple(int(part) for part in parts) >= FIRST_WITH_SETTINGS


def correlation_id() -> str:
    """A random UUID (RFC 9562, version 4); the module uuid would load more than it is worth."""
    raw = bytearray(os.urandom(16))
    raw[6], raw[8] = raw[6] & 0x0F | 0x40, raw[8] & 0x3F | 0x80
    text = raw.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
