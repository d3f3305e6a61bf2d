# SPDX-License-Identifier: Apache-2.0
"""The provisioning disc, mounted and released through plans like every other change."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Callable

from agentcore.settings import Settings
from osdrivers.actions import Plan
from osdrivers.api import Drive, Driver
from osdrivers.errors import NotFound, Unsupported
from osdrivers.executor import Observer, Outcome, Task, carry_out

FILE = "ovf-env.xml"


@dataclass
class Discs:
    """The optical drives of one machine; ``outcomes`` collects what was done to them."""

    driver: Driver
    settings: Settings
    observe: Observer
    outcomes: list[Outcome]

    def present(self) -> bool:
        """Whether the disc is mounted already at our mount point."""
        return self.driver.host.exists(f"{self.settings.platform.dvd_mount_point}/{FILE}")

    def drives(self) -> tuple[str, ...]:
        """Nodes of the drives."""
        found = self.driver.drives.list() if self.driver.drives is not None else ()
        return tuple(drive.node for drive in found)

    def _drive(self, node: str) -> Drive:
        found = self.driver.drives.list() if self.driver.drives is not None else ()
        for drive in found:
            if drive.node == node:
                return drive
        raise NotFound(f"the drive {node} has gone")

    @contextlib.contextmanager
    def opened(self, node: str) -> Iterator[str]:
        """Mount a drive's disc for as long as it is read; yields the guest directory."""
        drives, drive = self.driver.drives, self._drive(node)
        if drives is None:
            raise NotFound("this system has no optical drives")
        if drives.has_medium(drive) is False:
            raise NotFound(f"no disc in {node}")
        already = drives.mounted(drive)
        directory = already or self.settings.platform.dvd_mount_point
        if not already:
            self._do("dvd-mount", lambda: drives.ensure_mounted(drive, directory))
        try:
            yield directory
        finally:
            if directory == self.settings.platform.dvd_mount_point:
                self._do("dvd-unmount", lambda: drives.ensure_unmounted(directory))

    def release(self, node: str) -> None:
        """Give the disc back: it holds the password.  A drive that will not is not a failure."""
        drives = self.driver.drives
        mount_point = self.settings.platform.dvd_mount_point
        if drives is None:
            return
        if not node:
            self._do("dvd-unmount", lambda: drives.ensure_unmounted(mount_point))
            return
        drive = self._drive(node)
        task = Task("eject", lambda: drives.ensure_ejected(drive), required=False)
        self.outcomes += carry_out([task], self.driver.host, self.observe)

    def _do(self, name: str, plan: Callable[[], Plan]) -> None:
        outcomes = carry_out([Task(name, plan)], self.driver.host, self.observe)
        self.outcomes += outcomes
        for outcome in outcomes:
            if isinstance(outcome.error, Unsupported):  # of this disc; another may be readable
                raise NotFound(outcome.error.message, hint=outcome.error.hint) from outcome.error
            if outcome.error is not None:
                raise outcome.error
