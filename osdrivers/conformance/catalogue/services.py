# SPDX-License-Identifier: Apache-2.0
"""Services: V."""

from __future__ import annotations

from ...api import Service
from ..operation import Operation

# mypy cannot see that an operation is only called where its capability is there.
# mypy: disable-error-code="union-attr"

SERVICE = Service(
    "agent-guard",
    'Guards "the" platform at 100%',
    ("/usr/sbin/agent", "guard", "a b", "$HOME", "it's"),
    oneshot=True,
    early=True,
    environment={"MODE": "50% $x"},
)
NAME = SERVICE.name

OPERATIONS: tuple[Operation, ...] = (
    Operation("V1", "stop", "services", lambda d: d.services.ensure_stopped("ssh"), beds=("root",)),
    Operation(
        "V1",
        "start",
        "services",
        lambda d: d.services.ensure_started("ssh"),
        ("stop",),
        beds=("root",),
    ),
    Operation(
        "V1", "disable", "services", lambda d: d.services.ensure_disabled("ssh"), beds=("root",)
    ),
    Operation(
        "V1",
        "enable",
        "services",
        lambda d: d.services.ensure_enabled("ssh"),
        ("disable",),
        beds=("root",),
    ),
    Operation(
        "V1",
        "restart",
        "services",
        lambda d: d.services.restart("ssh"),
        ("start",),
        repeatable=False,
        beds=("root",),
    ),
    Operation(
        "V1",
        "reload",
        "services",
        lambda d: d.services.restart("ssh", reload=True),
        ("start",),
        repeatable=False,
        beds=("root",),
    ),
    Operation(
        "V3", "install", "services", lambda d: d.services.ensure_installed(SERVICE), beds=("root",)
    ),
    Operation(
        "V3",
        "uninstall",
        "services",
        lambda d: d.services.ensure_uninstalled(NAME),
        ("install",),
        beds=("root",),
    ),
)
