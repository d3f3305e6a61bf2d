# SPDX-License-Identifier: Apache-2.0
"""crypt(5) method 6, so that a pretend chpasswd(8) leaves a hash that accepts the password.

Source: Ulrich Drepper, "Unix crypt using SHA-256 and SHA-512", version 0.6.
"""

from __future__ import annotations

import functools
from hashlib import sha512

_ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ROUNDS = 5000


@functools.lru_cache(maxsize=256)
def sha512_crypt(password: bytes, salt: str) -> str:
    """``$6$salt$...``; 5000 rounds, a salt of at most 16 characters."""
    pinch = salt.encode()
    other = sha512(password + pinch + password).digest()
    mixed = sha512(password + pinch + _stretch(other, len(password)))
    bits = len(password)
    while bits:
        mixed.update(other if bits & 1 else password)
        bits >>= 1
    digest = mixed.digest()
    long_password = _stretch(sha512(password * len(password)).digest(), len(password))
    long_salt = _stretch(sha512(pinch * (16 + digest[0])).digest(), len(pinch))
    for number in range(_ROUNDS):
        turn = sha512(long_password if number & 1 else digest)
        if number % 3:
            turn.update(long_salt)
        if number % 7:
            turn.update(long_password)
        turn.update(digest if number & 1 else long_password)
        digest = turn.digest()
    return f"$6${salt}${_encoded(digest)}"


def _stretch(digest: bytes, length: int) -> bytes:
    return (digest * (length // len(digest) + 1))[:length]


def _encoded(digest: bytes) -> str:
    text = ""
    for number in range(21):
        triple = (number, number + 21, number + 42)
        turned = triple[number % 3 :] + triple[: number % 3]
        text += _characters(bytes(digest[place] for place in turned), 4)
    return text + _characters(digest[63:], 2)


def _characters(group: bytes, count: int) -> str:
    value = int.from_bytes(group, "big")
    return "".join(_ALPHABET[value >> 6 * place & 63] for place in range(count))
