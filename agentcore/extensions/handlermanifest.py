# SPDX-License-Identifier: Apache-2.0
"""HandlerManifest.json: which commands a handler has, and how it wants to be treated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional

from agentcore.azure.reading import json_document
from agentcore.errors import Malformed

NAME = "HandlerManifest.json"
COMMANDS = ("install", "uninstall", "update", "enable", "disable")
#: Longer is no command line of anybody.
COMMAND_LIMIT = 4096


@dataclass(frozen=True)
class Limits:
    """``resourceLimits``; None: unsaid.  CPU in percent of one processor, memory in MiB."""

    cpu_percent: Optional[int] = None
    memory_mib: Optional[int] = None


@dataclass(frozen=True)
class HandlerManifest:
    """What a package says of itself.

    :param commands: the command line of each of ``COMMANDS``, relative to the handler's
        directory; "" where it has none, which succeeds without running anything.
    :param install_after_update: ``updateMode`` is UpdateWithInstall, or unsaid.
    :param signed_as: publisher, type and version of ``signingInfo``, None where there is none.
    :param notes: what was read other than it was meant, a line each.
    """

    commands: dict[str, str]
    reports_heartbeat: bool = False
    install_after_update: bool = True
    continue_on_update_failure: bool = False
    multi_config: bool = False
    limits: Limits = Limits()
    signed_as: Optional[tuple[str, str, str]] = None
    notes: tuple[str, ...] = ()


def parse(data: bytes) -> HandlerManifest:
    """Read it.  :raises Malformed: not JSON, not of this shape, or without commands."""
    document = json_document(data, NAME)
    first = document[0] if isinstance(document, list) and document else document
    if not isinstance(first, dict) or not isinstance(first.get("handlerManifest"), dict):
        raise Malformed(f"{NAME} has no handlerManifest")
    said: dict[str, Any] = first["handlerManifest"]
    notes: list[str] = []
    mode = said.get("updateMode")
    return HandlerManifest(
        commands={name: _command(said, name) for name in COMMANDS},
        reports_heartbeat=_flag(said, "reportHeartbeat", notes),
        install_after_update=mode is None or str(mode).lower() == "updatewithinstall",
        continue_on_update_failure=_flag(said, "continueOnUpdateFailure", notes),
        multi_config=_flag(said, "supportsMultipleExtensions", notes),
        limits=_limits(first.get("resourceLimits")),
        signed_as=_signed_as(first.get("signingInfo")),
        notes=tuple(notes),
    )


def _command(said: dict[str, Any], name: str) -> str:
    line = said.get(f"{name}Command")
    if line is None and name == "update":
        return ""
    if not isinstance(line, str) or len(line) > COMMAND_LIMIT or "\0" in line:
        raise Malformed(f"{NAME}: {name}Command is not a command line")
    return line.strip().lstrip("/")


def _flag(said: dict[str, Any], name: str, notes: list[str]) -> bool:
    value = said.get(name, False)
    if not isinstance(value, bool):
        notes.append(f"{NAME}: {name} is {value!r:.40}, not true or false")
    return value is True or (isinstance(value, str) and value.lower() == "true")


def _limits(said: object) -> Limits:
    if not isinstance(said, dict):
        return Limits()
    cpu, memory = said.get("cpuQuotaPercentage"), said.get("memoryQuotaInMB")
    return Limits(_positive(cpu), _positive(memory))


def _positive(value: object) -> Optional[int]:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return int(value) if 1 <= value < 10**9 else None


def _signed_as(said: object) -> Optional[tuple[str, str, str]]:
    if not isinstance(said, dict):
        return None
    publisher, kind, version = (
        str(said.get(part, "")) for part in ("publisher", "type", "version")
    )
    return publisher, kind, version
