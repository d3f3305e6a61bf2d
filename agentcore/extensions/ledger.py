# SPDX-License-Identifier: Apache-2.0
"""What became of a unit's steps: recorded first, told in the handler's directory, reported."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Callable, Optional

from agentcore.azure.status import NOT_READY, READY
from agentcore.redaction import redacted
from osdrivers.errors import first_line
from osdrivers.host import Host

from . import errors, layout, plan
from .errors import ExtensionError
from .layout import Installation, Layout
from .progress import Failure, Instead, Progress, Said, Unit
from .progress import save as write_progress


class Ledger:
    """The progress, on disk and here."""

    def __init__(
        self, host: Host, where: Layout, progress: Progress, log: Callable[[str], object]
    ) -> None:
        self._host, self._layout, self._log = host, where, log
        self.progress = progress

    def record(self, **changes: Any) -> None:
        """The new progress is on disk before it holds."""
        fresh = replace(self.progress, **changes)
        write_progress(self._host, self._layout.progress, fresh)
        self.progress = fresh

    def unit(self) -> Unit:
        """The present one.  :raises ExtensionError: there is none."""
        unit = self.progress.unit
        if unit is None:
            raise ExtensionError("there is no present unit", errors.UNKNOWN)
        return unit

    def installation(self, version: str) -> Installation:
        """Of the present unit's handler."""
        return Installation(self._host, self._layout, self.unit().handler.name, version)

    def succeeded(self, step: plan.Step, status: int) -> None:
        """A command has ended well, or there was none to run."""
        present, name = self.installation(step.version), step.extension
        several = self.unit().handler.multi_config and bool(name)
        said: Optional[Said] = None
        if step.command == "install":
            present.set_state(layout.INSTALLED)
            said = Said(step.version, NOT_READY, 0, "Plugin installed but not enabled")
        elif step.command == "enable":
            present.set_state(layout.ENABLED)
            if several:
                present.set_extension_state(name, "enabled")
            beats = present.manifest.reports_heartbeat
            said = Said(step.version, READY, 0, "Plugin enabled", beats)
        elif step.command == "disable":
            if several:
                present.set_extension_state(name, "disabled")
            if not several or not present.enabled_extensions():
                present.set_state(layout.INSTALLED)
                said = Said(step.version, NOT_READY, 0, "Plugin disabled")
        self._next(step, str(status), said)

    def _next(self, step: plan.Step, status: str, said: Optional[Said] = None) -> None:
        here = self.progress
        name = f"{step.command}:{step.extension}" if step.extension else step.command
        changes: dict[str, Any] = {"done": here.done + 1, "job": None}
        changes["codes"] = {**here.codes, name: status}
        if said is not None:
            changes["handlers"] = {**here.handlers, self.unit().handler.name: said}
            self._tell(self.unit(), said)
        self.record(**changes)

    def failed(self, step: plan.Step, code: int, text: str, status: str) -> None:
        """A command has not ended well.  :raises ExtensionError: its unit fails by that."""
        if step.lenient:
            self._log(f"{self.unit().key}: {first_line(ExtensionError(text, code))}; going on")
            if step.command == "disable":
                self.installation(step.version).set_state(layout.INSTALLED)
            self._next(step, status)
            return
        if step.command == "update":
            self.installation(step.target).set_state(layout.FAILED_UPGRADE)
        raise ExtensionError(text, code)

    def fail(
        self, unit: Unit, failure: Failure, *, at: int, over: bool = False, quiet: bool = False
    ) -> None:
        """A unit has failed: what is reported, and nothing of it is done further.

        :param at: the unit after it.
        :param over: the extension's own status is not reported either.
        :param quiet: the handler's status stays as it is.
        """
        here = self.progress
        changes: dict[str, Any] = {
            "failures": {**here.failures, unit.key: failure},
            "unit": None, "steps": (), "done": 0, "job": None, "at": at,
        }  # fmt: skip
        if unit.extension is not None and (over or unit.handler.multi_config):
            told = Instead(unit.extension.sequence, failure.code, failure.message, over)
            changes["instead"] = {**here.instead, unit.key: told}
        if not quiet:
            said = Said(self._concerned(unit), NOT_READY, failure.code, failure.message)
            changes["handlers"] = {**here.handlers, unit.handler.name: said}
            self._tell(unit, said)
        text = redacted(" ".join(failure.message.split())[:500])
        self._log(f"{unit.key} failed ({failure.code}): {text}")
        self.record(**changes)

    def _concerned(self, unit: Unit) -> str:
        """The version that a failure is about."""
        if self.progress.unit is not None and self.progress.version:
            return self.progress.version
        present = layout.installed(self._host, self._layout, unit.handler.name)
        return present.version if present is not None else unit.handler.version

    def _tell(self, unit: Unit, said: Said) -> None:
        """The same in the handler's directory, for whoever looks there."""
        present = Installation(self._host, self._layout, unit.handler.name, said.version)
        if self._host.is_directory(present.config):
            whole = {
                "name": unit.handler.name,
                "version": said.version,
                "status": said.status,
                "code": said.code,
                "message": said.message,
                "supports_multi_config": unit.handler.multi_config,
                "extension_status": None,
            }
            path = f"{present.config}/HandlerStatus"
            self._host.write(path, json.dumps(whole).encode(), mode=0o600)
