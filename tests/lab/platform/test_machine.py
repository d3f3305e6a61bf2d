# SPDX-License-Identifier: Apache-2.0
"""The description of a machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.platform.certificates import Certificate
from lab.platform.machine import KeyPair, Machine, Plugin, RemoteUser
from osdrivers.errors import FileFailed, InvalidInput


def test_a_machine_survives_json() -> None:
    machine = Machine.example(
        ssh_keys=("ssh-ed25519 AAAA me",),
        ssh_thumbprints=("AB12",),
        key_pairs=(KeyPair("AB12", "/home/azureuser/.ssh/id_rsa"),),
        certificates=(Certificate("cert", "key"),),
        custom_data=bytes(range(256)),
        plugins=(Plugin("Lab.Ext", "1.0", settings={"a": [1]}, protected={"b": 2}),),
        users=(RemoteUser("jit", "geheim"),),
        agent_versions={"9.9.9.9": "/a.zip"},
    )
    assert Machine.from_json(json.dumps(machine.to_json())) == machine


def test_fields_left_out_have_their_defaults() -> None:
    machine = Machine.from_json({"hostname": "vm1", "user": "ada"})
    assert machine == Machine("vm1", "ada")
    assert machine.authorized_keys == "/home/ada/.ssh/authorized_keys"
    assert machine.role_config.split(".")[0] == machine.deployment_id


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"hostname": "a", "user": "b", "color": 1}', '{"hostname": "a"}',
     '{"hostname": "a", "user": "b", "custom_data": "*"}',
     '{"hostname": "a", "user": "b", "plugins": [{"nome": 1}]}',
     '{"hostname": "a", "user": "b", "incarnation": 0}'],
)  # fmt: skip
def test_a_wrong_description_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        Machine.from_json(text)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileFailed, match=r"none\.json"):
        Machine.load(tmp_path / "none.json")


def test_no_secret_shows_in_a_representation() -> None:
    machine = Machine.example(
        password="geheim",
        custom_data=b"geheim",
        certificates=(Certificate("", "geheim"),),
        users=(RemoteUser("jit", "geheim"),),
        plugins=(Plugin("Lab.Ext", "1", protected={"a": "geheim"}),),
    )
    assert "geheim" not in repr(machine)
