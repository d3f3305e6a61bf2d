# SPDX-License-Identifier: Apache-2.0
"""A tree that boots in a container with its own init system, does one thing, and powers off.

Source: systemd-nspawn(1), Container Interface of systemd, inittab(5).
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from osdrivers.errors import CommandFailed, CommandTimeout

from .description import PROJECT

_BOOT_S = 240.0
_STOP_S = 20.0
_ENDED = "result.json"
_SCRIPT = """\
#!/bin/sh
# Whatever the program did, the machine stops.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=/opt/lab/project
cd /
timeout 200 /usr/bin/python3 - >/lab/said 2>&1 <<'END'
import runpy, sys
sys.path.append("/opt/lab/packages")
runpy.run_path("/lab/program.py", run_name="__main__")
END
echo $? >/lab/status
sync
"""
_UNIT = """\
[Unit]
Description=What this boot is for
After=multi-user.target

[Service]
Type=oneshot
ExecStart=/bin/sh /lab/run
ExecStopPost=/bin/systemctl --no-block poweroff --force
"""
_INITTAB = """\
id:2:initdefault:
si::sysinit:{start}
l2:2:wait:{level}
lb:2:once:/bin/sh -c '/bin/sh /lab/run; exec /sbin/halt -d -f -p'
"""
_START = {
    "openrc": ("/sbin/openrc sysinit", "/sbin/openrc default"),
    "sysv": ("/etc/init.d/rcS", "/etc/init.d/rc 2"),
}


def boot(root: Path, place: Path, program: Path, given: Mapping[str, str] = {}) -> dict[str, Any]:
    """Boot a copy-on-write view of a tree, run a Python program in it, and give what it left.

    The program finds this project, a directory ``/lab`` with the files ``given`` (each 0600), and
    leaves ``/lab/result.json``.  There is no network but loopback.

    :param place: an empty directory; the program's output and the console stay in it.
    :raises CommandTimeout: the container did not end; it was killed.
    :raises CommandFailed: the program failed; its last lines are the message.
    """
    lab = place / "lab"
    lab.mkdir(mode=0o700)
    (lab / "run").write_text(_SCRIPT)
    (lab / "program.py").write_text(program.read_text(encoding="utf-8"))
    for name, text in given.items():
        (lab / name).touch(mode=0o600)
        (lab / name).write_text(text)
    argv = (
        *("systemd-nspawn", "--quiet", f"--directory={root}", "--register=no", "--keep-unit"),
        *("--private-network", "--volatile=overlay", f"--bind={lab}:/lab"),
        *(f"--bind-ro={PROJECT}:/opt/lab/project",),
        *(f"--bind-ro={sysconfig.get_path('purelib')}:/opt/lab/packages",),
        *_init(root, place),
    )
    with (place / "console").open("wb") as console, _running(argv, console.fileno()) as nspawn:
        try:
            nspawn.wait(_BOOT_S)
        except subprocess.TimeoutExpired as error:
            raise CommandTimeout(argv, _BOOT_S) from error
    status = (lab / "status").read_text().strip() if (lab / "status").exists() else "no boot"
    if status != "0" or not (lab / _ENDED).exists():
        said = (lab / "said") if (lab / "said").exists() else place / "console"
        last = said.read_text(errors="replace").splitlines()[-30:]
        raise CommandFailed(argv[:1], 1, f"{status}: " + "\n".join(last))
    found: dict[str, Any] = json.loads((lab / _ENDED).read_text())
    return found


def _init(root: Path, place: Path) -> tuple[str, ...]:
    """What starts the program, in the words of the tree's init system."""
    if (root / "lib/systemd/systemd").exists():
        unit = place / "lab.service"
        unit.write_text(_UNIT)
        there = "/etc/systemd/system/lab.service"
        # It would wait two minutes for a network that never comes.
        masked = "systemd.mask=systemd-networkd-wait-online.service"
        return f"--bind-ro={unit}:{there}", "--boot", "systemd.wants=lab.service", masked
    start, level = _START["openrc" if (root / "sbin/openrc").exists() else "sysv"]
    inittab = place / "inittab"
    inittab.write_text(_INITTAB.format(start=start, level=level))
    return f"--bind-ro={inittab}:/etc/inittab", "--boot"


@contextlib.contextmanager
def _running(argv: tuple[str, ...], console: int) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, "LC_ALL": "C", "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
    process = subprocess.Popen(
        argv, env=environment, stdin=subprocess.DEVNULL, stdout=console, stderr=console
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(_STOP_S)
