# SPDX-License-Identifier: Apache-2.0
"""Where extensions come into the daemon's frame."""

from __future__ import annotations

import os
from typing import Optional

from agentcore.azure.desired import Desired
from agentcore.azure.goalstate import GoalState
from agentcore.azure.http import Endpoint

from .frame import Frame
from .handling import ExtensionTask


def extension_task(frame: Frame) -> ExtensionTask:
    """The task that looks after extensions; the board learns from it what is to be reported."""
    board = frame.board

    def wanted() -> Optional[tuple[Desired, GoalState]]:
        return None if board.update is None else (board.update.desired, board.update.goal)

    def services() -> tuple[Optional[Endpoint], Optional[Endpoint]]:
        plugin = board.poller.plugin.endpoint if board.poller is not None else None
        return board.endpoint, plugin

    def changed() -> None:
        frame.scheduler.wake("report")
        frame.scheduler.wake("state")

    task = ExtensionTask(
        frame.host,
        frame.settings,
        wanted=wanted,
        services=services,
        changed=changed,
        log=lambda text: frame.log("INFO", text),
        now=frame.monotonic,
        wall=frame.now,
        proxies=frame.proxies,
        environment=os.environ,
    )
    board.handlers = task.report
    return task
