# SPDX-License-Identifier: Apache-2.0
"""Certificates, keys, and the envelopes the platform sends them in.

The platform packs all certificates and keys of a machine into one PFX without password and
encrypts it to the certificate that the client put into its request (CMS, RFC 5652).
"""

from __future__ import annotations

import base64
import binascii
import datetime
import re
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional, Union

from osdrivers.errors import InvalidInput

from . import commands, pfx

CIPHERS = {"DES_EDE3_CBC": "-des3", "AES128_CBC": "-aes128", "AES256_CBC": "-aes256"}
"""``x-ms-cipher-name`` and the option of openssl-cms(1)."""

_FORMAT = "Pkcs7BlobWithPfxContents"


@dataclass(frozen=True)
class Certificate:
    """A certificate and its private key, both PEM; either may be empty."""

    certificate: str = ""
    private_key: str = field(default="", repr=False)

    @property
    def thumbprint(self) -> str:
        """SHA-1 of the DER form, upper-case hexadecimal; empty for a key alone."""
        if not self.certificate:
            return ""
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes

        loaded = x509.load_pem_x509_certificate(self.certificate.encode())
        return loaded.fingerprint(hashes.SHA1()).hex().upper()

    @property
    def ssh_public_key(self) -> str:
        """The public key as a line for authorized_keys."""
        from cryptography.hazmat.primitives import serialization as form

        key = _public_key(self)
        return key.public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH).decode()

    def without_key(self) -> Certificate:
        """The certificate alone."""
        return Certificate(self.certificate)

    def without_certificate(self) -> Certificate:
        """The private key alone; a client must bear it."""
        return Certificate("", self.private_key)


def make(name: str = "lab", kind: str = "rsa", days: int = 730) -> Certificate:
    """A new self-signed certificate; ``kind`` is ``rsa`` (2048 bits) or ``ec`` (P-256).

    It is valid for ``days``; 0 makes one that has ended already.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.x509.oid import NameOID

    key: Union[rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey]
    if kind == "rsa":
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    elif kind == "ec":
        key = ec.generate_private_key(ec.SECP256R1())
    else:
        raise InvalidInput(f"certificate {name}: kind {kind!r} is neither rsa nor ec")
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    built = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=2))
        .not_valid_after(now + datetime.timedelta(days=days or -1))
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    return Certificate(built.public_bytes(form.Encoding.PEM).decode(), pem.decode())


def envelope(content: bytes, recipient: str, cipher: str = "AES128_CBC") -> bytes:
    """``content`` as DER CMS enveloped-data, readable only with the recipient's private key.

    ``recipient`` is a PEM certificate.

    :raises InvalidInput: no such cipher, or not a certificate.
    """
    if cipher not in CIPHERS:
        raise InvalidInput(f"cipher {cipher!r}: not one of {', '.join(CIPHERS)}")
    check(recipient)
    with tempfile.TemporaryDirectory(prefix="lab-cms-") as directory:
        path = Path(directory) / "recipient.pem"
        path.write_text(recipient)
        command = ("openssl", "cms", "-encrypt", "-binary", "-outform", "DER")
        return commands.run((*command, CIPHERS[cipher], str(path)), content)


def from_header(value: str) -> str:
    """The PEM form of a certificate sent as one line of base64 without armour.

    :raises InvalidInput: it is not a certificate.
    """
    body = re.sub(r"\s+", "", value)
    pem = "-----BEGIN CERTIFICATE-----\n"
    pem += "".join(body[at : at + 64] + "\n" for at in range(0, len(body), 64))
    pem += "-----END CERTIFICATE-----\n"
    check(pem)
    return pem


def check(pem: str) -> None:
    """Refuse what is not a PEM certificate.

    :raises InvalidInput: it cannot be read as one.
    """
    from cryptography import x509

    try:
        x509.load_pem_x509_certificate(pem.encode())
    except (ValueError, binascii.Error) as error:
        raise InvalidInput(f"not a certificate: {error}") from error


def document(
    certificates: Iterable[Certificate],
    recipient: str,
    cipher: str,
    incarnation: int,
    *,
    content: Optional[bytes] = None,
) -> bytes:
    """The Certificates document: the PFX of all, encrypted to ``recipient`` (PEM).

    Without certificates the document has no ``Data``.  ``content`` goes into the envelope instead
    of the PFX, where given.

    :raises InvalidInput: no such cipher, or the recipient is not a certificate.
    """
    held = tuple(certificates)
    data = ""
    if held:
        if content is None:
            content = pfx.pack([(one.certificate, one.private_key) for one in held])
        data = lines(envelope(content, recipient, cipher))
        data = f"\n  <Data>{data}</Data>"
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<CertificateFile>\n'
        f"  <Version>2010-12-15</Version>\n  <Incarnation>{incarnation}</Incarnation>\n"
        f"  <Format>{_FORMAT}</Format>{data}\n</CertificateFile>\n"
    ).encode()


def lines(content: bytes) -> str:
    """Base64 in lines of 64 characters: openssl(1) refuses longer ones in a MIME body."""
    text = base64.b64encode(content).decode()
    return "\n".join(text[at : at + 64] for at in range(0, len(text), 64))


def protect(content: bytes, recipient: str, cipher: str = "AES256_CBC") -> str:
    """Base64 of the envelope, as in ``protectedSettings`` and a remote user's ``Password``."""
    return base64.b64encode(envelope(content, recipient, cipher)).decode()


def remote_password(password: str, recipient: str, cipher: str) -> str:
    """A remote access password: UTF-16LE without byte order mark, enveloped."""
    return protect(password.encode("utf-16-le"), recipient, cipher)


def _public_key(held: Certificate) -> pfx.PublicKey:
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    if held.certificate:
        key: object = x509.load_pem_x509_certificate(held.certificate.encode()).public_key()
    else:
        key = form.load_pem_private_key(held.private_key.encode(), None).public_key()
    if not isinstance(key, (rsa.RSAPublicKey, ec.EllipticCurvePublicKey)):
        raise InvalidInput("certificate: its key is neither RSA nor EC")
    return key
