# SPDX-License-Identifier: Apache-2.0
"""Where everything of a handler is: names that handlers, administrators and others rely on."""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import dataclass
from typing import Any, Optional

from agentcore.azure.desired import Extension
from agentcore.errors import Malformed
from osdrivers.host import Host

from . import handlermanifest, versions
from .handlermanifest import HandlerManifest

NOT_INSTALLED, INSTALLED, ENABLED, FAILED_UPGRADE = (
    "NotInstalled",
    "Installed",
    "Enabled",
    "FailedUpgrade",
)
STATES = (NOT_INSTALLED, INSTALLED, ENABLED, FAILED_UPGRADE)
_DIRECTORY = re.compile(r"([0-9A-Za-z_][0-9A-Za-z_.-]*)-([0-9][0-9A-Za-z.]*)")


@dataclass(frozen=True)
class Layout:
    """Paths below the state directory and the log directory of extensions."""

    state: str
    logs: str

    @property
    def work(self) -> str:
        """The agent's own: progress, and the records of commands."""
        return f"{self.state}/extensions"

    @property
    def progress(self) -> str:
        return f"{self.work}/progress.json"

    def record(self, name: str) -> str:
        """Of one command."""
        return f"{self.work}/{name}"

    def kept(self, handler: str, version: str) -> str:
        """The agent's record of one version."""
        return f"{self.work}/{handler}-{version}.json"

    def directory(self, handler: str, version: str) -> str:
        return f"{self.state}/{handler}-{version}"

    def unpacking(self, handler: str, version: str) -> str:
        """Where a package is unpacked before it gets its name."""
        return f"{self.state}/.{handler}-{version}.new"

    def package(self, handler: str, version: str) -> str:
        return f"{self.state}/{handler}__{version}.zip"

    def log_directory(self, handler: str) -> str:
        return f"{self.logs}/{handler}"

    def events(self, handler: str) -> str:
        return f"{self.log_directory(handler)}/events"

    def command_log(self, handler: str, extension: str = "") -> str:
        name = f"CommandExecution_{extension}.log" if extension else "CommandExecution.log"
        return f"{self.log_directory(handler)}/{name}"


def _prefix(extension: str) -> str:
    return f"{extension}." if extension else ""


