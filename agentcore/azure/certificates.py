# SPDX-License-Identifier: Apache-2.0
"""The machine's certificates: fetched, decrypted, matched with their keys, kept by thumbprint.

The platform sends one CMS envelope with a PFX in it.  ``openssl cms`` and ``openssl pkcs12``
unpack it in one go: ``cryptography`` returns one of several keys.  What stays on disk is
``<THUMBPRINT>.crt`` and ``<THUMBPRINT>.prv``, which extensions look for.
Source: RFC 5652, RFC 7292, openssl-cms(1), openssl-pkcs12(1).
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Optional

from agentcore.errors import Malformed, ServiceError
from osdrivers.errors import CommandFailed, CommandTimeout, NotFound
from osdrivers.host import Host, Secret

from .goalstate import GoalState
from .transport import TransportKey
from .wireserver import WireServer

__all__ = ["CIPHERS", "Certificate", "TransportKey", "fetch", "keep", "load", "unpack"]

#: Asked for in this order; old platforms know the second only.
CIPHERS = ("AES128_CBC", "DES_EDE3_CBC")
WHAT = "the certificates"
_THUMBPRINT = re.compile("[0-9A-F]{40}")
_BLOCK = re.compile(
    r"-----BEGIN (?P<kind>CERTIFICATE|(?:[A-Z]+ )?PRIVATE KEY)-----[\s\S]+?-----END (?P=kind)-----"
)
#: Ways to read a PFX: as it should be; with the ciphers OpenSSL 3 keeps apart (RC2); without the
#: MAC, whose digest may be forbidden (FIPS).  It adds nothing: its password is empty.
_PFX_READERS = ((), ("-legacy",), ("-nomacver",))


@dataclass(frozen=True)
class Certificate:
    """A certificate (PEM), and its private key (PEM) where the platform sent it.

    ``thumbprint`` is the SHA-1 of the DER form, upper-case hexadecimal.
    """

    thumbprint: str
    pem: str = field(repr=False)
    private_key: Optional[Secret] = field(default=None, repr=False)

    def ssh_public_key(self) -> str:
        """The public key as in authorized_keys(5), without a comment, e.g. ``ssh-rsa AAAA``.

        :raises Malformed: a key of a kind that SSH does not know.
        """
        from cryptography.exceptions import UnsupportedAlgorithm  # 83 ms, 16 MiB
        from cryptography.hazmat.primitives import serialization
        from cryptography.x509 import load_pem_x509_certificate

        openssh = (serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        try:
            key = load_pem_x509_certificate(self.pem.encode()).public_key()
            return key.public_bytes(*openssh).decode()
        except (ValueError, UnsupportedAlgorithm) as unfit:
            raise Malformed(
                f"certificate {self.thumbprint} has no key that SSH can use: {unfit}"
            ) from unfit


def fetch(server: WireServer, goal: GoalState, transport: TransportKey) -> tuple[Certificate, ...]:
    """Get the certificates of a goal state and keep them in the state directory.

    Whatever fails with the first cipher is tried with the second; nothing is written before all
    of it has been understood.

    :raises Malformed: damaged, or encrypted to another key.  :raises ServiceError: not to be had.
    """
    if not goal.certificates:
        return ()
    try:
        found = _fetched(server, goal, transport, CIPHERS[0])
    except ServiceError:
        found = _fetched(server, goal, transport, CIPHERS[1])
    keep(transport.host, found)
    return found


def _fetched(
    server: WireServer, goal: GoalState, transport: TransportKey, cipher: str
) -> tuple[Certificate, ...]:
    data = server.certificates(goal, transport.certificate(), cipher).data
    return unpack(data, transport) if data else ()


def unpack(envelope: bytes, transport: TransportKey) -> tuple[Certificate, ...]:
    """The certificates in an envelope, each with its key; keys without certificate are left out.

    :raises Malformed: damaged, or encrypted to another key.
    """
    pfx = transport.decrypt(envelope, WHAT)
    blocks = list(_BLOCK.finditer(_opened(pfx, transport)))
    private = [block.group() for block in blocks if block.group("kind") != "CERTIFICATE"]
    public = [block.group() for block in blocks if block.group("kind") == "CERTIFICATE"]
    keys = {_public_half(pem): pem for pem in private}
    found: dict[str, Certificate] = {}
    for pem in public:
        thumbprint = _thumbprint(pem)
        half = _public_of(pem) if keys else None
        mine = keys.get(half) if half is not None else None
        secret = Secret(f"{mine}\n".encode()) if mine is not None else None
        found.setdefault(thumbprint, Certificate(thumbprint, f"{pem}\n", secret))
    return tuple(found.values())


def _opened(pfx: Secret, transport: TransportKey) -> str:
    """The PFX as PEM text.  Its password is empty, so it may stand in an argument."""
    command = (transport.openssl, "pkcs12", "-nodes", "-passin", "pass:")
    failure: Optional[CommandFailed] = None
    for options in _PFX_READERS:
        try:
            return transport.host.run(*command, *options, stdin=pfx)
        except CommandTimeout:
            raise
        except CommandFailed as refused:  # an option that this openssl lacks is one of the reasons
            failure = failure or refused
    # Without the cause: openssl may have printed a key before it failed.
    status = failure.status if failure is not None else 0
    raise Malformed(f"{WHAT} hold no PFX that openssl can read (status {status})") from None


def _public_half(pem: str) -> Optional[bytes]:
    """The public half of a private key; None when it cannot be read."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return _spki(load_pem_private_key(pem.encode(), None).public_key())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None


