# SPDX-License-Identifier: Apache-2.0
"""The SSH server, and keys in users' homes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..actions import Plan
from ..host import Secret


class SshKeys(Protocol):
    """Keys in users' homes (U8, U9).  ``home`` is from :meth:`Users.home`."""

    def ensure_authorized(
        self, name: str, home: str, keys: Sequence[str], *, path: str = ""
    ) -> Plan:
        """U8: sshd accepts each of these public keys for the user; other lines stay as they are.

        Written where sshd reads (``AuthorizedKeysFile``) and to ``path`` if that is another
        file; 0600 in a 0700 directory, owned by the user, no link followed below home.

        :raises InvalidInput: not a key, or ``path`` is outside home.
        """

    def ensure_key_pair(
        self, name: str, home: str, path: str, private: Secret, public: str
    ) -> Plan:
        """U9: ``path`` (0600) and ``path.pub`` (0644) hold the pair, owned by the user.

        :raises InvalidInput: ``path`` is outside home.  :raises Conflict: another key is there.
        """


@dataclass(frozen=True)
class HostKey:
    """A host key's public half: type (``ed25519``), guest path of the .pub file, fingerprints.

    ``md5`` is ``aa:bb:...``, ``sha256`` base64 without padding, as ssh-keygen(1) prints them.
    """

    type: str
    path: str
    md5: str
    sha256: str


class Sshd(Protocol):
    """The SSH server (S1-S4)."""

    def options(self) -> Mapping[str, str]:
        """Effective global options, keywords in lower case, as far as its files say."""

    def ensure_options(self, wanted: Mapping[str, str]) -> Plan:
        """S1: these options are effective outside Match blocks; the result passes sshd's test.

        An own drop-in where that is effective, else a marked block before the first Match.
        :raises InvalidInput: an option that is not on the list of known ones.
        :raises UnsafeRefused: the present configuration is invalid already.
        """

    def host_keys(self) -> tuple[HostKey, ...]:
        """S4: the usable host keys, most modern type first."""

    def ensure_host_keys(self, type: str, token: str) -> Plan:
        """S2: keys of ``type`` (``auto``: all that the server makes by default) exist and are
        fresh for ``token`` (the machine's instance id; "" accepts any that exist).

        Made beside the old ones and renamed, so that a usable key is there at every instant.
        """

    def ensure_running(self, *, reload: bool) -> Plan:
        """S3: the server runs, also one that had failed, and (``reload``) with its new files.

        Existing sessions live on; a masked or socket-activated server needs nothing.
        """
