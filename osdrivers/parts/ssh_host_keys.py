# SPDX-License-Identifier: Apache-2.0
"""The SSH server's host keys (S2, S4).  Source: ssh-keygen(1), sshd_config(5) HostKey."""

from __future__ import annotations

import base64
import binascii
import json
import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Optional, Protocol

from ..actions import ChangeOwner, MakeDirectory, Plan, Remove, Rename, Run, Verify, WriteFile
from ..api import HostKey, Labels
from ..errors import CommandFailed, FactError, InvalidInput
from ..host import Host
from . import sshd_config
from .passwd import Passwd

#: Most modern first; what sshd makes and loads by default (DSA left with OpenSSH 10).
TYPES = ("ed25519", "ecdsa", "rsa")
_GROUP = "ssh_keys"  # read by ssh-keysign on systems whose OpenSSH is older than 9
#: The releases that brought them.
_SINCE = {"ed25519": (6, 5), "ecdsa": (5, 7)}
#: A release that cannot be told.
UNKNOWN = (99, 0)
_RSA_TIMEOUT_S = 120.0


class Server(Protocol):
    @property
    def version(self) -> tuple[int, int]: ...


@dataclass(frozen=True)
class _Record(WriteFile):
    """The note which instance the keys are for; makes the agent's directory where missing."""

    def apply(self, host: Host) -> None:
        if not host.is_directory(posixpath.dirname(self.path)):
            host.make_directory(posixpath.dirname(self.path), mode=0o700)
        super().apply(host)


@dataclass(frozen=True)
class _Note:
    """Which instance the keys were made for, and the types that could not be made."""

    token: str = ""
    refused: tuple[str, ...] = ()


