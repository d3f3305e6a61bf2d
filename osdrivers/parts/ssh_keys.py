# SPDX-License-Identifier: Apache-2.0
"""Keys in users' homes: authorized_keys and key pairs (U8, U9).

Source: sshd(8), AUTHORIZED_KEYS; sshd_config(5), AuthorizedKeysFile, StrictModes.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from typing import Optional

from ..actions import ChangeOwner, EditFile, MakeDirectory, Plan, WriteFile
from ..api import Sshd
from ..errors import Conflict, InvalidInput
from ..host import FileStatus, Host, Secret
from . import openssh_key
from .openssh_key import PublicKey
from .passwd import Passwd

_DEFAULT = ".ssh/authorized_keys .ssh/authorized_keys2"


class SshKeys:
    """``sshd`` tells where the server looks for keys; without it, where it does by default."""

    def __init__(self, host: Host, sshd: Optional[Sshd] = None) -> None:
        self._host, self._sshd = host, sshd
        self._passwd = Passwd(host)

    def ensure_authorized(
        self, name: str, home: str, keys: Sequence[str], *, path: str = ""
    ) -> Plan:
        unique: dict[tuple[str, bytes], PublicKey] = {}
        for key in map(openssh_key.parse, keys):
            unique.setdefault((key.type, key.blob), key)
        wanted = [*unique.values()]
        asked = self._inside(home, path) if path else ""
        files = dict.fromkeys(file for file in (self._file(name, home), asked) if file)
        for file in files:
            self._refuse_links(name, home, file)
        if not wanted:
            return
        yield from self._strict_home(name, home)
        for file in files:
            if file.startswith(f"{home}/"):
                yield from self._directory(name, home, posixpath.dirname(file))
                yield from self._authorize(file, wanted, name, home)
                continue
            if not self._host.is_directory(posixpath.dirname(file)):
                yield MakeDirectory(posixpath.dirname(file))
            yield from self._authorize(file, wanted, "0:0", "")

    def ensure_key_pair(
        self, name: str, home: str, path: str, private: Secret, public: str
    ) -> Plan:
        target = self._inside(home, path)
        key = openssh_key.parse(public)
        secret = private.reveal()
        if not secret.startswith(b"-----BEGIN ") or b"\0" in secret:
            raise InvalidInput(f"{target}: not a private key in PEM form")
        for file in (target, f"{target}.pub"):
            self._refuse_links(name, home, file)
        whole = private if secret.endswith(b"\n") else Secret(secret + b"\n")
        line = f"{key.line}\n".encode()
        self._refuse_other(target, whole, line)
        directory = posixpath.dirname(target)
        if directory != home:
            yield from self._directory(name, home, directory)
        if not self._is(target, whole.reveal(), 0o600, name):
            yield from self._taken(target, name, 0o600)
            yield WriteFile(target, whole, 0o600, owner=name, beneath=home)
        if not self._is(f"{target}.pub", line, 0o644, name):
            yield from self._taken(f"{target}.pub", name, 0o644)
            yield WriteFile(f"{target}.pub", line, 0o644, owner=name, beneath=home)

    # ---- where

    def _file(self, name: str, home: str) -> str:
        """The first file that sshd reads and that is the user's own, else the first at all."""
        options = self._sshd.options() if self._sshd is not None else {}
        files = options.get("authorizedkeysfile", _DEFAULT).split()
        expanded = [self._expanded(file, name, home) for file in files if file.lower() != "none"]
        own = [file for file in expanded if file.startswith(f"{home}/")]
        return (own or expanded or [f"{home}/.ssh/authorized_keys"])[0]

    def _expanded(self, file: str, name: str, home: str) -> str:
        account = self._passwd.account(name)
        tokens = {"h": home, "u": name, "U": str(account.uid) if account else "", "%": "%"}
        parts = file.split("%")
        text, position = parts[0], 1
        while position < len(parts):
            letter = parts[position][:1]
            if letter == "":  # "%%": split() left an empty part between the two
                text += "%" + (parts[position + 1] if position + 1 < len(parts) else "")
                position += 2
                continue
            text += tokens.get(letter, "") + parts[position][1:]
            position += 1
        return posixpath.normpath(text if text.startswith("/") else f"{home}/{text}")

    def _inside(self, home: str, path: str) -> str:
        """``path`` as a file below home; relative ones are meant from there.

        :raises InvalidInput: it is elsewhere, or names no file.
        """
        whole = path if path.startswith("/") else f"{home}/{path}"
        if any(ord(letter) < 32 or ord(letter) == 127 for letter in whole):
            raise InvalidInput("a key path with control characters")
        steps = whole.split("/")
        real = self._real(home)
        for base in (home.rstrip("/"), real):
            inner = whole[len(base) + 1 :] if whole.startswith(f"{base}/") else ""
            if base and inner.strip("/") and ".." not in steps and not inner.endswith("/"):
                return posixpath.normpath(f"{home}/{inner}")
        raise InvalidInput(f"key path {path} is not below {home}", hint="use a path below the home")

    def _real(self, home: str) -> str:
        """The home without links, as the guest sees it: /home may be a link to /usr/home."""
        if not self._host.exists(home):
            return ""
        located = self._host.locate(home, follow=True)
        return located if self._host.root == "/" else located[len(self._host.root) :]

    def _refuse_links(self, name: str, home: str, file: str) -> None:
        """:raises Conflict: a link, or somebody else's file, is where the user's should be."""
        if not file.startswith(f"{home}/"):
            return
        step = home
        for part in file[len(home) + 1 :].split("/"):
            step = f"{step}/{part}"
            found = self._host.status(step, follow=False)
            if found is None:
                return
            expected = "file" if step == file else "directory"
            if found.kind != expected:
                raise Conflict(f"{step} is a {found.kind}, not a {expected}", hint="move it away")
            roots = found.uid == 0 and (found.kind == "directory" or found.links == 1)
            if not self._owned(found, name) and not roots:
                raise Conflict(f"{step} belongs to uid {found.uid}", hint=f"give it to {name}")

    def _owned(self, found: FileStatus, name: str) -> bool:
        account = self._passwd.account(name)
        return account is not None and found.uid == account.uid

    # ---- what

    def _strict_home(self, name: str, home: str) -> Iterator[ChangeOwner]:
        """sshd (StrictModes) ignores the keys of a home that others may write to."""
        found = self._host.status(home)
        if found is not None and found.mode & 0o022 and self._owned(found, name):
            yield ChangeOwner(home, name, found.mode & ~0o022)

    def _directory(self, name: str, home: str, path: str) -> Plan:
        found = self._host.status(path, follow=False)
        if found is not None and not self._owned(found, name):
            yield ChangeOwner(path, name)  # root's: what an earlier agent left behind
        wanted = 0o700 if found is None or path.endswith("/.ssh") else found.mode & ~0o022
        if path != home and (found is None or found.mode != wanted):
            yield MakeDirectory(path, wanted, owner=name, beneath=home)

    def _authorize(self, file: str, keys: list[PublicKey], owner: str, home: str) -> Plan:
        def change(text: bytes) -> bytes:
            return _with_keys(text, keys)

        present, found = self._host.read_bytes(file, b""), self._host.status(file)
        mode = 0o600 if home else 0o644
        if home:
            yield from self._taken(file, owner, mode)
        count = sum((key.type, key.blob) not in _present(present) for key in keys)
        if count:
            summary = f"{count} key{'s' * (count != 1)} more"
            yield EditFile(file, change, summary, mode, owner=owner, beneath=home)
        elif found is not None and found.mode != mode:
            yield WriteFile(file, present, mode, owner=owner, beneath=home)

    def _taken(self, path: str, name: str, mode: int) -> Iterator[ChangeOwner]:
        """What an earlier agent left to root becomes the user's."""
        found = self._host.status(path, follow=False)
        if found is not None and not self._owned(found, name):
            yield ChangeOwner(path, name, mode)

    def _is(self, path: str, data: bytes, mode: int, name: str) -> bool:
        found = self._host.status(path, follow=False)
        if found is None or found.mode != mode or not self._owned(found, name):
            return False
        return self._host.read_bytes(path, b"") == data

    def _refuse_other(self, path: str, private: Secret, public: bytes) -> None:
        """:raises Conflict: another key has that name; it may be the only copy."""
        present = self._host.read_bytes(path, b"")
        if present.strip() and Secret(present.strip()) != Secret(private.reveal().strip()):
            raise Conflict(f"{path} holds another key", hint="move it away")
        beside = self._host.read_bytes(f"{path}.pub", b"")
        other = openssh_key.same(beside.strip()) != openssh_key.same(public)
        if not present and beside.strip() and other:
            raise Conflict(f"{path}.pub holds another key", hint="move it away")


def _present(text: bytes) -> set[tuple[str, bytes]]:
    return {openssh_key.same(line) for line in text.split(b"\n")}


def _with_keys(text: bytes, keys: list[PublicKey]) -> bytes:
    """``text`` and the keys it lacks; lines that are there stay as they are."""
    known = _present(text)
    lines = [key.line.encode() for key in keys if (key.type, key.blob) not in known]
    if not lines:
        return text
    ended = text if text.endswith(b"\n") or not text else text + b"\n"
    return ended + b"".join(line + b"\n" for line in lines)
