# SPDX-License-Identifier: Apache-2.0
"""The status report as the platform's controller reads it: which extension is how."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Optional

_ASKED = ("handler", "extension", "handler_status", "status", "sequence", "code", "version")


def read(blob: Optional[bytes]) -> dict[str, Any]:
    """The report; {} while there is none.  Page blobs are padded.

    :raises ValueError: it is no JSON, which is the guest's fault.
    """
    text = (blob or b"").rstrip(b" \0")
    found: dict[str, Any] = json.loads(text) if text else {}
    return found


def entries(blob: Optional[bytes], asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The entries that are as asked for, each in one flat form.

    ``handler``, ``version``, ``handler_status`` and ``code`` are the handler's; ``extension``,
    ``status``, ``sequence`` and ``message`` of its extension, "" or None where there is none.
    """
    listed = read(blob).get("aggregateStatus", {}).get("handlerAggregateStatus", [])
    flat = [_flat(one) for one in listed]
    wanted = {name: asked[name] for name in _ASKED if name in asked}
    return [one for one in flat if all(one[name] == value for name, value in wanted.items())]


def _flat(entry: Mapping[str, Any]) -> dict[str, Any]:
    settings = entry.get("runtimeSettingsStatus", {})
    status = settings.get("settingsStatus", {}).get("status", {})
    return {
        "handler": entry["handlerName"],
        "version": entry["handlerVersion"],
        "handler_status": entry["status"],
        "code": entry["code"],
        "extension": settings.get("extensionName", ""),
        "status": status.get("status", ""),
        "sequence": settings.get("sequenceNumber"),
        "message": status.get("formattedMessage", entry["formattedMessage"])["message"],
    }
