# SPDX-License-Identifier: Apache-2.0
"""Key-value pairs that the hypervisor hands to the machine, kept by hv_kvp_daemon.

Source: linux/hyperv.h: records of 512 bytes of key and 2048 of value, filled with NUL.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..host import Host

PATHS = ("/var/lib/hyperv/.kvp_pool_0", "/var/db/hyperv/pool/.kvp_pool_0")
KEY_BYTES, VALUE_BYTES = 512, 2048
_LIMIT_BYTES = (KEY_BYTES + VALUE_BYTES) * 1024


def values(pool: bytes) -> Mapping[str, str]:
    """Pairs of a pool; of equal keys the last counts, a record that is cut off does not."""
    size, found = KEY_BYTES + VALUE_BYTES, {}
    for start in range(0, len(pool) - size + 1, size):
        key = _text(pool[start : start + KEY_BYTES])
        if key:
            found[key] = _text(pool[start + KEY_BYTES : start + size])
    return found


def read(host: Host) -> Mapping[str, str]:
    """Pairs of the first pool there is, none without one."""
    for path in PATHS:
        if host.exists(path):
            return values(host.read_bytes(path, b"", limit_bytes=_LIMIT_BYTES))
    return {}


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "replace").strip()
