# SPDX-License-Identifier: Apache-2.0
"""The whole platform side against the simulated platform, with every fault that it knows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agentcore.azure import health, ovf
from agentcore.azure.http import Client, Endpoint
from agentcore.azure.retry import ONCE, RetryPolicy, SystemClock
from agentcore.azure.wireserver import Stale, WireServer
from agentcore.errors import Malformed, Refused, ServiceError, Throttled, Unreachable
from lab.platform import ovf as lab_ovf
from lab.platform.faults import Fault
from lab.platform.machine import Machine
from lab.platform.server import Platform

WANTED = Machine(hostname="vm1", user="azureuser", password="CANARY", incarnation=3)
#: What waits for an answer that comes waits long: another process may have all the machine.
LIMIT_S = 60.0
SHORT_S = 0.3
ENDLESS = ("silence", "delay", "endless")
QUICK = RetryPolicy(deadline_s=LIMIT_S, first_s=0.05, factor=1.0, cap_s=0.05)


@contextmanager
def talking(
    directory: Path, *faults: Fault, retry: RetryPolicy = ONCE, deadline_s: float = LIMIT_S
) -> Iterator[tuple[Platform, WireServer]]:
    with Platform(WANTED, directory, faults=faults) as platform:
        endpoint = Endpoint(*platform.wire_address)
        client = Client(endpoint, deadline_s=deadline_s)
        with WireServer(endpoint, SystemClock(), retry=retry, fresh=QUICK, client=client) as server:
            yield platform, server


def test_a_first_boot_is_told_from_start_to_ready(tmp_path: Path) -> None:
    with talking(tmp_path) as (platform, server):
        server.negotiate()
        goal = server.goal_state()
        server.report_health(goal, health.STARTING)
        assert server.hosting_config(goal).vm_name
        assert server.shared_config(goal).raw
        server.report_fingerprint(goal, "aa:bb:cc")
        server.report_health(goal, health.READY)
        assert platform.ready
        assert [report.state for report in platform.health] == ["NotReady", "Ready"]
        assert platform.role_properties[0]["CertificateThumbprint"] == "aabbcc"
        assert platform.violations == ()
    assert (goal.incarnation, goal.container_id) == ("3", WANTED.container_id)
    assert goal.instance_id == WANTED.instance_id
    assert goal.deployment_id == WANTED.deployment_id


def test_one_connection_serves_all_requests(tmp_path: Path) -> None:
    with talking(tmp_path) as (platform, server):
        for _ in range(5):
            server.goal_state()
        assert len(platform.requests) == 5


@pytest.mark.parametrize(
    "kind",
    ["status", "reset", "hangup", "truncate", "silence", "stale-incarnation", "no-role-instance"],
)
def test_a_passing_fault_is_waited_out(tmp_path: Path, kind: str) -> None:
    if kind == "stale-incarnation":
        faults = [Fault(kind, path="goalstate", skip=1, count=2)]
    else:
        faults = [Fault(kind, path="goalstate", count=2)]
    limit_s = SHORT_S if kind in ENDLESS else LIMIT_S
    with talking(tmp_path, *faults, retry=QUICK, deadline_s=limit_s) as (_, server):
        assert server.goal_state().incarnation == "3"
        assert server.goal_state().incarnation == "3"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault("status", status=500, count=None), Unreachable),
        (Fault("status", status=503, count=None), Throttled),
        (Fault("status", status=429, count=None), Throttled),
        (Fault("status", status=404, count=None), Refused),
        (Fault("reset", count=None), Unreachable),
        (Fault("hangup", count=None), Unreachable),
        (Fault("silence", count=None), Unreachable),
        (Fault("delay", delay_s=LIMIT_S, count=None), Unreachable),
        (Fault("truncate", count=None), Unreachable),
        (Fault("endless", delay_s=0.01, count=None), Unreachable),
        (Fault("garbage", count=None), Malformed),
        (Fault("content-length", bytes=50, count=None), Unreachable),
        (Fault("content-length", bytes=-50, count=None), Malformed),
        (Fault("no-role-instance", count=None), Malformed),
    ],
    ids=lambda value: f"{value.kind}{value.status}" if isinstance(value, Fault) else "",
)
def test_a_lasting_fault_is_one_clear_error(
    tmp_path: Path, fault: Fault, error: type[ServiceError]
) -> None:
    fresh = RetryPolicy(deadline_s=0.3, first_s=0.1, cap_s=0.1)
    with Platform(WANTED, tmp_path, faults=[fault]) as platform:
        endpoint = Endpoint(*platform.wire_address)
        limit_s = SHORT_S if fault.kind in ENDLESS else LIMIT_S
        client = Client(endpoint, deadline_s=limit_s)
        server = WireServer(endpoint, SystemClock(), retry=ONCE, fresh=fresh, client=client)
        with server, pytest.raises(error) as caught:
            server.goal_state()
    assert "\n" not in str(caught.value)


def test_a_goal_state_that_stays_stale_is_an_error(tmp_path: Path) -> None:
    fault = Fault("stale-incarnation", skip=1, count=None)
    with Platform(WANTED, tmp_path, faults=[fault]) as platform:
        endpoint = Endpoint(*platform.wire_address)
        fresh = RetryPolicy(deadline_s=0.2, first_s=0.05, cap_s=0.05)
        with WireServer(endpoint, SystemClock(), retry=ONCE, fresh=fresh) as server:
            server.goal_state()
            with pytest.raises(Stale):
                server.goal_state()


def test_documents_of_a_stale_goal_state_lead_to_the_next(tmp_path: Path) -> None:
    with talking(tmp_path, Fault("stale-incarnation")) as (_, server):
        assert server.with_goal_state(server.shared_config).raw


def test_wrong_versions_are_malformed(tmp_path: Path) -> None:
    with talking(tmp_path, Fault("wrong-versions")) as (_, server), pytest.raises(Malformed):
        server.negotiate()


def test_the_simulated_document_is_read_and_scrubbed() -> None:
    data = lab_ovf.document(WANTED)
    found = ovf.parse(data)
    assert (found.host_name, found.user_name) == ("vm1", "azureuser")
    assert found.password is not None
    assert b"CANARY" not in ovf.scrub(data)
