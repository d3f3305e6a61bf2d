# SPDX-License-Identifier: Apache-2.0
"""The instance metadata service of 169.254.169.254."""

from __future__ import annotations

import ipaddress
import json
from typing import Any

from . import exchange
from .exchange import Reply, Request
from .machine import Machine
from .state import State

NAME = "imds"

VERSIONS = (
    "2017-03-01", "2017-04-02", "2017-08-01", "2017-10-01", "2017-12-01", "2018-02-01",
    "2018-04-02", "2018-10-01", "2019-02-01", "2019-03-11", "2019-04-30", "2019-06-01",
    "2019-06-04", "2019-08-01", "2019-08-15", "2019-11-01", "2020-06-01", "2020-07-15",
    "2020-09-01", "2020-10-01", "2020-12-01", "2021-01-01", "2021-02-01", "2021-03-01",
    "2021-05-01", "2021-08-01", "2021-10-01", "2021-11-01", "2021-11-15", "2021-12-13",
    "2023-07-01", "2023-11-15", "2024-03-15", "2024-07-17",
)  # fmt: skip
_EXTENDED_SINCE = "2021-03-01"
_SINCE = {
    "plan": "2018-04-02",
    "publicKeys": "2018-04-02",
    "azEnvironment": "2018-10-01",
    "provider": "2018-10-01",
    "resourceId": "2019-03-11",
    "tagsList": "2019-06-04",
    "isHostCompatibilityLayerVm": "2020-06-01",
    "securityProfile": "2020-06-01",
    "osProfile": "2020-07-15",
    "licenseType": "2020-09-01",
    "userData": "2021-01-01",
}


class InstanceMetadata:
    """Answers /metadata."""

    def __init__(self, state: State) -> None:
        self._state = state

    def answer(self, request: Request) -> Reply:
        """The reply to one request."""
        route = request.route.rstrip("/").lower()
        if not route.startswith("/metadata"):
            return exchange.refusal(404, "no such resource", f"unknown path {request.route}")
        if request.header("metadata").lower() != "true":
            line = "the header Metadata: true is missing"
            return _error(400, "Bad request. Required metadata header not specified", line)
        if request.header("x-forwarded-for"):
            return _error(400, "Bad request. X-Forwarded-For is refused", "sent through a proxy")
        if request.method != "GET":
            return exchange.refusal(405, "only GET", f"{request.method} on the metadata")
        if route == "/metadata/versions":
            return exchange.json(json.dumps({"apiVersions": VERSIONS}).encode())
        version = request.query.get("api-version", "")
        if version not in VERSIONS:
            body = {
                "error": "Bad request. api-version is invalid or was not specified in the request.",
                "newest-versions": VERSIONS[:-4:-1],
            }
            sort = (("Content-Type", "application/json; charset=utf-8"),)
            line = f"api-version is {version or 'missing'}"
            return Reply(400, json.dumps(body).encode(), sort, (line,))
        return self._document(request, route.split("/")[2:], version)

    def _document(self, request: Request, steps: list[str], version: str) -> Reply:
        if steps[:1] == ["scheduledevents"]:
            return exchange.json(b'{"DocumentIncarnation":1,"Events":[]}')
        if steps[:1] != ["instance"]:
            return _error(404, "Not found")
        machine = self._state.machine
        value: Any = {"compute": compute(machine, version), "network": network(machine)}
        extended = request.query.get("extended", "").lower() == "true"
        if extended and version >= _EXTENDED_SINCE:
            value["extended"] = {"compute": {"hasCustomData": machine.custom_data is not None}}
        for step in steps[1:]:
            value = _below(value, step)
            if value is None:
                return _error(404, "Not found")
        if request.query.get("format", "").lower() == "text" and not isinstance(
            value, (dict, list)
        ):
            return Reply(200, str(value).encode(), (("Content-Type", "text/plain; charset=utf-8"),))
        return exchange.json(json.dumps(value).encode())


def compute(machine: Machine, version: str = VERSIONS[-1]) -> dict[str, Any]:
    """The ``compute`` part as a version of the service has it."""
    whole = _compute(machine)
    return {name: value for name, value in whole.items() if _SINCE.get(name, "") <= version}


def _compute(machine: Machine) -> dict[str, Any]:
    publisher, offer, sku, version = machine.image
    # The service writes these two as strings.
    disabled = "true" if machine.disable_password_auth else "false"
    return {
        "azEnvironment": "AzurePublicCloud",
        "isHostCompatibilityLayerVm": "false",
        "licenseType": "",
        "location": machine.location,
        "name": machine.hostname,
        "offer": offer,
        "osProfile": {
            "adminUsername": machine.user,
            "computerName": machine.hostname,
            "disablePasswordAuthentication": disabled,
        },
        "osType": "Linux",
        "placementGroupId": "",
        "plan": {"name": "", "product": "", "publisher": ""},
        "platformFaultDomain": "0",
        "platformUpdateDomain": "0",
        "provider": "Microsoft.Compute",
        "publicKeys": [
            {"keyData": line, "path": machine.authorized_keys} for line in machine.ssh_keys
        ],
        "publisher": publisher,
        "resourceGroupName": machine.resource_group,
        "resourceId": (
            f"/subscriptions/{machine.subscription_id}/resourceGroups/{machine.resource_group}"
            f"/providers/Microsoft.Compute/virtualMachines/{machine.hostname}"
        ),
        "securityProfile": {"secureBootEnabled": "false", "virtualTpmEnabled": "false"},
        "sku": sku,
        "subscriptionId": machine.subscription_id,
        "tags": machine.tags,
        "tagsList": [],
        "userData": "",
        "version": version,
        "vmId": machine.vm_id,
        "vmScaleSetName": "",
        "vmSize": machine.vm_size,
        "zone": "",
    }


def network(machine: Machine) -> dict[str, Any]:
    """The ``network`` part: one interface."""
    interface = ipaddress.ip_interface(machine.address)
    subnet = {
        "address": str(interface.network.network_address),
        "prefix": str(interface.network.prefixlen),
    }
    address = {"privateIpAddress": str(interface.ip), "publicIpAddress": ""}
    return {
        "interface": [
            {
                "ipv4": {"ipAddress": [address], "subnet": [subnet]},
                "ipv6": {"ipAddress": []},
                "macAddress": machine.mac.replace(":", "").replace("-", "").upper(),
            }
        ]
    }


def _below(value: Any, step: str) -> Any:
    if isinstance(value, list):
        return value[int(step)] if step.isdigit() and int(step) < len(value) else None
    if not isinstance(value, dict):
        return None
    return next((held for name, held in value.items() if name.lower() == step), None)


def _error(status: int, text: str, *violations: str) -> Reply:
    sort = (("Content-Type", "application/json; charset=utf-8"),)
    return Reply(status, json.dumps({"error": text}).encode(), sort, violations)