@dataclass(frozen=True)
class Installation:
    """One version of a handler on this machine."""

    host: Host
    layout: Layout
    handler: str
    version: str

    @property
    def directory(self) -> str:
        return self.layout.directory(self.handler, self.version)

    @property
    def config(self) -> str:
        return f"{self.directory}/config"

    @property
    def heartbeat(self) -> str:
        return f"{self.directory}/heartbeat.log"

    def settings_path(self, sequence: int, extension: str = "") -> str:
        return f"{self.config}/{_prefix(extension)}{sequence}.settings"

    def status_path(self, sequence: int, extension: str = "") -> str:
        return f"{self.directory}/status/{_prefix(extension)}{sequence}.status"

    @property
    def kept(self) -> dict[str, Any]:
        """The agent's own record; a handler may write over all that lies in its directory.

        Where there is none, another agent may have installed it: its files are believed then.
        """
        data = self.host.read_bytes(self.layout.kept(self.handler, self.version), b"")
        with contextlib.suppress(ValueError):  # somebody wrote over it
            found = json.loads(data) if data else None
            if isinstance(found, dict):
                return found
        names = [one for one in self.host.names(self.config) if one.endswith(".HandlerState")]
        return {
            "state": self.host.read(f"{self.config}/HandlerState", "").strip(),
            "extensions": {
                one[: -len(".HandlerState")]: self.host.read(f"{self.config}/{one}", "").strip()
                for one in names
                if one != ".HandlerState"
            },
            "manifest": self.host.read(f"{self.directory}/{handlermanifest.NAME}", ""),
        }

    def keep(self, **changes: object) -> None:
        """Change the record, whole or not at all."""
        whole = json.dumps({**self.kept, **changes})
        path = self.layout.kept(self.handler, self.version)
        self.host.write(path, whole.encode(), mode=0o600)

    @property
    def state(self) -> str:
        """Of the handler; without a directory, or with nonsense on record, not installed."""
        found = self.kept.get("state")
        present = found in STATES and self.host.is_directory(self.directory)
        return str(found) if present else NOT_INSTALLED

    def set_state(self, state: str) -> None:
        self.keep(state=state)
        self.host.make_directory(self.config, mode=0o700)
        self.host.write(f"{self.config}/HandlerState", state.encode(), mode=0o600)

    @property
    def manifest(self) -> HandlerManifest:
        """What its package says of it.  :raises Malformed: nothing that can be understood."""
        return handlermanifest.parse(str(self.kept.get("manifest", "")).encode())

    def adopt(self) -> None:
        """Begin a record: not installed, with the manifest that the package brought."""
        text = self.host.read(f"{self.directory}/{handlermanifest.NAME}")
        self.keep(state=NOT_INSTALLED, extensions={}, manifest=text)

    def extension_state(self, extension: str) -> str:
        """``enabled`` or ``disabled`` of one of several; "" never said."""
        return str(self.kept.get("extensions", {}).get(extension, ""))

    def set_extension_state(self, extension: str, state: str) -> None:
        self.keep(extensions={**self.kept.get("extensions", {}), extension: state})
        path = f"{self.config}/{extension}.HandlerState"
        self.host.write(path, state.encode(), mode=0o600)

    def enabled_extensions(self) -> tuple[str, ...]:
        """Names of those of several that are enabled."""
        known = self.kept.get("extensions", {})
        return tuple(name for name, state in known.items() if state == "enabled")

    def sequence(self, extension: str) -> int:
        """Of the settings written last; 0 where there are none."""
        pattern = re.compile(rf"{re.escape(_prefix(extension))}(\d{{1,18}})\.settings")
        found = []
        for name in self.host.names(self.config):
            parts = pattern.fullmatch(name)
            status = self.host.status(f"{self.config}/{name}", follow=False) if parts else None
            if parts is not None and status is not None:
                found.append((status.mtime_ns, int(parts[1])))
        return max(found)[1] if found else 0

    def forget_extension(self, extension: str) -> None:
        """Remove what one of several left: settings, status, state."""
        others = {k: v for k, v in self.kept.get("extensions", {}).items() if k != extension}
        self.keep(extensions=others)
        pattern = re.compile(rf"{re.escape(extension)}\.(\d+\.(settings|status)|HandlerState)")
        for directory in (self.config, f"{self.directory}/status"):
            for name in self.host.names(directory):
                if pattern.fullmatch(name):
                    self.host.remove(f"{directory}/{name}")

    def write_settings(self, extension: Optional[Extension]) -> None:
        """0600 from the first byte; the protected part stays as it came, encrypted."""
        self.host.make_directory(self.config, mode=0o700)
        sequence = extension.sequence if extension else 0
        path = self.settings_path(sequence, extension.name if extension else "")
        self.host.write(path, settings_document(extension), mode=0o600)

    def write_environment(self) -> None:
        """HandlerEnvironment.json, and the directories that it names."""
        logs, events = self.layout.log_directory(self.handler), self.layout.events(self.handler)
        if not self.host.is_directory(logs):
            self.host.make_directory(logs, mode=0o755)
        for private in (events, f"{self.directory}/status", self.config):
            self.host.make_directory(private, mode=0o700)
        named = {
            "logFolder": logs,
            "configFolder": self.config,
            "statusFolder": f"{self.directory}/status",
            "heartbeatFile": self.heartbeat,
            "eventsFolder": events,
            "eventsFolder_preview": events,
        }
        whole = [{"name": self.handler, "version": 1.0, "handlerEnvironment": named}]
        path = f"{self.directory}/HandlerEnvironment.json"
        self.host.write(path, json.dumps(whole).encode(), mode=0o600)

    def carry_over(self, old: Installation) -> None:
        """``mrseq`` and the reports of the version before."""
        for name in (
            "mrseq",
            *(f"status/{name}" for name in self.host.names(f"{old.directory}/status")),
        ):
            found = self.host.status(f"{old.directory}/{name}", follow=False)
            if found is not None and found.kind == "file":
                data = self.host.read_bytes(f"{old.directory}/{name}")
                self.host.write(f"{self.directory}/{name}", data, mode=found.mode & 0o700)

    def remove(self) -> None:
        """The directory and the package."""
        self.host.remove(self.directory, recursive=True)
        self.host.remove(self.layout.package(self.handler, self.version))
        self.host.remove(self.layout.kept(self.handler, self.version))


def settings_document(extension: Optional[Extension]) -> bytes:
    """Keys are always there, null where the platform said nothing; "" for no settings at all.

    :raises Malformed: the public settings are not JSON.
    """
    if extension is None:
        return b""
    try:
        public = json.loads(extension.public_settings) if extension.public_settings else None
    except ValueError as broken:
        raise Malformed("the public settings are not JSON") from broken
    inner = {
        "publicSettings": public,
        "protectedSettings": extension.protected_settings or None,
        "protectedSettingsCertThumbprint": extension.certificate_thumbprint or None,
    }
    return json.dumps({"runtimeSettings": [{"handlerSettings": inner}]}).encode()


def installations(host: Host, layout: Layout, handler: str = "") -> tuple[Installation, ...]:
    """All on this machine, or those of one handler; lowest version first.

    One that is half removed is still there: its directory, or the agent's record alone.
    """
    state = layout.state
    named = {name for name in host.names(state) if host.is_directory(f"{state}/{name}")}
    kept = host.names(layout.work)
    named.update(name[: -len(".json")] for name in kept if name.endswith(".json"))
    found = []
    for name in named:
        parts = _DIRECTORY.fullmatch(name)
        if parts is None or not versions.valid(parts[2]) or name.startswith("WALinuxAgent-"):
            continue
        if not handler or parts[1].lower() == handler.lower():
            found.append(Installation(host, layout, parts[1], parts[2]))
    return tuple(sorted(found, key=lambda one: (one.handler, versions.key(one.version))))


def installed(host: Host, layout: Layout, handler: str) -> Optional[Installation]:
    """The highest version that got as far as being installed."""
    usable = (INSTALLED, ENABLED)
    fitting = [one for one in installations(host, layout, handler) if one.state in usable]
    return fitting[-1] if fitting else None
