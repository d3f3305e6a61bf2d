# SPDX-License-Identifier: Apache-2.0
"""The machine that the demo asks for: fresh secrets, made in memory, that no run shares."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from lab.platform.machine import Machine

HOSTNAME = "labvm1"
USER = "azureuser"
CUSTOM_DATA_RESULT = "/run/lab-custom-data"
SWAP_MIB = 256
RESOURCE_DISK = "/mnt/resource"
# Every class of characters that a policy may ask for, and those that shells and XML mind.
_AWKWARD = "aA1 <&>\"'$\\!%"


@dataclass(frozen=True)
class Wanted:
    """The platform's description of the machine, and the private half of its administrator's
    key (OpenSSH format)."""

    machine: Machine
    private_key: bytes = field(repr=False)

    @property
    def password(self) -> str:
        """In clear text."""
        assert self.machine.password is not None
        return self.machine.password

    @property
    def token(self) -> str:
        """A random word that custom data carries."""
        assert self.machine.custom_data is not None
        return self.machine.custom_data.decode().split()[2]


def wanted() -> Wanted:
    """A machine whose administrator logs in with a key or a password."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    script = f"#!/bin/sh\necho {secrets.token_hex(8)} >{CUSTOM_DATA_RESULT}\n"
    machine = Machine(
        hostname=HOSTNAME,
        user=USER,
        password=secrets.token_urlsafe(12) + _AWKWARD,
        ssh_keys=(f"{public.decode()} demo",),
        custom_data=script.encode(),
        disable_password_auth=False,
    )
    return Wanted(machine, private)
