# SPDX-License-Identifier: Apache-2.0
"""What the platform does not name any more goes, without a command."""

from __future__ import annotations

from typing import Callable

from agentcore.azure.desired import Desired
from osdrivers.host import Host

from . import layout
from .layout import Layout


def remove(host: Host, where: Layout, desired: Desired, log: Callable[[str], object]) -> None:
    """Handlers that are not in a goal state, and packages of versions that are not there.

    :raises FileFailed: one could not be removed; again is safe.
    """
    for each in layout.installations(host, where):
        if desired.handler(each.handler) is None:
            log(f"{each.directory} goes: the goal state does not name it")
            each.remove()
    for name in host.names(where.state):
        handler, mark, rest = name.partition("__")
        version = rest[: -len(".zip")]
        if (
            mark
            and rest.endswith(".zip")
            and not host.is_directory(where.directory(handler, version))
        ):
            host.remove(f"{where.state}/{name}")
