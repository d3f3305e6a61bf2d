# SPDX-License-Identifier: Apache-2.0
"""Faults that no pretend machine shows: its tools take what the real ones refuse.

Chosen by an environment variable, since the root of every bed is ``/``.
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
from collections.abc import Mapping

from osdrivers.actions import Mount, Plan, Run, WriteFile
from osdrivers.api import Driver
from osdrivers.errors import CommandTimeout
from osdrivers.host import Commands, Completed, Host, Secret
from tests.conformance.faults.plans import Fault, Method, nothing, on, sound, then

CHOSEN_BY = "OSDRIVERS_FAULT"
_WAIT_S = 1.0


class Piped:
    """Commands whose output is read to its end, whoever holds the other one."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self.calls = getattr(commands, "calls", [])
        self.box = getattr(commands, "box", None)

    def find(self, command: str) -> str:
        return self._commands.find(command)

    def __call__(self, argv: tuple[str, ...], stdin: Secret, timeout_s: float) -> Completed:
        started = getattr(self._commands, "started", None)
        if started is None:
            return self._commands(argv, stdin, timeout_s)
        try:
            ended = subprocess.run(
                started(argv), input=stdin.reveal(), capture_output=True, timeout=_WAIT_S
            )
        except subprocess.TimeoutExpired as late:
            raise CommandTimeout(argv, timeout_s) from late
        return Completed(ended.returncode, ended.stdout.decode(), ended.stderr.decode())


def unreadable(driver: Driver, whole: Method, *given: object, **named: object) -> Plan:
    yield WriteFile("/etc/ssh/sshd_config.d/00-first.conf", b"Port none\n")
    yield from whole(*given, **named)


def wished_for(driver: Driver, whole: Method, *given: object, **named: object) -> Plan:
    for action in whole(*given, **named):
        wish = isinstance(action, Mount)
        yield dataclasses.replace(action, options=("no-such-option",)) if wish else action


_NOWHERE = ("ip", "-4", "route", "replace", "198.51.100.0/24", "via", "192.0.2.1", "dev", "eth0")
_WORDS = b"""table inet wrong
delete table inet wrong
table inet wrong {
 chain output {
  no such statement
 }
}
"""
FAULTS: Mapping[str, Fault] = {
    "nowhere": Fault("n3_the_kernel", "route", "network", "ensure_route", then(Run(_NOWHERE))),
    "words": Fault(
        "f3_exactly",
        "guard",
        "firewall",
        "ensure_guarded",
        then(Run(("nft", "-f", "-"), stdin=Secret(_WORDS))),
    ),
    "option": Fault("d5_the", "mounted", "disks", "ensure_mounted", wished_for),
    "port": Fault("s3_the_server", "sshd", "sshd", "ensure_running", unreadable),
    "piped": Fault("leaves_a_child", "user", "users", "", nothing),
}


def faulty(host: Host) -> Driver:
    """The system's own driver, with the fault that the environment names."""
    name = os.environ[CHOSEN_BY]
    if name == "piped":
        host = Host(host.root, commands=Piped(host.commands), offline=host.offline)
    driver = sound(host)
    return on(driver, FAULTS[name]) if FAULTS[name].method else driver
