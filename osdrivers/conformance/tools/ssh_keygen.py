# SPDX-License-Identifier: Apache-2.0
"""ssh-keygen(1)."""

from __future__ import annotations

import base64
import functools
import hashlib
import os
import re

from ...host import Completed
from ..box import Box, Tool, UnknownUse, done, options, refused

_DEFAULT_TYPES = ("rsa", "ecdsa", "ed25519")
_COUNT = {"keys": 0}
_POOL = 3


@functools.cache
def _pair(kind: str, number: int) -> tuple[str, str]:
    """A private key in OpenSSH's format, and its public half without a comment."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    key: object
    if kind == "rsa":
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    elif kind == "ecdsa":
        key = ec.generate_private_key(ec.SECP256R1())
    else:
        key = ed25519.Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    return private.decode(), public.decode()


def _fresh(kind: str) -> tuple[str, str]:
    """The next of a few keys made once: making each anew would cost seconds."""
    _COUNT["keys"] += 1
    return _pair(kind, _COUNT["keys"] % _POOL)


def ssh_keygen(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    given, rest = options(argv, "At:N:f:qb:C:lyE:", intermixed=False)
    if rest:
        raise UnknownUse(argv, f"operand {rest[0]}")
    if "-A" in given:
        return _missing_host_keys(box, given.get("-f", ""))
    if "-l" in given:
        return _listed(box, given["-f"], given.get("-E", "sha256"))
    if "-y" in given:
        return _public(box, given["-f"])
    kind = given.get("-t", "ed25519")
    if kind not in _DEFAULT_TYPES or _release(box) < _SINCE.get(kind, (0, 0)):
        return refused(255, f"unknown key type {kind}")
    if "-N" not in given or given["-N"]:
        raise UnknownUse(argv, "it would ask for a passphrase, or have one on its command line")
    path = given["-f"]
    if box.exists(path):
        return refused(1, "", f"{path} already exists.\nOverwrite (y/n)? ")
    if not box.is_directory(os.path.dirname(path)):
        return refused(1, f'Saving key "{path}" failed: No such file or directory')
    _make(box, kind, path, given.get("-C", f"root@{_name(box)}"))
    if "-q" in given:
        return done()
    return done(f"Generating public/private {kind} key pair.\n")


#: The releases that brought them.
_SINCE = {"ecdsa": (5, 7), "ed25519": (6, 5)}


def _release(box: Box) -> tuple[int, int]:
    found = re.search(r"_(\d+)\.(\d+)", box.version("openssh"))
    return (int(found[1]), int(found[2])) if found else (99, 0)


def _name(box: Box) -> str:
    return box.read("/proc/sys/kernel/hostname", box.read("/etc/hostname", "host")).strip()


def _make(box: Box, kind: str, path: str, comment: str) -> None:
    private, public = _fresh(kind)
    box.write(path, private, 0o600)
    box.write(f"{path}.pub", f"{public} {comment}\n", 0o644)


def _missing_host_keys(box: Box, prefix: str) -> Completed:
    said = []
    for kind in _DEFAULT_TYPES:
        path = f"{prefix}/etc/ssh/ssh_host_{kind}_key"
        if box.read(path, ""):  # an empty one is made anew, sshd(8) cannot use it
            continue
        said.append(kind.upper())
        _make(box, kind, path, f"root@{_name(box)}")
    return done(f"ssh-keygen: generating new host keys: {' '.join(said)} \n" if said else "")


def _listed(box: Box, path: str, digest: str) -> Completed:
    public = path if path.endswith(".pub") else f"{path}.pub"
    words = box.read(public, "").split(None, 2)
    try:
        blob = base64.b64decode(words[1], validate=True)
    except (IndexError, ValueError):
        return refused(255, f"{path} is not a public key file.")
    kind = words[0].replace("ssh-", "").split("-")[0].upper()
    bits = {"ED25519": 256, "ECDSA": 256, "RSA": 2048}[kind]
    text = "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    if digest == "md5":
        raw = hashlib.md5(blob, usedforsecurity=False).hexdigest()
        text = "MD5:" + ":".join(raw[place : place + 2] for place in range(0, 32, 2))
    comment = words[2].strip() if len(words) > 2 else "no comment"
    return done(f"{bits} {text} {comment} ({kind})\n")


def _public(box: Box, path: str) -> Completed:
    from cryptography.hazmat.primitives import serialization

    try:
        key = serialization.load_ssh_private_key(box.read(path).encode(), None)
    except (FileNotFoundError, ValueError) as wrong:
        return refused(255, f'Load key "{path}": {wrong}')
    text = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    return done(text.decode() + "\n")


TOOLS: dict[str, Tool] = {"ssh-keygen": ssh_keygen}
