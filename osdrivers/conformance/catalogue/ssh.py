# SPDX-License-Identifier: Apache-2.0
"""Keys of users, and the SSH server: U8, U9, S."""

from __future__ import annotations

from ...host import Secret
from ..operation import CANARY, HOME, NAME, Operation

# mypy cannot see that an operation is only called where its capability is there.
# mypy: disable-error-code="union-attr"

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB m@x"
PAIR = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIC"
PRIVATE = b"-----BEGIN PRIVATE KEY-----\n" + CANARY + b"\n-----END PRIVATE KEY-----\n"

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "U8",
        "ssh-key",
        "keys",
        lambda d: d.keys.ensure_authorized(NAME, HOME, [KEY]),
        ("user",),
        beds=("root",),
    ),
    Operation(
        "U9",
        "key-pair",
        "keys",
        lambda d: d.keys.ensure_key_pair(NAME, HOME, f"{HOME}/.ssh/id", Secret(PRIVATE), PAIR),
        ("user",),
        beds=("root",),
    ),
    Operation(
        "S1",
        "sshd-options",
        "sshd",
        lambda d: d.sshd.ensure_options({"PasswordAuthentication": "yes"}),
        beds=("root",),
    ),
    Operation(
        "S2", "host-keys", "sshd", lambda d: d.sshd.ensure_host_keys("auto", "vm-1"), beds=("root",)
    ),
    Operation(
        "S3",
        "sshd",
        "sshd",
        lambda d: d.sshd.ensure_running(reload=False),
        ("host-keys",),
        beds=("root",),
    ),
)
