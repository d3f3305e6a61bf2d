# SPDX-License-Identifier: Apache-2.0
"""Provisioning documents of our own making, sound and unsound."""

from __future__ import annotations

import base64
import struct
from typing import Optional
from xml.sax.saxutils import escape

OVF = "http://schemas.dmtf.org/ovf/environment/1"
WA = "http://schemas.microsoft.com/windowsazure"
PASSWORD = "C4n4ry-p4ssw0rd"


def public_key(number: int = 1) -> str:
    """An Ed25519 public key line that is well formed (RFC 8709) and nobody's."""
    kind = b"ssh-ed25519"
    blob = struct.pack(">I", len(kind)) + kind + struct.pack(">I", 32) + bytes([number]) * 32
    return f"ssh-ed25519 {base64.b64encode(blob).decode()} somebody@example"


def element(name: str, value: Optional[str]) -> str:
    return "" if value is None else f"<{name}>{escape(value)}</{name}>"


def ovf(
    host_name: Optional[str] = "vm-1",
    user_name: Optional[str] = "azureuser",
    password: Optional[str] = PASSWORD,
    keys: tuple[str, ...] = (public_key(),),
    key_path: str = "$HOME/azureuser/.ssh/authorized_keys",
    custom_data: Optional[str] = None,
    disable: Optional[str] = "false",
    version: str = "1.0",
    namespace: str = WA,
) -> bytes:
    """A document with these values; None leaves an element out."""
    listed = "".join(
        f"<PublicKey>{element('Path', key_path)}{element('Value', key)}</PublicKey>" for key in keys
    )
    return f"""<?xml version="1.0" encoding="utf-8"?>
<Environment xmlns="{OVF}" xmlns:wa="{namespace}">
 <wa:ProvisioningSection><wa:Version>{version}</wa:Version>
  <LinuxProvisioningConfigurationSet xmlns="{namespace}">
   <ConfigurationSetType>LinuxProvisioningConfiguration</ConfigurationSetType>
   {element("HostName", host_name)}{element("UserName", user_name)}
   {element("UserPassword", password)}
   {element("DisableSshPasswordAuthentication", disable)}
   <SSH><PublicKeys>{listed}</PublicKeys></SSH>
   {element("CustomData", custom_data)}
  </LinuxProvisioningConfigurationSet></wa:ProvisioningSection>
 <wa:PlatformSettingsSection><wa:Version>1.0</wa:Version><wa:PlatformSettings>
  <wa:ProvisionGuestAgent>true</wa:ProvisionGuestAgent></wa:PlatformSettings>
 </wa:PlatformSettingsSection></Environment>
""".encode()
