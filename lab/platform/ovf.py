# SPDX-License-Identifier: Apache-2.0
"""The provisioning document ``ovf-env.xml`` as the platform writes it."""

from __future__ import annotations

import base64
import hashlib
import re
from xml.sax.saxutils import escape

from osdrivers.errors import InvalidInput

from .machine import Machine

FILE_NAME = "ovf-env.xml"

# XML 1.0, production [2]: what no document can hold, not even as a reference.
_IMPOSSIBLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_FRAME = """\
<?xml version="1.0" encoding="utf-8"?>
<Environment xmlns="http://schemas.dmtf.org/ovf/environment/1"\
 xmlns:oe="http://schemas.dmtf.org/ovf/environment/1"\
 xmlns:wa="http://schemas.microsoft.com/windowsazure"\
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
  <wa:ProvisioningSection>
    <wa:Version>1.0</wa:Version>
    <LinuxProvisioningConfigurationSet xmlns="http://schemas.microsoft.com/windowsazure"\
 xmlns:i="http://www.w3.org/2001/XMLSchema-instance">
      <ConfigurationSetType>LinuxProvisioningConfiguration</ConfigurationSetType>
{wanted}
    </LinuxProvisioningConfigurationSet>
  </wa:ProvisioningSection>
  <wa:PlatformSettingsSection>
    <wa:Version>1.0</wa:Version>
    <wa:PlatformSettings>
      <wa:KmsServerHostname>kms.core.windows.net</wa:KmsServerHostname>
      <wa:ProvisionGuestAgent>{agent}</wa:ProvisionGuestAgent>
      <wa:GuestAgentPackageName xsi:nil="true"/>
      <wa:RetainWindowsPEPassInUnattend>true</wa:RetainWindowsPEPassInUnattend>
      <wa:RetainOfflineServicingPassInUnattend>true</wa:RetainOfflineServicingPassInUnattend>
      <wa:PreprovisionedVm>false</wa:PreprovisionedVm>
    </wa:PlatformSettings>
  </wa:PlatformSettingsSection>
</Environment>
"""


def document(machine: Machine) -> bytes:
    """The document for ``machine``, UTF-8.

    :raises InvalidInput: a value holds a character that XML 1.0 cannot carry.
    """
    lines = [_element("HostName", machine.hostname), _element("UserName", machine.user)]
    if machine.password is not None:
        lines.append(_element("UserPassword", machine.password))
    if machine.disable_password_auth is not None:
        word = "true" if machine.disable_password_auth else "false"
        lines.append(_element("DisableSshPasswordAuthentication", word))
    lines += _ssh(machine)
    if machine.custom_data is not None:
        lines.append(_element("CustomData", base64.b64encode(machine.custom_data).decode()))
    wanted = "\n".join(f"      {line}" for line in lines)
    agent = "true" if machine.provision_guest_agent else "false"
    return _FRAME.format(wanted=wanted, agent=agent).encode()


def _ssh(machine: Machine) -> list[str]:
    path = _element("Path", machine.authorized_keys)
    keys = [
        f"<PublicKey>{_element('Fingerprint', _fingerprint(line))}{path}"
        f"{_element('Value', line)}</PublicKey>"
        for line in machine.ssh_keys
    ]
    keys += [
        f"<PublicKey>{_element('Fingerprint', thumbprint)}{path}</PublicKey>"
        for thumbprint in machine.ssh_thumbprints
    ]
    pairs = [
        f"<KeyPair>{_element('Fingerprint', pair.thumbprint)}"
        f"{_element('Path', pair.path)}</KeyPair>"
        for pair in machine.key_pairs
    ]
    inner = []
    if keys:
        inner += ["  <PublicKeys>", *(f"    {key}" for key in keys), "  </PublicKeys>"]
    if pairs:
        inner += ["  <KeyPairs>", *(f"    {pair}" for pair in pairs), "  </KeyPairs>"]
    return ["<SSH>", *inner, "</SSH>"] if inner else []


def _fingerprint(line: str) -> str:
    """The platform sends 40 hexadecimal digits beside a key; clients do not check them."""
    return hashlib.sha1(line.encode()).hexdigest().upper()


def _element(name: str, text: str) -> str:
    bad = _IMPOSSIBLE.search(text)
    if bad:
        raise InvalidInput(f"{name}: XML cannot carry the character U+{ord(bad.group()):04X}")
    # A parser turns a literal carriage return into a newline (XML 1.0, 2.11).
    return f"<{name}>{escape(text, {chr(13): '&#13;'})}</{name}>"
