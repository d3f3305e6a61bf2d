# SPDX-License-Identifier: Apache-2.0
"""Password hashes: crypt(5) without the module that Python 3.13 removed (U5).

SHA-crypt (``$5$``, ``$6$``) is computed here, so it is there on every system; the other methods
are asked of the system's libcrypt.  Source: U. Drepper, "Unix crypt using SHA-256 and SHA-512"
(public domain); crypt(5) and crypt_gensalt(3) of libxcrypt.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Optional

from .errors import InvalidInput, PostconditionFailed, Unsupported
from .host import Secret

if TYPE_CHECKING:
    import ctypes

ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
PASSWORD_LIMIT_BYTES = 512
SALT_LIMIT = 16
#: A stored hash may ask for more rounds than anybody can wait for: then the answer is "unknown".
ROUNDS_LIMIT = 1_000_000
BCRYPT_COST = 12
BCRYPT_COST_LIMIT = 15
_DEFAULT_ROUNDS = 5000
_DIGESTS = {"5": "sha256", "6": "sha512"}
_SHA = re.compile(r"\$([56])\$(?:rounds=(\d{1,9})\$)?([^$:\n]{0,16})(?:\$([./0-9A-Za-z]*))?\Z")
_SHAPE = re.compile(r"\$[0-9a-z]+\$[!-9;-~]+\Z")
_LIBRARIES = ("libcrypt.so.2", "libcrypt.so.1", "libcrypt.so.1.1", "libcrypt.so.5", "libcrypt.so")


def hash_password(plain: Secret, scheme: str, salt_length: int = 10) -> Secret:
    """The crypt(5) hash of a password with a fresh random salt.

    :param scheme: ``6`` (SHA-512), ``5`` (SHA-256), ``1`` (MD5), ``2a 2b 2y`` (bcrypt, cost 12),
        ``y`` (yescrypt).
    :param salt_length: characters of salt, 1 to 16; MD5 takes at most 8 of them, bcrypt and
        yescrypt have a length of their own.
    :raises InvalidInput: another scheme or length; NUL, newline or too many bytes.
    :raises Unsupported: this system's libcrypt does not know the scheme.
    """
    check(plain)
    if not 1 <= salt_length <= SALT_LIMIT:
        raise InvalidInput(
            f"password salt of {salt_length} characters", hint=f"use 1 to {SALT_LIMIT}"
        )
    if scheme in _DIGESTS:
        setting = f"${scheme}${_letters(salt_length)}$"
        return Secret(_sha_crypt(plain.reveal(), setting))
    return _by_library(plain.reveal(), _setting(scheme, salt_length))


def check(plain: Secret) -> None:
    """:raises InvalidInput: no tool could be given this password, or crypt(3) would cut it."""
    value = plain.reveal()
    if not value:
        raise InvalidInput("an empty password", hint="leave the password out instead")
    if b"\0" in value or b"\n" in value:
        raise InvalidInput("a password with a NUL or a newline", hint="choose another one")
    if len(value) > PASSWORD_LIMIT_BYTES:
        raise InvalidInput(
            f"a password of {len(value)} bytes", hint=f"use at most {PASSWORD_LIMIT_BYTES}"
        )


def matches(plain: Secret, stored: Secret) -> Optional[bool]:
    """Whether a login with ``plain`` succeeds against a shadow(5) field; None: cannot be told."""
    text = stored.reveal().decode("latin-1")
    if not text or text[0] in "*!" or text == "x" or b"\0" in plain.reveal():
        return False
    found = _SHA.match(text)
    if found is not None:
        if int(found[2] or 0) > ROUNDS_LIMIT:
            return None
        return Secret(_sha_crypt(plain.reveal(), text)) == stored
    cost = re.match(r"\$2[abxy]\$(\d\d)\$", text)
    if cost is not None and int(cost[1]) > BCRYPT_COST_LIMIT:
        return None
    answer = _crypt(plain.reveal(), stored.reveal())
    return None if answer is None else Secret(answer) == stored


def check_hash(stored: Secret) -> None:
    """:raises InvalidInput: no crypt(5) method accepts this as a complete hash."""
    text = stored.reveal().decode("latin-1")
    found = _SHA.match(text)
    if found is not None and len(found[4] or "") == (43 if found[1] == "5" else 86):
        return
    if found is not None or not _SHAPE.match(text) or _refused(stored.reveal()):
        raise InvalidInput(
            "a password hash that crypt(5) does not accept", hint="supply e.g. $6$salt$hash"
        )


def _letters(count: int) -> str:
    import secrets

    return "".join(secrets.choice(ALPHABET) for _ in range(count))


def _setting(scheme: str, salt_length: int) -> bytes:
    """What crypt(3) is given beside the password."""
    if scheme == "1":
        return f"$1${_letters(min(salt_length, 8))}$".encode()
    if scheme in ("2a", "2b", "2y"):
        # 128 bits in 22 letters: the last one has two significant bits only.
        import secrets

        last = secrets.choice(".Oeu")
        return f"${scheme}${BCRYPT_COST:02d}${_letters(21)}{last}".encode()
    if scheme == "y":
        return _generated(b"$y$")
    raise InvalidInput(f"password scheme {scheme!r}", hint="use 6, 5, y, 2b, 2a, 2y or 1")


# ---------------------------------------------------------------- SHA-crypt


def _sha_crypt(key: bytes, setting: str) -> bytes:
    """``setting`` with the checksum of ``key``; its own checksum, if any, is not looked at."""
    found = _SHA.match(setting)
    if found is None:
        raise InvalidInput("a SHA-crypt setting that is malformed")
    method, asked, salt = found[1], found[2], found[3].encode("latin-1")
    rounds = min(max(int(asked), 1000), 999_999_999) if asked else _DEFAULT_ROUNDS
    checksum = _stretched(key, salt, rounds, _DIGESTS[method])
    prefix = f"${method}$" + (f"rounds={rounds}$" if asked else "")
    return b"$".join((prefix.encode() + salt, _encoded(checksum).encode()))


def _stretched(key: bytes, salt: bytes, rounds: int, digest: str) -> bytes:
    def of(data: bytes) -> bytes:
        import hashlib  # loads OpenSSL's libcrypto: not in a process that stays

        return hashlib.new(digest, data).digest()

    def spread(block: bytes, size: int) -> bytes:
        return (block * (size // len(block) + 1))[:size]

    other = of(key + salt + key)
    mixed = key + salt + spread(other, len(key))
    length = len(key)
    while length:
        mixed += other if length & 1 else key
        length >>= 1
    result = of(mixed)
    p = spread(of(key * len(key)), len(key))
    s = spread(of(salt * (16 + result[0])), len(salt))
    for turn in range(rounds):
        odd = turn & 1
        middle = (s if turn % 3 else b"") + (p if turn % 7 else b"")
        result = of((p if odd else result) + middle + (result if odd else p))
    return result


def _encoded(checksum: bytes) -> str:
    """Base 64 of crypt(3), over the bytes in the order that the algorithm prescribes."""
    third = len(checksum) // 3
    text = ""
    for i in range(third):
        trio = (i, i + third, i + 2 * third)
        turn = i % 3 if third == 21 else -i % 3
        high, middle, low = (checksum[j] for j in trio[turn:] + trio[:turn])
        text += _base64(high << 16 | middle << 8 | low, 4)
    if third == 21:
        return text + _base64(checksum[63], 2)
    return text + _base64(checksum[31] << 8 | checksum[30], 3)


def _base64(value: int, count: int) -> str:
    return "".join(ALPHABET[value >> 6 * i & 63] for i in range(count))


# ---------------------------------------------------------------- libcrypt


def _library() -> Optional[ctypes.CDLL]:
    import ctypes  # only where a password is not SHA-crypt: 2 MiB

    for name in (*_LIBRARIES, None):  # None: musl has crypt(3) in its libc
        try:
            library = ctypes.CDLL(name)
            library.crypt.restype = ctypes.c_char_p
            library.crypt.argtypes = (ctypes.c_char_p, ctypes.c_char_p)
        except (OSError, AttributeError):
            continue
        return library
    return None


def _crypt(plain: bytes, setting: bytes) -> Optional[bytes]:
    """crypt(3); None where it is missing or refuses the setting."""
    library = _library()
    answer: Optional[bytes] = library.crypt(plain, setting) if library is not None else None
    return None if answer is None or answer.startswith(b"*") else answer


def _by_library(plain: bytes, setting: bytes) -> Secret:
    answer = _crypt(plain, setting)
    method = setting.split(b"$")[1].decode()
    if answer is None:
        raise Unsupported(f"password scheme {method}: libcrypt does not know it", hint="use 6")
    if not answer.startswith(f"${method}$".encode()) or _crypt(plain, answer) != answer:
        raise PostconditionFailed(f"password scheme {method}: libcrypt made a wrong hash")
    return Secret(answer)


def _generated(prefix: bytes) -> bytes:
    """A setting made by crypt_gensalt(3), which libxcrypt has."""
    import ctypes

    library = _library()
    try:
        generate = library.crypt_gensalt if library is not None else None
    except AttributeError:
        generate = None
    setting: Optional[bytes] = None
    if generate is not None:
        generate.restype = ctypes.c_char_p
        generate.argtypes = (ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p, ctypes.c_int)
        import secrets

        random = secrets.token_bytes(32)
        setting = generate(prefix, 0, random, len(random))
    if setting is None or setting.startswith(b"*"):
        raise Unsupported(f"password scheme {prefix.decode()}: libcrypt does not know it")
    return setting


def _refused(setting: bytes) -> bool:
    """Whether libxcrypt (4.3 and later) knows that no password can match this field."""
    library = _library()
    if library is None or not hasattr(library, "crypt_checksalt"):
        return False
    invalid = 1
    return bool(library.crypt_checksalt(setting) == invalid)
