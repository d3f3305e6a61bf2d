# SPDX-License-Identifier: Apache-2.0
"""Runs in a booted tree with OpenRC: the same commands on its tools and on the pretended ones."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from osdrivers.conformance.machines import attach, set_up
from osdrivers.host import Host, Secret

SERVICE = "#!/sbin/openrc-run\nstart() { :; }\nstop() { :; }\n"
PRETENDED, LEVELS = "/root/pretended", "/etc/runlevels"


def levels(host: Host) -> list[str]:
    """The runlevels that hold the service."""
    return sorted(path.split("/")[-2] for path in host.glob(f"{LEVELS}/*/tried"))


def main() -> None:
    set_up("/opt/lab/project/tests/machines/alpine-3.20", PRETENDED)
    real, pretended = Host(), attach(PRETENDED)
    shutil.rmtree(PRETENDED + LEVELS)
    for level in os.listdir(LEVELS):  # which there are is the distribution's own
        os.makedirs(f"{PRETENDED}{LEVELS}/{level}")
    for host in (real, pretended):
        path = Path(host.root.rstrip("/") + "/etc/init.d/tried")
        path.write_text(SERVICE)
        path.chmod(0o755)
    found: list[Any] = []
    for argv in json.loads(Path("/lab/commands.json").read_text()):
        ended = [host.commands(tuple(argv), Secret(b""), 60) for host in (real, pretended)]
        statuses = [each.status for each in ended]
        found.append({"argv": argv, "statuses": statuses, "in": [levels(real), levels(pretended)]})
    Path("/lab/result.json").write_text(json.dumps({"commands": found}))


main()
