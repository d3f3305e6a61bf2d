# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from agentcore.azure import ovf
from agentcore.azure.ovf import KeyPair, PublicKey
from agentcore.errors import Malformed
from osdrivers.host import Secret
from tests.azure.samples import THUMBPRINT, captured, platform_settings
from tests.azure.samples import ovf as document

WA = "http://schemas.microsoft.com/windowsazure"
SSH = f"""<wa:SSH><wa:PublicKeys><wa:PublicKey><wa:Fingerprint>{THUMBPRINT}</wa:Fingerprint>
<wa:Path>/home/azureuser/.ssh/authorized_keys</wa:Path><wa:Value>
 ssh-ed25519 AAAA me </wa:Value></wa:PublicKey><wa:PublicKey><wa:Fingerprint>
01:23:45:67:89:ab:cd:ef:01:23:45:67:89:ab:cd:ef:01:23:45:67</wa:Fingerprint>
<wa:Path>$HOME/x</wa:Path></wa:PublicKey></wa:PublicKeys><wa:KeyPairs><wa:KeyPair>
<wa:Fingerprint>{THUMBPRINT}</wa:Fingerprint><wa:Path>$HOME/id</wa:Path></wa:KeyPair>
</wa:KeyPairs></wa:SSH>"""
SECRETS = "<wa:UserPassword>CANARY-pw</wa:UserPassword><wa:CustomData>CANARY-cd</wa:CustomData>"


def test_all_fields_are_read() -> None:
    found = ovf.parse(
        document(
            extra=SECRETS
            + SSH
            + "<wa:DisableSshPasswordAuthentication>TRUE</wa:DisableSshPasswordAuthentication>",
            platform=platform_settings(
                "<wa:KmsServerHostname>kms</wa:KmsServerHostname>"
                "<wa:ProvisionGuestAgent>False</wa:ProvisionGuestAgent>"
                '<wa:GuestAgentPackageName xsi:nil="true"/>'
                "<wa:PreprovisionedVm>true</wa:PreprovisionedVm>"
            ),
        )
    )
    assert found == ovf.Environment(
        version="1.0",
        host_name="vm1",
        user_name="azureuser",
        password=Secret(b"CANARY-pw"),
        custom_data=Secret(b"CANARY-cd"),
        disable_password_authentication=True,
        public_keys=(
            PublicKey(THUMBPRINT, "/home/azureuser/.ssh/authorized_keys", "ssh-ed25519 AAAA me"),
            PublicKey(THUMBPRINT, "$HOME/x", ""),
        ),
        key_pairs=(KeyPair(THUMBPRINT, "$HOME/id"),),
        provision_guest_agent=False,
        preprovisioned_vm=True,
        kms_server_hostname="kms",
    )
    assert "CANARY" not in repr(found)


def test_what_is_absent_is_none_or_the_default() -> None:
    found = ovf.parse(document())
    assert found.password is None
    assert found.custom_data is None
    assert found.disable_password_authentication is None
    assert found.public_keys == ()
    assert found.key_pairs == ()
    assert found.provision_guest_agent
    assert not found.preprovisioned_vm
    assert found.warnings == ()


@pytest.mark.parametrize("name", ["ovf-env.xml", "ovf-env-2.xml"])
def test_captured_documents_are_read(name: str) -> None:
    found = ovf.parse(captured(name))
    assert (found.host_name, found.user_name) == ("HostName", "UserName")
    assert found.password == Secret(b"UserPassword")
    assert found.custom_data == Secret(b"CustomData")
    assert found.disable_password_authentication is False
    assert found.public_keys[0].path == "$HOME/UserName/.ssh/authorized_keys"
    assert found.public_keys[0].value == "ssh-rsa AAAANOTAREALKEY== foo@bar.local"
    assert found.key_pairs[0].fingerprint == "EB0C0AB4B2D5FC35F2F0658D19F44C8283E2DD62"
    assert found.provision_guest_agent is (name == "ovf-env-2.xml")


def test_prefixes_do_not_matter() -> None:
    data = (
        f'<o:Environment xmlns:o="{ovf.OVF}"><ProvisioningSection xmlns="{WA}"><Version>1.0'
        f'</Version><z:LinuxProvisioningConfigurationSet xmlns:z="{WA}"><z:HostName>h</z:HostName>'
        "<UserName>u</UserName></z:LinuxProvisioningConfigurationSet></ProvisioningSection>"
        "</o:Environment>"
    ).encode()
    assert (ovf.parse(data).host_name, ovf.parse(data).user_name) == ("h", "u")


