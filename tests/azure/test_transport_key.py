# SPDX-License-Identifier: Apache-2.0
"""The pair that certificates are encrypted for."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest

from agentcore.azure.certificates import (
    TransportKey,
    unpack,
)
from osdrivers.errors import CommandFailed, CommandMissing, FactError
from osdrivers.host import Completed
from tests.azure.certificate_bed import RSA, Spy, machine, mode, sent

pytestmark = pytest.mark.tools


def test_the_transport_pair_is_made_private_and_fits(tmp_path: Path) -> None:
    commands = Spy()
    transport = TransportKey(machine(tmp_path, commands))
    line = transport.certificate()
    state = tmp_path / "state"
    assert mode(state) == 0o700
    assert mode(state / "TransportPrivate.pem") == 0o600
    assert sorted(path.name for path in state.iterdir()) == [
        "TransportCert.pem",
        "TransportPrivate.pem",
    ]
    assert base64.b64decode(line, validate=True)
    shown = subprocess.run(
        ["openssl", "x509", "-noout", "-subject", "-text", "-in", state / "TransportCert.pem"],
        capture_output=True, text=True, check=True, timeout=240,
    ).stdout  # fmt: skip
    assert "CN = LinuxTransport" in shown or "CN=LinuxTransport" in shown
    assert "2048 bit" in shown
    assert all("-keyout" not in argv and "-out" not in argv for argv in commands.seen)


def test_a_sound_pair_is_used_again(tmp_path: Path) -> None:
    first = TransportKey(machine(tmp_path)).certificate()
    commands = Spy()
    transport = TransportKey(machine(tmp_path, commands))
    assert transport.certificate() == first
    assert not any("genpkey" in argv for argv in commands.seen)
    assert transport.certificate() == first
    transport.renew()
    assert transport.certificate() != first


@pytest.mark.parametrize("damage", ["key", "certificate", "mode", "other", "old"])
def test_a_pair_that_is_not_sound_is_replaced(tmp_path: Path, damage: str) -> None:
    first = TransportKey(machine(tmp_path)).certificate()
    key, certificate = (tmp_path / "state" / f"Transport{name}.pem" for name in ("Private", "Cert"))
    if damage == "key":
        key.write_text(key.read_text()[:200])
    elif damage == "certificate":
        certificate.unlink()
    elif damage == "mode":
        key.chmod(0o644)
    elif damage == "other":
        certificate.write_text(RSA.certificate)
    else:
        made = ["openssl", "req", "-x509", "-new", "-subj", "/CN=x", "-days", "1"]
        files = ["-key", str(key), "-out", str(certificate)]
        subprocess.run([*made, *files], check=True, timeout=240)
    transport = TransportKey(machine(tmp_path))
    assert transport.certificate() != first
    assert mode(key) == 0o600
    assert unpack(sent(transport, RSA), transport)[0].thumbprint == RSA.thumbprint


def test_a_missing_openssl_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandMissing, match="no-such-openssl"):
        TransportKey(machine(tmp_path), "no-such-openssl").certificate()


def test_an_openssl_that_prints_nothing_is_no_success(tmp_path: Path) -> None:
    for step in ("genpkey", "req"):
        commands = Spy(step, Completed(0, "", ""))
        with pytest.raises(FactError):
            TransportKey(machine(tmp_path, commands)).certificate()
    assert not (tmp_path / "state" / "TransportCert.pem").exists()


def test_an_openssl_that_fails_is_reported(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed):
        TransportKey(machine(tmp_path, Spy("genpkey"))).certificate()
