# SPDX-License-Identifier: Apache-2.0
"""Certificates with the real openssl(1), from the simulated platform's own envelopes."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentcore.azure.certificates import (
    TransportKey,
    unpack,
)
from agentcore.errors import Malformed
from lab.platform import certificates as lab
from osdrivers.host import Completed, Secret
from tests.azure.certificate_bed import EC, RSA, SECOND, Spy, machine, mode, sent

pytestmark = pytest.mark.tools


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
