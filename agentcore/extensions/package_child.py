# SPDX-License-Identifier: Apache-2.0
"""Fetches and unpacks one package in a process of its own: TLS and zip never enter the daemon.

``python -m agentcore.extensions.package_child RECORD``: a job; its request is in ``request`` of the
record (0600, since URIs sign), its answer in ``answer``.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from typing import Any

from agentcore.azure.goalstate import GoalState
from agentcore.azure.hostplugin import HostPlugin
from agentcore.azure.http import Endpoint
from osdrivers.errors import AgentError
from osdrivers.host import Host

from . import errors
from .errors import ExtensionError
from .fetching import Channel, Direct, Fetcher, ThroughHost
from .layout import Layout
from .order import ANSWER, REQUEST, Order
from .package import Placing


def _channels(request: dict[str, Any]) -> tuple[Channel, ...]:
    direct = Direct(request.get("proxies", {}))
    asked = request.get("host_plugin")
    if not asked:
        return (direct,)
    plugin = HostPlugin(Endpoint(asked["host"], asked["port"]))
    blank = dict.fromkeys(
        ("incarnation", "instance_id", "expected_state", "hosting_config", "shared_config",
         "extensions_config", "certificates", "remote_access"), "",
    )  # fmt: skip
    plugin.identify(
        GoalState(
            container_id=asked["container_id"],
            config_name=asked["config_name"],
            lb_probe_port=None,
            raw=b"",
            **blank,
        )
    )
    return direct, ThroughHost(plugin, from_blob=bool(request.get("from_blob")))


def work(record: str) -> dict[str, object]:
    """The answer to the request of a record."""
    host = Host()
    request = json.loads(host.read(f"{record}/{REQUEST}"))
    wanted = request["order"]
    order = Order(**{**wanted, "manifest_uris": tuple(wanted["manifest_uris"])})
    layout = Layout(request["state"], request["logs"])
    fetcher = Fetcher(_channels(request), time.monotonic, time.sleep)
    try:
        return {"placed": asdict(Placing(host, layout, fetcher).place(order))}
    except ExtensionError as failed:
        return {"error": str(failed), "code": failed.code, "again": failed.retryable}
    except AgentError as failed:
        return {"error": str(failed), "code": errors.DOWNLOAD, "again": errors.passing(failed)}


def main() -> int:
    """The answer goes into the record; what keeps it from there is one line for who asked."""
    record = sys.argv[1]
    try:
        Host().write(f"{record}/{ANSWER}", json.dumps(work(record)).encode(), mode=0o600)
    except AgentError as failed:
        print(failed, file=sys.stderr)
        return failed.exit_status
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
