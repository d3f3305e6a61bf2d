# SPDX-License-Identifier: Apache-2.0
"""The health service at port 80: observations about the host's own services."""

from __future__ import annotations

import json
from typing import Any

from . import exchange
from .exchange import Reply, Request
from .state import Observation, State

_LIMITS = {"ObservationName": 64, "Description": 128, "Value": 128}
_MOST = 10
_NAMES = (
    "GuestAgentPluginHeartbeat",
    "GuestAgentPluginVersions",
    "GuestAgentPluginArtifact",
    "GuestAgentPluginStatus",
    "InstanceMetadataHeartbeat",
)
_FRAME = {"Api": "reporttargethealth", "Version": "1.0"}


def answer(state: State, request: Request) -> Reply:
    """Take a report of observations."""
    if request.method != "POST":
        return exchange.refusal(405, "only POST", f"{request.method} on the health service")
    try:
        document = json.loads(request.body)
        observations = [dict(one) for one in document["Observations"]]
    except (ValueError, KeyError, TypeError) as error:
        return exchange.refusal(400, "not a report", f"the body is no report: {error!r}")
    found = [
        f"{name} is {document.get(name)!r}, not {value!r}"
        for name, value in _FRAME.items()
        if document.get(name) != value
    ]
    if not document.get("Source"):
        found.append("Source is missing")
    if request.header("content-type").split(";")[0].strip().lower() != "application/json":
        found.append("Content-Type is not application/json")
    if len(observations) > _MOST:
        found.append(f"{len(observations)} observations, more than {_MOST}")
    for one in observations:
        found += _judge(one)
    with state.lock:
        state.observations += [_observation(one) for one in observations]
    return Reply(200, b"", violations=tuple(found))


def _judge(one: dict[str, Any]) -> list[str]:
    name = one.get("ObservationName")
    found = [] if name in _NAMES else [f"ObservationName is {name!r}"]
    found += [
        f"{name}: {field} is longer than {limit} characters"
        for field, limit in _LIMITS.items()
        if len(str(one.get(field, ""))) > limit
    ]
    if not isinstance(one.get("IsHealthy"), bool):
        found.append(f"{name}: IsHealthy is not a boolean")
    return found


def _observation(one: dict[str, Any]) -> Observation:
    return Observation(
        str(one.get("ObservationName", "")),
        one.get("IsHealthy") is True,
        str(one.get("Description", "")),
        str(one.get("Value", "")),
    )
