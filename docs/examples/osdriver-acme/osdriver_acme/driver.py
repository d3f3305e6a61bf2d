# SPDX-License-Identifier: Apache-2.0
"""Acme Linux 3 and every later release: Debian's tools, with administrators in wheel."""

from __future__ import annotations

from dataclasses import replace

from osdrivers.api import Driver
from osdrivers.debian import debian
from osdrivers.host import Host
from osdrivers.parts import shadow


def acme(host: Host) -> Driver:
    """What differs is replaced; the rest is Debian's, and follows it."""
    return replace(debian(host), name="acme", users=shadow.Users(host, admin_groups=("wheel",)))
