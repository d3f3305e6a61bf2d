# SPDX-License-Identifier: Apache-2.0
"""What a sudoers(5) policy includes, and how a user is written in it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..host import Host

VENDOR = "/usr/etc/sudoers"  # SUSE keeps the vendor's policy here; one in /etc takes its place
DEPTH_LIMIT = 128  # sudo's own
_INCLUDE = re.compile(r"[#@](include|includedir)[ \t]+(\"[^\"]*\"|(?:\\.|[^\s\\])+)")
_TARGET = re.compile(r"^[ \t]*Defaults[ \t]+(?:[^#\n]*[,\s])?(!?)targetpw\b", re.MULTILINE)
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\Z")
_ALIAS = re.compile(r"[A-Z][A-Z0-9_]*\Z")
_SAFE = re.compile(r"[A-Za-z0-9_-]")


def main_file(host: Host) -> str:
    """The policy that sudo reads first; "" when there is none."""
    for path in (host.places.sudoers, VENDOR):
        if host.exists(path):
            return path
    return ""


@dataclass(frozen=True)
class Policy:
    """All that sudo reads: the files' text in order, and the directories it includes."""

    main: str
    texts: tuple[str, ...]
    directories: tuple[str, ...]

    @property
    def asks_for_target(self) -> bool:
        """Whether sudo wants root's password instead of the user's own (SUSE's stock policy)."""
        said = [found for text in self.texts for found in _TARGET.findall(text)]
        return bool(said) and not said[-1]


def policy(host: Host) -> Policy:
    """The policy of a machine as far as its includes lead."""
    texts: list[str] = []
    directories: list[str] = []
    main = main_file(host)
    _walk(host, main, texts, directories, 0)
    return Policy(main, tuple(texts), tuple(dict.fromkeys(directories)))


def _walk(host: Host, path: str, texts: list[str], directories: list[str], depth: int) -> None:
    if depth >= DEPTH_LIMIT or not path:
        return
    text = host.read(path, "").replace("\\\n", "")
    texts.append(text)
    for line in text.split("\n"):
        matched = _INCLUDE.match(line.strip())
        if matched is None:
            continue
        target = re.sub(r"\\(.)", r"\1", matched[2].strip('"')).rstrip("/")
        if not target.startswith("/"):
            target = f"{path.rpartition('/')[0]}/{target}"
        if matched[1] == "include":
            _walk(host, target, texts, directories, depth + 1)
            continue
        directories.append(target)
        for name in host.names(target):
            if "." not in name and not name.endswith("~"):
                _walk(host, f"{target}/{name}", texts, directories, depth + 1)


def file_name(user: str) -> str:
    """A file of this user's own.  sudo skips names with a dot or a final tilde without a word."""
    safe = "".join(c if _SAFE.match(c) else f"={ord(c):02x}" for c in user)
    return f"90-azure-user-{safe}"


def plain(user: str) -> bool:
    """Whether the name means itself in a policy; ``BOB`` would be an alias, ``1st`` a number."""
    return bool(_PLAIN.match(user)) and not _ALIAS.match(user)


def subject(host: Host, user: str) -> str:
    """How a policy names the user.  :raises NotFound: it takes a number and has no account."""
    return user if plain(user) else f"#{host.owner(user)[0]}"


def grant(subject: str, *, nopasswd: bool, own_password: bool = False) -> bytes:
    """The whole file for a user; ``subject`` is the name or ``#uid``.

    ``own_password``: the policy would ask for root's, which nobody knows.
    """
    own = f"Defaults:{subject} !targetpw\n" if own_password and not nopasswd else ""
    tag = "NOPASSWD: " if nopasswd else ""
    return f"# Written by waagent\n{own}{subject} ALL=(ALL) {tag}ALL\n".encode()
