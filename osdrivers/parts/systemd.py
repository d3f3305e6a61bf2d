# SPDX-License-Identifier: Apache-2.0
"""Services under systemd(1) (V1, V3).  Source: systemctl(1), systemd.unit(5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Optional

from ..actions import Plan, Remove, Run, Verify
from ..api import Service
from ..errors import CommandMissing, CommandTimeout, Conflict, NotFound
from ..host import Host
from ..probes import Probes
from . import own_service, systemd_unit

#: Where units are, the administrator's first (systemd.unit(5), UNIT FILE LOAD PATH).
_VENDOR = ("/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
_ENABLED = frozenset(
    ("enabled", "enabled-runtime", "static", "alias", "indirect", "generated", "linked")
)
_START_TIMEOUT_S = 90.0
_TRY_RELOAD = 229  # the release in which systemctl got try-reload-or-restart


class Services:
    """``units`` maps a logical name to the units it may have, in order of preference."""

    def __init__(self, host: Host, units: Mapping[str, Sequence[str]] = {}) -> None:
        self._host, self._units = host, units
        self._probes = Probes(host)

    # ---- asking

    def active(self, name: str) -> bool:
        """Whether it runs, or systemd listens in its place (socket activation)."""
        unit = self._unit(name)
        if unit is None or self._host.offline:
            return False
        sockets = [path for path in (_socket(unit),) if self._file(path)]
        answer = self._ask("is-active", unit, *sockets)
        return bool({"active", "reloading"} & set(answer.split()))

    def enabled(self, name: str) -> bool:
        unit = self._unit(name)
        if unit is None or self._masked(unit):
            return False
        if not self._host.offline:
            answer = self._ask("is-enabled", unit).split()
            if answer:
                return answer[0] in _ENABLED
        return self._enabled_by_files(unit)

    def _ask(self, *words: str) -> str:
        """systemctl's standard output; "" when it cannot be asked."""
        try:
            return self._host.ask("systemctl", *words).stdout
        except (CommandMissing, CommandTimeout):
            return ""

    # ---- ensuring

    def ensure_started(self, name: str) -> Plan:
        unit = self._loaded(name)
        if self.active(name):
            return
        self._host.require("systemctl", package="systemd")
        if not self._host.offline and "failed" in self._ask("is-active", unit):
            # It may have failed five times at boot, and systemd would count this start too.
            yield Run(("systemctl", "reset-failed", unit), booted=True)
        yield self._run(*self._job(), "start", unit)
        yield Verify(f"{unit} is active", lambda: self.active(name), booted=True)

    def ensure_stopped(self, name: str) -> Plan:
        unit = self._unit(name)
        if unit is None or not self.active(name):
            return
        sockets = [path for path in (_socket(unit),) if self._file(path)]
        yield self._run(*self._self(name), "stop", *sockets, unit)

    def ensure_enabled(self, name: str) -> Plan:
        unit = self._loaded(name)
        if self.enabled(name):
            return
        self._host.require("systemctl", package="systemd")
        yield Run(("systemctl", "enable", unit))
        yield Verify(f"{unit} is enabled", lambda: self.enabled(name))

    def ensure_disabled(self, name: str) -> Plan:
        unit = self._unit(name)
        if unit is None or not self._switched_on(unit):
            return
        self._host.require("systemctl", package="systemd")
        yield Run(("systemctl", "disable", unit))

    def restart(self, name: str, *, reload: bool = False) -> Plan:
        unit = self._loaded(name)
        if not self._host.offline and not self.active(name):
            return
        self._host.require("systemctl", package="systemd")
        old = 0 < self._probes.systemd_version < _TRY_RELOAD
        again = "reload-or-try-restart" if old else "try-reload-or-restart"
        yield self._run(*self._self(name), *self._job(), again if reload else "try-restart", unit)

    # ---- V3

    def ensure_installed(self, service: Service) -> Plan:
        own_service.check(service)
        unit = f"{service.name}.service"
        path = f"{self._host.places.units}/{unit}"
        own_service.refuse_foreign(self._host, *filter(None, (path, self._file(unit))))
        writing = own_service.writing(self._host, path, systemd_unit.text(service), 0o644)
        switched_on = self._switched_on(unit)
        self._host.require("systemctl", package="systemd")
        yield from writing
        if writing or self._stale(unit):
            yield self._run("daemon-reload")
        if not switched_on:
            yield Run(("systemctl", "enable", unit))
            yield Verify(f"{unit} is enabled", lambda: self._switched_on(unit))

    def ensure_uninstalled(self, name: str) -> Plan:
        own_service.check_name(name)
        unit = f"{name}.service"
        path = f"{self._host.places.units}/{unit}"
        if not own_service.is_ours(self._host, path):
            return
        self._host.require("systemctl", package="systemd")
        running = not self._host.offline and self._ask("is-active", unit).strip() != "inactive"
        switched_on = self._switched_on(unit)
        if running:
            yield self._run(*self._self(name), "stop", unit)
        if switched_on:
            yield Run(("systemctl", "disable", unit))
        yield Remove(path)
        yield self._run("daemon-reload")

    def _stale(self, unit: str) -> bool:
        """Whether systemd has not read the unit since it was written."""
        if self._host.offline:
            return False
        return self._ask("show", "-p", "NeedDaemonReload", unit).strip().endswith("=yes")

    # ---- units

    def _candidates(self, name: str) -> list[str]:
        found = self._units.get(name, (name,))
        return [unit if "." in unit else f"{unit}.service" for unit in found]

    def _unit(self, name: str) -> Optional[str]:
        """The first of the units that is there; of an incomplete tree, the first."""
        candidates = self._candidates(name)
        for unit in candidates:
            if self._file(unit) or self._masked(unit):
                return unit
        return candidates[0] if self._host.assume_tools else None

    def _loaded(self, name: str) -> str:
        """:raises NotFound: no such unit.  :raises Conflict: the administrator masked it."""
        unit = self._unit(name)
        if unit is None:
            raise NotFound(
                f"no unit {' or '.join(self._candidates(name))}", hint="install the service"
            )
        if self._masked(unit):
            raise Conflict(f"{unit} is masked", hint=f"systemctl unmask {unit}")
        return unit

    def _directories(self) -> tuple[str, ...]:
        run = self._host.places.run
        admin = dict.fromkeys((self._host.places.units, "/etc/systemd/system"))
        generated = (f"{run}/systemd/generator", f"{run}/systemd/generator.late")
        return (*admin, f"{run}/systemd/system", *_VENDOR, *generated)

    def _file(self, unit: str) -> str:
        stem, dot, kind = unit.rpartition(".")
        template = f"{stem.partition('@')[0]}@{dot}{kind}" if "@" in stem else unit
        for directory in self._directories():
            for name in dict.fromkeys((unit, template)):
                if self._host.exists(f"{directory}/{name}"):
                    return f"{directory}/{name}"
        script = f"/etc/init.d/{stem}"  # systemd-sysv-generator(8) makes a unit of it
        return script if kind == "service" and self._host.exists(script) else ""

    def _masked(self, unit: str) -> bool:
        """A link to /dev/null, or an empty file, stands before the unit itself."""
        for directory in self._directories():
            found = self._host.status(f"{directory}/{unit}", follow=False)
            if found is not None:
                empty = found.kind == "file" and found.size == 0
                return empty or found.target == "/dev/null"
        return False

    def _enabled_by_files(self, unit: str) -> bool:
        return self._switched_on(unit) or not self._installable(unit)

    def _switched_on(self, unit: str) -> bool:
        """Whether a link in /etc pulls the unit in."""
        directories = dict.fromkeys((self._host.places.units, "/etc/systemd/system"))
        if any(self._host.glob(f"{base}/*.{kind}/{unit}")
               for base in directories for kind in ("wants", "requires")):  # fmt: skip
            return True
        path = self._file(unit)
        script = path.startswith("/etc/init.d/") and path.rpartition("/")[2]
        return bool(script and self._host.glob(f"/etc/rc[2345].d/S[0-9][0-9]{script}"))

    def _installable(self, unit: str) -> bool:
        """Without an [Install] section a unit is static: others pull it in."""
        path = self._file(unit)
        if not path or path.startswith("/etc/init.d/"):
            return True
        return "\n[Install]" in self._host.read(path, "")

    # ---- jobs

    def _run(self, *words: str) -> Run:
        return Run(("systemctl", *words), timeout_s=_START_TIMEOUT_S, booted=True)

    def _job(self) -> tuple[str, ...]:
        """While the system boots, do not wait for units that may be waiting for us."""
        if self._host.offline:
            return ()
        state = self._ask("is-system-running").strip()
        return ("--job-mode=ignore-dependencies",) if state in ("initializing", "starting") else ()

    def _self(self, name: str) -> tuple[str, ...]:
        """The agent must not wait for its own end."""
        return ("--no-block",) if name == "agent" else ()


def _socket(unit: str) -> str:
    return f"{unit.rpartition('.')[0]}.socket"
