# SPDX-License-Identifier: Apache-2.0
"""The provisioning document."""

from __future__ import annotations

import base64
from typing import Optional
from xml.etree.ElementTree import Element

import pytest
from defusedxml import ElementTree

from lab.platform import ovf
from lab.platform.machine import KeyPair, Machine
from osdrivers.errors import InvalidInput

WA = "{http://schemas.microsoft.com/windowsazure}"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA <me> & you"


def parsed(machine: Machine) -> Element:
    root: Element = ElementTree.fromstring(ovf.document(machine))
    return root


def text(root: Element, name: str) -> Optional[str]:
    return root.findtext(f".//{WA}{name}")


@pytest.mark.parametrize("word", ["<&>\"'", "a\r\nb\tc", "ünï → 𝄞", " both ends ", "]]>", ""])
def test_every_possible_password_arrives_unchanged(word: str) -> None:
    assert text(parsed(Machine.example(password=word)), "UserPassword") == word


@pytest.mark.parametrize("word", ["nul\0", "bell\a", "\ud800", "\ufffe"])
def test_what_xml_cannot_carry_is_refused(word: str) -> None:
    with pytest.raises(InvalidInput, match="U\\+"):
        ovf.document(Machine.example(password=word))


def test_custom_data_is_base64() -> None:
    data = bytes(range(256))
    sent = text(parsed(Machine.example(custom_data=data)), "CustomData")
    assert base64.b64decode(sent or "") == data


def test_what_is_not_wanted_is_left_out() -> None:
    machine = Machine("vm1", "ada", disable_password_auth=None)
    root = parsed(machine)
    for name in ("UserPassword", "CustomData", "SSH", "DisableSshPasswordAuthentication"):
        assert root.find(f".//{WA}{name}") is None
    assert (text(root, "HostName"), text(root, "UserName")) == ("vm1", "ada")


def test_keys_and_key_pairs_are_listed() -> None:
    pair = KeyPair("AB12", "/home/azureuser/.ssh/id_rsa")
    machine = Machine.example(ssh_keys=(KEY,), ssh_thumbprints=("CD34",), key_pairs=(pair,))
    root = parsed(machine)
    keys = root.findall(f".//{WA}PublicKey")
    assert [key.findtext(f"{WA}Value") for key in keys] == [KEY, None]
    assert keys[1].findtext(f"{WA}Fingerprint") == "CD34"
    assert {key.findtext(f"{WA}Path") for key in keys} == {machine.authorized_keys}
    assert text(root, "KeyPairs/{*}KeyPair/{*}Path".replace("{*}", WA)) == pair.path


@pytest.mark.parametrize(("wanted", "word"), [(True, "true"), (False, "false")])
def test_the_switches_are_words(wanted: bool, word: str) -> None:
    machine = Machine.example(disable_password_auth=wanted, provision_guest_agent=wanted)
    root = parsed(machine)
    assert text(root, "DisableSshPasswordAuthentication") == word
    assert text(root, "ProvisionGuestAgent") == word
