# SPDX-License-Identifier: Apache-2.0
"""Certificates with the real openssl(1), from the simulated platform's own envelopes."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Optional

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
from lab.platform.pfx import pack
from lab.platform.server import Platform
from osdrivers.errors import CommandFailed, CommandMissing, FactError, NotFound
from osdrivers.host import Completed, Host, Places, Secret, SystemCommands

pytestmark = pytest.mark.tools
RSA = lab.make("one")
SECOND = lab.make("two")
EC = lab.make("curve", "ec")


class Spy:
    """The real commands; what they were given is kept, and one can be made to misbehave."""

    def __init__(self, refuse: str = "", answer: Optional[Completed] = None) -> None:
        self.real = SystemCommands()
        self.seen: list[tuple[str, ...]] = []
        self.refuse, self.answer = refuse, answer

    def find(self, command: str) -> str:
        return self.real.find(command)

    def __call__(self, argv: tuple[str, ...], stdin: Secret, timeout_s: float) -> Completed:
        self.seen.append(argv)
        if self.refuse and self.refuse in argv:
            return self.answer or Completed(1, "", f"unknown option {self.refuse}")
        return self.real(argv, stdin, timeout_s)


def machine(tmp_path: Path, commands: Optional[Spy] = None) -> Host:
    """The running machine, with its state and its file system in memory below tmp_path."""
    (tmp_path / "run").mkdir(exist_ok=True)
    places = Places(state=str(tmp_path / "state"), run=str(tmp_path / "run"))
    return Host("/", commands=commands or Spy(), places=places)


def names(tmp_path: Path, kind: str) -> list[str]:
    return sorted(path.name for path in (tmp_path / "state").glob(f"*.{kind}"))


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def sent(transport: TransportKey, *held: lab.Certificate, cipher: str = "AES128_CBC") -> bytes:
    """An envelope with a PFX, as the platform makes it."""
    content = pack([(one.certificate, one.private_key) for one in held])
    return lab.envelope(content, lab.from_header(transport.certificate()), cipher)


# ---- the transport key


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


# ---- unpacking


@pytest.mark.parametrize("cipher", ["AES128_CBC", "DES_EDE3_CBC"])
def test_certificates_and_keys_are_matched(tmp_path: Path, cipher: str) -> None:
    transport = TransportKey(machine(tmp_path))
    held = (SECOND.without_key(), EC, RSA.without_certificate(), RSA.without_key())
    found = {
        one.thumbprint: one for one in unpack(sent(transport, *held, cipher=cipher), transport)
    }
    assert set(found) == {RSA.thumbprint, SECOND.thumbprint, EC.thumbprint}
    assert found[SECOND.thumbprint].private_key is None
    for made in (RSA, EC):
        key = found[made.thumbprint].private_key
        assert key is not None
        assert key.reveal().decode().strip() == made.private_key.strip()


def test_keys_without_certificate_are_borne(tmp_path: Path) -> None:
    transport = TransportKey(machine(tmp_path))
    envelope = sent(transport, RSA.without_certificate(), SECOND)
    assert [one.thumbprint for one in unpack(envelope, transport)] == [SECOND.thumbprint]
    assert unpack(sent(transport, RSA.without_certificate()), transport) == ()


def test_a_certificate_sent_twice_is_one(tmp_path: Path) -> None:
    transport = TransportKey(machine(tmp_path))
    found = unpack(sent(transport, RSA, RSA.without_key()), transport)
    assert [one.thumbprint for one in found] == [RSA.thumbprint]
    assert found[0].private_key is not None


def test_nothing_in_clear_text_is_left_and_nothing_secret_is_an_argument(tmp_path: Path) -> None:
    commands = Spy()
    transport = TransportKey(machine(tmp_path, commands))
    unpack(sent(transport, RSA), transport)
    assert list((tmp_path / "run").iterdir()) == []
    said = repr(commands.seen)
    assert "PRIVATE" not in said
    assert RSA.private_key.splitlines()[3] not in said
    found = unpack(sent(transport, RSA), transport)
    assert RSA.private_key.splitlines()[3] not in repr(found)


def test_the_decrypted_file_is_private_while_it_exists(tmp_path: Path) -> None:
    modes: list[int] = []

    class Looking(Spy):
        def __call__(self, argv: tuple[str, ...], stdin: Secret, timeout_s: float) -> Completed:
            done = super().__call__(argv, stdin, timeout_s)
            modes.extend(mode(path) for path in (tmp_path / "run").iterdir())
            return done

    transport = TransportKey(machine(tmp_path, Looking()))
    unpack(sent(transport, RSA), transport)
    assert set(modes) == {0o600}


def test_without_a_file_system_in_memory_the_state_directory_serves(tmp_path: Path) -> None:
    host = machine(tmp_path).with_places(run=str(tmp_path / "absent"))
    transport = TransportKey(host)
    assert unpack(sent(transport, RSA), transport)[0].thumbprint == RSA.thumbprint
    assert len(list((tmp_path / "state").iterdir())) == 2


@pytest.mark.parametrize(
    "envelope", [b"", b"garbage", b"\x30\x82\x01\x00" + bytes(256)], ids=["empty", "text", "der"]
)
def test_an_envelope_that_is_none_is_malformed(tmp_path: Path, envelope: bytes) -> None:
    with pytest.raises(Malformed, match="damaged"):
        unpack(envelope, TransportKey(machine(tmp_path)))
    assert list((tmp_path / "run").iterdir()) == []


def test_a_truncated_envelope_is_malformed(tmp_path: Path) -> None:
    transport = TransportKey(machine(tmp_path))
    with pytest.raises(Malformed):
        unpack(sent(transport, RSA)[:-40], transport)


def test_an_envelope_without_a_pfx_is_malformed(tmp_path: Path) -> None:
    transport = TransportKey(machine(tmp_path))
    content = lab.envelope(b"no PFX", lab.from_header(transport.certificate()))
    with pytest.raises(Malformed, match="no PFX"):
        unpack(content, transport)


def test_an_openssl_without_the_newer_options_is_borne(tmp_path: Path) -> None:
    transport = TransportKey(machine(tmp_path, Spy("-legacy")))
    assert unpack(sent(transport, RSA), transport)
    content = lab.envelope(b"no PFX", lab.from_header(transport.certificate()))
    with pytest.raises(Malformed):
        unpack(content, transport)


# ---- keeping


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


# ---- from the platform


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
