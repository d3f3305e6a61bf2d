# SPDX-License-Identifier: Apache-2.0
"""A guest of the platform: its hardware, its disc, and the services at the end of its network."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentcore.provisioning.instance import swapped
from lab.platform.machine import Machine
from lab.sandbox import Sandbox, sandbox
from lab.sandbox.interpreter import Interpreter
from osdrivers.conformance.beds.witness import HostState
from osdrivers.errors import Busy, NotFound
from tests.agentcore.documents import ovf

pytestmark = [pytest.mark.sandbox, pytest.mark.alone]

MACHINE = Machine.example()
DISC = "/mnt/cdrom/secure"
ASK = "import urllib.request as u; print(u.urlopen({!r}, timeout=240).status)"


@pytest.fixture(scope="module")
def made() -> Iterator[Sandbox]:
    before = HostState.first()
    with sandbox(MACHINE, wrapper='#!/bin/sh\necho wrapped; waagent-real "$@"\n') as each:
        yield each
    assert before.differences(HostState.now()) == ()


def says(made: Sandbox, command: str) -> str:
    ended = made.bed.guest.run(("sh", "-c", command))
    assert ended.status == 0, ended.stderr
    return ended.stdout


def test_the_temporary_disk_is_found_as_on_the_platform(made: Sandbox) -> None:
    device = "/sys/bus/vmbus/devices/*"
    assert says(made, f"cat {device}/device_id") == "{00000000-0001-8899-0000-000000000000}\n"
    assert says(made, f"ls {device}/host*/target*/*:*:*:*/block").strip() == (
        os.path.basename(made.bed.disk)
    )


def test_the_firmware_has_the_machines_id_in_its_own_byte_order(made: Sandbox) -> None:
    assert swapped(says(made, "cat /sys/class/dmi/id/product_uuid").strip()) == MACHINE.vm_id


def test_the_disc_is_in_its_drive(made: Sandbox) -> None:
    assert says(made, f"stat -c %a {DISC} {DISC}/ovf-env.xml").split() == ["700", "600"]
    assert f"/dev/sr0 {DISC} " in says(made, "cat /proc/mounts")


def test_the_platform_answers_the_guest_and_keeps_a_record(made: Sandbox) -> None:
    versions = "http://168.63.129.16/?comp=versions"
    interpreter = Interpreter.of_this_machine()
    answer = made.bed.guest.run((interpreter.python, "-c", ASK.format(versions)))
    assert answer.stdout == "200\n", answer.stderr
    assert [each["path"] for each in made.requests()] == ["/?comp=versions"]


def test_the_agent_is_a_command_and_a_script_can_take_its_place(made: Sandbox) -> None:
    ended = made.agent("version")
    assert ended.status == 0, ended.stderr
    first, second = ended.stdout.splitlines()[:2]
    assert first == "wrapped" and second.startswith("WALinuxAgent-")


def test_what_holds_secrets_lies_in_memory_that_ends_with_the_sandbox(made: Sandbox) -> None:
    assert {"dvd.iso", "machine.json", "platform"} <= set(os.listdir(made.bed.scratch))
    found = os.stat(made.bed.scratch)
    device = f" {os.major(found.st_dev)}:{os.minor(found.st_dev)} "
    assert device not in Path("/proc/self/mountinfo").read_text()


def test_a_machine_at_work_is_not_generalised_by_mistake_and_its_user_goes_on_purpose(
    made: Sandbox,
) -> None:
    """The last one in this guest: afterwards it has no identity."""
    state, user = "/var/lib/waagent", "generalised"
    record, document = f"{state}/extensions/acme-enable", ovf(user_name=user).decode()
    says(made, f"useradd -m -G sudo {user} && mkdir -p {record} && touch /home/{user}/mine")
    made.bed.guest.run(("tee", f"{state}/ovf-env.xml"), stdin=document.encode())
    refused = made.agent("deprovision+user")
    assert (refused.status, "command runs" in refused.stderr) == (Busy.exit_status, True)
    says(made, f"rm -r {record}")
    asked = made.agent("deprovision+user")
    assert (asked.status, "nothing was changed" in asked.stderr) == (1, True)
    assert says(made, f"ls {state}/ovf-env.xml /home/{user}/mine")
    done = made.agent("-force", "-deprovision+user")
    assert done.status == 0, done.stderr
    left = f"getent passwd {user}; getent group {user}; ls -d /home/{user}; ls -A {state}"
    ended = made.bed.guest.run(("sh", "-c", f"{left}; cat /etc/machine-id"))
    assert ended.stdout == ""
    again = made.agent("deprovision+user", "--plan")
    assert (again.status, again.stdout) == (0, "wrapped\n")


def test_a_tree_without_python_cannot_run_the_agent(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no Python"), sandbox(MACHINE, root=str(tmp_path)):
        pass
