# SPDX-License-Identifier: Apache-2.0
"""Both documents with the same wishes."""

from __future__ import annotations

from typing import Any

from agentcore.azure import extensionsconfig, vmsettings
from agentcore.azure.desired import Desired, Handler
from tests.azure import goals


def fabric(*given: Any, **changes: Any) -> Desired:
    return extensionsconfig.parse(goals.extensions_config(*given, **changes), "7")


def fast_track(*given: Any, **changes: Any) -> Desired:
    return vmsettings.parse(goals.vm_settings(*given, **changes), "5")


def only(wanted: Desired) -> Handler:
    assert len(wanted.handlers) == 1
    return wanted.handlers[0]


REMOTE = b"""<RemoteAccess><Version>1</Version><Incarnation>2</Incarnation><Users>
<User><Name>ann</Name><Password>TUlJ</Password>
<Expiration>Tue, 01 Jan 2030 00:00:00 UTC</Expiration><Groups><GroupName>g</GroupName></Groups>
</User></Users></RemoteAccess>"""
