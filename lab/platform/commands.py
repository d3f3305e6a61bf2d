# SPDX-License-Identifier: Apache-2.0
"""The tools that the platform's side runs on the machine of the developer."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from osdrivers.errors import CommandFailed, CommandMissing, CommandTimeout

_PACKAGES = {"openssl": "openssl", "genisoimage": "genisoimage"}


def run(argv: Sequence[str], stdin: bytes = b"", *, timeout_s: float = 60.0) -> bytes:
    """Standard output of a command that is expected to end with 0.

    :raises CommandMissing: it is not installed.
    :raises CommandFailed: it ended with another status.
    :raises CommandTimeout: it did not end in time.
    """
    command = tuple(argv)
    try:
        done = subprocess.run(command, input=stdin, capture_output=True, timeout=timeout_s)
    except FileNotFoundError as error:
        raise CommandMissing(command[0], _PACKAGES.get(command[0], "")) from error
    except subprocess.TimeoutExpired as error:
        raise CommandTimeout(command, timeout_s) from error
    if done.returncode != 0:
        raise CommandFailed(command, done.returncode, done.stderr.decode(errors="replace"))
    return done.stdout
