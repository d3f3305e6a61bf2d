# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentcore.azure.http import Endpoint
from agentcore.azure.imds import Imds, parse_instance
from agentcore.azure.retry import ONCE, SystemClock
from agentcore.errors import Malformed, Refused, ServiceError, Throttled, Unreachable
from lab.platform.faults import Fault
from lab.platform.machine import Machine
from lab.platform.server import Platform
from tests.azure.samples import captured
from tests.azure.servers import PretendClock, Server, ok, resets

DOCUMENT = {
    "compute": {"vmId": "id", "name": "vm1", "location": "here", "publisher": ""},
    "network": {
        "interface": [
            {
                "macAddress": "000D3A3382E8",
                "ipv4": {"ipAddress": [{"privateIpAddress": "10.0.1.4", "publicIpAddress": ""}]},
            }
        ]
    },
}


def test_the_document_is_read() -> None:
    found = parse_instance(b"\xef\xbb\xbf" + json.dumps(DOCUMENT).encode())
    assert (found.vm_id, found.name, found.location, found.sku) == ("id", "vm1", "here", "")
    assert (found.mac, found.private_address) == ("00:0d:3a:33:82:e8", "10.0.1.4")
    assert not found.platform_image


def test_a_captured_document_is_read() -> None:
    found = parse_instance(captured("imds-instance.json"))
    assert found.vm_id == "e7fdbfc4-2deb-4a4e-8615-ea6aaf50162e"
    assert found.resource_group == "tests"
    assert found.platform_image


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html/>",
        b"\xff",
        b"[]",
        b"{}",
        b'"text"',
        b'{"compute": [], "network": 5}',
        b"[" * 100_000,
        json.dumps({**DOCUMENT, "network": {"interface": []}}).encode(),
        json.dumps({**DOCUMENT, "network": {"interface": [{"macAddress": "0"}]}}).encode(),
        json.dumps({**DOCUMENT, "compute": None}).encode(),
        json.dumps(DOCUMENT).encode()[:-5],
    ],
)
def test_any_other_document_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        parse_instance(data)


def test_the_simulated_service_is_satisfied(tmp_path: Path) -> None:
    wanted = Machine(hostname="vm1", user="azureuser", location="nowhere")
    with Platform(wanted, tmp_path) as platform:
        with Imds(SystemClock(), endpoint=Endpoint(*platform.imds_address)) as service:
            found = service.instance()
        assert platform.violations == ()
    assert (found.location, found.mac) == ("nowhere", wanted.mac)
    assert found.private_address == wanted.address.partition("/")[0]


def test_a_passing_fault_is_waited_out() -> None:
    clock = PretendClock()
    answer = ok(json.dumps(DOCUMENT).encode())
    with Server(resets, answer) as server, Imds(clock, endpoint=server.endpoint) as service:
        assert service.instance().name == "vm1"
    assert len(clock.waits) == 1


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault("status", status=429), Throttled),
        (Fault("status", status=404), Refused),
        (Fault("status", status=500), Unreachable),
        (Fault("hangup"), Unreachable),
        (Fault("truncate"), Unreachable),
        (Fault("garbage"), Malformed),
    ],
    ids=["429", "404", "500", "hangup", "truncate", "garbage"],
)
def test_a_lasting_fault_is_one_clear_error(
    tmp_path: Path, fault: Fault, error: type[ServiceError]
) -> None:
    with Platform(Machine(hostname="vm1", user="u"), tmp_path, faults=[fault]) as platform:
        endpoint = Endpoint(*platform.imds_address)
        service = Imds(SystemClock(), endpoint=endpoint, retry=ONCE)
        with service, pytest.raises(error):
            service.instance()
