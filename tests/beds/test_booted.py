# SPDX-License-Identifier: Apache-2.0
"""Each tree boots with its own init system and is provisioned; then its real tools are asked."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import Any, Callable

import pytest

from lab.beds import booted
from lab.beds.description import described, names
from lab.demo.wanted import wanted
from lab.platform import ovf

pytestmark = [pytest.mark.beds, pytest.mark.sandbox]

PROGRAM = Path(__file__).parent / "inside/first_boot.py"
ACTIVE = {"stop": False, "start": True, "disable": True, "enable": True, "restart": True}
ENABLED = {"stop": True, "start": True, "disable": False, "enable": True, "restart": True}
INITS = {"alpine": "openrc", "gentoo": "openrc", "devuan": "sysv"}


@pytest.fixture(scope="module")
def boots(
    made: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], dict[str, Any]]:
    """What a tree's first boot came to; each boots once."""

    @functools.cache
    def boot(name: str) -> dict[str, Any]:
        asked = wanted()
        machine = dataclasses.replace(
            asked.machine, password=None, custom_data=None, disable_password_auth=True
        )
        given = {
            "ovf-env.xml": ovf.document(machine).decode(),
            "key": asked.private_key.decode(),
        }
        return booted.boot(made(name), tmp_path_factory.mktemp(name), PROGRAM, given)

    return boot


@pytest.fixture(params=names())
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_it_is_provisioned_by_the_driver_of_its_identity_under_its_own_init(
    name: str, boots: Callable[[str], dict[str, Any]]
) -> None:
    found = boots(name)
    assert found["first"]["status"] == 0, found["first"]["said"]
    assert (found["driver"], found["init"]) == (described(name).driver, INITS.get(name, "systemd"))
    assert found["pid1"] == ("systemd" if found["init"] == "systemd" else "init")


def test_its_administrator_logs_in_and_becomes_root(
    name: str, boots: Callable[[str], dict[str, Any]]
) -> None:
    found = boots(name)
    assert found["login"] == [0, "azureuser"]
    status, said = found["root"]  # sudo may say first that no server knows the new name yet
    assert (status, said.splitlines()[-1:]) == (0, ["0"]), said


def test_it_has_its_new_name(name: str, boots: Callable[[str], dict[str, Any]]) -> None:
    found = boots(name)
    assert {found["kernel_name"], found["static_name"]} == {"labvm1"}
    assert found.get("hostnamectl", [0, "labvm1"]) == [0, "labvm1"]


def test_a_second_run_changes_nothing(name: str, boots: Callable[[str], dict[str, Any]]) -> None:
    second = boots(name)["second"]
    assert (second["status"], second["actions"]) == (0, []), second["said"]


def test_every_verb_does_to_the_ssh_server_what_it_says(
    name: str, boots: Callable[[str], dict[str, Any]]
) -> None:
    for each in boots(name)["verbs"]:
        verb = each["verb"]
        wanted_state = {"active": ACTIVE[verb], "enabled": ENABLED[verb]}
        assert each == {
            "verb": verb,
            "error": "",
            "again": [],
            "tools": wanted_state,
            "driver": wanted_state,
        }


def test_a_service_of_our_own_comes_runs_and_goes(
    name: str, boots: Callable[[str], dict[str, Any]]
) -> None:
    own = boots(name)["own"]
    assert (own["install"], own["enabled"], own["again"]) == ("", True, [])
    assert own["start"][0] == 0 and own["ran"], own["start"]
    assert (own["uninstall"], own["left"]) == ("", [])
