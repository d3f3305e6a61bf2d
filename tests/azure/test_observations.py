# SPDX-License-Identifier: Apache-2.0
"""What the health service is told of the platform's services."""

from __future__ import annotations

import json
from pathlib import Path

from agentcore.azure import observations
from agentcore.azure.http import Endpoint
from agentcore.azure.observations import PLUGIN_HEARTBEAT, Observation, Watched
from agentcore.azure.retry import ONCE
from agentcore.azure.wireserver import WireServer
from lab.platform.machine import Machine
from lab.platform.server import Platform
from tests.azure.servers import PretendClock


def test_a_service_is_unhealthy_only_after_minutes_without_success() -> None:
    it = Watched(PLUGIN_HEARTBEAT)
    told = [it.seen(second, well=False, description="no answer") for second in range(0, 361, 60)]
    assert [one.healthy for one in told if one] == [True] * 5 + [False] * 2
    assert told[-1] == Observation(PLUGIN_HEARTBEAT, healthy=False, description="no answer")
    again = it.seen(420, well=True, description="no answer")
    assert again == Observation(PLUGIN_HEARTBEAT, healthy=True)


def test_observations_are_a_minute_apart() -> None:
    it = Watched(PLUGIN_HEARTBEAT)
    told = [it.seen(second, well=True) for second in range(0, 120, 6)]
    assert len([one for one in told if one]) == 2


def test_texts_and_number_are_what_the_service_takes() -> None:
    many = [
        Observation("n" * 100, healthy=True, description="d" * 300, value=str(n)) for n in range(12)
    ]
    listed = json.loads(observations.document(many))["Observations"]
    assert [one["Value"] for one in listed] == [str(n) for n in range(2, 12)]
    assert {(len(one["ObservationName"]), len(one["Description"])) for one in listed} == {(64, 128)}


def test_the_health_service_is_told(tmp_path: Path) -> None:
    with Platform(Machine("vm1", "u", tenant_certificate=False), tmp_path) as platform:
        with WireServer(Endpoint(*platform.wire_address), PretendClock(), retry=ONCE) as server:
            server.goal_state()
            server.report_observations(
                observations.document([Observation(PLUGIN_HEARTBEAT, healthy=False)])
            )
        assert [(one.name, one.healthy) for one in platform.observations] == [
            (PLUGIN_HEARTBEAT, False)
        ]
        assert platform.violations == ()
