# SPDX-License-Identifier: Apache-2.0
"""Accounts that the platform lends, on a pretend machine; only openssl(1) is played."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentcore.azure.desired import RemoteAccess, RemoteUser
from agentcore.daemon import accounts
from agentcore.daemon.accounts import GECOS, Lent
from agentcore.settings import Settings
from osdrivers import loader
from osdrivers.api import Driver
from osdrivers.errors import Conflict, FactError
from osdrivers.executor import Outcome, carry_out
from osdrivers.host import Completed, Host, Places, Secret

NOW = 1_900_000_000.0
DAY_S = 86400.0
PASSWD = f"""root:x:0:0:root:/root:/bin/bash
ann:x:1000:1000:Ann:/home/ann:/bin/bash
old:x:1001:1001:{GECOS}:/home/old:/bin/bash
"""


class OpenSsl:
    """Says that the transport key is sound, and opens every envelope to the same text."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __call__(self, argv: tuple[str, ...], stdin: Secret, timeout_s: float) -> Completed:
        if argv[:2] == ("openssl", "cms"):
            path = argv[argv.index("-out") + 1]
            (self.root / path.lstrip("/")).write_bytes("CANARY-1".encode("utf-16-le"))
        return Completed(0, "PUBLIC KEY\n")

    def find(self, command: str) -> str:
        return f"/usr/bin/{command}"


@pytest.fixture
def driver(tmp_path: Path) -> Driver:
    for name in ("etc/sudoers.d", "run", "home", "bin", "var/lib/waagent"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "etc/os-release").write_text("ID=debian\nVERSION_ID=12\n")
    (tmp_path / "etc/passwd").write_text(PASSWD)
    (tmp_path / "etc/group").write_text("root:x:0:\nsudo:x:27:\nann:x:1000:\nold:x:1001:\n")
    (tmp_path / "etc/shadow").write_text("root:*:1::::::\nann:*:1::::::\nold:*:1::::::\n")
    (tmp_path / "etc/sudoers").write_text("@includedir /etc/sudoers.d\n")
    (tmp_path / "bin/bash").write_text("")
    key = tmp_path / "var/lib/waagent/TransportPrivate.pem"
    key.touch(0o600)
    certificate = "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n"
    (tmp_path / "var/lib/waagent/TransportCert.pem").write_text(certificate)
    host = Host(
        str(tmp_path),
        commands=OpenSsl(tmp_path),
        assume_tools=True,
        places=Places(),
    )
    return loader.load(host).driver


def shown(driver: Driver, *wanted: Lent) -> tuple[list[str], list[Outcome]]:
    lines: list[str] = []
    tasks = accounts.tasks(driver, Settings(), wanted)
    outcomes = carry_out(
        tasks, driver.host, lambda event: lines.append(f"{event.action}"), dry_run=True
    )
    return lines, outcomes


def test_an_account_is_made_with_its_last_day_password_and_sudo(driver: Driver) -> None:
    lines, outcomes = shown(driver, Lent("jit", b"sealed", NOW + DAY_S))
    assert [each.task for each in outcomes] == ["no-account-old", "account-jit"]
    assert all(each.error is None for each in outcomes), outcomes
    text = "\n".join(lines)
    assert "useradd" in text and GECOS in text and "-e" in text
    assert "chpasswd" in text or "/etc/shadow" in text
    assert "sudoers" in text and "NOPASSWD" not in text
    assert "CANARY" not in text


def test_what_is_withdrawn_is_removed_and_nobody_else(driver: Driver) -> None:
    lines, outcomes = shown(driver)
    assert [each.task for each in outcomes] == ["no-account-old"]
    assert any("userdel" in line for line in lines)
    assert not any("ann" in line for line in lines)


def test_an_account_of_the_administrator_is_never_taken_over(driver: Driver) -> None:
    lines, outcomes = shown(driver, Lent("ann", b"sealed", NOW + DAY_S))
    assert isinstance(outcomes[-1].error, Conflict)
    assert not any("ann" in line for line in lines if line != "None")


def test_an_expired_or_broken_account_is_not_wanted() -> None:
    users = (
        RemoteUser("good", b"x", "", NOW + 1),
        RemoteUser("late", b"x", "", NOW),
        RemoteUser("bad", b"x", "", NOW + 1, "no password"),
    )
    assert [each.name for each in accounts.valid(RemoteAccess("1", users), NOW)] == ["good"]


def test_the_list_goes_to_the_other_process_whole_and_unprinted() -> None:
    wanted = (Lent("a", b"\x00\xff", 5.0), Lent("b", b"", 6.0))
    packed = accounts.packed(wanted)
    assert accounts.unpacked(packed) == wanted
    assert "sealed" not in f"{packed!r}"
    with pytest.raises(FactError, match="not understood"):
        accounts.unpacked(Secret(b"[1]"))
