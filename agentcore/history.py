# SPDX-License-Identifier: Apache-2.0
"""The goal states of before, for whoever looks for what changed when: ``history/`` in the store.

One file for each that was taken over, ``<time>__<identity>.json``, 0600: where it came from, and
of each extension version, state and sequence number.  Settings, addresses and signatures are not in
it, so there is nothing to redact.  The last 50 stay, less where the store's bounds say so.
"""

from __future__ import annotations

import json
import re
import time
from typing import Any

from agentcore.azure.desired import Handler
from agentcore.azure.update import Update
from osdrivers.host import Host

LIMIT = 50
NAME_LIMIT = 80
DIRECTORY = "history"


def keep(host: Host, update: Update, now: float) -> None:
    """Write down a goal state, and forget the oldest.  ``now`` is the wall clock in seconds.

    :raises FileFailed: the store cannot be written.
    """
    directory = f"{host.places.state}/{DIRECTORY}"
    if not host.is_directory(directory):
        host.make_directory(directory, mode=0o700)
    moment = time.gmtime(now)
    identity = re.sub(r"[^0-9A-Za-z_.-]", "_", update.desired.identity.name)[:NAME_LIMIT]
    name = f"{time.strftime('%Y-%m-%dT%H-%M-%S', moment)}__{identity}.json"
    said = {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", moment), **_entry(update)}
    host.write(f"{directory}/{name}", (json.dumps(said, indent=1) + "\n").encode(), mode=0o600)
    for old in sorted(host.names(directory))[:-LIMIT]:
        if old != name:  # a clock that was set back makes the newest look old
            host.remove(f"{directory}/{old}", recursive=True)


def _entry(update: Update) -> dict[str, Any]:
    desired = update.desired
    return {
        "source": desired.source,
        "identity": desired.identity.name,
        "incarnation": update.goal.incarnation,
        "sequence": desired.identity.sequence,
        "on_hold": desired.on_hold,
        "outdated": desired.outdated,
        "handlers": [_handler(each) for each in desired.handlers],
        "accounts": len(update.remote_access.users),
        "certificates": [each.thumbprint for each in update.certificates],
        "missing": sorted(update.missing),
        "notes": list(update.notes),
    }


def _handler(found: Handler) -> dict[str, Any]:
    return {
        "name": found.name,
        "version": found.version,
        "state": found.state,
        "extensions": [
            {"name": one.name, "sequence": one.sequence, "state": one.state, "level": one.level}
            for one in found.extensions
        ],
    }
