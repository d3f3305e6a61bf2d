# SPDX-License-Identifier: Apache-2.0
"""The jobs that steps need: the child that fetches a package, and a handler's commands."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Optional

from osdrivers.host import Host, Job

from . import commandline
from .layout import Installation, Layout
from .order import REQUEST, Order
from .plan import Step
from .progress import Unit

CHILD = "agentcore.extensions.package_child"


@dataclass(frozen=True)
class Surroundings:
    """What the platform's side knows and packages need.

    :param endpoint: address of the wire server.
    :param proxies: URL for each scheme, for storage only.
    :param host_plugin: ``host``, ``port``, ``container_id``, ``config_name``; None: not used.
    :param roots: trusted certificates of signatures; "" none.
    :param inherited: variables of the agent that commands get too, e.g. ``https_proxy``.
    """

    endpoint: str = ""
    proxies: tuple[tuple[str, str], ...] = ()
    host_plugin: Optional[dict[str, Any]] = None
    from_blob: bool = False
    roots: str = ""
    openssl: str = "openssl"
    inherited: tuple[tuple[str, str], ...] = ()
    python: str = sys.executable


def fetch(
    host: Host, where: Layout, unit: Unit, record: str, around: Surroundings, *, signed: bool
) -> Job:
    """The job that fetches a package; its request is written into the record.

    :param signed: whether the package must be.
    """
    handler = unit.handler
    order = Order(
        handler=handler.name,
        requested=handler.version,
        manifest_uris=handler.manifest_uris,
        multi_config=handler.multi_config,
        encoded_signature=handler.encoded_signature,
        roots=around.roots,
        openssl=around.openssl,
        must_be_signed=signed,
    )
    request = {
        "order": asdict(order),
        "state": where.state,
        "logs": where.logs,
        "proxies": dict(around.proxies),
        "host_plugin": around.host_plugin,
        "from_blob": around.from_blob,
    }
    host.make_directory(record, mode=0o700)
    host.write(f"{record}/{REQUEST}", json.dumps(request).encode(), mode=0o600)
    argv = (around.python, "-I", "-m", CHILD, record)
    name = f"waagent-package-{record.rpartition('/')[2]}"
    return Job(record, argv, unit=name, slice="waagent-extensions.slice")


def command(
    present: Installation,
    unit: Unit,
    step: Step,
    record: str,
    around: Surroundings,
    codes: Mapping[str, str],
) -> Job:
    """The job of a handler's command.

    :param codes: how the unit's commands before it ended.
    """
    if unit.extension is not None and step.extension == unit.name:
        sequence = unit.extension.sequence
    else:  # of another of several
        sequence = present.sequence(step.extension)
    given = {
        **dict(around.inherited),
        **commandline.environment(present, around.endpoint, sequence, step.extension),
        **commandline.codes(step.command, codes, unit.handler.multi_config),
    }
    if step.command == "update":
        given["VERSION"] = step.target
        given["AZURE_GUEST_AGENT_UPDATING_FROM_VERSION"] = step.other
    line = present.manifest.commands[step.command]
    return commandline.job(present, record, line, given, step.command)
