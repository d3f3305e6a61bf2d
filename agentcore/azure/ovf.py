# SPDX-License-Identifier: Apache-2.0
"""``ovf-env.xml``: what the creator of the machine asked for.

Source: DMTF DSP0243 (OVF environment); the sections are the platform's own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional

from agentcore.errors import Malformed
from osdrivers.host import Secret

from . import xml

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

OVF = "http://schemas.dmtf.org/ovf/environment/1"
WA = "http://schemas.microsoft.com/windowsazure"
SUPPORTED = (1, 0)
SCRUBBED = "*"
WHAT = "ovf-env.xml"
_THUMBPRINT = re.compile(r"[0-9A-F]{40}|[0-9A-F]{64}")
_VERSION = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9}){0,3}")


@dataclass(frozen=True)
class PublicKey:
    """A key to let in.

    ``value`` is a line for authorized_keys(5), or "" when only the certificate's thumbprint is
    known.  ``fingerprint`` is that thumbprint, upper case, no colons; "" when there is none.
    ``path`` is as the document has it: not checked, may begin with ``$HOME``.
    """

    fingerprint: str
    path: str
    value: str


@dataclass(frozen=True)
class KeyPair:
    """A certificate's key to be put at ``path``; ``fingerprint`` is its thumbprint."""

    fingerprint: str
    path: str


@dataclass(frozen=True)
class Environment:
    """The document's values.  Names, paths and keys are not judged here, only carried.

    ``password`` None: none was given.  ``custom_data``: the text as it stands, usually base64.
    ``disable_password_authentication`` None: the document does not say (or says neither).
    ``scrubbed``: this is a copy whose secrets were struck out, so ``password`` and
    ``custom_data`` are None although there may have been some.
    ``warnings``: one line each, for the log.
    """

    version: str
    host_name: str
    user_name: str
    password: Optional[Secret]
    custom_data: Optional[Secret]
    disable_password_authentication: Optional[bool]
    public_keys: tuple[PublicKey, ...]
    key_pairs: tuple[KeyPair, ...]
    provision_guest_agent: bool
    preprovisioned_vm: bool
    guest_agent_package_name: str = ""
    kms_server_hostname: str = ""
    scrubbed: bool = False
    warnings: tuple[str, ...] = ()


def parse(data: bytes) -> Environment:
    """Read the document.

    Prefixes do not matter, namespaces do.  A missing platform section means its defaults: the
    guest agent stays, the machine is not preprovisioned.

    :raises Malformed: not XML, hostile, a required element is missing, a wrong namespace.
    """
    root = xml.require_root(xml.parse(data, WHAT), "Environment", OVF, WHAT)
    section = xml.require(root, "ProvisioningSection", WA, WHAT)
    wanted = xml.require(section, "LinuxProvisioningConfigurationSet", WA, WHAT)
    platform = xml.child(root, "PlatformSettingsSection", WA, WHAT)
    settings = xml.child(platform, "PlatformSettings", WA, WHAT)
    warnings: list[str] = []
    ssh = xml.child(wanted, "SSH", WA, WHAT)
    password, custom_data = _verbatim(wanted, "UserPassword"), _verbatim(wanted, "CustomData")
    disable = _flag(wanted, "DisableSshPasswordAuthentication", warnings)
    guest_agent = _flag(settings, "ProvisionGuestAgent", warnings)
    return Environment(
        version=_version(section, warnings),
        host_name=_filled(wanted, "HostName"),
        user_name=_filled(wanted, "UserName"),
        password=_secret(password),
        custom_data=_secret(custom_data),
        disable_password_authentication=disable,
        public_keys=tuple(_public_key(key, warnings) for key in _listed(ssh, "PublicKey")),
        key_pairs=tuple(_key_pair(pair) for pair in _listed(ssh, "KeyPair")),
        provision_guest_agent=guest_agent is not False,
        preprovisioned_vm=_flag(settings, "PreprovisionedVm", warnings) is True,
        guest_agent_package_name=xml.text(xml.child(settings, "GuestAgentPackageName", WA, WHAT)),
        kms_server_hostname=xml.text(xml.child(settings, "KmsServerHostname", WA, WHAT)),
        scrubbed=SCRUBBED in (password, custom_data),
        warnings=tuple(warnings),
    )


def _filled(parent: Element, name: str) -> str:
    value = xml.text(xml.require(parent, name, WA, WHAT))
    if not value:
        raise Malformed(f"{WHAT} has an empty element {name!r}")
    return value


def _verbatim(parent: Element, name: str) -> str:
    """Text with its white space: a password may begin or end with a blank."""
    found = xml.child(parent, name, WA, WHAT)
    return (found.text or "") if found is not None else ""


