# SPDX-License-Identifier: Apache-2.0
"""Chooses the driver in a short-lived process, so that the daemon never loads stevedore.

``python -m agentcore.daemon.driver_child``: see :mod:`agentcore.azure.children`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from agentcore.azure import children
from osdrivers.host import Host


@dataclass(frozen=True)
class Chosen:
    """Which driver serves this machine, and what system it is.

    :param target: ``module:function``.  :param doubts: what was passed over, and why.
    """

    target: str
    name: str
    reason: str
    id: str
    version: str
    doubts: tuple[str, ...] = ()


def chosen(host: Host, override: str) -> Chosen:
    """By way of one child.  :raises AgentError: no driver, or two of equal rank."""
    answer = children.ask(host, __name__, {"override": override})
    return Chosen(**{**answer, "doubts": tuple(answer["doubts"])})


def work(request: Any) -> dict[str, Any]:
    """The child's part."""
    from osdrivers import identity, loader

    host = Host("/")
    system = identity.detect(host)
    loaded = loader.load(host, system, override=str(request["override"]))
    choice = loaded.choice
    doubts = tuple(f"driver {one.entry} was passed over: {one.why}" for one in choice.rejected)
    return asdict(
        Chosen(
            choice.entry.target,
            loaded.driver.name,
            choice.reason,
            system.id,
            str(system.version),
            doubts,
        )
    )


if __name__ == "__main__":
    raise SystemExit(children.serve(work))
