# SPDX-License-Identifier: Apache-2.0
"""Fetches, decrypts and keeps a goal state's certificates in a short-lived process.

``python -m agentcore.azure.certificates_child``: see :mod:`agentcore.azure.children`.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

from osdrivers.host import Host, Places

from . import children
from .goalstate import GoalState
from .http import Endpoint

TIMEOUT_S = 120.0


@dataclass(frozen=True)
class Held:
    """A certificate that is kept on this machine, and whether its private key came with it."""

    thumbprint: str
    has_private_key: bool


def refresh(host: Host, endpoint: Endpoint, goal: GoalState, openssl: str) -> tuple[Held, ...]:
    """Keep the certificates of a goal state, by way of one child.

    :raises ServiceError: they are not to be had, or cannot be understood.
    :raises OperationError: openssl(1) is missing or failed, or the state cannot be written.
    """
    if not goal.certificates:
        return ()
    request = {
        "host": endpoint.host,
        "port": endpoint.port,
        "goal": base64.b64encode(goal.raw).decode(),
        "openssl": openssl,
        "state": host.places.state,
        "run": host.places.run,
    }
    listed = children.ask(host, __name__, request, timeout_s=TIMEOUT_S)
    return tuple(Held(str(name), bool(key)) for name, key in listed)


def work(request: Any) -> list[tuple[str, bool]]:
    """The child's part."""
    from . import certificates, goalstate
    from .retry import RetryPolicy, SystemClock
    from .wireserver import WireServer

    endpoint = Endpoint(request["host"], request["port"])
    goal = goalstate.parse_goal_state(base64.b64decode(request["goal"]), endpoint)
    host = Host("/", places=Places(state=request["state"], run=request["run"]))
    transport = certificates.TransportKey(host, request["openssl"])
    with WireServer(endpoint, SystemClock(), retry=RetryPolicy(deadline_s=10.0)) as server:
        found = certificates.fetch(server, goal, transport)
    return [(one.thumbprint, one.private_key is not None) for one in found]


if __name__ == "__main__":
    raise SystemExit(children.serve(work))
