# SPDX-License-Identifier: Apache-2.0
"""The documents that a goal state leads to, and where they may be."""

from __future__ import annotations

import base64

import pytest

from agentcore.azure import goalstate
from agentcore.errors import Malformed
from tests.azure.samples import HOSTING, SHARED, captured, goal_state
from tests.azure.servers import ok
from tests.azure.wire_bed import HOME, NEW, wire


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:8080/a?b=c",
        "http://168.63.129.16:80/a?b=c",
        "http://168.63.129.16/a?b=c",
        "/a?b=c",
    ],
)
def test_a_document_of_the_endpoint_is_asked_of_the_endpoint(uri: str) -> None:
    assert goalstate.target_on(HOME, uri, "SharedConfig") == "/a?b=c"


@pytest.mark.parametrize(
    "uri",
    [
        "http://192.0.2.1/a",
        "http://127.0.0.1/a",
        "http://127.0.0.1:8081/a",
        "http://168.63.129.16:8080/a",
        "http://168.63.129.16@192.0.2.1/a",
        "http://168.63.129.16.example.org/a",
        "https://168.63.129.16/a",
        "ftp://168.63.129.16/a",
        "file:///etc/shadow",
        "//192.0.2.1/a",
        "http://192.0.2.1\\@168.63.129.16/a",
        "http://168.63.129.16",
        "/a b",
        "/a\r\nHost: evil",
        "/a#fragment",
        "a/b",
        "/ä",
    ],
)
def test_a_document_never_leads_to_another_host(uri: str) -> None:
    with pytest.raises(Malformed, match="SharedConfig"):
        goalstate.target_on(HOME, uri, "SharedConfig")


def test_a_goal_state_that_points_elsewhere_is_refused_whole() -> None:
    with wire(ok(goal_state(base="http://192.0.2.1"))) as made:
        with pytest.raises(Malformed, match=r"192\.0\.2\.1"):
            made.client.goal_state()
        assert len(made.sent()) == 1


def test_the_hosting_configuration_has_the_names() -> None:
    with wire(ok(NEW), ok(HOSTING)) as made:
        found = made.client.hosting_config(made.client.goal_state())
    assert (found.vm_name, found.role_name, found.deployment) == ("vm_IN_0", "role", "tenant")
    assert found.raw == HOSTING
    bare = goalstate.parse_hosting_config(b"<HostingEnvironmentConfig/>")
    assert (bare.vm_name, bare.role_name, bare.deployment) == ("", "", "")


def test_captured_hosting_and_shared_configurations_are_read() -> None:
    hosting = goalstate.parse_hosting_config(captured("hosting_env.xml"))
    assert (hosting.vm_name, hosting.role_name) == ("MachineRole_IN_0", "MachineRole")
    assert hosting.deployment == "db00a7755a5e4e8a8fe4b19bc3b330c3"
    assert goalstate.parse_shared_config(captured("shared_config.xml")).rdma_address == ""


def test_the_shared_configuration_has_the_rdma_values_and_stays_as_it_is() -> None:
    with wire(ok(NEW), ok(SHARED)) as made:
        found = made.client.shared_config(made.client.goal_state())
    assert (found.rdma_address, found.rdma_mac) == ("172.16.5.99", "00:15:5d:33:ff:1d")
    assert found.raw == SHARED


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"00155D33FF1D", b"00155D33FF"),
        (b"00155D33FF1D", b"; rm -rf / ;"),
        (b"172.16.5.99", b"172.16.5.999"),
        (b"172.16.5.99", b"172.16.5"),
        (b' rdmaIPv4Address="172.16.5.99"', b""),
    ],
)
def test_rdma_values_that_are_none_are_malformed(old: bytes, new: bytes) -> None:
    with pytest.raises(Malformed, match="RDMA"):
        goalstate.parse_shared_config(SHARED.replace(old, new))


def certificate_file(content: bytes) -> bytes:
    return b"<CertificateFile><Version>2015-04-05</Version>" + content + b"</CertificateFile>"


def test_certificates_are_asked_for_with_our_certificate_and_cipher() -> None:
    document = certificate_file(
        b"<Incarnation>7</Incarnation><Format>Pkcs7BlobWithPfxContents</Format><Data>\n"
        + base64.encodebytes(b"\x30\x82 enveloped")
        + b"</Data>"
    )
    with wire(ok(NEW), ok(document)) as made:
        found = made.client.certificates(made.client.goal_state(), "TUlJ", "AES128_CBC")
    assert (found.data, found.incarnation) == (b"\x30\x82 enveloped", "7")
    assert b"\r\nx-ms-cipher-name: AES128_CBC\r\n" in made.server.requests[1]
    assert b"\r\nx-ms-guest-agent-public-x509-cert: TUlJ\r\n" in made.server.requests[1]


def test_no_certificates_are_no_error() -> None:
    assert goalstate.parse_certificate_file(certificate_file(b"")).data == b""
    other = goalstate.parse_certificate_file(
        certificate_file(b"<Format>Other</Format><Data>????</Data>")
    )
    assert other.data == b""
    assert "'Other'" in other.warning
    bare = NEW.replace(b"Certificates>", b"Other>")
    with wire(ok(bare)) as made:
        found = made.client.certificates(made.client.goal_state(), "TUlJ", "AES128_CBC")
    assert found.data == b""
    assert len(made.sent()) == 1


@pytest.mark.parametrize("data", [b"<Data>!!!</Data>", b"<Data>QUF</Data>"])
def test_certificates_that_are_not_base64_are_malformed(data: bytes) -> None:
    with pytest.raises(Malformed, match="base64"):
        goalstate.parse_certificate_file(certificate_file(data))


@pytest.mark.parametrize("data", [b"", b"<html>404</html>", b"<GoalState>", b"\x00"])
def test_a_document_of_another_kind_is_malformed(data: bytes) -> None:
    for parse in (
        goalstate.parse_hosting_config,
        goalstate.parse_shared_config,
        goalstate.parse_certificate_file,
        goalstate.supported_versions,
    ):
        with pytest.raises(Malformed):
            parse(data)
