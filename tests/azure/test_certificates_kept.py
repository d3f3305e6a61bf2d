# SPDX-License-Identifier: Apache-2.0
"""Certificates that were kept, and those that the platform sends."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from agentcore.azure.certificates import (
    Certificate,
    TransportKey,
    fetch,
    keep,
    load,
    unpack,
)
from agentcore.azure.http import Endpoint
from agentcore.azure.retry import ONCE, SystemClock
from agentcore.azure.wireserver import WireServer
from agentcore.errors import Malformed, Refused
from lab.platform import certificates as lab
from lab.platform.faults import Fault
from lab.platform.machine import Machine
from lab.platform.server import Platform
from osdrivers.errors import NotFound
from tests.azure.certificate_bed import EC, RSA, SECOND, machine, mode, sent

pytestmark = pytest.mark.tools


def names(tmp_path: Path, kind: str) -> list[str]:
    return sorted(path.name for path in (tmp_path / "state").glob(f"*.{kind}"))


def test_files_are_private_and_named_by_thumbprint(tmp_path: Path) -> None:
    host = machine(tmp_path)
    transport = TransportKey(host)
    keep(host, unpack(sent(transport, RSA, SECOND.without_key()), transport))
    assert names(tmp_path, "crt") == sorted(f"{one.thumbprint}.crt" for one in (RSA, SECOND))
    assert names(tmp_path, "prv") == [f"{RSA.thumbprint}.prv"]
    der = base64.b64decode("".join(RSA.certificate.splitlines()[1:-1]))
    assert hashlib.sha1(der).hexdigest().upper() == RSA.thumbprint
    for path in (tmp_path / "state").iterdir():
        assert mode(path) == 0o600
    key = str(tmp_path / "state" / f"{RSA.thumbprint}.prv")
    subprocess.run(["openssl", "pkey", "-noout", "-in", key], check=True, timeout=240)


def test_what_is_kept_already_is_not_written_again(tmp_path: Path) -> None:
    host = machine(tmp_path)
    transport = TransportKey(host)
    found = unpack(sent(transport, RSA), transport)
    keep(host, found)
    before = {path: path.stat().st_ino for path in (tmp_path / "state").iterdir()}
    keep(host, found)
    assert {path: path.stat().st_ino for path in (tmp_path / "state").iterdir()} == before
    key = tmp_path / "state" / f"{RSA.thumbprint}.prv"
    key.chmod(0o644)
    keep(host, found)
    assert mode(key) == 0o600


def test_what_was_kept_can_be_loaded(tmp_path: Path) -> None:
    host = machine(tmp_path)
    transport = TransportKey(host)
    found = unpack(sent(transport, RSA, SECOND.without_key()), transport)
    keep(host, found)
    for one in found:
        assert load(host, one.thumbprint) == one
    colons = ":".join(RSA.thumbprint[at : at + 2].lower() for at in range(0, 40, 2))
    assert load(host, colons).thumbprint == RSA.thumbprint


@pytest.mark.parametrize("thumbprint", ["", "0" * 40, "../../etc/passwd", "x" * 40])
def test_a_certificate_that_is_not_kept_is_not_found(tmp_path: Path, thumbprint: str) -> None:
    with pytest.raises(NotFound):
        load(machine(tmp_path), thumbprint)


@pytest.mark.parametrize("made", [RSA, EC], ids=["rsa", "ec"])
def test_the_key_for_ssh_is_what_ssh_keygen_says(tmp_path: Path, made: lab.Certificate) -> None:
    line = Certificate(made.thumbprint, made.certificate).ssh_public_key()
    assert line == made.ssh_public_key
    if shutil.which("ssh-keygen"):
        key = tmp_path / "key"
        key.write_text(made.private_key)
        key.chmod(0o600)
        shown = subprocess.run(
            ["ssh-keygen", "-y", "-f", key], capture_output=True, text=True, check=True, timeout=240
        )
        assert shown.stdout.split()[:2] == line.split()


def test_a_certificate_that_is_none_has_no_key_for_ssh() -> None:
    with pytest.raises(Malformed):
        Certificate("0" * 40, "-----BEGIN CERTIFICATE-----\nAAAA\n").ssh_public_key()


def from_platform(tmp_path: Path, *faults: Fault) -> tuple[Certificate, ...]:
    wanted = Machine(hostname="vm1", user="azureuser", certificates=(RSA, EC))
    with Platform(wanted, tmp_path / "platform", faults=faults) as platform:
        endpoint = Endpoint(*platform.wire_address)
        transport = TransportKey(machine(tmp_path))
        with WireServer(endpoint, SystemClock(), retry=ONCE) as server:
            found = server.with_goal_state(lambda goal: fetch(server, goal, transport))
        assert platform.violations == ()
    return found


def test_the_platforms_certificates_arrive(tmp_path: Path) -> None:
    found = from_platform(tmp_path)
    assert {RSA.thumbprint, EC.thumbprint} <= {one.thumbprint for one in found}
    assert f"{RSA.thumbprint}.prv" in names(tmp_path, "prv")
    assert f"{EC.thumbprint}.prv" in names(tmp_path, "prv")


def test_the_second_cipher_is_tried(tmp_path: Path) -> None:
    found = from_platform(tmp_path, Fault("status", path="comp=certificates", status=400))
    assert RSA.thumbprint in {one.thumbprint for one in found}
    records = (tmp_path / "platform" / "requests.jsonl").read_text().splitlines()
    asked = [json.loads(line) for line in records if "comp=certificates" in line]
    ciphers = [
        value
        for record in asked
        for name, value in record["headers"].items()
        if name.lower() == "x-ms-cipher-name"
    ]
    assert ciphers == ["AES128_CBC", "DES_EDE3_CBC"]


def test_no_certificates_are_no_error(tmp_path: Path) -> None:
    assert from_platform(tmp_path, Fault("no-data", count=None)) == ()


@pytest.mark.parametrize("kind", ["other-key", "not-a-pfx"])
def test_wrong_certificates_are_malformed_and_nothing_is_written(tmp_path: Path, kind: str) -> None:
    with pytest.raises(Malformed) as caught:
        from_platform(tmp_path, Fault(kind, count=None))
    assert caught.value.exit_status == 24
    assert names(tmp_path, "crt") == names(tmp_path, "prv") == []


def test_certificates_that_are_refused_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(Refused):
        from_platform(tmp_path, Fault("status", path="comp=certificates", status=403, count=None))
