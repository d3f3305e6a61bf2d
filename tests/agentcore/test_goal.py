# SPDX-License-Identifier: Apache-2.0
"""Document and options joined into what is wanted of the machine."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from agentcore.azure.ovf import Environment, KeyPair, PublicKey
from agentcore.provisioning.goal import custom_data, expand, goal_of
from agentcore.provisioning.instance import Marker, swapped
from agentcore.settings import ProvisioningSettings, Settings
from osdrivers.api import Plain
from osdrivers.errors import InvalidInput
from osdrivers.host import Host, Secret

KEY = PublicKey("", "$HOME/azureuser/.ssh/authorized_keys", "ssh-ed25519 AAAA me")


def environment(**values: object) -> Environment:
    plain = Environment(
        version="1.0",
        host_name="vm-1",
        user_name="azureuser",
        password=None,
        custom_data=None,
        disable_password_authentication=None,
        public_keys=(),
        key_pairs=(),
        provision_guest_agent=True,
        preprovisioned_vm=False,
    )
    return replace(plain, **values)  # type: ignore[arg-type]


def test_home_in_a_key_path_is_the_directory_of_homes():
    pair = KeyPair("AB" * 20, "$HOME/azureuser/.ssh/id_rsa")
    goal = goal_of(environment(public_keys=(KEY,), key_pairs=(pair,)), Settings())
    assert goal.keys[0].path == "/home/azureuser/.ssh/authorized_keys"
    assert goal.keys[0].line == "ssh-ed25519 AAAA me"
    assert goal.pairs[0].path == "/home/azureuser/.ssh/id_rsa"
    assert expand("/home/a/../b/.ssh/k", "/home") == "/home/b/.ssh/k"
    with pytest.raises(InvalidInput, match="not absolute"):
        expand(".ssh/authorized_keys", "/home")


def test_a_key_known_by_thumbprint_stays_a_thumbprint():
    goal = goal_of(environment(public_keys=(PublicKey("AB" * 20, "/home/a/k", ""),)), Settings())
    assert goal.keys[0].thumbprint == "AB" * 20
    assert goal.keys[0].line == ""


@pytest.mark.parametrize(
    ("disable", "password", "keys", "wanted"),
    [
        (True, None, (KEY,), "no"),
        (False, None, (KEY,), "yes"),
        (None, None, (KEY,), None),
        (None, Secret(b"p"), (KEY,), None),
        (None, Secret(b"p"), (), "yes"),
    ],
)
def test_password_logins_change_only_as_the_document_demands(disable, password, keys, wanted):
    goal = goal_of(
        environment(disable_password_authentication=disable, password=password, public_keys=keys),
        Settings(),
    )
    assert goal.sshd.get("PasswordAuthentication") == wanted
    assert goal.sshd.get("KbdInteractiveAuthentication") == wanted
    assert goal.sshd["ClientAliveInterval"] == "180"


def test_locking_everybody_out_is_said():
    goal = goal_of(environment(disable_password_authentication=True), Settings())
    assert "nobody can log in" in goal.warnings[-1]


@pytest.mark.parametrize(("option", "scheme"), [("6", "6"), ("auto", "")])
def test_the_password_scheme_is_the_administrators(option, scheme):
    settings = Settings(provisioning=ProvisioningSettings(password_crypt_id=option))
    goal = goal_of(environment(password=Secret(b"p")), settings)
    assert isinstance(goal.password, Plain)
    assert goal.password.scheme == scheme
    assert "b'p'" not in repr(goal)


def data(text: bytes, **options: bool) -> tuple[bytes, bool]:
    settings = Settings(provisioning=ProvisioningSettings(**options))  # type: ignore[arg-type]
    wanted = custom_data(goal_of(environment(custom_data=Secret(text)), settings), settings)
    assert wanted is not None
    return wanted.content.reveal(), wanted.execute


def test_custom_data_is_decoded_only_where_the_options_say_so():
    encoded = base64.encodebytes(b"#!/bin/sh\n" * 20)
    assert data(encoded) == (encoded, False)
    assert data(encoded, decode_custom_data=True) == (b"#!/bin/sh\n" * 20, False)
    assert data(encoded, execute_custom_data=True) == (b"#!/bin/sh\n" * 20, True)


@pytest.mark.parametrize("text", [b"not base64!", b"QQ", b"\xff\xfe"])
def test_custom_data_that_is_not_base64_is_refused_where_it_must_be(text):
    assert data(text) == (text, False)
    with pytest.raises(InvalidInput, match="not base64"):
        data(text, decode_custom_data=True)


def test_huge_custom_data_is_refused():
    with pytest.raises(InvalidInput, match="at most"):
        data(b"A" * (1 << 21))


def test_an_instance_is_known_in_either_byte_order(tmp_path):
    one, other = "544cdfd0-cb4e-4b4a-9954-5bdf3ed5c3b8", "d0df4c54-4ecb-4a4b-9954-5bdf3ed5c3b8"
    assert swapped(one.upper()) == other
    assert swapped("not-a-uuid") == "not-a-uuid"
    host = Host(str(tmp_path))
    assert not Marker.of(host).provisioned
    assert not Marker.of(host).is_for(other)
    (tmp_path / "var/lib/waagent").mkdir(parents=True)
    (tmp_path / "var/lib/waagent/provisioned").write_text(one.upper() + "\n")
    assert Marker.of(host).is_for(other)
    assert Marker.of(host).is_for(one)
    assert not Marker.of(host).is_for("00000000-0000-0000-0000-000000000000")
