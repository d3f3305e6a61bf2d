# SPDX-License-Identifier: Apache-2.0
"""Sample extensions of every temper, made as the packages that the platform offers.

A sample's commands are one shell script, so they run on any system.  Each call leaves a line
``COMMAND VERSION SEQUENCE INSTANCE TEMPER`` in ``<state directory>/<name>.calls``.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

TEMPERS: Mapping[str, str] = {
    "plain": "does as it is told and says so",
    "slow": "takes SAMPLE_SECONDS (5) to enable",
    "failing": "enable ends with 17 and an error of its own",
    "failing-install": "install ends with 17",
    "failing-update": "update ends with 17",
    "failing-disable": "disable ends with 17",
    "failing-uninstall": "uninstall ends with 17",
    "reporting-error": "enable succeeds and reports an error",
    "transitioning": "enable succeeds and never reports an end",
    "crashing": "enable dies of a signal",
    "chatty": "enable writes 12 MiB to its output and 1 MiB to its errors",
    "forking": "enable leaves a child that holds its output open for an hour",
    "deaf": "enable ignores SIGTERM and never ends",
    "giant-status": "reports 2 MiB",
    "bad-status": "reports half a document",
    "no-status": "reports nothing",
    "meddling": "writes over the agent's files in its directory",
    "heartbeat": "has a heartbeat",
    "secretive": "reports the SHA-256 of its protected settings",
}
_COMMANDS = ("install", "uninstall", "update", "enable", "disable")
_SCRIPT = Path(__file__).with_name("handler.sh")


@dataclass(frozen=True)
class Sample:
    """One version of an extension.

    ``multiple``: it has several instances, each with settings of its own.  ``update_mode`` None
    leaves the key out, which means that install runs after update.
    """

    name: str
    version: str = "1.0.0.0"
    temper: str = "plain"
    multiple: bool = False
    update_mode: Optional[str] = None
    continue_on_update_failure: bool = False

    def manifest(self) -> list[dict[str, Any]]:
        """Its HandlerManifest.json."""
        handler: dict[str, Any] = {
            f"{command}Command": f"bin/handler.sh {command} {self.temper}" for command in _COMMANDS
        }
        handler["rebootAfterInstall"] = False
        handler["reportHeartbeat"] = self.temper == "heartbeat"
        handler["supportsMultipleExtensions"] = self.multiple
        handler["continueOnUpdateFailure"] = self.continue_on_update_failure
        if self.update_mode is not None:
            handler["updateMode"] = self.update_mode
        return [{"name": self.name, "version": 1.0, "handlerManifest": handler}]

    def package(self) -> bytes:
        """Its zip; the same bytes for the same sample."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            text = json.dumps(self.manifest(), indent=1)
            for path, data in (
                ("HandlerManifest.json", text.encode()),
                ("bin/handler.sh", _SCRIPT.read_bytes()),
            ):
                entry = zipfile.ZipInfo(path, (2026, 1, 1, 0, 0, 0))
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = 0o644 << 16  # the agent has to make it executable
                archive.writestr(entry, data)
        return packed.getvalue()
