# SPDX-License-Identifier: Apache-2.0
"""PKCS #12 with any number of keys and certificates and an empty password (RFC 7292).

Neither openssl-pkcs12(1) nor ``cryptography`` writes more than one key into a file; the platform
does.  So the outer structure is written here; the encryption of each key is openssl-pkcs8(1)'s.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Sequence
from typing import Union

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from . import commands

PublicKey = Union[rsa.RSAPublicKey, ec.EllipticCurvePublicKey]

_DATA = "1.2.840.113549.1.7.1"
_SHROUDED_KEY = "1.2.840.113549.1.12.10.1.2"
_CERTIFICATE = "1.2.840.113549.1.12.10.1.3"
_X509 = "1.2.840.113549.1.9.22.1"
_SHA1 = "1.3.14.3.2.26"
_MAC_ROUNDS = 2048


def pack(pairs: Sequence[tuple[str, str]]) -> bytes:
    """A PFX of (certificate, private key) in PEM, either may be empty; the password is empty."""
    bags = b""
    for certificate, private_key in pairs:
        if certificate:
            held = _sequence(_oid(_X509), _tagged(0, _octets(_der(certificate))))
            bags += _sequence(_oid(_CERTIFICATE), _tagged(0, held))
        if private_key:
            bags += _sequence(_oid(_SHROUDED_KEY), _tagged(0, _shrouded(private_key)))
    safe = _content(_sequence(_content(_sequence(bags))))
    return _sequence(_integer(3), safe, _mac(_sequence(_content(_sequence(bags)))))


def _der(certificate: str) -> bytes:
    from cryptography import x509

    loaded = x509.load_pem_x509_certificate(certificate.encode())
    return loaded.public_bytes(serialization.Encoding.DER)


def _shrouded(private_key: str) -> bytes:
    """EncryptedPrivateKeyInfo under the empty password, which ``cryptography`` refuses."""
    command = ("openssl", "pkcs8", "-topk8", "-outform", "DER", "-v1", "PBE-SHA1-3DES")
    return commands.run((*command, "-passout", "pass:"), private_key.encode())


def _mac(authenticated: bytes) -> bytes:
    salt = os.urandom(8)
    digest = hmac.new(_mac_key(salt), authenticated, hashlib.sha1).digest()
    algorithm = _sequence(_oid(_SHA1), b"\x05\x00")
    return _sequence(_sequence(algorithm, _octets(digest)), _octets(salt), _integer(_MAC_ROUNDS))


def _mac_key(salt: bytes) -> bytes:
    """RFC 7292, appendix B.2, for the empty password (two zero bytes as a BMPString), ID 3."""
    repeated = salt * (64 // len(salt)) + b"\0" * 64
    value = hashlib.sha1(b"\x03" * 64 + repeated).digest()
    for _ in range(_MAC_ROUNDS - 1):
        value = hashlib.sha1(value).digest()
    return value


def _content(inner: bytes) -> bytes:
    return _sequence(_oid(_DATA), _tagged(0, _octets(inner)))


def _tlv(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def _sequence(*parts: bytes) -> bytes:
    return _tlv(0x30, b"".join(parts))


def _octets(content: bytes) -> bytes:
    return _tlv(0x04, content)


def _tagged(number: int, content: bytes) -> bytes:
    return _tlv(0xA0 | number, content)


def _integer(value: int) -> bytes:
    return _tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _oid(dotted: str) -> bytes:
    first, second, *others = (int(part) for part in dotted.split("."))
    encoded = bytes((first * 40 + second,))
    for number in others:
        septets = [number & 0x7F]
        while number := number >> 7:
            septets.append(0x80 | (number & 0x7F))
        encoded += bytes(reversed(septets))
    return _tlv(0x06, encoded)
