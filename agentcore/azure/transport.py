# SPDX-License-Identifier: Apache-2.0
"""The transport key: what the platform encrypts certificates and passwords to.

Made, checked and used with openssl(1).  Its private half is a file because ``openssl cms`` takes
a key in no other way; it is 0600 from its first byte, for this module writes it, not openssl.
"""

from __future__ import annotations

import os

from agentcore.errors import Malformed
from osdrivers.errors import CommandFailed, CommandTimeout, FactError
from osdrivers.host import Host, Secret

KEY, CERTIFICATE = "TransportPrivate.pem", "TransportCert.pem"
SUBJECT = "/CN=LinuxTransport"
DAYS = 730
#: A certificate that ends within this time is replaced.
RENEWAL_S = 30 * 86400
_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


class TransportKey:
    """The pair in the state directory, made when it is first needed.

    A sound pair is used again: the processes of one machine share it.

    :param openssl: the command or its path (``OS.OpensslPath``).
    """

    def __init__(self, host: Host, openssl: str = "openssl") -> None:
        self.host = host
        self.openssl = openssl
        self._key = f"{host.places.state}/{KEY}"
        self._certificate = f"{host.places.state}/{CERTIFICATE}"
        self._line = ""

    def certificate(self) -> str:
        """Base64 of the certificate's DER on one line, as the platform takes it in a header.

        :raises OperationError: openssl(1) is missing or failed, or the state cannot be written.
        """
        if not self._line:
            if not self._sound():
                self._make()
            self._line = _one_line(self.host.read(self._certificate))
        return self._line

    def renew(self) -> None:
        """Make a new pair at the next use, e.g. because the machine is a copy of another."""
        self.host.remove(self._certificate)
        self.host.remove(self._key)
        self._line = ""

    def _sound(self) -> bool:
        """Whether both files are there, belong together, are private and last for a while."""
        status = self.host.status(self._key, follow=False)
        if status is None or status.kind != "file" or status.mode & 0o077:
            return False
        if not self.host.exists(self._certificate):
            return False
        key = self.host.ask(self.openssl, "pkey", "-in", self._key, "-pubout")
        lasting = ("-checkend", str(RENEWAL_S), "-pubkey")
        held = self.host.ask(self.openssl, "x509", "-noout", *lasting, "-in", self._certificate)
        return key.status == held.status == 0 and key.stdout.strip() in held.stdout

    def _make(self) -> None:
        """Key first, certificate second; what a crash leaves between them is not sound."""
        host = self.host
        if not host.is_directory(host.places.state):
            host.make_directory(host.places.state, mode=0o700)
        bits = ("-pkeyopt", "rsa_keygen_bits:2048")
        key = host.run(self.openssl, "genpkey", "-algorithm", "RSA", *bits)
        if "PRIVATE KEY-----" not in key:
            raise FactError("openssl genpkey printed no private key")
        host.remove(self._certificate)
        host.write(self._key, key.encode(), mode=0o600)
        made = host.run(
            self.openssl, "req", "-x509", "-new", "-sha256", "-key", self._key,
            "-subj", SUBJECT, "-days", str(DAYS),
        )  # fmt: skip
        _one_line(made)
        host.write(self._certificate, made.encode(), mode=0o600)

    def decrypt(self, envelope: bytes, what: str) -> Secret:
        """The content of CMS enveloped data (DER).

        :param what: names it in messages.
        :raises Malformed: it is damaged, or encrypted to another key.
        """
        self.certificate()
        host, scratch = self.host, self._scratch()
        # A command's output comes back as text, and this is binary: so openssl writes to a file
        # that is there already, private and empty, on the file system in memory where there is one.
        try:
            host.write(scratch, b"", mode=0o600)
            host.run(
                self.openssl, "cms", "-decrypt", "-inform", "DER", "-inkey", self._key,
                "-recip", self._certificate, "-out", scratch, stdin=Secret(envelope),
            )  # fmt: skip
            return Secret(host.read_bytes(scratch))
        except CommandTimeout:
            raise
        except CommandFailed as refused:
            raise Malformed(
                f"{what}: damaged, or not encrypted to this machine's key",
                hint=f"see whether {self._certificate} is what was sent to the platform",
            ) from refused
        finally:
            host.remove(scratch)

    def _scratch(self) -> str:
        places = self.host.places
        directory = places.run if self.host.is_directory(places.run) else places.state
        return f"{directory}/agentcore-{os.urandom(8).hex()}"


def _one_line(pem: str) -> str:
    body = pem.partition(_BEGIN)[2].partition(_END)[0]
    line = "".join(body.split())
    if not line:
        raise FactError("openssl req printed no certificate", pem)
    return line