@pytest.mark.parametrize("password", ["  two blanks  ", "a&amp;b&lt;", "pâss\twörd", "x\ny"])
def test_a_password_keeps_every_character(password: str) -> None:
    found = ovf.parse(document(extra=f"<wa:UserPassword>{password}</wa:UserPassword>"))
    plain = password.replace("&amp;", "&").replace("&lt;", "<")
    assert found.password == Secret(plain.encode())


def test_a_password_in_cdata_is_text() -> None:
    found = ovf.parse(document(extra="<wa:UserPassword><![CDATA[<&>]]></wa:UserPassword>"))
    assert found.password == Secret(b"<&>")


@pytest.mark.parametrize(
    "element", ["<wa:UserPassword/>", '<wa:UserPassword xsi:nil="true"> \n </wa:UserPassword>']
)
def test_an_empty_password_is_none(element: str) -> None:
    assert ovf.parse(document(extra=element)).password is None


@pytest.mark.parametrize(
    ("text", "value", "warned"),
    [
        ("true", True, False),
        ("True", True, False),
        ("1", True, False),
        (" false ", False, False),
        ("0", False, False),
        ("maybe", None, True),
        ("", None, True),
    ],
)
def test_password_authentication_has_three_states(text: str, value: object, warned: bool) -> None:
    name = "wa:DisableSshPasswordAuthentication"
    found = ovf.parse(document(extra=f"<{name}>{text}</{name}>"))
    assert found.disable_password_authentication is value
    assert bool(found.warnings) is warned


def test_an_empty_guest_agent_setting_keeps_the_agent_and_is_told() -> None:
    found = ovf.parse(document(platform=platform_settings("<wa:ProvisionGuestAgent/>")))
    assert found.provision_guest_agent
    assert "ProvisionGuestAgent" in found.warnings[0]


@pytest.mark.parametrize(
    ("version", "warned"),
    [("1.0", False), ("1", False), ("1.0.0", False), ("1.1", True), ("1.10", True), ("2", True)],
)
def test_versions_are_numbers_and_another_one_is_told(version: str, warned: bool) -> None:
    found = ovf.parse(document(version=f"<wa:Version>{version}</wa:Version>"))
    assert bool(found.warnings) is warned


@pytest.mark.parametrize("version", ["one", "1.x", "-1", "", "1.0.0.0.0", "٣"])
def test_a_version_that_is_no_number_is_malformed(version: str) -> None:
    with pytest.raises(Malformed, match=r"[vV]ersion"):
        ovf.parse(document(version=f"<wa:Version>{version}</wa:Version>"))


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"<Environment/>", "Environment"),
        (f'<Environment xmlns="{ovf.OVF}"/>'.encode(), "ProvisioningSection"),
        (document(version=""), "Version"),
        (document(wanted="<wa:HostName>h</wa:HostName>"), "UserName"),
        (document(wanted="<wa:UserName>u</wa:UserName>"), "HostName"),
        (document(wanted="<wa:HostName> </wa:HostName><wa:UserName>u</wa:UserName>"), "HostName"),
    ],
)
def test_a_missing_element_is_named(data: bytes, name: str) -> None:
    with pytest.raises(Malformed, match=name):
        ovf.parse(data)


@pytest.mark.parametrize(
    "old",
    ["http://schemas.dmtf.org/ovf/environment/1", "http://schemas.microsoft.com/windowsazure"],
)
def test_a_wrong_namespace_is_named(old: str) -> None:
    with pytest.raises(Malformed, match="urn:other"):
        ovf.parse(document().replace(old.encode(), b"urn:other"))


def test_an_optional_element_in_a_wrong_namespace_is_named_too() -> None:
    with pytest.raises(Malformed, match="'UserPassword' in the namespace"):
        ovf.parse(document(extra="<UserPassword>x</UserPassword>"))


@pytest.mark.parametrize(
    "ssh",
    [
        "<wa:PublicKeys><wa:PublicKey><wa:Value>ssh-rsa A</wa:Value></wa:PublicKey>"
        "</wa:PublicKeys>",
        "<wa:PublicKeys><wa:PublicKey><wa:Path>/p</wa:Path></wa:PublicKey></wa:PublicKeys>",
        "<wa:PublicKeys><wa:PublicKey><wa:Path>/p</wa:Path><wa:Fingerprint>../../x</wa:Fingerprint>"
        "</wa:PublicKey></wa:PublicKeys>",
        "<wa:KeyPairs><wa:KeyPair><wa:Path>/p</wa:Path></wa:KeyPair></wa:KeyPairs>",
        "<wa:KeyPairs><wa:KeyPair><wa:Fingerprint>../x</wa:Fingerprint><wa:Path>/p</wa:Path>"
        "</wa:KeyPair></wa:KeyPairs>",
    ],
)
def test_a_key_that_says_too_little_is_malformed(ssh: str) -> None:
    with pytest.raises(Malformed):
        ovf.parse(document(extra=f"<wa:SSH>{ssh}</wa:SSH>"))


