# SPDX-License-Identifier: Apache-2.0
"""What the platform's health service is told about its own services, as this machine sees them.

One failure says little: a service counts as unhealthy only after it has failed for some minutes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Optional

PLUGIN_HEARTBEAT, PLUGIN_VERSIONS = "GuestAgentPluginHeartbeat", "GuestAgentPluginVersions"
PLUGIN_ARTIFACT, PLUGIN_STATUS = "GuestAgentPluginArtifact", "GuestAgentPluginStatus"
METADATA_HEARTBEAT = "InstanceMetadataHeartbeat"
NAME_LIMIT, TEXT_LIMIT, COUNT_LIMIT = 64, 128, 10


@dataclass(frozen=True)
class Observation:
    """How one service is.  Texts are cut to what the health service takes."""

    name: str
    healthy: bool
    description: str = ""
    value: str = ""


class Watched:
    """One service: when it failed first, and when that was last told.

    :param patience_s: it counts as unhealthy when nothing has succeeded for so long.
    :param apart_s: the least time between two observations.
    """

    def __init__(self, name: str, *, patience_s: float = 300.0, apart_s: float = 60.0) -> None:
        self._name = name
        self._patience_s, self._apart_s = patience_s, apart_s
        self._failing_since_s: Optional[float] = None
        self._told_s: Optional[float] = None

    def seen(self, now_s: float, *, well: bool, description: str = "") -> Optional[Observation]:
        """The observation to report now, or None while the last one is fresh.

        :param now_s: of a monotonic clock.
        """
        if well:
            self._failing_since_s = None
        elif self._failing_since_s is None:
            self._failing_since_s = now_s
        if self._told_s is not None and now_s - self._told_s < self._apart_s:
            return None
        self._told_s = now_s
        since = self._failing_since_s
        healthy = since is None or now_s - since < self._patience_s
        return Observation(self._name, healthy, description if not healthy else "")


def document(observations: Iterable[Observation]) -> bytes:
    """The document for ``WireServer.report_observations``: ten at most, the newest."""
    listed = [
        {
            "ObservationName": one.name[:NAME_LIMIT],
            "IsHealthy": one.healthy,
            "Description": one.description[:TEXT_LIMIT],
            "Value": one.value[:TEXT_LIMIT],
        }
        for one in list(observations)[-COUNT_LIMIT:]
    ]
    whole = {
        "Api": "reporttargethealth",
        "Version": "1.0",
        "Source": "WALinuxAgent",
        "Observations": listed,
    }
    return json.dumps(whole).encode()
