# SPDX-License-Identifier: Apache-2.0
"""The artifacts profile: a document beside the goal state that can put extensions on hold."""

from __future__ import annotations

from typing import Callable, Optional

from agentcore.errors import ServiceError
from osdrivers.errors import AgentError

from .hostplugin import HostPlugin
from .reading import flag, json_document, members

LIMIT_BYTES = 1024 * 1024
_WHAT = "the artifacts profile"


def on_hold(uri: str, plugin: HostPlugin, fetch: Optional[Callable[[str], bytes]]) -> bool:
    """What the profile says; one that is not to be had holds nothing up.

    :param fetch: gets it where the plugin cannot.
    """
    try:
        said = members(json_document(_profile(uri, plugin, fetch), _WHAT))
    except AgentError:
        return False
    return flag(said.get("onhold")) is True


def _profile(uri: str, plugin: HostPlugin, fetch: Optional[Callable[[str], bytes]]) -> bytes:
    try:
        return plugin.artifact(uri, limit_bytes=LIMIT_BYTES, deadline_s=10.0)
    except ServiceError:
        if fetch is None:
            raise
        return fetch(uri)
