# SPDX-License-Identifier: Apache-2.0
"""How the agent stands: what ``waagent status`` prints and the daemon writes down.

``<run directory>/waagent/status.json``, 0644: without secrets, so that anybody may look.  It is
written whole or not at all; a reader bears keys that it does not know and keys that are missing.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Optional

from agentcore.reasons import advice
from agentcore.redaction import redacted
from agentcore.version import VERSION
from osdrivers.errors import AgentError, FactError, first_line
from osdrivers.host import Host

#: How long the platform may be silent before ``status`` calls it a fault, seconds.
CONTACT_LIMIT_S = 300.0
#: A daemon writes at least this often; an older file is that of one that hangs, seconds.
STALE_S = 900.0
PROBLEM_LIMIT = 20
_GOOD_HANDLER = ("Ready", "Installing")
_GOOD_EXTENSION = ("success", "transitioning", "warning", "")


@dataclass(frozen=True)
class Problem:
    """Something that went wrong: where, a stable reason code, and since when (wall clock, s)."""

    subject: str
    reason: str
    message: str
    since: float = 0.0

    @classmethod
    def of(cls, subject: str, error: AgentError, now: float) -> Problem:
        """What an error says."""
        return cls(subject, error.reason, redacted(first_line(error)), now)

    @property
    def advice(self) -> str:
        """What to do about it."""
        return advice(self.reason)


@dataclass(frozen=True)
class Contact:
    """The platform's services: where, and when one last answered (wall clock, s; 0: never)."""

    endpoint: str = ""
    last: float = 0.0
    host_plugin: bool = False


@dataclass(frozen=True)
class GoalStanding:
    """The goal state that is followed: from where, which, and when it was taken on."""

    source: str = ""
    identity: str = ""
    time: float = 0.0
    settled: bool = False


@dataclass(frozen=True)
class ExtensionStanding:
    """One extension: of its handler and, where it has any, its own report."""

    name: str
    version: str = ""
    status: str = ""
    code: int = 0
    message: str = ""
    extension: str = ""
    sequence: Optional[int] = None
    extension_status: str = ""

    @property
    def good(self) -> bool:
        """Whether neither the handler nor the extension reports a failure."""
        return self.status in _GOOD_HANDLER and self.extension_status in _GOOD_EXTENSION


@dataclass(frozen=True)
class Standing:
    """Everything at one moment.  ``time`` and ``started`` are the wall clock in seconds."""

    time: float
    pid: int = 0
    started: float = 0.0
    version: str = VERSION
    contact: Contact = Contact()
    goal: GoalStanding = GoalStanding()
    extensions: tuple[ExtensionStanding, ...] = ()
    driver: str = ""
    firewall: str = ""
    update_policy: str = "distro"
    update_wish: str = ""
    problems: tuple[Problem, ...] = field(default_factory=tuple)

    def save(self, host: Host) -> None:
        """Write it down.  :raises FileFailed: the run directory refuses."""
        text = json.dumps(asdict(self), indent=1) + "\n"
        directory = _path(host).rpartition("/")[0]
        if not host.is_directory(directory):
            host.make_directory(directory, mode=0o755)
        host.write(_path(host), text.encode(), mode=0o644)


def load(host: Host) -> Optional[Standing]:
    """What the daemon last wrote; None when there is nothing.

    :raises FactError: it cannot be understood.
    """
    text = host.read(_path(host), "")
    if not text:
        return None
    try:
        found = json.loads(text)
        return Standing(
            **{
                **_known(Standing, found),
                "contact": Contact(**_known(Contact, found.get("contact", {}))),
                "goal": GoalStanding(**_known(GoalStanding, found.get("goal", {}))),
                "extensions": tuple(
                    ExtensionStanding(**_known(ExtensionStanding, each))
                    for each in found.get("extensions", ())
                ),
                "problems": tuple(
                    Problem(**_known(Problem, each)) for each in found.get("problems", ())
                ),
            }
        )
    except (ValueError, TypeError, AttributeError) as wrong:
        raise FactError(f"{_path(host)}: {wrong}", text, hint="restart the daemon") from wrong


def _known(kind: type[Any], found: Any) -> dict[str, Any]:
    names = {each.name for each in fields(kind)}
    return {name: value for name, value in found.items() if name in names}


def _path(host: Host) -> str:
    return f"{host.places.run}/waagent/status.json"


def faults(standing: Standing, now: float) -> tuple[Problem, ...]:
    """Everything that is wrong at ``now`` (wall clock, s)."""
    found = list(standing.problems[:PROBLEM_LIMIT])
    silent_s = now - max(standing.contact.last, standing.started)
    if silent_s > CONTACT_LIMIT_S:
        text = f"the platform has not answered for {silent_s:.0f} s"
        found.append(Problem("platform", "Unreachable", text, standing.contact.last))
    for each in standing.extensions:
        if not each.good:
            name = f"{each.name} {each.extension}".strip()
            state = each.extension_status or each.status
            text = f"{state}, code {each.code}: {each.message}"
            found.append(Problem(name, "ExtensionFailed", redacted(text)))
    return tuple(found)
