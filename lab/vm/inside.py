# SPDX-License-Identifier: Apache-2.0
"""Commands in a tree that does not run."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from osdrivers.errors import CommandFailed, CommandTimeout

_LIMIT_S = 300.0
_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
    "HOME": "/root",
}


def chroot(root: Path, argv: Sequence[str]) -> str:
    """Run a command in the tree at ``root`` as root; its standard output.

    :raises CommandFailed: it failed.
    :raises CommandTimeout: it did not end in time.
    """
    command = ("chroot", str(root), *argv)
    try:
        done = subprocess.run(
            command, env=_ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            errors="replace", timeout=_LIMIT_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise CommandTimeout(command, _LIMIT_S) from error
    if done.returncode != 0:
        raise CommandFailed(command, done.returncode, done.stderr)
    return done.stdout
