# SPDX-License-Identifier: Apache-2.0
"""The DHCP server hears of the name at first boot, where there is a client to say it."""

from __future__ import annotations

from pathlib import Path

from agentcore.provisioning import naming
from osdrivers import loader
from tests.osdrivers.parts.answering import shown
from tests.osdrivers.parts.link_guest import DHCLIENT, guest

_DEBIAN = {
    "/etc/os-release": "ID=debian\nVERSION_ID=12\n",
    "/etc/dhcp/dhclient.conf": "send host-name = gethostname();\n",
}


def tasks_of(root: Path, process: str) -> list[str]:
    driver = loader.load(guest(root, process, _DEBIAN, {"dhclient": ""})).driver
    return [line for task in naming.at_first_boot(driver, "vm-1") for line in shown(task.plan())]


def test_the_new_name_is_published_and_recorded(tmp_path: Path) -> None:
    lines = tasks_of(tmp_path, DHCLIENT)
    assert any(line.startswith("run    dhclient -1") for line in lines)
    assert lines[-1] == "write  /var/lib/waagent/published_hostname 0600 4 bytes"


def test_without_a_client_there_is_nobody_to_tell(tmp_path: Path) -> None:
    assert tasks_of(tmp_path, "/usr/sbin/sshd\0-D\0") == []
