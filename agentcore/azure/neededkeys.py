# SPDX-License-Identifier: Apache-2.0
"""Which keys the settings of extensions need, and this machine does not have."""

from __future__ import annotations

from collections.abc import Iterable

from osdrivers.host import Host

from .desired import Desired


def missing_keys(desired: Desired, host: Host) -> frozenset[str]:
    """Needed thumbprints without a private key in the state directory."""
    state = host.places.state
    return frozenset(
        thumbprint
        for thumbprint in desired.thumbprints
        if not host.exists(f"{state}/{thumbprint}.prv")
    )


def listed(thumbprints: Iterable[str]) -> str:
    """For a message: all of them, as far as a line has room."""
    return f"certificate {', '.join(sorted(thumbprints))[:200]}"
