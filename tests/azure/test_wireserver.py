# SPDX-License-Identifier: Apache-2.0
"""The wire server over real HTTP; only the time between attempts is pretended."""

from __future__ import annotations

import pytest

from agentcore.azure import goalstate, health
from agentcore.azure.goalstate import GoalState, NoRoleInstance
from agentcore.azure.wireserver import Stale
from agentcore.errors import Malformed, Refused, ServiceError, Throttled, Unreachable
from tests.azure.samples import HOSTING, VERSIONS, captured, goal_state
from tests.azure.servers import Behaviour, answers, ok, resets, silent, status
from tests.azure.wire_bed import HOME, NEW, wire

OLD = goal_state(incarnation="6")


def test_the_version_is_negotiated_without_special_headers() -> None:
    with wire(ok(VERSIONS)) as made:
        assert made.client.negotiate() == ("2012-11-30", "2010-12-15")
    assert made.sent() == ["GET /?comp=versions"]
    assert b"x-ms-" not in made.server.requests[0]


def test_a_supported_version_need_not_be_preferred() -> None:
    swapped = b"<Versions><Preferred><Version>2030-01-01</Version></Preferred><Supported><Version>"
    with wire(ok(swapped + b"2012-11-30</Version></Supported></Versions>")) as made:
        assert made.client.negotiate() == ("2030-01-01", "2012-11-30")


def test_an_unknown_version_is_malformed_and_named() -> None:
    document = b"<Versions><Preferred><Version>2030-01-01</Version></Preferred></Versions>"
    with wire(ok(document)) as made, pytest.raises(Malformed, match="2030-01-01"):
        made.client.negotiate()


def test_captured_versions_are_read() -> None:
    assert "2012-11-30" in goalstate.supported_versions(captured("version_info.xml"))


def test_the_goal_state_is_read() -> None:
    with wire(ok(NEW)) as made:
        found = made.client.goal_state()
    assert made.sent() == ["GET /machine/?comp=goalstate"]
    assert b"\r\nx-ms-version: 2012-11-30\r\n" in made.server.requests[0]
    assert b"\r\nx-ms-agent-name: WALinuxAgent\r\n" in made.server.requests[0]
    assert found == GoalState(
        incarnation="7",
        container_id="c0ffee00-0000-0000-0000-000000000001",
        instance_id="role_IN_0",
        config_name="deployment.1.deployment.2.role.1.xml",
        expected_state="Started",
        lb_probe_port=16001,
        hosting_config="/machine/c/r?comp=config&type=hostingEnvironmentConfig&incarnation=7",
        shared_config="/machine/c/r?comp=config&type=sharedConfig&incarnation=7",
        extensions_config="/machine/c/r?comp=config&type=extensionsConfig&incarnation=7",
        certificates="/machine/c/r?comp=certificates&incarnation=7",
        remote_access="",
        raw=NEW,
    )
    assert found.deployment_id == "deployment"


def test_a_captured_goal_state_is_read() -> None:
    found = goalstate.parse_goal_state(captured("goal_state.xml"), goalstate.WELL_KNOWN)
    assert found.incarnation == "1"
    assert found.container_id == "c6d5526c-5ac2-4200-b6e2-56f2b70c5ab2"
    assert found.instance_id == "b61f93d0-e1ed-40b2-b067-22c243233448.MachineRole_IN_0"
    assert found.lb_probe_port == 16001
    assert found.deployment_id == "bc8b9d47-b5ed-4704-85d9-fd74cc967ec2"
    assert found.certificates.startswith("/machine/865a6683-91d8-450f-99ae/bc8b9d47%2Db5ed")


def test_a_goal_state_with_mark_and_padding_is_read() -> None:
    with wire(ok(b"\xef\xbb\xbf" + NEW + b"\x00\x00")) as made:
        assert made.client.goal_state().incarnation == "7"


def test_documents_that_may_be_absent_are_empty() -> None:
    bare = NEW.replace(b"ExtensionsConfig>", b"Other>").replace(b"Certificates>", b"Another>")
    found = goalstate.parse_goal_state(bare.replace(b"Port>", b"Nothing>"), HOME)
    assert found.lb_probe_port is None
    assert (found.extensions_config, found.certificates) == ("", "")


@pytest.mark.parametrize(
    "name",
    ["Incarnation", "ContainerId", "InstanceId", "HostingEnvironmentConfig", "SharedConfig"],
)
def test_a_missing_element_of_the_goal_state_is_named(name: str) -> None:
    data = NEW.replace(f"<{name}>".encode(), b"<Other>").replace(f"</{name}>".encode(), b"</Other>")
    with pytest.raises(Malformed, match=name):
        goalstate.parse_goal_state(data, HOME)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ContainerId", "a b"),
        ("ContainerId", "x\nHost: evil"),
        ("InstanceId", "ü"),
        ("Incarnation", " "),
        ("Port", "0"),
        ("Port", "99999"),
        ("Port", "http"),
    ],
)
def test_a_value_that_cannot_be_used_is_malformed(name: str, value: str) -> None:
    before, _, rest = NEW.decode().partition(f"<{name}>")
    after = rest.partition(f"</{name}>")[2]
    with pytest.raises(Malformed):
        goalstate.parse_goal_state(f"{before}<{name}>{value}</{name}>{after}".encode(), HOME)


def test_a_goal_state_without_a_role_instance_is_asked_for_again() -> None:
    empty = ok(goal_state(instance=False))
    with wire(empty, empty, ok(NEW)) as made:
        assert made.client.goal_state().incarnation == "7"
    assert sum(made.clock.waits) == pytest.approx(1.0, abs=0.3)


