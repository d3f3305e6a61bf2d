# SPDX-License-Identifier: Apache-2.0
"""Debian as this house wants it: the packet filter is another team's, so no agent touches it."""

from __future__ import annotations

from dataclasses import replace

from osdrivers.api import Driver
from osdrivers.debian import debian
from osdrivers.host import Host


def house_debian(host: Host) -> Driver:
    """Debian 12 and later; older ones keep the driver they have."""
    return replace(debian(host), name="house-debian", firewall=None)
