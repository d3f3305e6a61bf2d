# SPDX-License-Identifier: Apache-2.0
"""Handlers that an early agent installed: it kept their state beside them, not in them.

``handler_state/NAME-VERSION/state`` and ``status`` in the state directory became
``NAME-VERSION/config/HandlerState`` and ``HandlerStatus``.  Without the state a handler that runs
would count as not installed, and be installed once more.
"""

from __future__ import annotations

from osdrivers.host import Host

from .layout import Layout

_LIMIT_BYTES = 65536
_NEW_NAMES = (("state", "HandlerState"), ("status", "HandlerStatus"))


def take_over(host: Host, layout: Layout) -> None:
    """Move each state to where it is looked for; what is there already is newer and stays.

    Can be cut off anywhere and done again.
    """
    old = f"{layout.state}/handler_state"
    if not host.is_directory(old):
        return
    for name in host.names(old):
        directory = f"{layout.state}/{name}"
        if not host.is_directory(directory):
            continue
        for before, now in _NEW_NAMES:
            target = f"{directory}/config/{now}"
            found = host.status(f"{old}/{name}/{before}", follow=False)
            if found is None or found.kind != "file" or host.exists(target):
                continue
            data = host.read_bytes(f"{old}/{name}/{before}", limit_bytes=_LIMIT_BYTES)
            host.make_directory(f"{directory}/config", mode=0o700)
            host.write(target, data, mode=0o600)
    host.remove(old, recursive=True)
