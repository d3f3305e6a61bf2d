# SPDX-License-Identifier: Apache-2.0
"""Reports of several sizes."""

from __future__ import annotations

from dataclasses import replace

from agentcore.azure import status
from agentcore.azure.status import (
    ExtensionStatus,
    GoalStateStatus,
    HandlerStatus,
    Report,
    Substatus,
    UpdateStatus,
)

TIME = "2030-01-01T00:00:00Z"
EXTENSION = ExtensionStatus(
    "Pub.Type",
    status.SUCCESS,
    sequence=3,
    operation="Enable",
    message="ok",
    substatuses=(Substatus("s", message="x"),),
)
BARE = Report("vm1", "debian", "12", version="3.0.0.0")
FULL = replace(
    BARE,
    handlers=(HandlerStatus("Pub.Type", "1.2.3", status.READY, 0, "Plugin enabled", EXTENSION),),
    goal_state=GoalStateStatus("7", TIME),
    features=(("MultipleExtensionsPerHandler", "1.0"), ("FastTrack", "1.0")),
    update=UpdateStatus("3.0.0.0"),
)
