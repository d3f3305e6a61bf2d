# SPDX-License-Identifier: Apache-2.0
"""What is wanted of the machine: the document's values and the administrator's options, joined."""

from __future__ import annotations

import base64
import binascii
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Optional

from agentcore.azure.ovf import Environment
from agentcore.settings import Settings
from osdrivers.api import Password, Plain
from osdrivers.errors import InvalidInput
from osdrivers.host import Secret

#: The platform carries at most 64 KiB of custom data; a document with far more is a mistake.
CUSTOM_DATA_LIMIT_BYTES = 1 << 20


@dataclass(frozen=True)
class WantedKey:
    """A public key for ``path``: a line, or only the thumbprint of its certificate."""

    path: str
    line: str = ""
    thumbprint: str = ""


@dataclass(frozen=True)
class WantedPair:
    """The key pair of a certificate, for ``path`` and ``path.pub``."""

    path: str
    thumbprint: str


@dataclass(frozen=True)
class CustomData:
    """``content`` goes to the state directory; ``execute``: it is a program to run once."""

    content: Secret
    execute: bool


@dataclass(frozen=True)
class Goal:
    """One machine as its creator wants it.  Only values: nothing here was checked by a driver."""

    host_name: str
    user_name: str
    password: Optional[Password] = None
    keys: tuple[WantedKey, ...] = ()
    pairs: tuple[WantedPair, ...] = ()
    sshd: Mapping[str, str] = field(default_factory=dict)
    custom_data: Optional[Secret] = None
    guest_agent: bool = True
    warnings: tuple[str, ...] = ()


def goal_of(environment: Environment, settings: Settings) -> Goal:
    """Join a document and the options.

    :raises InvalidInput: a value that no system could take.
    """
    home_dir = settings.system.home_dir
    keys = tuple(
        WantedKey(expand(key.path, home_dir), key.value, "" if key.value else key.fingerprint)
        for key in environment.public_keys
    )
    pairs = tuple(
        WantedPair(expand(pair.path, home_dir), pair.fingerprint) for pair in environment.key_pairs
    )
    warnings = list(environment.warnings)
    if environment.disable_password_authentication and not keys:
        warnings.append("password logins are disabled and no SSH key is given: nobody can log in")
    return Goal(
        host_name=environment.host_name,
        user_name=environment.user_name,
        password=_password(environment.password, settings),
        keys=keys,
        pairs=pairs,
        sshd=_sshd(environment, settings),
        custom_data=environment.custom_data,
        guest_agent=environment.provision_guest_agent,
        warnings=tuple(warnings),
    )


def expand(path: str, home_dir: str) -> str:
    """``$HOME`` in a key's path is the directory of homes, not a home; ``..`` is resolved."""
    if path.startswith("$HOME"):
        path = home_dir + path[len("$HOME") :]
    if not path.startswith("/"):
        raise InvalidInput(f"key path {path!r} is not absolute", hint="correct it in the document")
    return posixpath.normpath(path)


def _password(secret: Optional[Secret], settings: Settings) -> Optional[Password]:
    """Hashed here with the scheme that the options name, or left to the system's own tool."""
    if secret is None:
        return None
    chosen = settings.provisioning
    scheme = chosen.password_crypt_id
    return Plain(secret, scheme if scheme != "auto" else "", chosen.password_salt_length)


def _sshd(environment: Environment, settings: Settings) -> dict[str, str]:
    """Only what the document asks for; a machine that says nothing keeps its own rules.

    A document that says nothing but brings a password, and no key, needs passwords to work.
    """
    wanted: dict[str, str] = {}
    disable = environment.disable_password_authentication
    if disable is None and environment.password is not None and not environment.public_keys:
        disable = False
    if disable is not None:
        word = "no" if disable else "yes"
        wanted["PasswordAuthentication"] = word
        wanted["KbdInteractiveAuthentication"] = word
    if settings.system.ssh_client_alive_interval_s:
        wanted["ClientAliveInterval"] = str(settings.system.ssh_client_alive_interval_s)
    return wanted


def custom_data(goal: Goal, settings: Settings) -> Optional[CustomData]:
    """The bytes to store, decoded where the options say so.

    :raises InvalidInput: not base64 although it must be, or far too large.
    """
    if goal.custom_data is None:
        return None
    raw, execute = goal.custom_data.reveal(), settings.provisioning.execute_custom_data
    if len(raw) > CUSTOM_DATA_LIMIT_BYTES:
        raise InvalidInput(
            f"custom data of {len(raw)} bytes",
            hint=f"at most {CUSTOM_DATA_LIMIT_BYTES} bytes are taken",
        )
    if not (settings.provisioning.decode_custom_data or execute):
        return CustomData(Secret(raw), False)
    try:
        decoded = base64.b64decode(b"".join(raw.split()), validate=True)
    except (binascii.Error, ValueError) as wrong:
        raise InvalidInput(
            "custom data is not base64",
            hint="encode it, or set Provisioning.DecodeCustomData=n and ExecuteCustomData=n",
        ) from wrong
    return CustomData(Secret(decoded), execute)
