# SPDX-License-Identifier: Apache-2.0
"""The text of a service script of OpenRC (V3).  Source: openrc-run(8)."""

from __future__ import annotations

import shlex

from ..api import Service
from .own_service import MARK, command_line, exports


def text(service: Service, *, run: str) -> str:
    """openrc-run evaluates ``command_args`` once more, so they are quoted twice."""
    order = "before net" if service.early else "after net"
    # "need" would fail where it has another name: Debian's is an LSB script, in runlevel sysinit.
    depend = ["depend() {", "    use localmount", f"    {order}", "}"]
    if service.oneshot:
        body = ["start() {", f"    {command_line(service)}", "}", "stop() {", "    :", "}"]
    else:
        body = [
            f"command={shlex.quote(service.command[0])}",
            f"command_args={shlex.quote(shlex.join(service.command[1:]))}",
            "command_background=yes",
            f"pidfile={run}/{service.name}.pid",
        ]
    lines = [
        "#!/sbin/openrc-run",
        MARK,
        f"description={shlex.quote(service.description)}",
        *exports(service),
        *body,
        *depend,
    ]
    return "".join(f"{line}\n" for line in lines)
