# SPDX-License-Identifier: Apache-2.0
"""The host name as the DHCP server knows it (H3)."""

from __future__ import annotations

from collections.abc import Iterator

from osdrivers.actions import Plan, WriteFile
from osdrivers.api import Driver
from osdrivers.errors import NotFound
from osdrivers.executor import Task

#: In the state directory: the name that was published last.
PUBLISHED = "published_hostname"


def publish(driver: Driver, name: str) -> Plan:
    """Tell the server.  :raises NotFound: no interface has a client that could."""
    network, links = driver.network, driver.links
    primary = network.primary() if network is not None else None
    if links is None or primary is None:
        raise NotFound("no interface with a DHCP client to publish the name with")
    yield from links.ensure_published(primary.name, name)


def at_first_boot(driver: Driver, name: str) -> Iterator[Task]:
    """The link came up under the name of the image; nothing where no DHCP client runs."""
    host, links = driver.host, driver.links
    if host.offline or links is None or all(each.pid is None for each in links.clients()):
        return

    def plan() -> Plan:
        yield from publish(driver, name)
        yield WriteFile(f"{host.places.state}/{PUBLISHED}", name.encode(), 0o600)

    yield Task("publish-name", plan, required=False)
