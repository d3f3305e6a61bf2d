# SPDX-License-Identifier: Apache-2.0
"""The XML documents of the wire server, made from a machine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Optional, Union
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from .machine import Instance, Machine, Plugin

_HEAD = '<?xml version="1.0" encoding="utf-8"?>\n'

PROTOCOL = "2012-11-30"

Protect = Callable[[bytes], tuple[str, str]]
"""Encrypts to the tenant certificate; gives base64 and the certificate's thumbprint."""


def versions(preferred: str = PROTOCOL) -> bytes:
    """The versions of the protocol that the server speaks."""
    supported = ("2010-12-15", "2010-28-10", PROTOCOL) if preferred == PROTOCOL else (preferred,)
    listed = "".join(f"<Version>{one}</Version>" for one in ("2015-04-05", *supported))
    return (
        f"{_HEAD}<Versions>\n  <Preferred>\n    <Version>{preferred}</Version>\n  </Preferred>\n"
        f"  <Supported>{listed}</Supported>\n</Versions>\n"
    ).encode()


def place(machine: Machine) -> str:
    """The path below which the machine's own documents are."""
    return f"/machine/{machine.container_id}/{quote(machine.instance_id, safe='')}"


def goal_state(machine: Machine, base: str, *, role_instance: bool = True) -> bytes:
    """The goal state; ``base`` is the server's URL as the client knows it."""
    number = machine.incarnation

    def url(name: str, question: str) -> str:
        address = f"{base}{place(machine)}?{question}&incarnation={number}"
        return f"          <{name}>{escape(address)}</{name}>\n"

    parts = "".join(
        url(name, f"comp=config&type={name[0].lower()}{name[1:]}")
        for name in ("HostingEnvironmentConfig", "SharedConfig", "ExtensionsConfig", "FullConfig")
    )
    if machine.certificates or machine.tenant_certificate:
        parts += url("Certificates", "comp=certificates")
    remote = ""
    if machine.users:
        address = f"{base}{place(machine)}?comp=remoteaccess&incarnation={number}"
        remote = f"    <RemoteAccessInfo>{escape(address)}</RemoteAccessInfo>\n"
    role = f"""\
      <RoleInstance>
        <InstanceId>{escape(machine.instance_id)}</InstanceId>
        <State>Started</State>
        <Configuration>
{parts}          <ConfigName>{escape(machine.role_config)}</ConfigName>
        </Configuration>
      </RoleInstance>
"""
    ports = "".join(f"      <Port>{port}</Port>\n" for port in machine.lb_probe_ports)
    return f"""\
{_HEAD}<GoalState xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"\
 xsi:noNamespaceSchemaLocation="goalstate10.xsd">
  <Version>{PROTOCOL}</Version>
  <Incarnation>{number}</Incarnation>
  <Machine>
    <ExpectedState>Started</ExpectedState>
    <StopRolesDeadlineHint>300000</StopRolesDeadlineHint>
    <LBProbePorts>
{ports}    </LBProbePorts>
    <ExpectHealthReport>FALSE</ExpectHealthReport>
  </Machine>
  <Container>
    <ContainerId>{escape(machine.container_id)}</ContainerId>
{remote}    <RoleInstanceList>
{role if role_instance else ""}    </RoleInstanceList>
  </Container>
</GoalState>
""".encode()


def hosting_environment(machine: Machine) -> bytes:
    """The hosting environment: names of the deployment, the role and the instance."""
    tail = '<Setting name="__ModelData" value="" />'
    return f"""\
<HostingEnvironmentConfig version="1.0.0.0" goalStateIncarnation="{machine.incarnation}">
  <StoredCertificates />
{_identity(machine)}
  <HostingEnvironmentSettings name="full" runtime="">
    <CAS mode="full" />
    <PrivilegeLevel mode="max" />
    <AdditionalProperties><CgiHandlers></CgiHandlers></AdditionalProperties>
  </HostingEnvironmentSettings>
  <ApplicationSettings>{tail}</ApplicationSettings>
  <ResourceReferences />
</HostingEnvironmentConfig>
""".encode()


