# SPDX-License-Identifier: Apache-2.0
"""How each unit stands, for the status report: what was done, and what extensions say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Callable, Optional

from agentcore.azure.status import ERROR, READY, ExtensionStatus, HandlerStatus
from osdrivers.host import Host

from . import collecting
from .collecting import Collector
from .layout import Installation, Layout
from .progress import Progress, Unit


class Reports:
    """Reads what is to be reported; changes nothing.

    :param wall: seconds since 1970, to compare with times of files.
    """

    def __init__(self, host: Host, where: Layout, wall: Callable[[], float]) -> None:
        self._host, self._layout, self._wall = host, where, wall
        self._collector = Collector(host)

    def entries(
        self, progress: Progress, units: Iterable[Unit], now: float
    ) -> tuple[HandlerStatus, ...]:
        """One for each unit of which there is something to say."""
        listed = tuple(units)
        found = [self._entry(progress, unit, now) for unit in listed]
        self._collector.forget({self._path(progress, unit) for unit in listed})
        return tuple(one for one in found if one is not None)

    def _entry(self, progress: Progress, unit: Unit, now: float) -> Optional[HandlerStatus]:
        said = progress.handlers.get(unit.handler.name)
        gone = unit.extension is not None and unit.handler.multi_config and not unit.wanted
        if said is None or (gone and unit.key not in progress.failures):
            return None
        status = HandlerStatus(
            unit.handler.name,
            said.version,
            said.status,
            said.code,
            said.message,
            self.status(progress, unit, now),
        )
        if said.heartbeat and said.status == READY:
            path = self._present(progress, unit).heartbeat
            return collecting.heartbeat(self._host, path, self._wall(), status)
        return status

    def status(self, progress: Progress, unit: Unit, now: float) -> Optional[ExtensionStatus]:
        """What an extension says, or what is said instead; None for a handler alone."""
        extension = unit.extension
        if extension is None:
            return None
        name, sequence = unit.handler.name, extension.sequence
        instead = progress.instead.get(unit.key)
        fitting = instead is not None and instead.sequence == sequence
        own = None
        if not (fitting and instead is not None and instead.over):
            own = self._collector.status(self._path(progress, unit), name, sequence, unit.name, now)
        if own is not None:
            return own
        if fitting and instead is not None:
            return ExtensionStatus(
                name, ERROR, sequence, unit.name, "Enable", instead.code, instead.message
            )
        return collecting.missing(name, sequence, unit.name)

    def _present(self, progress: Progress, unit: Unit) -> Installation:
        said = progress.handlers.get(unit.handler.name)
        version = said.version if said is not None else unit.handler.version
        return Installation(self._host, self._layout, unit.handler.name, version)

    def _path(self, progress: Progress, unit: Unit) -> str:
        sequence = unit.extension.sequence if unit.extension is not None else 0
        return self._present(progress, unit).status_path(sequence, unit.name)
