# SPDX-License-Identifier: Apache-2.0
"""A new account has no password, and its key is accepted all the same, with PAM or without."""

from __future__ import annotations

from pathlib import Path

import pytest

from osdrivers.executor import Task, carry_out
from osdrivers.host import Host
from osdrivers.parts.shadow_locks import Locks

SHADOW = "root:*:19800::::::\nada:{field}:19800:0:99999:7:::\nadam:!:19800::::::\n"


def machine(root: Path, field: str, configuration: str) -> Host:
    (root / "etc/ssh").mkdir(parents=True)
    (root / "etc/ssh/sshd_config").write_text(configuration)
    (root / "etc/passwd").write_text("ada:x:1000:1000::/home/ada:/bin/sh\n")
    (root / "etc/shadow").write_text(SHADOW.format(field=field))
    (root / "etc/shadow").chmod(0o640)
    return Host(str(root))


def repaired(host: Host) -> str:
    """The account's column afterwards."""
    outcome = carry_out([Task("try", lambda: Locks(host).repairs("ada"))], host, lambda *_: None)[0]
    assert outcome.error is None
    assert [*Locks(host).repairs("ada")] == []
    return host.read("/etc/shadow").split("\nada:")[1].split(":")[0]


@pytest.mark.parametrize("field", ["!", "!!"])
def test_sshd_without_pam_accepts_the_key_of_an_account_without_a_password(
    field: str, tmp_path: Path
) -> None:
    host = machine(tmp_path, field, "Subsystem sftp internal-sftp\n")
    assert repaired(host) == "*"
    assert host.read("/etc/shadow") == SHADOW.format(field="*")


@pytest.mark.parametrize("field", ["$6$s$h", "!$6$s$h", "*", ""])
def test_a_password_that_somebody_set_or_disabled_stays(field: str, tmp_path: Path) -> None:
    assert repaired(machine(tmp_path, field, "UsePAM no\n")) == field


def test_where_pam_decides_nothing_is_changed(tmp_path: Path) -> None:
    assert [*Locks(machine(tmp_path, "!", "UsePAM yes\n")).repairs("ada")] == []


def test_an_account_that_a_killed_useradd_left_is_opened_with_its_new_line(tmp_path: Path) -> None:
    host = machine(tmp_path, "!", "")
    (tmp_path / "etc/shadow").write_text("root:*:::::::\n")
    assert len([*Locks(host).repairs("ada")]) == 1
