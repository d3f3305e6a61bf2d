# SPDX-License-Identifier: Apache-2.0
"""Certificates as the platform sends them, opened with openssl(1) as a guest opens them."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from defusedxml import ElementTree

from lab.platform import certificates, pfx
from lab.platform.certificates import Certificate
from lab.platform.faults import Fault
from lab.platform.machine import RemoteUser
from osdrivers.errors import InvalidInput
from tests.lab.platform.conftest import Guest

pytestmark = pytest.mark.tools


@pytest.fixture(scope="module")
def transport() -> Certificate:
    return certificates.make("LinuxTransport")


def openssl(*arguments: str, stdin: bytes = b"") -> bytes:
    done = subprocess.run(("openssl", *arguments), input=stdin, capture_output=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return done.stdout


def headers(transport: Certificate, cipher: str = "AES128_CBC") -> dict[str, str]:
    body = "".join(transport.certificate.strip().splitlines()[1:-1])
    return {"x-ms-guest-agent-public-x509-cert": body, "x-ms-cipher-name": cipher}


def opened(document: bytes, transport: Certificate, directory: Path) -> str:
    """The PEM text inside a Certificates document."""
    data = ElementTree.fromstring(document).findtext("Data")
    mime = (
        "MIME-Version:1.0\n"
        'Content-Disposition: attachment; filename="Certificates.p7m"\n'
        'Content-Type: application/x-pkcs7-mime; name="Certificates.p7m"\n'
        f"Content-Transfer-Encoding: base64\n\n{data}"
    )
    (directory / "key.pem").write_text(transport.private_key)
    (directory / "cert.pem").write_text(transport.certificate)
    key, recipient = str(directory / "key.pem"), str(directory / "cert.pem")
    packed = openssl("cms", "-decrypt", "-inkey", key, "-recip", recipient, stdin=mime.encode())
    return openssl("pkcs12", "-nodes", "-password", "pass:", stdin=packed).decode()


@pytest.mark.parametrize("cipher", sorted(certificates.CIPHERS))
def test_a_guest_opens_all_certificates_and_keys(
    running: Callable[..., Guest], transport: Certificate, tmp_path: Path, cipher: str
) -> None:
    rsa, ec = certificates.make("one"), certificates.make("two", "ec")
    held = (rsa, ec, certificates.make("three").without_key(),
            certificates.make("four").without_certificate())  # fmt: skip
    guest = running(certificates=held, tenant_certificate=False)
    guest.goal_state()
    answer = guest.document("comp=certificates", headers(transport, cipher))
    text = opened(answer.body, transport, tmp_path)
    assert text.count("BEGIN CERTIFICATE") == 3
    assert text.count("BEGIN PRIVATE KEY") == 3
    for one in held:
        assert one.private_key in text
    assert guest.platform.violations == ()


def test_thumbprints_are_those_of_openssl() -> None:
    made = certificates.make("one", "ec")
    said = openssl("x509", "-fingerprint", "-sha1", "-noout", stdin=made.certificate.encode())
    assert said.decode().strip().split("=")[1].replace(":", "") == made.thumbprint
    assert made.without_certificate().thumbprint == ""


def test_a_public_key_is_that_of_its_certificate() -> None:
    made = certificates.make("one", "ec")
    assert made.ssh_public_key.startswith("ecdsa-sha2-nistp256 ")
    assert made.without_certificate().ssh_public_key == made.ssh_public_key


def test_the_tenant_certificate_is_always_there(
    guest: Guest, transport: Certificate, tmp_path: Path
) -> None:
    guest.goal_state()
    answer = guest.document("comp=certificates", headers(transport))
    text = opened(answer.body, transport, tmp_path)
    assert guest.platform.state.tenant().private_key in text


def test_a_goal_state_without_certificates_names_no_document(
    running: Callable[..., Guest],
) -> None:
    assert b"Certificates" not in running(tenant_certificate=False).goal_state().body


def test_the_fault_other_key_cannot_be_opened(
    running: Callable[..., Guest], transport: Certificate, tmp_path: Path
) -> None:
    guest = running([Fault("other-key", path="comp=certificates")])
    guest.goal_state()
    stranger = guest.document("comp=certificates", headers(transport)).body
    with pytest.raises(AssertionError):
        opened(stranger, transport, tmp_path)
    assert "BEGIN" in opened(
        guest.document("comp=certificates", headers(transport)).body, transport, tmp_path
    )


def test_the_faults_not_a_pfx_and_no_data(
    running: Callable[..., Guest], transport: Certificate, tmp_path: Path
) -> None:
    guest = running([Fault("not-a-pfx"), Fault("no-data", skip=1)])
    fault_free = guest.platform.faults
    assert len(fault_free.to_json()) == 2
    first = guest.document("comp=certificates", headers(transport)).body
    with pytest.raises(AssertionError):
        opened(first, transport, tmp_path)
    second = guest.document("comp=certificates", headers(transport)).body
    assert ElementTree.fromstring(second).find("Data") is None


@pytest.mark.parametrize(
    ("given", "found"),
    [({}, "x-ms-guest-agent-public-x509-cert"),
     ({"x-ms-guest-agent-public-x509-cert": "AAAA"}, "x-ms-guest-agent-public-x509-cert")],
)  # fmt: skip
def test_a_wrong_transport_certificate_is_a_violation(
    guest: Guest, given: dict[str, str], found: str
) -> None:
    guest.goal_state()
    assert guest.document("comp=certificates", given).status == 400
    assert found in guest.platform.violations[-1]


def test_a_cipher_nobody_knows_is_refused(guest: Guest, transport: Certificate) -> None:
    guest.goal_state()
    assert guest.document("comp=certificates", headers(transport, "ROT13")).status == 400
    assert "ROT13" in guest.platform.violations[-1]


def test_a_remote_password_is_utf_16_without_mark(
    running: Callable[..., Guest], transport: Certificate, tmp_path: Path
) -> None:
    guest = running(users=(RemoteUser("jit", "gehéim"),))
    guest.goal_state()
    document = guest.document("comp=remoteaccess", headers(transport)).body
    sent = ElementTree.fromstring(document).findtext("Users/User/Password")
    (tmp_path / "key.pem").write_text(transport.private_key)
    arguments = ("cms", "-decrypt", "-inform", "DER", "-inkey", str(tmp_path / "key.pem"))
    assert openssl(*arguments, stdin=base64.b64decode(sent)) == "gehéim".encode("utf-16-le")


def test_a_pfx_with_a_changed_byte_fails_its_check() -> None:
    made = certificates.make("one", "ec")
    packed = bytearray(pfx.pack([(made.certificate, made.private_key)]))
    packed[80] ^= 1
    done = subprocess.run(
        ("openssl", "pkcs12", "-nodes", "-password", "pass:"),
        input=bytes(packed), capture_output=True, timeout=240,
    )  # fmt: skip
    assert done.returncode != 0


def test_an_unknown_kind_of_key_is_refused() -> None:
    with pytest.raises(InvalidInput, match="dsa"):
        certificates.make("one", "dsa")
