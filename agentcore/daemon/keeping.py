# SPDX-License-Identifier: Apache-2.0
"""The task that keeps the state directory inside its bounds."""

from __future__ import annotations

from agentcore.store import Bounds, trim

from .frame import Frame

PERIOD_S = 3600.0


class StoreKeeper:
    """Looks once an hour; ``Store.LimitMiB``, ``Store.LimitFiles``, ``Store.LimitDays``."""

    name = "store"

    def __init__(self, frame: Frame) -> None:
        options = frame.settings.daemon
        self._frame = frame
        self._bounds = Bounds(
            options.store_limit_mib << 20,
            options.store_limit_files,
            options.store_limit_days * 86400.0,
        )

    def step(self, now_s: float) -> float:
        """Look, and delete the oldest of what may go."""
        gone = trim(self._frame.host, self._bounds, self._frame.now())
        if gone:
            self._frame.log("INFO", f"{len(gone)} old files of the agent were deleted")
        return PERIOD_S
