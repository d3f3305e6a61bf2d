# SPDX-License-Identifier: Apache-2.0
"""The text of a script of rc.d (V3).  Source: rc.subr(8), rcorder(8), daemon(8)."""

from __future__ import annotations

import shlex

from osdrivers.api import Service
from osdrivers.parts.own_service import MARK, command_line, exports


def switch(name: str) -> str:
    """The variable of rc.conf(5) that switches a service on."""
    return f"{name.replace('-', '_')}_enable"


def text(service: Service, *, run: str) -> str:
    """rc.subr evaluates ``command_args`` once more, so they are quoted twice.

    Scripts of /usr/local are known from FILESYSTEMS on, which is before the network.
    """
    name = service.name.replace("-", "_")
    order = ["# BEFORE: netif"] if service.early else []
    if service.oneshot:
        body = [
            f'start_cmd="{name}_start"',
            'stop_cmd=":"',
            f"{name}_start()",
            "{",
            f"\t{command_line(service)}",
            "}",
        ]
    else:
        arguments = f"-f -r -P {run}/{service.name}.pid {command_line(service)}"
        body = [
            f'pidfile="{run}/{service.name}.pid"',
            'command="/usr/sbin/daemon"',
            f"command_args={shlex.quote(arguments)}",
        ]
    lines = [
        "#!/bin/sh",
        MARK,
        f"# PROVIDE: {name}",
        f"# REQUIRE: {'FILESYSTEMS' if service.early else 'NETWORKING'}",
        *order,
        "# KEYWORD: shutdown",
        ". /etc/rc.subr",
        f'name="{name}"',
        f"desc={shlex.quote(service.description)}",
        f'rcvar="{switch(name)}"',
        *exports(service),
        *body,
        "load_rc_config $name",
        f': ${{{switch(name)}:="NO"}}',
        'run_rc_command "$1"',
    ]
    return "".join(f"{line}\n" for line in lines)
