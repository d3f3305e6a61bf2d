# SPDX-License-Identifier: Apache-2.0
"""The status report: what became of everything that the platform wanted, as one JSON document.

Whoever knows fills in the values; ``document`` gives them the shape that the platform reads
(version 1.1).  Times are texts like ``2030-01-01T00:00:00Z``.  Values are compared to tell
whether there is anything new to report, so what changes by itself is not among them: the time of
the report is an argument.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, Optional

from agentcore.redaction import redacted
from agentcore.version import VERSION

#: Status of an extension and of its parts; anything else counts as ``error``.
TRANSITIONING, WARNING, ERROR, SUCCESS = "transitioning", "warning", "error", "success"
STATUSES = (TRANSITIONING, WARNING, ERROR, SUCCESS)
#: Status of a handler.
READY, NOT_READY, INSTALLING, UNRESPONSIVE = "Ready", "NotReady", "Installing", "Unresponsive"
#: What an extension may say, in characters of its status as JSON, and what is left if it is more.
EXTENSION_LIMIT = 131_072
MESSAGE_LIMIT = 1024
SUBSTATUS_LIMIT = 10_240
TRUNCATED = " ... [TRUNCATED]"
LANGUAGE = "en-US"


@dataclass(frozen=True)
class Substatus:
    """A part of an extension's status.  ``message`` None: it has none."""

    name: str = ""
    status: str = SUCCESS
    code: int = 0
    message: Optional[str] = None


@dataclass(frozen=True)
class ExtensionStatus:
    """What one extension says of itself, or what is said of it while it says nothing.

    :param extension: its name, for multi-config; "" otherwise.
    :param sequence: the number of the settings that this is about.
    :param configuration_applied_time: as the extension wrote it; None is sent as null.
    :param message: None where the extension gave none.
    """

    name: str
    status: str = TRANSITIONING
    sequence: int = 0
    extension: str = ""
    operation: str = ""
    code: int = 0
    message: Optional[str] = None
    configuration_applied_time: Optional[str] = None
    substatuses: tuple[Substatus, ...] = ()


@dataclass(frozen=True)
class HandlerStatus:
    """One entry: a handler with one of its extensions, or alone.

    A handler with several extensions (multi-config) has one entry for each.
    """

    name: str
    version: str
    status: str = NOT_READY
    code: int = 0
    message: str = ""
    extension: Optional[ExtensionStatus] = None


@dataclass(frozen=True)
class GoalStateStatus:
    """What became of the goal state as a whole.

    :param sequence: ``identity.sequence`` of it.
    :param code: 0; -1 when it failed; 2001 when it requires a feature that is not supported.
    :param time: when it was processed.
    """

    sequence: str
    time: str
    code: int = 0
    message: str = "GoalState executed successfully"

    @property
    def status(self) -> str:
        """``Success`` or ``Failed``."""
        return "Failed" if self.code else "Success"


@dataclass(frozen=True)
class UpdateStatus:
    """What became of a version of the agent that the platform asked for."""

    expected_version: str
    status: str = "Success"
    code: int = 0
    message: str = ""


@dataclass(frozen=True)
class Report:
    """Everything that one report says.

    :param features: name and version of what is supported, e.g.
        ``("MultipleExtensionsPerHandler", "1.0")``.
    :param update: only where the platform drives updates; None otherwise.
    """

    computer_name: str
    os_name: str
    os_version: str
    handlers: tuple[HandlerStatus, ...] = ()
    goal_state: Optional[GoalStateStatus] = None
    features: tuple[tuple[str, str], ...] = ()
    update: Optional[UpdateStatus] = None
    message: str = "Guest Agent is running"
    version: str = VERSION


