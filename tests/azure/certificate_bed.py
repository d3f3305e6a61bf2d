# SPDX-License-Identifier: Apache-2.0
"""Certificates as the platform sends them, and where they are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

from agentcore.azure.certificates import (
    TransportKey,
)
from lab.platform import certificates as lab
from lab.platform.pfx import pack
from osdrivers.host import Completed, Host, Places, Secret, SystemCommands

RSA = lab.make("one")
SECOND = lab.make("two")
EC = lab.make("curve", "ec")


class Spy:
    """The real commands; what they were given is kept, and one can be made to misbehave."""

    def __init__(self, refuse: str = "", answer: Optional[Completed] = None) -> None:
        self.real = SystemCommands()
        self.seen: list[tuple[str, ...]] = []
        self.refuse, self.answer = refuse, answer

    def find(self, command: str) -> str:
        return self.real.find(command)

    def __call__(self, argv: tuple[str, ...], stdin: Secret, timeout_s: float) -> Completed:
        self.seen.append(argv)
        if self.refuse and self.refuse in argv:
            return self.answer or Completed(1, "", f"unknown option {self.refuse}")
        return self.real(argv, stdin, timeout_s)


def machine(tmp_path: Path, commands: Optional[Spy] = None) -> Host:
    """The running machine, with its state and its file system in memory below tmp_path."""
    (tmp_path / "run").mkdir(exist_ok=True)
    places = Places(state=str(tmp_path / "state"), run=str(tmp_path / "run"))
    return Host("/", commands=commands or Spy(), places=places)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def sent(transport: TransportKey, *held: lab.Certificate, cipher: str = "AES128_CBC") -> bytes:
    """An envelope with a PFX, as the platform makes it."""
    content = pack([(one.certificate, one.private_key) for one in held])
    return lab.envelope(content, lab.from_header(transport.certificate()), cipher)
