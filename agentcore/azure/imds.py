# SPDX-License-Identifier: Apache-2.0
"""The instance metadata service: what the platform says of the machine, as JSON over plain HTTP.

Source: https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Optional

from agentcore.errors import Malformed

from .http import Client, Endpoint
from .retry import PATIENT, Clock, RetryPolicy

ADDRESS = Endpoint("169.254.169.254")
API_VERSION = "2018-02-01"
LIMIT_BYTES = 1024 * 1024
WHAT = "the instance metadata"
_HEADERS = (("Metadata", "True"),)


@dataclass(frozen=True)
class Instance:
    """The machine in the platform's words; "" where it does not say.

    ``publisher`` is empty for a machine made from somebody's own image.  ``mac`` is in lower case
    with colons, ``private_address`` the first address of the first interface.
    """

    vm_id: str
    name: str
    location: str
    subscription_id: str
    resource_group: str
    vm_size: str
    publisher: str
    offer: str
    sku: str
    version: str
    mac: str
    private_address: str

    @property
    def platform_image(self) -> bool:
        """Whether the image came from the marketplace."""
        return bool(self.publisher)


class Imds:
    """The service; ``endpoint`` differs in the lab only."""

    def __init__(
        self,
        clock: Clock,
        *,
        endpoint: Endpoint = ADDRESS,
        retry: RetryPolicy = PATIENT,
        client: Optional[Client] = None,
    ) -> None:
        self._clock = clock
        self._retry = retry
        self._client = client or Client(endpoint)

    def __enter__(self) -> Imds:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connection back."""
        self._client.close()

    def instance(self) -> Instance:
        """The machine.

        :raises Malformed: not JSON, or no interface with an address.
        :raises ServiceError: not to be had.
        """
        target = f"/metadata/instance?api-version={API_VERSION}"

        def once() -> bytes:
            return self._client.get(target, _HEADERS, limit_bytes=LIMIT_BYTES, accept=(200,)).body

        return parse_instance(self._retry.run(once, self._clock))


def parse_instance(data: bytes) -> Instance:
    """Read the document.  :raises Malformed: not JSON, or no interface with an address."""
    try:
        root: object = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as broken:
        raise Malformed(f"{WHAT} are not JSON") from broken
    compute = _at(root, "compute")
    interface = _at(root, "network", "interface", 0)
    mac = _text(interface, "macAddress").replace("-", "").replace(":", "").lower()
    address = _text(_at(interface, "ipv4", "ipAddress", 0), "privateIpAddress")
    if not isinstance(compute, dict) or len(mac) != 12 or not address:
        raise Malformed(f"{WHAT} have no interface with an address, or no machine")
    return Instance(
        vm_id=_text(compute, "vmId"),
        name=_text(compute, "name"),
        location=_text(compute, "location"),
        subscription_id=_text(compute, "subscriptionId"),
        resource_group=_text(compute, "resourceGroupName"),
        vm_size=_text(compute, "vmSize"),
        publisher=_text(compute, "publisher"),
        offer=_text(compute, "offer"),
        sku=_text(compute, "sku"),
        version=_text(compute, "version"),
        mac=":".join(mac[at : at + 2] for at in range(0, 12, 2)),
        private_address=address,
    )


def _at(value: object, *steps: object) -> object:
    """What is below these keys and indices; None where a step leads nowhere."""
    for step in steps:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def _text(value: object, key: str) -> str:
    found = _at(value, key)
    return found if isinstance(found, str) else ""