def document(report: Report, time: str) -> bytes:
    """The document, without white space.  Signatures of URIs in messages are taken out.

    :param time: of this report.
    """
    agent: dict[str, Any] = {
        "version": report.version,
        "status": READY,
        "formattedMessage": _message(report.message),
    }
    if report.update is not None:
        agent["updateStatus"] = _update(report.update)
    aggregate: dict[str, Any] = {
        "guestAgentStatus": agent,
        "handlerAggregateStatus": [_handler(one, time) for one in report.handlers],
    }
    if report.goal_state is not None:
        aggregate["vmArtifactsAggregateStatus"] = {
            "goalStateAggregateStatus": _goal_state(report.goal_state)
        }
    whole: dict[str, Any] = {
        "version": "1.1",
        "timestampUTC": time,
        "aggregateStatus": aggregate,
        "guestOSInfo": {
            "computerName": report.computer_name,
            "osName": report.os_name,
            "osVersion": report.os_version,
            "version": report.version,
        },
    }
    if report.features:
        features = [{"Key": name, "Value": version} for name, version in report.features]
        whole["supportedFeatures"] = features
    # ASCII only: what storage and the host's plugin make of other bytes need not be known.
    return json.dumps(whole, separators=(",", ":")).encode("ascii")


def _message(text: Optional[str]) -> dict[str, str]:
    return {"lang": LANGUAGE, "message": redacted(text or "")}


def _update(update: UpdateStatus) -> dict[str, Any]:
    return {
        "expectedVersion": update.expected_version,
        "status": update.status,
        "code": update.code,
        "formattedMessage": _message(update.message),
    }


def _goal_state(goal: GoalStateStatus) -> dict[str, Any]:
    return {
        "formattedMessage": _message(goal.message),
        "timestampUTC": goal.time,
        "inSvdSeqNo": goal.sequence,
        "status": goal.status,
        "code": goal.code,
    }


def _handler(handler: HandlerStatus, time: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "handlerVersion": handler.version,
        "handlerName": handler.name,
        "status": handler.status,
        "code": handler.code,
        "useExactVersion": True,
        "formattedMessage": _message(handler.message),
    }
    extension = handler.extension
    if extension is not None:
        settings: dict[str, Any] = {"sequenceNumber": extension.sequence}
        if extension.extension:
            settings["extensionName"] = extension.extension
        settings["settingsStatus"] = {
            "version": 1.0,
            "timestampUTC": time,
            "status": _extension(fitted(extension)),
        }
        found["runtimeSettingsStatus"] = settings
    return found


def _extension(extension: ExtensionStatus) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": extension.name,
        "configurationAppliedTime": extension.configuration_applied_time,
        "operation": extension.operation,
        "status": extension.status if extension.status in STATUSES else ERROR,
        "code": extension.code,
        "formattedMessage": _message(extension.message),
    }
    if extension.substatuses:
        found["substatus"] = [_substatus(one) for one in extension.substatuses]
    return found


def _substatus(one: Substatus) -> dict[str, Any]:
    return {
        "name": one.name,
        "status": one.status if one.status in STATUSES else ERROR,
        "code": one.code,
        "formattedMessage": _message(one.message),
    }


def fitted(extension: ExtensionStatus, limit: int = EXTENSION_LIMIT) -> ExtensionStatus:
    """The status, cut if it is longer than the platform takes.

    The message is cut first, then names and messages of the parts; of these, the first stay that
    fit together.

    :param limit: in characters of its status as JSON; what is cut has a quarter of it at most.
    """
    if _size(extension) <= limit:
        return extension
    most = min(MESSAGE_LIMIT, limit // 4)
    shorter = replace(
        extension,
        message=_cut(extension.message, most),
        operation=extension.operation[:most],
        substatuses=(),
    )
    left, kept, most = limit - _size(shorter), [], min(SUBSTATUS_LIMIT, limit // 4)
    for one in extension.substatuses:
        short = replace(one, name=_cut(one.name, most) or "", message=_cut(one.message, most))
        left -= len(json.dumps(_substatus(short))) + 2
        if left < 0:
            break
        kept.append(short)
    return replace(shorter, substatuses=tuple(kept))


def _size(extension: ExtensionStatus) -> int:
    return len(json.dumps(_extension(extension)))


def _cut(text: Optional[str], limit: int) -> Optional[str]:
    """At most ``limit`` characters, the mark included."""
    if text is None or len(text) <= limit:
        return text
    return text[: limit - len(TRUNCATED)] + TRUNCATED