def shared_config(machine: Machine) -> bytes:
    """The shared configuration: the instances of the deployment and their addresses."""
    address = machine.address.split("/")[0]
    name = _role(machine)
    return f"""\
<SharedConfig version="1.0.0.0" goalStateIncarnation="{machine.incarnation}">
{_identity(machine)}
  <LoadBalancerSettings timeoutSeconds="0" waitLoadBalancerProbeCount="8">
    <Probes>
      <Probe name={quoteattr(name)} />
    </Probes>
  </LoadBalancerSettings>
  <OutputEndpoints />
  <Instances>
    <Instance id={quoteattr(name + "_IN_0")} address="{address}">
      <FaultDomains randomId="0" updateId="0" updateCount="0" />
      <InputEndpoints />
    </Instance>
  </Instances>
</SharedConfig>
""".encode()


def _role(machine: Machine) -> str:
    return f"_{machine.hostname}"


def _identity(machine: Machine) -> str:
    deployment = quoteattr(machine.deployment_id)
    guid = quoteattr("{" + machine.deployment_id + "}")
    instance = quoteattr("{" + machine.vm_id + "}")
    role = quoteattr(_role(machine))
    zero = '"{00000000-0000-0000-0000-000000000000}"'
    return f"""\
  <Deployment name={deployment} guid={guid} incarnation="0">
    <Service name={deployment} guid={zero} />
    <ServiceInstance name={quoteattr(machine.deployment_id + ".0")} guid={guid} />
  </Deployment>
  <Incarnation number="{machine.incarnation}" instance={role} guid={instance} />
  <Role guid={zero} name={role} settleTimeSeconds="0" />"""


def extensions_config(machine: Machine, blobs: str, ticks: int, protect: Protect) -> bytes:
    """The extensions document; ``blobs`` is the blob store's URL as the client knows it."""
    if machine.extensions_config is not None:
        return machine.extensions_config.replace("$BLOBS", escape(blobs)).encode()
    plugins = "".join(_plugin(one, blobs) for one in machine.plugins)
    settings = "".join(_settings(one, protect) for one in machine.plugins)
    families = "".join(
        f"<GAFamily><Name>{name}</Name>{_wish(machine)}<Uris>"
        f"<Uri>{escape(agent_manifest_url(blobs, name))}</Uri></Uris></GAFamily>"
        for name in ("Prod", "Test")
    )
    features = "".join(
        f"<RequiredFeature><Name>{escape(name)}</Name></RequiredFeature>"
        for name in machine.required_features
    )
    hold = f"<RequiredFeatures>{features}</RequiredFeatures>\n" if features else ""
    if machine.on_hold:
        url = escape(signed(f"{blobs}/$system/{machine.vm_id}.vmArtifactsProfile"))
        hold += f"<InVMArtifactsProfileBlob>{url}</InVMArtifactsProfileBlob>\n"
    return f"""\
<Extensions version="1.0.0.0" goalStateIncarnation="{machine.incarnation}">\
<GuestAgentExtension xmlns:i="http://www.w3.org/2001/XMLSchema-instance">
  <GAFamilies>{families}</GAFamilies>
  <Location>{escape(machine.location)}</Location>
</GuestAgentExtension>
<Plugins>
{plugins}</Plugins>
<PluginSettings>
{settings}</PluginSettings>
<StatusUploadBlob statusBlobType={quoteattr(machine.status_blob_type)}>\
{escape(status_url(machine, blobs))}</StatusUploadBlob>
{hold}<InVMGoalStateMetaData inSvdSeqNo="{machine.incarnation}" createdOnTicks="{ticks}"\
 activityId="{machine.deployment_id}" correlationId="{machine.vm_id}" />
</Extensions>
""".encode()


def _wish(machine: Machine) -> str:
    if not machine.wished_version:
        return ""
    return (
        f"<Version>{escape(machine.wished_version)}</Version>"
        "<IsVersionFromRSM>true</IsVersionFromRSM>"
        "<IsVMEnabledForRSMUpgrades>true</IsVMEnabledForRSMUpgrades>"
    )


def _plugin(plugin: Plugin, blobs: str) -> str:
    signature = f" encodedSignature={quoteattr(plugin.signature)}" if plugin.signature else ""
    return (
        f"  <Plugin name={quoteattr(plugin.name)} version={quoteattr(plugin.version)}"
        f' location={quoteattr(manifest_url(plugin, blobs))} config=""'
        f' state={quoteattr(plugin.state)} autoUpgrade="false"'
        f" failoverlocation={quoteattr(manifest_url(plugin, blobs))}"
        f' runAsStartupTask="false" isJson="true" useExactVersion="true"{signature} />\n'
    )


