# SPDX-License-Identifier: Apache-2.0
"""What the platform wants now, and what it has been told."""

from __future__ import annotations

import datetime
import threading
from dataclasses import dataclass, field
from typing import Optional

from . import certificates
from .certificates import Certificate
from .machine import Machine

_EPOCH = datetime.datetime(1, 1, 1, tzinfo=datetime.timezone.utc)


@dataclass(frozen=True)
class HealthReport:
    """One health document: ``state`` is ``Ready`` or ``NotReady``."""

    state: str
    substatus: str = ""
    description: str = ""
    incarnation: str = ""
    time: float = 0.0


@dataclass(frozen=True)
class Observation:
    """One observation posted to the health service."""

    name: str
    healthy: bool
    description: str = ""
    value: str = ""


@dataclass(frozen=True)
class Goal:
    """A machine as of one moment.  ``ticks`` are 100 ns since 0001-01-01 (UTC)."""

    machine: Machine
    ticks: int

    @property
    def etag(self) -> str:
        """The entity tag of its vmSettings; the platform writes it without quotes."""
        return str(self.ticks)


@dataclass
class State:
    """Shared by all services; ``lock`` is the journal's condition, so that observers see order.

    ``goal`` is the newest wish, which vmSettings show; ``fabric`` what ExtensionsConfig shows.
    """

    lock: threading.Condition
    goal: Goal
    fabric: Goal
    former_containers: set[str] = field(default_factory=set)
    health: list[HealthReport] = field(default_factory=list)
    role_properties: list[dict[str, str]] = field(default_factory=list)
    telemetry: list[str] = field(default_factory=list)
    observations: list[Observation] = field(default_factory=list)
    logs: list[bytes] = field(default_factory=list)
    goal_state_asked: bool = False
    host_versions_asked: bool = False
    _tenant: Optional[Certificate] = None
    _stranger: Optional[Certificate] = None

    @classmethod
    def of(cls, machine: Machine, lock: threading.Condition) -> State:
        """The state before any request."""
        goal = Goal(machine, _ticks())
        return cls(lock, goal, goal)

    @property
    def machine(self) -> Machine:
        """What is wanted now."""
        return self.goal.machine

    def push(self, machine: Machine) -> Machine:
        """Want ``machine`` from now on, at the next incarnation (or its own, if later)."""
        with self.lock:
            before = self.goal.machine
            following = max(before.incarnation + 1, machine.incarnation)
            if machine.container_id != before.container_id:
                self.former_containers.add(before.container_id)
            self.former_containers.discard(machine.container_id)
            ticks = max(_ticks(), self.goal.ticks + 1)
            self.goal = self.fabric = Goal(machine.changed(incarnation=following), ticks)
            self.lock.notify_all()
            return self.goal.machine

    def touch(self, machine: Optional[Machine] = None) -> None:
        """New vmSettings without a new incarnation, with the plugins of ``machine`` if given."""
        with self.lock:
            before = self.goal.machine
            wanted = machine or before
            same = wanted.changed(incarnation=before.incarnation, container_id=before.container_id)
            self.goal = Goal(same, max(_ticks(), self.goal.ticks + 1))
            self.lock.notify_all()

    def tenant(self) -> Certificate:
        """The certificate for protected settings; made when first needed."""
        with self.lock:
            if self._tenant is None:
                self._tenant = certificates.make("Microsoft Azure CRP Certificate Generator")
            return self._tenant

    def stranger(self) -> Certificate:
        """Somebody else's key, for the fault ``other-key``."""
        with self.lock:
            if self._stranger is None:
                self._stranger = certificates.make("somebody else")
            return self._stranger

    def certificates(self) -> tuple[Certificate, ...]:
        """What the Certificates document holds."""
        own = self.machine.certificates
        return (self.tenant(), *own) if self.machine.tenant_certificate else own


def _ticks() -> int:
    passed = datetime.datetime.now(datetime.timezone.utc) - _EPOCH
    return (passed // datetime.timedelta(microseconds=1)) * 10
