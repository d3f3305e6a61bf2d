# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from agentcore.azure import health, xml


def document(report: health.Report) -> bytes:
    return health.document(report, incarnation="7", container_id="c-id", instance_id="i-id")


def described(report: health.Report) -> str:
    root = xml.parse(document(report), "the report")
    found = xml.descendant(root, "Description")
    assert found is not None
    return found.text or ""


def test_the_starting_report_has_its_elements_in_order() -> None:
    assert document(health.STARTING).decode() == (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<Health xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        ' xmlns:xsd="http://www.w3.org/2001/XMLSchema">'
        "<GoalStateIncarnation>7</GoalStateIncarnation><Container><ContainerId>c-id</ContainerId>"
        "<RoleInstanceList><Role><InstanceId>i-id</InstanceId><Health><State>NotReady</State>"
        "<Details><SubStatus>Provisioning</SubStatus><Description>Starting</Description></Details>"
        "</Health></Role></RoleInstanceList></Container></Health>"
    )


def test_ready_has_no_details() -> None:
    assert b"<State>Ready</State></Health>" in document(health.READY)
    assert b"Details" not in document(health.READY)


def test_a_long_description_is_cut_before_it_is_escaped() -> None:
    assert described(health.provisioning_failed("<" * 5000)) == "<" * 3686
    assert b"<Description>" + b"&lt;" * 3686 + b"</" in document(
        health.provisioning_failed("<" * 5000)
    )


def test_a_description_in_another_script_stays_within_the_bytes() -> None:
    text = described(health.provisioning_failed("語" * 5000))
    assert text == "語" * (4096 // 3)


@pytest.mark.parametrize("text", ["a\x00b", "a\x1bb", "a\ud800b", "a\uffffb"])
def test_what_xml_cannot_hold_is_replaced(text: str) -> None:
    assert described(health.provisioning_failed(text)) == "a\ufffdb"


def test_markup_in_any_value_stays_text() -> None:
    hostile = '</State>&"<x/>'
    data = health.document(
        health.Report(hostile, hostile, hostile),
        incarnation=hostile,
        container_id=hostile,
        instance_id=hostile,
    )
    root = xml.parse(data, "the report")
    names = ("GoalStateIncarnation", "ContainerId", "InstanceId", "State", "SubStatus")
    assert {xml.text(xml.descendant(root, name)) for name in names} == {hostile}


def test_the_fingerprint_goes_without_colons() -> None:
    data = health.properties("aa:bb:cc", container_id="c", instance_id="i").decode()
    assert data == (
        '<?xml version="1.0" encoding="utf-8"?><RoleProperties><Container>'
        "<ContainerId>c</ContainerId><RoleInstances><RoleInstance><Id>i</Id><Properties>"
        '<Property name="CertificateThumbprint" value="aabbcc" /></Properties></RoleInstance>'
        "</RoleInstances></Container></RoleProperties>"
    )
