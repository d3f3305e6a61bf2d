# SPDX-License-Identifier: Apache-2.0
"""Our lines in an sshd_config(5): a file of our own, or a marked block in one that is not."""

from __future__ import annotations

import re
from collections.abc import Mapping

from . import sshd_config

BEGIN, END = "# BEGIN waagent", "# END waagent"
_BLOCK = re.compile(rf"^{BEGIN}\n(.*?)^{END}\r?\n", re.MULTILINE | re.DOTALL)
_HEADER = "# Written by waagent\n"


def own_file(present: str, wanted: Mapping[str, str]) -> str:
    """The text of our own file: what it sets already, and what is wanted now."""
    return _HEADER + _body(present, wanted)


def edited(text: bytes, wanted: Mapping[str, str]) -> bytes:
    """A foreign file with our block at its top: before any Match, and before any other value."""
    whole = text.decode("utf-8", "surrogateescape")
    found = _BLOCK.search(whole)
    body = _body(found[1] if found else "", wanted)
    rest = _BLOCK.sub("", whole)
    return f"{BEGIN}\n{body}{END}\n{rest}".encode("utf-8", "surrogateescape")


def _body(present: str, wanted: Mapping[str, str]) -> str:
    again = {name.lower() for name in wanted}
    interactive = {"kbdinteractiveauthentication", "challengeresponseauthentication"}
    if again & interactive:
        again |= interactive
    kept = [
        line
        for line in present.split("\n")
        if any(keyword not in again for _, keyword, _ in sshd_config.lines(line))
    ]
    return "".join(f"{line}\n" for line in (*kept, *(f"{k} {v}" for k, v in wanted.items())))
