# SPDX-License-Identifier: Apache-2.0
"""The wire server's documents as values.  Parsing only; ``wireserver`` fetches them."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Optional

from agentcore.errors import Malformed

from . import xml
from .http import Endpoint

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

PROTOCOL = "2012-11-30"
WELL_KNOWN = Endpoint("168.63.129.16")
GOAL_STATE = "the goal state"
_URI = re.compile(r"(?:http://([0-9A-Za-z.:\[\]-]+))?(/(?!/)[!\"$-~]*)", re.ASCII)
_IDENTIFIER = re.compile(r"[!-~]{1,512}")
_MAC = re.compile(r"[0-9A-Fa-f]{12}")


class NoRoleInstance(Malformed):
    """A goal state that names no role instance yet: known to pass within seconds."""

    retryable = True


@dataclass(frozen=True)
class GoalState:
    """What the platform wants now, and where its documents are.

    The documents are paths with queries on the endpoint, never whole URIs; "" where the goal
    state names none.  ``incarnation`` is compared for being equal; its order means little.
    """

    incarnation: str
    container_id: str
    instance_id: str
    config_name: str
    expected_state: str
    lb_probe_port: Optional[int]
    hosting_config: str
    shared_config: str
    extensions_config: str
    certificates: str
    remote_access: str
    raw: bytes = field(repr=False)

    @property
    def deployment_id(self) -> str:
        """The first part of the configuration's name."""
        return self.config_name.partition(".")[0]

    @property
    def number(self) -> int:
        """The incarnation as a number, -1 when it is none."""
        short = self.incarnation.isascii() and len(self.incarnation) < 20
        return int(self.incarnation) if short and self.incarnation.isdigit() else -1


@dataclass(frozen=True)
class HostingConfig:
    """Names for reports; "" where the document has none."""

    vm_name: str
    role_name: str
    deployment: str
    raw: bytes = field(repr=False)


@dataclass(frozen=True)
class SharedConfig:
    """The shared configuration; the RDMA values are "" on machines without such a device.

    ``rdma_mac`` is in lower case with colons.
    """

    rdma_address: str
    rdma_mac: str
    raw: bytes = field(repr=False)


@dataclass(frozen=True)
class CertificateFile:
    """Certificates as they come: CMS enveloped data (DER), or b"" when there are none.

    ``warning`` says why there are none although the platform sent something.
    """

    incarnation: str
    data: bytes = field(repr=False)
    raw: bytes = field(repr=False)
    warning: str = ""


def supported_versions(data: bytes) -> tuple[str, ...]:
    """The protocol versions the server offers, the preferred one first.

    :raises Malformed: not a list of versions.
    """
    what = "the list of versions"
    root = xml.require_root(xml.parse(data, what), "Versions", None, what)
    versions = tuple(xml.text(element) for element in xml.descendants(root, "Version"))
    preferred = xml.text(xml.descendant(xml.descendant(root, "Preferred"), "Version"))
    return tuple(dict.fromkeys(version for version in (preferred, *versions) if version))


def parse_goal_state(data: bytes, endpoint: Endpoint) -> GoalState:
    """Read the goal state; elements are found by name, in any order and namespace.

    :raises NoRoleInstance: it names no role instance yet.
    :raises Malformed: an element is missing, or a document lies on another host.
    """
    root = xml.require_root(xml.parse(data, GOAL_STATE), "GoalState", None, GOAL_STATE)
    instance = xml.descendant(root, "RoleInstance")
    if instance is None:
        raise NoRoleInstance(f"{GOAL_STATE} has no element 'RoleInstance'", hint="ask again")

    def target(name: str) -> str:
        return target_on(endpoint, xml.text(xml.descendant(root, name)), name)

    hosting, shared = target("HostingEnvironmentConfig"), target("SharedConfig")
    for name, value in (("HostingEnvironmentConfig", hosting), ("SharedConfig", shared)):
        if not value:
            raise Malformed(f"{GOAL_STATE} has no element {name!r}")
    return GoalState(
        incarnation=_identifier(root, "Incarnation"),
        container_id=_identifier(root, "ContainerId"),
        instance_id=_identifier(instance, "InstanceId"),
        config_name=xml.text(xml.descendant(instance, "ConfigName")),
        expected_state=xml.text(xml.descendant(root, "ExpectedState")),
        lb_probe_port=_port(xml.text(xml.descendant(xml.descendant(root, "LBProbePorts"), "Port"))),
        hosting_config=hosting,
        shared_config=shared,
        extensions_config=target("ExtensionsConfig"),
        certificates=target("Certificates"),
        remote_access=target("RemoteAccessInfo"),
        raw=data,
    )


