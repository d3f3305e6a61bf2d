# SPDX-License-Identifier: Apache-2.0
"""A login prompt on the serial console.

Under systemd its generator starts one on each ``console=``: systemd-getty-generator(8).
Source: init(5) of upstart; inittab(5); securetty(5).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..host import Host
from .boot_documents import Setting

_INITTAB, _SECURETTY = "/etc/inittab", "/etc/securetty"


def settings(host: Host, init: str, port: str, speed_baud: int) -> Sequence[Setting]:
    """What is to be written for this init system."""
    if init == "upstart":
        return [Setting(f"/etc/init/{port}.conf", lambda t: t or _job(port, speed_baud), "getty")]
    if init not in ("sysv", "openrc") or not host.exists(_INITTAB):
        return []
    line = _inittab_line(host, port, speed_baud)
    found = [Setting(_INITTAB, lambda text: _with_prompt(text, port, line), f"getty on {port}")]
    if host.exists(_SECURETTY):
        found.append(Setting(_SECURETTY, lambda text: _listed(text, port), f"{port} for root"))
    return found


def _job(port: str, speed_baud: int) -> str:
    return (
        f"# login prompt on {port}\n\nstart on stopped rc RUNLEVEL=[2345]\n"
        f"stop on runlevel [!2345]\n\nrespawn\nexec /sbin/getty -L {speed_baud} {port} vt102\n"
    )


def _inittab_line(host: Host, port: str, speed_baud: int) -> str:
    program = "agetty" if host.exists("/sbin/agetty") else "getty"
    level = "" if _busybox(host) else f"S{port[-1]}"
    runlevels = "" if _busybox(host) else "12345"
    return f"{level or port}:{runlevels}:respawn:/sbin/{program} -L {speed_baud} {port} vt102"


def _busybox(host: Host) -> bool:
    """Whether init is BusyBox's, whose first column is the terminal itself."""
    text = host.read(_INITTAB, "")
    return bool(re.search(r"^(?:tty\d+)?::(?:respawn|sysinit):", text, re.MULTILINE))


def _with_prompt(text: str, port: str, line: str) -> str:
    active = re.search(rf"^[^#\n]*:respawn:[^\n]*\b{port}\b", text, re.MULTILINE)
    if active:
        return text
    return (text if text.endswith("\n") or not text else text + "\n") + line + "\n"


def _listed(text: str, port: str) -> str:
    if port in text.split():
        return text
    return (text if text.endswith("\n") or not text else text + "\n") + port + "\n"
