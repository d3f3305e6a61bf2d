# SPDX-License-Identifier: Apache-2.0
"""Documents of our own making, and where captured ones are, if they are beside the tree."""

from __future__ import annotations

from pathlib import Path

import pytest

CAPTURED = Path(__file__).resolve().parents[3] / "shared" / "samples" / "azure"
NAMESPACES = (
    'xmlns="http://schemas.dmtf.org/ovf/environment/1" '
    'xmlns:wa="http://schemas.microsoft.com/windowsazure" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
)
THUMBPRINT = "0123456789ABCDEF0123456789ABCDEF01234567"


def captured(name: str) -> bytes:
    """A captured document; the test is skipped where there are none."""
    path = CAPTURED / name
    if not path.exists():
        pytest.skip(f"{name}: the captured samples are not beside the source tree")
    return path.read_bytes()


def ovf(
    *,
    wanted: str = "<wa:HostName>vm1</wa:HostName><wa:UserName>azureuser</wa:UserName>",
    extra: str = "",
    version: str = "<wa:Version>1.0</wa:Version>",
    platform: str = "",
    namespaces: str = NAMESPACES,
) -> bytes:
    """A provisioning document with one part replaced."""
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<Environment {namespaces}>'
        f"<wa:ProvisioningSection>{version}"
        f"<wa:LinuxProvisioningConfigurationSet>{wanted}{extra}"
        f"</wa:LinuxProvisioningConfigurationSet></wa:ProvisioningSection>"
        f"{platform}</Environment>"
    ).encode()


def platform_settings(content: str) -> str:
    return (
        "<wa:PlatformSettingsSection><wa:Version>1.0</wa:Version><wa:PlatformSettings>"
        f"{content}</wa:PlatformSettings></wa:PlatformSettingsSection>"
    )


VERSIONS = b"""<?xml version="1.0" encoding="utf-8"?><Versions>
<Preferred><Version>2012-11-30</Version></Preferred>
<Supported><Version>2010-12-15</Version><Version>2012-11-30</Version></Supported>
</Versions>"""


def goal_state(
    *,
    incarnation: str = "7",
    container: str = "c0ffee00-0000-0000-0000-000000000001",
    base: str = "http://168.63.129.16:80",
    instance: bool = True,
    extra: str = "",
) -> bytes:
    """A goal state; ``base`` is where it says its documents are."""

    def uri(kind: str) -> str:
        return f"{base}/machine/c/r?comp=config&amp;type={kind}&amp;incarnation={incarnation}"

    role = f"""<RoleInstance><InstanceId>role_IN_0</InstanceId><State>Started</State><Configuration>
<HostingEnvironmentConfig>{uri("hostingEnvironmentConfig")}</HostingEnvironmentConfig>
<SharedConfig>{uri("sharedConfig")}</SharedConfig>
<ExtensionsConfig>{uri("extensionsConfig")}</ExtensionsConfig>
<Certificates>{base}/machine/c/r?comp=certificates&amp;incarnation={incarnation}</Certificates>
<ConfigName>deployment.1.deployment.2.role.1.xml</ConfigName></Configuration></RoleInstance>"""
    return f"""<?xml version="1.0" encoding="utf-8"?>
<GoalState xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><Version>2012-11-30</Version>
<Incarnation>{incarnation}</Incarnation><Machine><ExpectedState>Started</ExpectedState>
<LBProbePorts><Port>16001</Port></LBProbePorts></Machine>
<Container><ContainerId>{container}</ContainerId>{extra}
<RoleInstanceList>{role if instance else ""}</RoleInstanceList></Container></GoalState>""".encode()


HOSTING = b"""<HostingEnvironmentConfig version="1.0.0.0" goalStateIncarnation="1">
<Deployment name="tenant" guid="{0}" incarnation="2"><Service name="s" guid="{0}"/></Deployment>
<Incarnation number="1" instance="vm_IN_0" guid="{1}"/><Role guid="{2}" name="role"/>
</HostingEnvironmentConfig>"""

SHARED = b"""<SharedConfig version="1.0.0.0" goalStateIncarnation="1"><Instances>
<Instance id="a" address="10.0.0.4"/><Instance id="b" address="10.0.0.5"
 rdmaMacAddress="00155D33FF1D" rdmaIPv4Address="172.16.5.99"/></Instances></SharedConfig>"""