def _secret(value: str) -> Optional[Secret]:
    """White space alone is an element without content that somebody indented."""
    return Secret(value.encode()) if value.strip() and value != SCRUBBED else None


def _version(section: Element, warnings: list[str]) -> str:
    """Compared as numbers: 1.10 is later than 1.9."""
    version = _filled(section, "Version")
    if not _VERSION.fullmatch(version):
        raise Malformed(f"{WHAT} has the version {version[:40]!r}, which is not a number")
    numbers = tuple(int(part) for part in version.split("."))
    padded = numbers + (0,) * (len(SUPPORTED) - len(numbers))
    while len(padded) > len(SUPPORTED) and padded[-1] == 0:
        padded = padded[:-1]
    if padded != SUPPORTED:
        known = ".".join(map(str, SUPPORTED))
        warnings.append(f"{WHAT} has version {version}, read as {known}")
    return version


def _flag(parent: Optional[Element], name: str, warnings: list[str]) -> Optional[bool]:
    """A boolean of XML Schema in any case; None when absent or neither, never a guess."""
    element = xml.child(parent, name, WA, WHAT)
    value = xml.text(element).lower()
    if value in ("true", "1"):
        return True
    if value in ("false", "0"):
        return False
    if element is not None:
        warnings.append(f"{name} in {WHAT} is neither true nor false, taken as not given")
    return None


def _listed(ssh: Optional[Element], name: str) -> list[Element]:
    holder = xml.child(ssh, f"{name}s", WA, WHAT)
    return xml.children(holder, name, WA, WHAT)


def _public_key(key: Element, warnings: list[str]) -> PublicKey:
    value = xml.text(xml.child(key, "Value", WA, WHAT))
    thumbprint = _thumbprint(key)
    if not thumbprint and not value:
        raise Malformed(f"{WHAT} has a PublicKey with neither a Value nor a usable Fingerprint")
    if not thumbprint and xml.text(xml.child(key, "Fingerprint", WA, WHAT)):
        warnings.append(f"a Fingerprint in {WHAT} is not a thumbprint, its key's value is used")
    return PublicKey(thumbprint, _filled(key, "Path"), value)


def _key_pair(pair: Element) -> KeyPair:
    thumbprint = _thumbprint(pair)
    if not thumbprint:
        raise Malformed(f"{WHAT} has a KeyPair without a usable Fingerprint")
    return KeyPair(thumbprint, _filled(pair, "Path"))


def _thumbprint(parent: Element) -> str:
    """It becomes part of a file name: anything but a thumbprint is ""."""
    stated = xml.text(xml.child(parent, "Fingerprint", WA, WHAT))
    plain = stated.replace(":", "").replace(" ", "").upper()
    return plain if _THUMBPRINT.fullmatch(plain) else ""


# ---- scrubbing

#: Local names, lower case, that hold a secret wherever they stand, and parts of such names.
_SECRET_PARTS = ("password", "customdata", "userdata", "privatekey", "secret", "token")
#: Names that contain such a part and are settings.
_SETTINGS = ("disablesshpasswordauthentication",)
#: All that may stay below a key pair; its private value has had several names.
_PAIR_KEEPS = ("fingerprint", "path")


def scrub(data: bytes) -> bytes:
    """The document without its secrets: each becomes ``*``.

    Works on the tree, so prefixes, attributes, CDATA and line breaks do not matter.  Comments and
    processing instructions go.  The result is UTF-8 and is read by :func:`parse`.

    :raises Malformed: it cannot be read, so it cannot be made safe either.
    """
    from xml.etree.ElementTree import tostring

    root = xml.require_root(xml.parse(data, WHAT), "Environment", OVF, WHAT)
    todo = [root]
    while todo:
        element = todo.pop()
        in_pair = xml.local_name(element) == "KeyPair"
        for each in element:
            name = xml.local_name(each).lower()
            if _is_secret(name) or (in_pair and name not in _PAIR_KEEPS):
                _strike(each)
            else:
                todo.append(each)
        for attribute in element.attrib:
            if in_pair or _is_secret(xml.split_tag(attribute)[1].lower()):
                element.set(attribute, SCRUBBED)
    body: bytes = tostring(root, encoding="utf-8")
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + body + b"\n"


def _is_secret(name: str) -> bool:
    return name not in _SETTINGS and any(part in name for part in _SECRET_PARTS)


def _strike(element: Element) -> None:
    """Leave the name and what follows; an element that was empty stays empty."""
    tail, filled = element.tail, bool(element.text) or len(element) > 0
    element.clear()
    element.tail, element.text = tail, SCRUBBED if filled else None
