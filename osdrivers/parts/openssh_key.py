# SPDX-License-Identifier: Apache-2.0
"""A public key as a line of authorized_keys.  Source: sshd(8), AUTHORIZED_KEYS; RFC 4253, 8332."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from ..errors import InvalidInput

LINE_LIMIT_BYTES = 16 * 1024  # an RSA key of 16384 bits takes 2.8 KiB
RSA_MINIMUM_BITS = 1024
_TYPE = re.compile(r"[a-z][a-z0-9-]*(@[a-z0-9.-]+)?\Z")
_POINT_BYTES = {"nistp256": 65, "nistp384": 97, "nistp521": 133}


@dataclass(frozen=True)
class PublicKey:
    """One key; two keys are the same when ``type`` and ``blob`` are."""

    type: str
    blob: bytes
    options: str = ""
    comment: str = ""

    @property
    def line(self) -> str:
        """The line that stands for it."""
        blob = base64.b64encode(self.blob).decode()
        return " ".join(part for part in (self.options, self.type, blob, self.comment) if part)


def parse(text: str) -> PublicKey:
    """The key in one line.

    :raises InvalidInput: it is no key, or its type is not the one inside its base64.
    """
    line = text.strip("\r\n \t")
    if len(line.encode("utf-8", "surrogateescape")) > LINE_LIMIT_BYTES:
        raise _wrong(line, "it is too long")
    if not line.isprintable() and any((ord(c) < 32 and c != "\t") or ord(c) == 127 for c in line):
        raise _wrong(line, "it has line breaks or control characters")
    if line.startswith(("-----BEGIN", "---- BEGIN")):
        raise _wrong(line, "it is a PEM or SSH2 file, not a line (ssh-keygen -i converts it)")
    options, rest = "", line
    if not _starts_with_type(rest):
        options, rest = _split_options(line)
    words = rest.split(None, 2)
    if len(words) < 2 or not _starts_with_type(rest):
        raise _wrong(line, "expected: [options] type base64 [comment]")
    blob = _decoded(line, words[1])
    fields = _fields(line, blob)
    if fields[0] != words[0].encode():
        raise _wrong(line, f"its base64 is not a {words[0]} key")
    _check_size(line, words[0], fields)
    return PublicKey(words[0], blob, options, words[2] if len(words) > 2 else "")


def same(line: bytes) -> tuple[str, bytes]:
    """What identifies the key of a present line; ("", b"") for a comment or no key at all."""
    try:
        key = parse(line.decode("utf-8", "surrogateescape"))
    except InvalidInput:
        return "", b""
    return key.type, key.blob


def _starts_with_type(text: str) -> bool:
    """A type is followed by base64; ``no-pty`` or ``command="..."`` is an option."""
    words = text.split(None, 2)
    plain = len(words) > 1 and bool(_TYPE.match(words[0]))
    return plain and words[1].startswith("AAAA")


def _split_options(line: str) -> tuple[str, str]:
    """Options and what follows; a blank inside double quotes does not end them."""
    quoted, escaped = False, False
    for position, letter in enumerate(line):
        if letter == '"' and not escaped:
            quoted = not quoted
        elif letter in " \t" and not quoted:
            return line[:position], line[position:].strip()
        escaped = letter == "\\" and not escaped
    return line, ""


def _decoded(line: str, text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as cause:
        raise _wrong(line, "its base64 is damaged") from cause


def _fields(line: str, blob: bytes) -> list[bytes]:
    """The length-prefixed strings a key consists of (RFC 4251 section 5)."""
    fields, rest = [], blob
    while rest:
        size = int.from_bytes(rest[:4], "big")
        if len(rest) < 4 + size or len(rest) < 4:
            break
        fields.append(rest[4 : 4 + size])
        rest = rest[4 + size :]
    # A certificate holds numbers between its strings; its signature ends it.
    if len(fields) < 2 or (rest and b"-cert-" not in fields[0]):
        raise _wrong(line, "its base64 is cut off")
    return fields


def _check_size(line: str, kind: str, fields: list[bytes]) -> None:
    curve = kind.rpartition("-")[2]
    if kind == "ssh-rsa":
        bits = int.from_bytes(fields[2], "big").bit_length() if len(fields) == 3 else 0
        if bits < RSA_MINIMUM_BITS:
            raise _wrong(line, f"RSA needs {RSA_MINIMUM_BITS} bits or more")
    elif kind == "ssh-ed25519":
        if len(fields) != 2 or len(fields[1]) != 32:
            raise _wrong(line, "an ed25519 key has 32 bytes")
    elif kind.startswith("ecdsa-sha2-nistp") and (
        len(fields) != 3
        or fields[1] != curve.encode()
        or len(fields[2]) != _POINT_BYTES.get(curve, 0)
    ):
        raise _wrong(line, f"it is not a point of {curve}")


def _wrong(line: str, why: str) -> InvalidInput:
    start = line[:24].encode("ascii", "backslashreplace").decode()
    shown = "".join(c if c.isprintable() else "?" for c in start)
    return InvalidInput(f"not an SSH public key ({shown}...): {why}")
