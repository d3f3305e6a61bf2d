# SPDX-License-Identifier: Apache-2.0
"""How far the work on a goal state has come: one value, on disk before anything follows from it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Optional

from agentcore.azure.desired import Dependency, Extension, Handler
from agentcore.azure.status import NOT_READY
from osdrivers.host import Host

from .plan import Step

#: Of the document's shape.  One that is not known is not believed.
FORMAT = 1


@dataclass(frozen=True)
class Unit:
    """A handler and one of its extensions, or the handler alone."""

    handler: Handler
    extension: Optional[Extension] = None

    @property
    def name(self) -> str:
        """Of the extension, where its handler has several; "" otherwise."""
        return self.extension.name if self.extension and self.handler.multi_config else ""

    @property
    def key(self) -> str:
        return f"{self.handler.name}/{self.name}"

    @property
    def wanted(self) -> bool:
        """Whether it is to be enabled."""
        extension = self.extension is None or self.extension.state == "enabled"
        return self.handler.state == "enabled" and extension

    @property
    def level(self) -> int:
        return self.extension.level if self.extension is not None else 0

    @property
    def rank(self) -> int:
        """What to sort by: removals first, in the reverse order of their dependencies."""
        return self.level if self.wanted else -self.level - 1


@dataclass(frozen=True)
class Running:
    """The job of the present step.

    :param began: seconds of the clock that only goes forward; begins anew at a reboot.
    :param attempt: from 1; more where the machine went down under it.
    :param late: its time was over, and it was killed.
    """

    record: str
    began: float
    attempt: int = 1
    late: bool = False


@dataclass(frozen=True)
class Said:
    """What is reported of a handler."""

    version: str
    status: str = NOT_READY
    code: int = 0
    message: str = ""
    heartbeat: bool = False


@dataclass(frozen=True)
class Failure:
    """How a unit failed, and whether trying again later may help."""

    code: int
    message: str
    again: bool = False


@dataclass(frozen=True)
class Instead:
    """An error reported for an extension that cannot speak for itself.

    :param over: also where it has written a status.
    """

    sequence: int
    code: int
    message: str
    over: bool = False


@dataclass(frozen=True)
class Progress:
    """All of it.

    :param goal: ``identity.name`` of the goal state.
    :param handled: all units had their turn; some may get another later.
    :param at: the next unit.
    :param steps: of the present unit, ``done`` of them are.
    :param version: the one that was fetched for the present unit.
    :param codes: exit codes of the present unit's commands.
    :param succeeded: keys of units that need nothing more in this goal state.
    :param since: when the work on it began, or its last turn ended.
    :param boot: of the machine when the goal state was handled; "" where that is not known.
    :param blocked: why all later units are failed without a try; "" if they are not.
    """

    goal: str = ""
    sequence: str = ""
    handled: bool = False
    at: int = 0
    unit: Optional[Unit] = None
    steps: tuple[Step, ...] = ()
    done: int = 0
    version: str = ""
    codes: Mapping[str, str] = field(default_factory=dict)
    job: Optional[Running] = None
    succeeded: tuple[str, ...] = ()
    since: float = 0.0
    blocked: str = ""
    failures: Mapping[str, Failure] = field(default_factory=dict)
    handlers: Mapping[str, Said] = field(default_factory=dict)
    instead: Mapping[str, Instead] = field(default_factory=dict)
    serial: int = 0
    boot: str = ""
    turn: int = 0
    code: int = 0
    message: str = ""
    time: str = ""


def load(host: Host, path: str) -> Progress:
    """What is on disk; a fresh one where there is nothing that can be used."""
    data = host.read_bytes(path, b"")
    try:
        found = json.loads(data) if data else {}
        return _progress(found) if found.pop("format", 0) == FORMAT else Progress()
    except (ValueError, TypeError, AttributeError, KeyError):
        return Progress()


def save(host: Host, path: str, progress: Progress) -> None:
    """0600: settings of the present unit are in it, the protected ones encrypted."""
    whole = {"format": FORMAT, **asdict(progress)}
    host.write(path, json.dumps(whole, separators=(",", ":")).encode(), mode=0o600)


def _progress(found: dict[str, Any]) -> Progress:
    unit, job = found["unit"], found["job"]
    return Progress(
        **{
            **found,
            "unit": None if unit is None else _unit(unit),
            "succeeded": tuple(found["succeeded"]),
            "steps": tuple(Step(**one) for one in found["steps"]),
            "job": None if job is None else Running(**job),
            "failures": {key: Failure(**one) for key, one in found["failures"].items()},
            "handlers": {key: Said(**one) for key, one in found["handlers"].items()},
            "instead": {key: Instead(**one) for key, one in found["instead"].items()},
        }
    )


def _unit(found: dict[str, Any]) -> Unit:
    handler, extension = found["handler"], found["extension"]
    uris = tuple(handler["manifest_uris"])
    made = Handler(**{**handler, "manifest_uris": uris, "extensions": ()})
    if extension is None:
        return Unit(made)
    depends = tuple(Dependency(**one) for one in extension["depends_on"])
    return Unit(made, Extension(**{**extension, "depends_on": depends}))