class HostKeys:
    def __init__(self, host: Host, server: Server, labels: Optional[Labels]) -> None:
        self._host, self._server, self._labels = host, server, labels

    # ---- asking

    def present(self) -> tuple[HostKey, ...]:
        found = []
        for path in self._paths():
            key = self._public(path) if self._usable(path) else None
            if key is not None:
                found.append(key)
        rank = {kind: number for number, kind in enumerate(TYPES)}
        return tuple(sorted(found, key=lambda key: (rank.get(key.type, 9), key.path)))

    def _paths(self) -> Sequence[str]:
        """Private halves: those the configuration names, else all with a default name."""
        named = sshd_config.read(self._host).options().get("hostkey", "").split()
        if named:
            return tuple(dict.fromkeys(named))
        directory = self._host.places.sshd
        public = self._host.glob(f"{directory}/ssh_host_*_key.pub")
        return tuple(path[: -len(".pub")] for path in public)

    def _usable(self, path: str) -> bool:
        found = self._host.status(path)
        return found is not None and found.kind == "file" and found.size > 0

    def _public(self, path: str) -> Optional[HostKey]:
        words = self._host.read(f"{path}.pub", "").split()
        if len(words) < 2:
            return None
        try:
            blob = base64.b64decode(words[1], validate=True)
        except (binascii.Error, ValueError):
            return None
        import hashlib  # loads OpenSSL's libcrypto: not in a process that stays

        md5 = hashlib.new("md5", blob, usedforsecurity=False).hexdigest()
        sha256 = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
        pairs = ":".join(md5[i : i + 2] for i in range(0, 32, 2))
        return HostKey(_short(words[0]), f"{path}.pub", pairs, sha256)

    # ---- ensuring

    def ensure(self, type: str, token: str) -> Plan:
        if type not in (*TYPES, "auto"):
            raise InvalidInput(f"host key type {type!r}", hint=f"use auto, {', '.join(TYPES)}")
        note, types = self._noted(), self._types(type)
        if token and note.token != token:
            yield from self._renew(types, _Note(token), clean=True)
            return
        missing = [kind for kind in types if not self._usable(self._path(kind))]
        if missing and not (type == "auto" and set(missing) <= set(note.refused)):
            yield from self._renew(missing, note, clean=False)

    def _types(self, type: str) -> tuple[str, ...]:
        """What to make; never so that the server would find none of the keys it is told to use."""
        version = self._server.version if type == "auto" else UNKNOWN
        known = tuple(kind for kind in TYPES if version >= _SINCE.get(kind, (0, 0)))
        types: tuple[str, ...] = known if type == "auto" else (type,)
        named = sshd_config.read(self._host).options().get("hostkey", "").split()
        if named and not any(self._path(kind) in named for kind in types):
            types += tuple(kind for kind in TYPES if self._path(kind) in named)
        return types

    def _renew(self, types: Sequence[str], note: _Note, *, clean: bool) -> Plan:
        """Make keys of these types beside the old ones, then let each take its place.

        A policy such as FIPS may forbid one of several types: the others are made all the same.
        """
        self._host.require("ssh-keygen", package="openssh-client or openssh")
        installed = self._host.has("sshd") and not self._host.assume_tools
        if self._readable_by_group and self._server.version == UNKNOWN and installed:
            raise FactError("sshd -V does not tell its release, which decides on the keys' mode")
        fresh = f"{self._host.places.sshd}/.waagent-new-keys"
        if self._host.status(fresh, follow=False) is not None:
            yield Remove(fresh, recursive=True)  # left by a run that was killed
        yield MakeDirectory(fresh, 0o700)
        made: list[str] = []
        for kind in types:
            try:
                yield from self._make(fresh, kind)
                made.append(kind)
            except CommandFailed:
                if kind == types[-1] and not made:
                    yield Remove(fresh, recursive=True)
                    raise
        for kind in made:
            for suffix in ("", ".pub"):
                yield Rename(f"{fresh}/{self._name(kind)}{suffix}", self._path(kind) + suffix)
        if clean:
            yield from self._stale(made)
        yield Remove(fresh, recursive=True)
        if self._labels is not None:
            yield from self._labels.ensure_restored([self._path(kind) for kind in made])
        yield Verify("the SSH host keys", lambda: self._proved(made))
        refused = {*note.refused, *types} - {*made}
        yield self._record(_Note(note.token, tuple(sorted(refused))))

    def _make(self, directory: str, kind: str) -> Plan:
        path = f"{directory}/{self._name(kind)}"
        yield Run(
            ("ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "", "-f", path),
            timeout_s=_RSA_TIMEOUT_S,
        )
        if self._readable_by_group and self._server.version < (9, 0):
            yield ChangeOwner(path, f"0:{_GROUP}", 0o640)

    @property
    def _readable_by_group(self) -> bool:
        return _GROUP in Passwd(self._host).groups()

    def _stale(self, made: Sequence[str]) -> Iterator[Remove]:
        """Every other key: it came with the image, so others have it too."""
        kept = {self._path(kind) for kind in made}
        for path in self._host.glob(f"{self._host.places.sshd}/ssh_host_*key*"):
            if path not in kept and not (path.endswith(".pub") and path[:-4] in kept):
                yield Remove(path)

    def _proved(self, made: Sequence[str]) -> bool:
        return all(
            self._usable(self._path(kind)) and self._public(self._path(kind)) for kind in made
        )

    def _name(self, kind: str) -> str:
        return f"ssh_host_{kind}_key"

    def _path(self, kind: str) -> str:
        return f"{self._host.places.sshd}/{self._name(kind)}"

    def _record(self, note: _Note) -> _Record:
        entry = {"token": note.token, "refused": [*note.refused]}
        return _Record(self._place, f"{json.dumps(entry)}\n".encode(), 0o600)

    @property
    def _place(self) -> str:
        return f"{self._host.places.state}/ssh-host-keys.json"

    def _noted(self) -> _Note:
        try:
            entry = json.loads(self._host.read(self._place, "{}"))
            return _Note(str(entry.get("token", "")), tuple(map(str, entry.get("refused", ()))))
        except (ValueError, AttributeError, TypeError):
            return _Note()  # unreadable: as if there were none


def _short(type: str) -> str:
    """``ecdsa`` for ``ecdsa-sha2-nistp256``, ``rsa`` for ``ssh-rsa``."""
    return type.split("-")[0] if type.startswith("ecdsa-") else type.rpartition("ssh-")[2]