def test_a_goal_state_that_stays_without_a_role_instance_is_malformed() -> None:
    with wire(ok(goal_state(instance=False))) as made, pytest.raises(NoRoleInstance):
        made.client.goal_state()
    assert 6 <= len(made.sent()) <= 9


def test_a_stale_goal_state_is_asked_for_again() -> None:
    with wire(ok(NEW), ok(OLD), ok(OLD), ok(NEW)) as made:
        assert made.client.goal_state().incarnation == "7"
        assert made.client.goal_state().incarnation == "7"
    assert len(made.sent()) == 4


def test_a_goal_state_older_than_announced_is_stale() -> None:
    announce = ok(headers=b"x-ms-latest-goal-state-incarnation-number: 7\r\n")
    with wire(ok(OLD), announce, ok(OLD), ok(NEW)) as made:
        made.client.report_health(made.client.goal_state(), health.READY)
        assert made.client.goal_state().incarnation == "7"


def test_a_goal_state_that_stays_stale_is_an_error_once() -> None:
    with wire(ok(NEW), ok(OLD)) as made:
        made.client.goal_state()
        with pytest.raises(Stale, match="incarnation 6, expected 7"):
            made.client.goal_state()
        assert made.client.goal_state().incarnation == "6"


def test_a_lower_incarnation_of_another_container_is_right() -> None:
    with wire(ok(NEW), ok(goal_state(incarnation="1", container="other"))) as made:
        made.client.goal_state()
        assert made.client.goal_state().incarnation == "1"
    assert made.clock.waits == []


def test_an_incarnation_that_is_no_number_is_never_stale() -> None:
    with wire(ok(NEW), ok(goal_state(incarnation="abc"))) as made:
        made.client.goal_state()
        assert made.client.goal_state().incarnation == "abc"


def test_a_document_that_is_gone_leads_to_a_new_goal_state() -> None:
    with wire(ok(OLD), status(410), ok(NEW), ok(HOSTING)) as made:
        found = made.client.with_goal_state(made.client.hosting_config)
    assert found.vm_name == "vm_IN_0"
    assert made.sent()[3].endswith("incarnation=7")


def test_a_document_that_is_refused_is_not_asked_for_again() -> None:
    with wire(ok(OLD), status(403)) as made, pytest.raises(Refused):
        made.client.with_goal_state(made.client.hosting_config)
    assert len(made.sent()) == 2


def test_health_is_reported_with_the_identity_of_the_goal_state() -> None:
    with wire(ok(NEW), ok()) as made:
        made.client.report_health(made.client.goal_state(), health.STARTING)
    assert made.sent()[1] == "POST /machine?comp=health"
    head, _, body = made.server.requests[1].partition(b"\r\n\r\n")
    assert b"\r\nContent-Type: text/xml;charset=utf-8" in head
    assert b"<GoalStateIncarnation>7<" in body
    assert b"<ContainerId>c0ffee00-0000-0000-0000-000000000001<" in body
    assert b"<InstanceId>role_IN_0<" in body


@pytest.mark.parametrize("number", [b"x", b"-1", b"9" * 400, "²".encode("latin-1")])
def test_an_announced_number_that_is_none_is_passed_over(number: bytes) -> None:
    header = b"x-ms-latest-goal-state-incarnation-number: " + number + b"\r\n"
    with wire(ok(OLD), ok(headers=header), ok(OLD)) as made:
        made.client.report_health(made.client.goal_state(), health.READY)
        assert made.client.goal_state().incarnation == "6"


def test_the_fingerprint_is_accepted_only_with_202() -> None:
    with wire(ok(NEW), ok(status=b"202 Accepted"), ok()) as made:
        goal = made.client.goal_state()
        made.client.report_fingerprint(goal, "aa:bb")
        with pytest.raises(Refused):
            made.client.report_fingerprint(goal, "aa:bb")
    assert made.sent()[1] == "POST /machine?comp=roleProperties"
    assert b'value="aabb"' in made.server.requests[1]


@pytest.mark.parametrize(
    "fault",
    [
        resets,
        status(500),
        status(503),
        status(429, b"Retry-After: 5\r\n"),
        answers(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n<GoalState>"),
        answers(b"not http\r\n\r\n"),
    ],
    ids=["reset", "500", "503", "429", "truncated", "garbage"],
)
def test_a_passing_fault_is_waited_out(fault: Behaviour) -> None:
    with wire(fault, fault, ok(NEW)) as made:
        assert made.client.goal_state().incarnation == "7"
    assert len(made.clock.waits) == 2


@pytest.mark.parametrize(
    ("fault", "error", "exit_status"),
    [
        (resets, Unreachable, 21),
        (status(500), Unreachable, 21),
        (silent, Unreachable, 21),
        (status(503), Throttled, 22),
        (status(400), Refused, 23),
        (status(404), Refused, 23),
        (answers(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n"), Malformed, 24),
        (ok(NEW[:-30]), Malformed, 24),
    ],
    ids=["reset", "500", "silent", "503", "400", "404", "huge", "truncated"],
)
def test_a_lasting_fault_is_one_clear_error(
    fault: Behaviour, error: type[ServiceError], exit_status: int
) -> None:
    limit_s = 0.1 if fault is silent else 60.0
    with wire(fault, deadline_s=limit_s) as made, pytest.raises(error) as caught:
        made.client.goal_state()
    assert caught.value.exit_status == exit_status
    assert "\n" not in str(caught.value)
    assert made.clock.now_s <= 70


def test_an_absent_server_is_unreachable() -> None:
    with wire(ok()) as made:
        pass
    with pytest.raises(Unreachable, match="refused"):
        made.client.goal_state()
