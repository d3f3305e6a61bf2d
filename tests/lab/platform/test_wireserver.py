# SPDX-License-Identifier: Apache-2.0
"""The wire server's documents, and how it judges what guests send."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from defusedxml import ElementTree

from lab.platform.machine import Plugin, RemoteUser
from tests.lab.platform.conftest import WIRE, XML, Guest, health_report

DETAILS = (
    "<Details><SubStatus>Provisioning</SubStatus><Description>Starting</Description></Details>"
)


def test_versions_need_no_headers(guest: Guest) -> None:
    answer = guest.ask(guest.platform.wire_address, "/?comp=versions")
    assert ElementTree.fromstring(answer.body).findtext("Preferred/Version") == "2012-11-30"
    assert guest.platform.violations == ()


def test_a_goal_state_names_the_machine_and_reachable_documents(guest: Guest) -> None:
    host, port = guest.platform.wire_address
    root = ElementTree.fromstring(guest.goal_state().body)
    machine = guest.platform.machine
    role = root.find("Container/RoleInstanceList/RoleInstance")
    assert root.findtext("Incarnation") == "1"
    assert root.findtext("Container/ContainerId") == machine.container_id
    assert role.findtext("InstanceId") == machine.instance_id
    for url in role.findall("Configuration/*"):
        if url.tag in ("ConfigName", "Certificates"):
            continue
        prefix = f"http://{host}:{port}"
        assert url.text.startswith(prefix)
        assert guest.wire(url.text[len(prefix) :]).status == 200
    assert guest.platform.violations == ()


def test_documents_name_the_host_that_the_guest_named(guest: Guest) -> None:
    address = guest.platform.wire_address
    answer = guest.ask(address, "/machine/?comp=goalstate", {**WIRE, "Host": "168.63.129.16"})
    root = ElementTree.fromstring(answer.body)
    url = root.findtext(".//ExtensionsConfig")
    assert url.startswith("http://168.63.129.16/machine/")
    path = url[len("http://168.63.129.16") :]
    body = guest.ask(address, path, {**WIRE, "Host": "168.63.129.16"}).body
    status = ElementTree.fromstring(body).findtext("StatusUploadBlob")
    assert status.startswith(f"http://168.63.129.16:{guest.platform.blobs_address[1]}/$system/")


def test_hosting_and_shared_configuration_name_role_and_deployment(guest: Guest) -> None:
    guest.goal_state()
    machine = guest.platform.machine
    body = guest.document("comp=config&type=hostingEnvironmentConfig").body
    hosting = ElementTree.fromstring(body)
    assert hosting.find("Deployment").get("name") == machine.deployment_id
    assert hosting.find("Role").get("name") == f"_{machine.hostname}"
    assert hosting.find("Incarnation").get("instance") == f"_{machine.hostname}"
    shared = ElementTree.fromstring(guest.document("comp=config&type=sharedConfig").body)
    assert shared.find("Instances/Instance").get("address") == "10.0.0.4"


def test_extensions_have_settings_and_a_manifest(running: Callable[..., Guest]) -> None:
    plugin = Plugin(
        "Lab.Ext", "1.0", versions={"1.0": "/e.zip"}, settings={"<": 1}, level=2, sequence=7
    )
    guest = running(plugins=(plugin,))
    guest.platform.blobs.put("/e.zip", b"PK")
    guest.goal_state()
    root = ElementTree.fromstring(guest.document("comp=config&type=extensionsConfig").body)
    found = root.find("Plugins/Plugin")
    assert (found.get("name"), found.get("version"), found.get("state")) == (
        "Lab.Ext", "1.0", "enabled",
    )  # fmt: skip
    settings = root.find("PluginSettings/Plugin")
    assert settings.find("DependsOn").get("dependencyLevel") == "2"
    assert settings.find("RuntimeSettings").get("seqNo") == "7"
    held = json.loads(settings.findtext("RuntimeSettings"))["runtimeSettings"][0]
    assert held == {"handlerSettings": {"publicSettings": {"<": 1}}}
    store = guest.platform.blobs_address
    path = found.get("location")[len(f"http://{store[0]}:{store[1]}") :]
    package = ElementTree.fromstring(guest.ask(store, path).body).findtext(".//Uri")
    assert guest.ask(store, package[len(f"http://{store[0]}:{store[1]}") :]).body == b"PK"


def test_a_given_extensions_document_is_sent_as_it_is(running: Callable[..., Guest]) -> None:
    guest = running(extensions_config="<Extensions>$BLOBS/x</Extensions>")
    guest.goal_state()
    host, port = guest.platform.blobs_address
    body = guest.document("comp=config&type=extensionsConfig").body
    assert body.decode() == f"<Extensions>http://{host}:{port}/x</Extensions>"


def test_an_older_incarnation_is_gone(guest: Guest) -> None:
    guest.goal_state()
    before = guest.platform.machine
    guest.platform.push(before)
    path = "comp=config&type=sharedConfig&incarnation=1"
    from lab.platform import documents

    assert guest.wire(f"{documents.place(before)}?{path}").status == 410
    assert guest.document("comp=config&type=sharedConfig").status == 200
    assert ElementTree.fromstring(guest.goal_state().body).findtext("Incarnation") == "2"


def test_a_container_that_moved_has_no_documents(guest: Guest) -> None:
    from lab.platform import documents

    before = guest.platform.machine
    guest.platform.push(before.changed(container_id="0d4f3a11-0000-4000-8000-000000000002"))
    path = f"{documents.place(before)}?comp=config&type=sharedConfig&incarnation=2"
    assert guest.wire(path).status == 410


def test_remote_access_is_named_only_where_there_are_users(running: Callable[..., Guest]) -> None:
    assert b"RemoteAccessInfo" not in running().goal_state().body
    assert b"RemoteAccessInfo" in running(users=(RemoteUser("a", "b"),)).goal_state().body


@pytest.mark.parametrize(
    ("headers", "status", "found"),
    [
        ({"x-ms-agent-name": "A", "User-Agent": "a"}, 400, "x-ms-version"),
        ({"x-ms-version": "2012-11-30", "User-Agent": "a"}, 200, "x-ms-agent-name"),
        ({"x-ms-version": "2012-11-30", "x-ms-agent-name": "A"}, 200, "User-Agent"),
        ({**WIRE, "x-ms-version": "2010-12-15"}, 200, "x-ms-version"),
    ],
)
def test_missing_headers_are_violations(
    guest: Guest, headers: dict[str, str], status: int, found: str
) -> None:
    answer = guest.ask(guest.platform.wire_address, "/machine/?comp=goalstate", headers)
    assert answer.status == status
    assert [found in line for line in guest.platform.violations] == [True]


@pytest.mark.parametrize(
    "path", ["/nothing", "/machine/?comp=nothing", "/machineX?comp=goalstate", "/machine"]
)
def test_an_unknown_path_is_a_violation(guest: Guest, path: str) -> None:
    assert guest.wire(path).status == 404
    assert len(guest.platform.violations) == 1


def test_a_document_before_any_goal_state_is_a_violation(guest: Guest) -> None:
    assert guest.document("comp=config&type=sharedConfig").status == 200
    assert "before any goal state" in guest.platform.violations[0]


def test_health_reports_are_understood(guest: Guest) -> None:
    machine = guest.platform.machine
    guest.goal_state()
    assert not guest.platform.ready
    assert guest.post("health", health_report(machine, "NotReady", DETAILS)).status == 200
    assert not guest.platform.ready
    answer = guest.post("health", health_report(machine))
    assert answer.headers["x-ms-latest-goal-state-incarnation-number"] == "1"
    first, second = guest.platform.health
    assert (first.state, first.substatus, first.description) == (
        "NotReady", "Provisioning", "Starting",
    )  # fmt: skip
    assert second.state == "Ready"
    assert guest.platform.ready
    assert guest.platform.violations == ()


def test_wrong_health_reports_are_violations(guest: Guest) -> None:
    machine = guest.platform.machine
    guest.goal_state()
    long = f"<Details><SubStatus>s</SubStatus><Description>{'x' * 4097}</Description></Details>"
    for body, status, found in (
        ("<Health", 400, "well-formed"),
        ("<Other/>", 400, "root element"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><Health>&b;</Health>', 400, "well-formed"),
        (health_report(machine, "Fine"), 400, "neither Ready nor NotReady"),
        (health_report(machine, "NotReady"), 200, "without Details/SubStatus"),
        (health_report(machine, "NotReady", long), 400, "longer than 4096"),
        (health_report(machine, incarnation=9), 200, "GoalStateIncarnation"),
        (health_report(machine.changed(container_id="x")), 200, "ContainerId"),
        (health_report(machine.changed(role_instance="x")), 200, "InstanceId"),
    ):
        assert guest.post("health", body).status == status
        record = guest.platform.requests[-1]
        assert any(found in line for line in record.violations), (body, record.violations)
        assert record.body == body


def test_a_report_needs_its_content_type(guest: Guest) -> None:
    guest.goal_state()
    body = health_report(guest.platform.machine)
    wire = guest.platform.wire_address
    guest.ask(wire, "/machine?comp=health", WIRE, "POST", body)
    assert "Content-Type" in guest.platform.violations[0]
    guest.ask(
        wire, "/machine?comp=health", {**XML, "Content-Type": 'text/xml; charset="UTF-8"'},
        "POST", body,
    )  # fmt: skip
    assert len(guest.platform.violations) == 1


def test_health_before_the_goal_state_is_a_violation(guest: Guest) -> None:
    guest.post("health", health_report(guest.platform.machine))
    assert "before any goal state" in guest.platform.violations[0]


def test_role_properties_are_kept(guest: Guest) -> None:
    machine = guest.platform.machine
    body = (
        f"<RoleProperties><Container><ContainerId>{machine.container_id}</ContainerId>"
        f"<RoleInstances><RoleInstance><Id>{machine.instance_id}</Id><Properties>"
        '<Property name="CertificateThumbprint" value="{}"/></Properties></RoleInstance>'
        "</RoleInstances></Container></RoleProperties>"
    )
    assert guest.post("roleProperties", body.format("AB12")).status == 202
    assert guest.platform.violations == ()
    assert guest.platform.role_properties == ({"CertificateThumbprint": "AB12"},)
    guest.post("roleProperties", body.format("AB:12"))
    assert "colons" in guest.platform.violations[0]


def test_telemetry_is_checked(guest: Guest) -> None:
    event = (
        '<TelemetryData version="1.0"><Provider id="x"><Event id="1"><![CDATA[{}]]></Event>'
        "</Provider></TelemetryData>"
    )
    param = '<Param Name="a" Value="b" T="mt:wstr" />'
    assert guest.post("telemetrydata", event.format(param)).status == 200
    assert guest.platform.violations == ()
    guest.post("telemetrydata", event.format("text"))
    assert "Param" in guest.platform.violations[0]
    assert guest.post("telemetrydata", event.format(param * 2000)).status == 413


def test_observations_are_understood(guest: Guest) -> None:
    def post(document: object, sort: str = "application/json") -> int:
        headers = {"Content-Type": sort}
        body = json.dumps(document)
        wire = guest.platform.wire_address
        return guest.ask(wire, "/HealthService", headers, "POST", body).status

    one = {"ObservationName": "GuestAgentPluginHeartbeat", "IsHealthy": True, "Description": "",
           "Value": ""}  # fmt: skip
    frame = {"Api": "reporttargethealth", "Version": "1.0", "Source": "WALinuxAgent"}
    assert post({**frame, "Observations": [one]}) == 200
    assert guest.platform.violations == ()
    assert [(seen.name, seen.healthy) for seen in guest.platform.observations] == [
        ("GuestAgentPluginHeartbeat", True)
    ]
    assert (
        post({"Observations": [{**one, "IsHealthy": "yes", "Value": "x" * 129}] * 11}, "a") == 200
    )
    assert len(guest.platform.violations) == 5 + 11 * 2
    assert post([1]) == 400