def _public_of(pem: str) -> Optional[bytes]:
    """The public key of a certificate; None when it cannot be read."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.x509 import load_pem_x509_certificate

    try:
        return _spki(load_pem_x509_certificate(pem.encode()).public_key())
    except (ValueError, UnsupportedAlgorithm):
        return None


def _spki(key: object) -> bytes:
    """Subject public key info (RFC 5280): equal bytes are an equal key, RSA, EC or other."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    encoded: bytes = key.public_bytes(  # type: ignore[attr-defined]
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )
    return encoded


def _thumbprint(pem: str) -> str:
    import hashlib  # loads OpenSSL's libcrypto

    body = "".join(pem.splitlines()[1:-1])
    try:
        der = base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as broken:
        raise Malformed(f"{WHAT} hold one that is not PEM") from broken
    return hashlib.sha1(der, usedforsecurity=False).hexdigest().upper()


def keep(host: Host, certificates: tuple[Certificate, ...]) -> None:
    """Write what is not there yet, keys before certificates: a certificate's file says that all
    of it is there.

    :raises FileFailed: the state directory cannot be written.
    """
    for certificate in certificates:
        path = f"{host.places.state}/{certificate.thumbprint}"
        files = [(f"{path}.crt", certificate.pem.encode())]
        if certificate.private_key is not None:
            files.insert(0, (f"{path}.prv", certificate.private_key.reveal()))
        for name, data in files:
            present = host.status(name, follow=False)
            if present is None or present.mode & 0o077 or host.read_bytes(name) != data:
                host.write(name, data, mode=0o600)


def load(host: Host, thumbprint: str) -> Certificate:
    """A certificate that was kept, with its key where there is one.

    :raises NotFound: none has this thumbprint.
    """
    plain = thumbprint.replace(":", "").upper()
    path = f"{host.places.state}/{plain}"
    if not _THUMBPRINT.fullmatch(plain) or not host.exists(f"{path}.crt"):
        raise NotFound(
            f"no certificate {thumbprint[:64]!r} is kept on this machine",
            hint="add it to the machine's secrets",
        )
    key = host.read_bytes(f"{path}.prv", b"")
    return Certificate(plain, host.read(f"{path}.crt"), Secret(key) if key else None)