def test_a_fingerprint_that_is_none_never_reaches_a_file_name() -> None:
    key = "<wa:Path>/p</wa:Path><wa:Fingerprint>../x</wa:Fingerprint><wa:Value>ssh-rsa A</wa:Value>"
    holder = f"<wa:PublicKeys><wa:PublicKey>{key}</wa:PublicKey></wa:PublicKeys>"
    found = ovf.parse(document(extra=f"<wa:SSH>{holder}</wa:SSH>"))
    assert found.public_keys == (PublicKey("", "/p", "ssh-rsa A"),)
    assert "thumbprint" in found.warnings[0]


def test_huge_custom_data_is_carried_and_a_huge_document_is_refused() -> None:
    found = ovf.parse(document(extra=f"<wa:CustomData>{'QUFB' * 500_000}</wa:CustomData>"))
    assert found.custom_data is not None
    assert len(found.custom_data.reveal()) == 2_000_000
    with pytest.raises(Malformed):
        ovf.parse(document(extra=f"<wa:CustomData>{'QUFB' * 5_000_000}</wa:CustomData>"))


# ---- scrubbing


@pytest.mark.parametrize(
    "extra",
    [
        SECRETS,
        '<wa:UserPassword xsi:nil="false" hint="CANARY">CANARY</wa:UserPassword>',
        "<wa:UserPassword>\n  CANARY\n  CANARY\n</wa:UserPassword>",
        "<wa:UserPassword><![CDATA[CANARY]]></wa:UserPassword>",
        "<wa:UserPassword><wa:Nested a='CANARY'>CANARY</wa:Nested>CANARY</wa:UserPassword>",
        '<w:UserPassword xmlns:w="http://schemas.microsoft.com/windowsazure">CANARY</w:UserPassword>',
        "<wa:userpassword>CANARY</wa:userpassword><wa:AdminPassword>CANARY</wa:AdminPassword>",
        "<wa:CustomData>CANARY</wa:CustomData><!-- CANARY --><?pi CANARY?>",
        "<wa:Thing UserPassword='CANARY'/>",
        "<wa:UserSecrets><wa:Value>CANARY</wa:Value></wa:UserSecrets>",
        f"<wa:SSH><wa:KeyPairs><wa:KeyPair Value='CANARY'><wa:Fingerprint>{THUMBPRINT}"
        "</wa:Fingerprint><wa:Path>/p</wa:Path><wa:Value>CANARY</wa:Value>"
        "<wa:PrivateKey>CANARY</wa:PrivateKey></wa:KeyPair></wa:KeyPairs></wa:SSH>",
    ],
)
def test_scrubbing_takes_every_secret_and_leaves_the_rest(extra: str) -> None:
    clean = ovf.scrub(document(extra=extra + SSH))
    assert b"CANARY" not in clean
    found = ovf.parse(clean)
    assert (found.host_name, found.user_name) == ("vm1", "azureuser")
    assert found.password is None
    assert found.custom_data is None


def test_a_scrubbed_document_says_so_and_keeps_keys_and_settings() -> None:
    flag = "<wa:DisableSshPasswordAuthentication>true</wa:DisableSshPasswordAuthentication>"
    found = ovf.parse(ovf.scrub(document(extra=SECRETS + SSH + flag)))
    assert found.scrubbed
    assert found.disable_password_authentication is True
    assert found.public_keys[0].value == "ssh-ed25519 AAAA me"
    assert not ovf.parse(document()).scrubbed
    assert not ovf.parse(ovf.scrub(document())).scrubbed


def test_scrubbing_twice_changes_nothing() -> None:
    once = ovf.scrub(document(extra=SECRETS + SSH))
    assert ovf.scrub(once) == once


@pytest.mark.parametrize("name", ["ovf-env.xml", "ovf-env-2.xml"])
def test_captured_documents_are_scrubbed(name: str) -> None:
    clean = ovf.scrub(captured(name))
    assert b">UserPassword<" not in clean
    assert b">CustomData<" not in clean
    assert ovf.parse(clean).public_keys == ovf.parse(captured(name)).public_keys


def test_what_cannot_be_read_is_not_passed_on_unscrubbed() -> None:
    with pytest.raises(Malformed):
        ovf.scrub(document(extra=SECRETS)[:-20])


def test_values_of_every_script_survive_scrubbing() -> None:
    data = document(wanted="<wa:HostName>hôst&amp;</wa:HostName><wa:UserName>ü</wa:UserName>")
    assert ovf.parse(ovf.scrub(data)).host_name == "hôst&"