def _settings(plugin: Plugin, protect: Protect) -> str:
    if plugin.instances:
        content = "".join(_instance(one, protect) for one in plugin.instances)
    elif plugin.settings is None and plugin.protected is None:
        return ""
    else:
        content = "" if plugin.level is None else f'<DependsOn dependencyLevel="{plugin.level}" />'
        content += (
            f'<RuntimeSettings seqNo="{plugin.sequence}">{_text(plugin, protect)}</RuntimeSettings>'
        )
    named = f"name={quoteattr(plugin.name)} version={quoteattr(plugin.version)}"
    return f"  <Plugin {named}>{content}</Plugin>\n"


def _instance(one: Instance, protect: Protect) -> str:
    """One extension of a multi-config handler."""
    name = quoteattr(one.name)
    depends = ""
    if one.level is not None:
        depends = f'<DependsOn name={name} dependencyLevel="{one.level}" />'
    return (
        f'{depends}<ExtensionRuntimeSettings seqNo="{one.sequence}" name={name}'
        f" state={quoteattr(one.state)}>{_text(one, protect)}</ExtensionRuntimeSettings>"
    )


def _text(plugin: Union[Plugin, Instance], protect: Protect) -> str:
    settings = handler_settings(plugin, protect)
    return escape(json.dumps({"runtimeSettings": [{"handlerSettings": settings}]}))


def handler_settings(plugin: Union[Plugin, Instance], protect: Protect) -> Mapping[str, object]:
    """``handlerSettings`` of a settings document, its protected part encrypted."""
    settings: dict[str, object] = {}
    if plugin.protected is not None:
        encrypted, thumbprint = protect(json.dumps(plugin.protected).encode())
        settings["protectedSettingsCertThumbprint"] = thumbprint
        settings["protectedSettings"] = encrypted
    if plugin.settings is not None:
        settings["publicSettings"] = plugin.settings
    return settings


def remote_access(machine: Machine, encrypt: Callable[[str], str]) -> bytes:
    """The remote access document; ``encrypt`` turns a password into its base64 envelope."""
    users = "".join(
        f"<User><Name>{escape(one.name)}</Name><Password>{encrypt(one.password)}</Password>"
        f"<Expiration>{escape(one.expiration)}</Expiration>"
        "<Groups><GroupName>Administrators</GroupName></Groups></User>"
        for one in machine.users
    )
    return (
        f"{_HEAD}<RemoteAccess><Version>1</Version>"
        f"<Incarnation>{machine.incarnation}</Incarnation><Users>{users}</Users></RemoteAccess>\n"
    ).encode()


def manifest(packages: Iterable[tuple[str, str]]) -> bytes:
    """A manifest of (version, URL)."""
    listed = "".join(
        f"<Plugin><Version>{escape(version)}</Version><Uris><Uri>{escape(url)}</Uri></Uris></Plugin>"
        for version, url in packages
    )
    return (
        f'{_HEAD}<PluginVersionManifest xmlns:i="http://www.w3.org/2001/XMLSchema-instance">'
        f"<Plugins>{listed}</Plugins></PluginVersionManifest>\n"
    ).encode()


def signed(url: str, rights: str = "r") -> str:
    """A URL with a query like that of a shared access signature."""
    return (
        f"{url}?sv=2018-03-28&sr=b&sk=system-1&sig=bGFi%3d&se=9999-01-01T00%3a00%3a00Z&sp={rights}"
    )


def status_url(machine: Machine, blobs: str) -> str:
    """Where the guest's status belongs."""
    return signed(f"{blobs}/$system/{machine.hostname}.{machine.vm_id}.status", "rw")


def manifest_url(plugin: Plugin, blobs: str) -> str:
    """Where the versions of an extension are listed."""
    return f"{blobs}/manifests/{quote(plugin.name)}_manifest.xml"


def agent_manifest_url(blobs: str, family: Optional[str]) -> str:
    """Where the versions of the agent are listed."""
    return f"{blobs}/manifests/agent_{family}_manifest.xml"