def target_on(endpoint: Endpoint, uri: str, name: str) -> str:
    """The path and query of a URI in a document, if it lies on the endpoint itself.

    A document must not send the agent to another host.  The platform writes its well-known
    address, whatever the address it was asked at; that one stands for the endpoint.

    :raises Malformed: another host, another scheme, or not a URI.
    """
    if not uri:
        return ""
    match = _URI.fullmatch(uri)
    if match is None:
        raise Malformed(f"{name} is not an http URI on the endpoint")
    authority = match.group(1)
    homes = {str(place) for place in (endpoint, WELL_KNOWN)}
    homes |= {f"{place}:80" for place in (endpoint, WELL_KNOWN) if place.port == 80}
    if authority is not None and authority not in homes:
        raise Malformed(
            f"{name} lies on {authority[:80]}, and only {endpoint} is asked",
            hint="the answer does not come from the platform; check who has its address",
        )
    return match.group(2)


def _identifier(parent: Element, name: str) -> str:
    """It is sent back in headers and documents, so it is one word."""
    value = xml.text(xml.descendant(parent, name))
    if not _IDENTIFIER.fullmatch(value):
        raise Malformed(f"{GOAL_STATE} has no usable element {name!r}")
    return value


def _port(text: str) -> Optional[int]:
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 0 < int(text) < 65536:
        raise Malformed(f"{GOAL_STATE} has the probe port {text[:20]!r}")
    return int(text)


def parse_hosting_config(data: bytes) -> HostingConfig:
    """:raises Malformed: not a hosting environment configuration."""
    what = "the hosting configuration"
    root = xml.require_root(xml.parse(data, what), "HostingEnvironmentConfig", None, what)
    return HostingConfig(
        vm_name=_attribute(root, "Incarnation", "instance"),
        role_name=_attribute(root, "Role", "name"),
        deployment=_attribute(root, "Deployment", "name"),
        raw=data,
    )


def parse_shared_config(data: bytes) -> SharedConfig:
    """:raises Malformed: not a shared configuration, or RDMA values that are none."""
    what = "the shared configuration"
    root = xml.require_root(xml.parse(data, what), "SharedConfig", None, what)
    for instance in xml.descendants(root, "Instance"):
        address = instance.get("rdmaIPv4Address", "")
        mac = instance.get("rdmaMacAddress", "")
        if address or mac:
            return SharedConfig(_ipv4(address, what), _mac(mac, what), data)
    return SharedConfig("", "", data)


def parse_certificate_file(data: bytes) -> CertificateFile:
    """:raises Malformed: not a certificate file, or its data is not base64."""
    what = "the certificates"
    root = xml.require_root(xml.parse(data, what), "CertificateFile", None, what)
    incarnation = xml.text(xml.descendant(root, "Incarnation"))
    form = xml.text(xml.descendant(root, "Format"))
    if form not in ("", "Pkcs7BlobWithPfxContents"):
        warning = f"certificates in the format {form[:60]!r} are passed over"
        return CertificateFile(incarnation, b"", data, warning)
    encoded = "".join(xml.text(xml.descendant(root, "Data")).split())
    try:
        blob = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as broken:
        raise Malformed(f"{what} are not base64") from broken
    return CertificateFile(incarnation, blob, data)


def _attribute(root: Element, name: str, attribute: str) -> str:
    found = xml.descendant(root, name)
    return found.get(attribute, "") if found is not None else ""


def _ipv4(text: str, what: str) -> str:
    octets = text.split(".")
    if not (len(octets) == 4 and all(re.fullmatch("[0-9]{1,3}", part) for part in octets)) or any(
        int(part) > 255 for part in octets
    ):
        raise Malformed(f"{what} has the RDMA address {text[:40]!r}")
    return text


def _mac(text: str, what: str) -> str:
    plain = text.replace("-", "").replace(":", "")
    if not _MAC.fullmatch(plain):
        raise Malformed(f"{what} has the RDMA hardware address {text[:40]!r}")
    return ":".join(plain[at : at + 2] for at in range(0, 12, 2)).lower()
