# SPDX-License-Identifier: Apache-2.0
"""The vmSettings document of the host plugin: the extensions goal state as JSON."""

from __future__ import annotations

import json
from typing import Any, Union

from . import documents
from .documents import Protect
from .machine import Instance, Machine, Plugin
from .state import Goal


def document(goal: Goal, blobs: str, protect: Protect) -> bytes:
    """The document of ``goal``; ``blobs`` is the blob store's URL as the client knows it."""
    machine = goal.machine
    if machine.vm_settings is not None:
        return machine.vm_settings.replace("$BLOBS", blobs).encode()
    whole: dict[str, Any] = {
        "hostGAPluginVersion": machine.host_plugin_version,
        "vmSettingsSchemaVersion": "0.0",
        "activityId": machine.deployment_id,
        "correlationId": machine.vm_id,
        "inSvdSeqNo": machine.incarnation,
        "extensionsLastModifiedTickCount": goal.ticks,
        "extensionGoalStatesSource": "FastTrack" if machine.fast_track else "Fabric",
        "onHold": machine.on_hold,
        "statusUploadBlob": {
            "statusBlobType": machine.status_blob_type,
            "value": documents.status_url(machine, blobs),
        },
        "inVMMetadata": _metadata(machine),
        "requiredFeatures": [{"name": name} for name in machine.required_features],
        "gaFamilies": [
            {"name": name, "uris": [documents.agent_manifest_url(blobs, name)], **_wish(machine)}
            for name in ("Prod", "Test")
        ],
        "extensionGoalStates": [_extension(one, blobs, protect) for one in machine.plugins],
    }
    return json.dumps(whole, indent=1).encode()


def _metadata(machine: Machine) -> dict[str, str]:
    return {
        "subscriptionId": machine.subscription_id,
        "resourceGroupName": machine.resource_group,
        "vmName": machine.hostname,
        "location": machine.location,
        "vmId": machine.vm_id,
        "vmSize": machine.vm_size,
        "osType": "Linux",
    }


def _wish(machine: Machine) -> dict[str, Any]:
    if not machine.wished_version:
        return {}
    flags = {"isVersionFromRSM": True, "isVMEnabledForRSMUpgrades": True}
    return {"version": machine.wished_version, **flags}


def _extension(plugin: Plugin, blobs: str, protect: Protect) -> dict[str, Any]:
    url = documents.manifest_url(plugin, blobs)
    found: dict[str, Any] = {
        "name": plugin.name,
        "version": plugin.version,
        "location": url,
        "failoverlocation": url,
        "additionalLocations": [],
        "state": plugin.state,
        "autoUpgrade": False,
        "runAsStartupTask": False,
        "isJson": True,
        "useExactVersion": True,
        "isMultiConfig": bool(plugin.instances),
        "settingsSeqNo": plugin.sequence,
        "settings": [],
    }
    if plugin.signature:
        found["encodedSignature"] = plugin.signature
    if plugin.instances:
        return {**found, **_instances(plugin, protect)}
    if plugin.settings is not None or plugin.protected is not None:
        found["settings"] = [_settings(plugin, protect)]
    if plugin.level is not None:
        found["dependsOn"] = [{"dependsOnExtension": [], "dependencyLevel": plugin.level}]
    return found


def _settings(plugin: Union[Plugin, Instance], protect: Protect) -> dict[str, object]:
    settings = dict(documents.handler_settings(plugin, protect))
    if "publicSettings" in settings:
        settings["publicSettings"] = json.dumps(settings["publicSettings"])
    return settings


def _instances(plugin: Plugin, protect: Protect) -> dict[str, Any]:
    """Settings and dependencies of a multi-config handler."""
    return {
        "settings": [
            {
                **_settings(one, protect),
                "seqNo": one.sequence,
                "extensionName": one.name,
                "extensionState": one.state,
            }
            for one in plugin.instances
        ],
        "dependsOn": [
            {"name": one.name, "dependsOnExtension": [], "dependencyLevel": one.level}
            for one in plugin.instances
            if one.level is not None
        ],
    }
