# SPDX-License-Identifier: Apache-2.0
"""Bytes that never print."""

from __future__ import annotations

from typing import NoReturn


class Secret:
    """A password, a private key, or a line that holds one.

    It travels on standard input and into files that are 0600 from their first byte; ``repr``,
    ``str``, ``format`` and pickling never show it.  ``reveal()`` is the one way to the bytes, so
    that a reviewer can search for it.
    """

    __slots__ = ("_pieces", "_value")

    def __init__(self, value: bytes = b"", pieces: tuple[bytes, ...] = ()) -> None:
        self._value = bytes(value)
        self._pieces = pieces or ((self._value,) if self._value else ())

    def reveal(self) -> bytes:
        """The bytes themselves.  Every call needs a reason that a reviewer accepts."""
        return self._value

    def within(self, before: bytes, after: bytes = b"") -> Secret:
        """The same secret inside a line, e.g. ``b"user:" + secret + b"\\n"`` for chpasswd(8)."""
        return Secret(before + self._value + after, self._pieces)

    def redact(self, text: bytes) -> bytes:
        """``text`` with every occurrence of the secret replaced, for a tool's own messages."""
        for piece in (self._value, *self._pieces):
            if len(piece) > 3:
                text = text.replace(piece, b"<secret>")
        return text

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and _same(self._value, other._value)

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return "<secret>"

    def __str__(self) -> str:
        return "<secret>"

    def __format__(self, spec: str) -> str:
        return "<secret>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is never pickled")


def _same(one: bytes, other: bytes) -> bool:
    """Whether they are equal, in a time that does not tell where they differ.

    hmac.compare_digest would load OpenSSL's libcrypto into every process of the agent.
    """
    return len(one) == len(other) and not sum(a ^ b for a, b in zip(one, other))
