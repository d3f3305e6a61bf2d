# SPDX-License-Identifier: Apache-2.0
"""The metadata service."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.lab.platform.conftest import Guest

OLD, NEW = "api-version=2018-02-01", "api-version=2021-08-01"


def test_an_instance_has_its_identity_and_its_interface(running: Callable[..., Guest]) -> None:
    guest = running(ssh_keys=("ssh-ed25519 AAAA me",), disable_password_auth=True)
    document = json.loads(guest.metadata(f"/metadata/instance?{NEW}").body)
    machine, compute = guest.platform.machine, document["compute"]
    assert compute["vmId"] == machine.vm_id
    assert compute["osProfile"] == {
        "adminUsername": "azureuser", "computerName": "labvm1",
        "disablePasswordAuthentication": "true",
    }  # fmt: skip
    assert compute["publicKeys"] == [
        {"keyData": "ssh-ed25519 AAAA me", "path": machine.authorized_keys}
    ]
    (interface,) = document["network"]["interface"]
    assert interface["macAddress"] == "000D3A4B5C6D"
    assert interface["ipv4"]["ipAddress"][0]["privateIpAddress"] == "10.0.0.4"
    assert interface["ipv4"]["subnet"] == [{"address": "10.0.0.0", "prefix": "24"}]
    assert guest.platform.violations == ()


def test_an_older_version_has_fewer_fields(guest: Guest) -> None:
    old = json.loads(guest.metadata(f"/metadata/instance/compute?{OLD}").body)
    new = json.loads(guest.metadata(f"/metadata/instance/compute?{NEW}").body)
    assert "osProfile" not in old
    assert set(old) < set(new)


@pytest.mark.parametrize("headers", [{}, {"Metadata": "false"}])
def test_the_header_is_required(guest: Guest, headers: dict[str, str]) -> None:
    assert guest.metadata(f"/metadata/instance?{NEW}", headers).status == 400
    assert "Metadata: true" in guest.platform.violations[0]


def test_a_proxy_is_refused(guest: Guest) -> None:
    headers = {"Metadata": "True", "X-Forwarded-For": "10.0.0.9"}
    assert guest.metadata(f"/metadata/instance?{NEW}", headers).status == 400
    assert "proxy" in guest.platform.violations[0]


@pytest.mark.parametrize("query", ["", "?api-version=1999-01-01"])
def test_a_version_is_required(guest: Guest, query: str) -> None:
    answer = guest.metadata(f"/metadata/instance{query}")
    assert answer.status == 400
    assert json.loads(answer.body)["newest-versions"]
    assert "api-version" in guest.platform.violations[0]


def test_a_leaf_is_text_or_json(guest: Guest) -> None:
    path = "/metadata/instance/network/interface/0/ipv4/ipAddress/0/privateIpAddress"
    assert guest.metadata(f"{path}?{NEW}&format=text").body == b"10.0.0.4"
    assert guest.metadata(f"{path}?{NEW}").body == b'"10.0.0.4"'


@pytest.mark.parametrize(
    "path", ["instance/none", "instance/network/interface/7", "reprovisiondata",
             "instance/compute/name/x"]
)  # fmt: skip
def test_what_is_not_there_is_not_found(guest: Guest, path: str) -> None:
    assert guest.metadata(f"/metadata/{path}?{NEW}").status == 404
    assert guest.platform.violations == ()


def test_extended_metadata_says_whether_there_is_custom_data(guest: Guest) -> None:
    document = json.loads(guest.metadata(f"/metadata/instance?{NEW}&extended=true").body)
    assert document["extended"] == {"compute": {"hasCustomData": True}}


def test_versions_and_events(guest: Guest) -> None:
    assert "2021-08-01" in json.loads(guest.metadata("/metadata/versions").body)["apiVersions"]
    events = guest.metadata("/metadata/scheduledevents?api-version=2020-07-15")
    assert json.loads(events.body)["Events"] == []
