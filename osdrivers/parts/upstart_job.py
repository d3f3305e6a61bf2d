# SPDX-License-Identifier: Apache-2.0
"""The text of a job of upstart (V3).  Source: init(5), upstart-events(7).

A script block is taken as it stands, so only the shell's quoting counts.
"""

from __future__ import annotations

from ..api import Service
from .own_service import MARK, command_line, exports

#: Each waits for a job that starts on it.
_EARLY = "(starting network-interface or starting network-manager or starting networking)"


def text(service: Service) -> str:
    """A oneshot runs before the job counts as started, and is no process afterwards.

    A daemon may end ten times a second before it is given up; 0.6 knows no ``unlimited``.
    """
    said = service.description.replace("\\", "\\\\").replace('"', '\\"')
    body = [f"  {line}" for line in exports(service)]
    run = "" if service.oneshot else "exec "
    lines = [
        MARK,
        f'description "{said}"',
        f"start on {_EARLY if service.early else 'runlevel [2345]'}",
        f"stop on runlevel [{'016' if service.early else '!2345'}]",
        *([] if service.oneshot else ["respawn", "respawn limit 600 60"]),
        "pre-start script" if service.oneshot else "script",
        *body,
        f"  {run}{command_line(service)}",
        "end script",
    ]
    return "".join(f"{line}\n" for line in lines)
