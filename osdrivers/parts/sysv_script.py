# SPDX-License-Identifier: Apache-2.0
"""The text of an init script (V3).  Source: LSB 5.0, Init Scripts; insserv(8), chkconfig(8)."""

from __future__ import annotations

from ..api import Service
from .own_service import MARK, command_line, exports

_BODY = """
alive() {
    [ -r "$state" ] && kill -0 "$(cat "$state")" 2>/dev/null
}
run() {
    nohup @COMMAND@ </dev/null >/dev/null 2>&1 &
    echo "$!" >"$state"
}
halt() {
    alive || return 0
    pid=$(cat "$state")
    kill "$pid"
    tries=0
    while kill -0 "$pid" 2>/dev/null && [ "$tries" -lt 30 ]; do
        tries=$((tries + 1))
        sleep 1
    done
    ! kill -0 "$pid" 2>/dev/null || kill -KILL "$pid"
}
"""
#: What has run at this boot leaves a file that is not a process.
_ONESHOT = """
alive() {
    [ -e "$state" ]
}
run() {
    @COMMAND@ && : >"$state"
}
halt() {
    :
}
"""
_VERBS = """
case "${1:-}" in
    start) alive || run ;;
    stop) halt && rm -f "$state" ;;
    restart | force-reload) halt && rm -f "$state" && run ;;
    try-restart | condrestart) ! alive || { halt && rm -f "$state" && run; } ;;
    reload) exit 3 ;;
    status)
        if alive; then echo "$name is running"; exit 0; fi
        echo "$name is not running"
        if [ -e "$state" ]; then exit 1; else exit 3; fi
        ;;
    *) echo "usage: $0 {start|stop|restart|try-restart|force-reload|status}" >&2; exit 2 ;;
esac
"""


def text(service: Service, *, run: str, boot_level: bool) -> str:
    """``boot_level``: the network is configured in runlevel S, so what is early belongs there.

    ``run`` is the directory of what a boot empties.
    """
    levels = "S" if service.early and boot_level else "2 3 4 5"
    ends = "0 6" if levels == "S" else "0 1 6"
    needs = "$local_fs" if service.early else "$local_fs $remote_fs $network $syslog"
    before = ["# X-Start-Before:    networking network"] if service.early else []
    numbers = "08 92" if service.early else "95 05"
    head = [
        "#!/bin/sh",
        MARK,
        f"# chkconfig: 2345 {numbers}",
        f"# description: {service.description}",
        "### BEGIN INIT INFO",
        f"# Provides:          {service.name}",
        f"# Required-Start:    {needs}",
        f"# Required-Stop:     {needs}",
        *before,
        f"# Default-Start:     {levels}",
        f"# Default-Stop:      {ends}",
        f"# Short-Description: {service.description}",
        "### END INIT INFO",
        f"name={service.name}",
        f"state={run}/{service.name}.{'done' if service.oneshot else 'pid'}",
        *exports(service),
    ]
    body = (_ONESHOT if service.oneshot else _BODY).replace("@COMMAND@", command_line(service))
    return "".join(f"{line}\n" for line in head) + body + _VERBS
