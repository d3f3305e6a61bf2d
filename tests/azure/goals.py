# SPDX-License-Identifier: Apache-2.0
"""Goal states of our own making: the same wishes as ExtensionsConfig and as vmSettings."""

from __future__ import annotations

import json
from typing import Any
from xml.sax.saxutils import escape, quoteattr

THUMBPRINT = "F6ABAA61098A301EBB8A571C3C7CF77F355F7FA9"
ACTIVITY = "a33f6f53-43d6-4625-b322-1a39651a00c9"
CORRELATION = "9a47a2a2-e740-4bfc-b11b-4f2f7cfe7d2e"
TICKS = 637726657706205217
STATUS = "https://acct.example/$system/vm.status?sv=2018-03-28&sig=CANARY%3d"
PROFILE = "https://acct.example/$system/vm.profile?sv=2018-03-28&sig=CANARY%3d"
SETTINGS = {
    "publicSettings": {"k": "<&v>"},
    "protectedSettings": "MIIB",
    "protectedSettingsCertThumbprint": THUMBPRINT.lower(),
}


def settings_text(settings: object = SETTINGS) -> str:
    return escape(json.dumps({"runtimeSettings": [{"handlerSettings": settings}]}))


def plugin(name: str = "Pub.Type", version: str = "1.2.3", state: str = "enabled") -> str:
    return (
        f"<Plugin name={quoteattr(name)} version={quoteattr(version)} state={quoteattr(state)}"
        ' location="https://a/m.xml" failoverlocation="https://b/m.xml" autoUpgrade="true"'
        ' runAsStartupTask="false" isJson="true" useExactVersion="true" encodedSignature="c2ln">'
        "<additionalLocations><additionalLocation>https://c/m.xml</additionalLocation>"
        "</additionalLocations></Plugin>"
    )


def settings_of(content: str, name: str = "pub.TYPE", version: str = "1.2.3") -> str:
    return f"<Plugin name={quoteattr(name)} version={quoteattr(version)}>{content}</Plugin>"


SINGLE = (
    '<DependsOn dependencyLevel="1"><DependsOnExtension handler="Pub.Other"/></DependsOn>'
    f'<RuntimeSettings seqNo="3">{settings_text()}</RuntimeSettings>'
)


def extensions_config(
    plugins: str = plugin(),
    settings: str = settings_of(SINGLE),
    *,
    metadata: str = f'inSvdSeqNo="8" createdOnTicks="{TICKS}" activityId="{ACTIVITY}"'
    f' correlationId="{CORRELATION}"',
    extra: str = "",
    blob: str = f'<StatusUploadBlob statusBlobType="PageBlob">{escape(STATUS)}</StatusUploadBlob>',
) -> bytes:
    return f"""<?xml version="1.0" encoding="utf-8"?>
<Extensions version="1.0.0.0" goalStateIncarnation="7"><GuestAgentExtension><GAFamilies>
<GAFamily><Name>Prod</Name><Version>2.15.0.1</Version><IsVersionFromRSM>TRUE</IsVersionFromRSM>
<IsVMEnabledForRSMUpgrades>no</IsVMEnabledForRSMUpgrades>
<Uris><Uri>https://stor/ga.xml</Uri></Uris></GAFamily>
<GAFamily><Name>Test</Name></GAFamily></GAFamilies></GuestAgentExtension>
<RequiredFeatures><RequiredFeature><Name>MultipleExtensionsPerHandler</Name></RequiredFeature>
</RequiredFeatures>
<Plugins>{plugins}</Plugins><PluginSettings>{settings}</PluginSettings>
{blob}<InVMArtifactsProfileBlob>{escape(PROFILE)}</InVMArtifactsProfileBlob>
<InVMGoalStateMetaData {metadata}/>{extra}</Extensions>""".encode()


def extension_state(**changes: Any) -> dict[str, Any]:
    settings = {**SETTINGS, "publicSettings": json.dumps(SETTINGS["publicSettings"])}
    wanted = {
        "name": "Pub.Type",
        "version": "1.2.3",
        "location": "https://a/m.xml",
        "failoverlocation": "https://b/m.xml",
        "additionalLocations": ["https://c/m.xml"],
        "state": "enabled",
        "autoUpgrade": True,
        "runAsStartupTask": False,
        "isJson": True,
        "useExactVersion": True,
        "encodedSignature": "c2ln",
        "settingsSeqNo": 3,
        "isMultiConfig": False,
        "settings": [settings],
        "dependsOn": [
            {"DependsOnExtension": [{"handler": "Pub.Other"}], "dependencyLevel": 1},
        ],
    }
    return {name: value for name, value in {**wanted, **changes}.items() if value is not None}


def vm_settings(*extensions: dict[str, Any], **changes: Any) -> bytes:
    wanted = {
        "hostGAPluginVersion": "1.0.8.159",
        "vmSettingsSchemaVersion": "0.0",
        "activityId": ACTIVITY,
        "correlationId": CORRELATION,
        "inSvdSeqNo": 8,
        "extensionsLastModifiedTickCount": TICKS,
        "extensionGoalStatesSource": "FastTrack",
        "onHold": False,
        "statusUploadBlob": {"statusBlobType": "PageBlob", "value": STATUS},
        "inVMMetadata": {"vmName": "vm1"},
        "requiredFeatures": [{"name": "MultipleExtensionsPerHandler"}],
        "gaFamilies": [
            {
                "name": "Prod",
                "version": "2.15.0.1",
                "isVersionFromRSM": True,
                "isVMEnabledForRSMUpgrades": False,
                "uris": ["https://stor/ga.xml"],
            },
            {"name": "Test"},
        ],
        "extensionGoalStates": list(extensions) or [extension_state()],
    }
    merged = {name: value for name, value in {**wanted, **changes}.items() if value is not None}
    return json.dumps(merged).encode()
