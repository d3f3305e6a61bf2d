# SPDX-License-Identifier: Apache-2.0
"""A handler's commands: their environment, limits of time, and what is kept of their output."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from typing import Optional

from osdrivers.host import Host, Job, Jobs

from .layout import Installation, Layout

TIMEOUTS_S: Mapping[str, float] = {
    "install": 900.0,
    "enable": 300.0,
    "update": 900.0,
    "disable": 900.0,
    "uninstall": 300.0,
}
NOT_RUN = "NOT_RUN"
FEATURES = json.dumps([{"Key": "ExtensionTelemetryPipeline", "Value": "1.0"}])
SHOWN_BYTES = 3200
KEPT_BYTES = 1 << 20
LOG_LIMIT_BYTES = 10 << 20
OUTPUT_LIMIT_BYTES = 8 << 20
NOT_EXECUTABLE = 126


def environment(
    present: Installation, endpoint: str, sequence: Optional[int], extension: str
) -> dict[str, str]:
    """What every command gets.  Nothing that the agent itself was started with wins over it."""
    given = {
        "AZURE_GUEST_AGENT_EXTENSION_PATH": present.directory,
        "AZURE_GUEST_AGENT_EXTENSION_VERSION": present.version,
        "AZURE_GUEST_AGENT_WIRE_PROTOCOL_ADDRESS": endpoint,
        "AZURE_GUEST_AGENT_EXTENSION_SUPPORTED_FEATURES": FEATURES,
        "ConfigSequenceNumber": str(sequence or 0),
    }
    if extension:
        given["ConfigExtensionName"] = extension
    return given


def codes(command: str, known: Mapping[str, str], multi_config: bool) -> dict[str, str]:
    """How the commands before this one ended, for those that are told.

    :param known: exit codes by ``uninstall``, ``disable`` or ``disable:<extension>``.
    """
    if command in ("install", "enable"):
        return {"AZURE_GUEST_AGENT_UNINSTALL_CMD_EXIT_CODE": known.get("uninstall", NOT_RUN)}
    if command != "update":
        return {}
    if not multi_config:
        return {"AZURE_GUEST_AGENT_DISABLE_CMD_EXIT_CODE": known.get("disable", NOT_RUN)}
    listed = [
        {"extensionName": name.partition(":")[2], "exitCode": code}
        for name, code in known.items()
        if name.startswith("disable:")
    ]
    name = "AZURE_GUEST_AGENT_DISABLE_CMD_EXIT_CODES_MULTIPLE_EXTENSIONS"
    return {name: json.dumps(listed)}


def job(present: Installation, record: str, line: str, given: Mapping[str, str], what: str) -> Job:
    """The job of one command; its line is a shell's, as handlers expect."""
    limits = present.manifest.limits
    named = re.sub(r"[^0-9A-Za-z_.]", "_", present.handler)
    return Job(
        record=record,
        argv=("/bin/sh", "-c", f"{shlex.quote(present.directory)}/{line}"),
        place=present.directory,
        environment=given,
        unit=f"waagent-{named}-{what}-{record.rpartition('/')[2]}",
        slice=f"waagent-extensions-{named}.slice",
        cpu_percent=limits.cpu_percent,
        memory_mib=limits.memory_mib,
    )


def shown(jobs: Jobs, record: str) -> str:
    """The end of both streams for a message: half for each, and what one leaves to the other."""
    out, err = (jobs.output(record, name, SHOWN_BYTES) for name in ("out", "err"))
    half = SHOWN_BYTES // 2
    room_out = max(half, SHOWN_BYTES - len(err))
    room_err = max(half, SHOWN_BYTES - len(out))
    return f"[stdout]\n{_text(out[-room_out:])}\n[stderr]\n{_text(err[-room_err:])}"


def _text(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace").replace("\0", "\\x00").strip()


def log(host: Host, layout: Layout, jobs: Jobs, record: str, path: str, head: str) -> None:
    """Add a command's output to the log of its handler, whose last 10 MiB stay."""
    out, err = (jobs.output(record, name, KEPT_BYTES) for name in ("out", "err"))
    entry = f"\n{head}\n[stdout]\n".encode() + out + b"\n[stderr]\n" + err + b"\n"
    directory = path.rpartition("/")[0]
    if not host.is_directory(directory):
        host.make_directory(directory, mode=0o755)
    found = host.status(path, follow=False)
    size = found.size if found is not None and found.kind == "file" else 0
    keep = min(size, LOG_LIMIT_BYTES - len(entry))
    before = b"".join(host.pieces(path, ((size - keep, keep),))) if keep > 0 else b""
    if size > keep or size == 0:
        host.write(path, before + entry, mode=0o600)
    else:
        host.append(path, entry, limit_bytes=2 * LOG_LIMIT_BYTES)
