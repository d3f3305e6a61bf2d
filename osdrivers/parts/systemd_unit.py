# SPDX-License-Identifier: Apache-2.0
"""The text of a unit (V3).  Source: systemd.unit(5), systemd.service(5), systemd.special(7)."""

from __future__ import annotations

import re

from ..api import Service
from .own_service import MARK

_PLAIN = re.compile(r"[A-Za-z0-9_/.:=,@+-]+")


def text(service: Service) -> str:
    """``early``: network-pre.target, which managers of the network wait for, waits for it."""
    kind = ["Type=oneshot", "RemainAfterExit=yes"] if service.oneshot else _DAEMON
    environment = [
        f"Environment={_quoted(f'{key}={value}')}" for key, value in service.environment.items()
    ]
    command = " ".join(_quoted(word.replace("$", "$$")) for word in service.command)
    lines = [
        MARK,
        "[Unit]",
        f"Description={service.description.replace('%', '%%')}",
        *(_EARLY if service.early else _LATE),
        "",
        "[Service]",
        *kind,
        *environment,
        f"ExecStart={command}",
        "",
        "[Install]",
        "WantedBy=multi-user.target",
    ]
    return "".join(f"{line}\n" for line in lines)


_DAEMON = ["Type=simple", "Restart=always", "RestartSec=5"]
_LATE = ["Wants=network-online.target", "After=network-online.target"]
_EARLY = [
    "DefaultDependencies=no",
    "Conflicts=shutdown.target",
    "After=local-fs.target",
    "Wants=network-pre.target",
    "Before=network-pre.target shutdown.target",
]


def _quoted(word: str) -> str:
    """One word, in which nothing is expanded."""
    word = word.replace("%", "%%")
    if _PLAIN.fullmatch(word):
        return word
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'
