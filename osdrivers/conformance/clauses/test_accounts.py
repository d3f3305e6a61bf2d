# SPDX-License-Identifier: Apache-2.0
"""Accounts and the right to become root: U1 to U4, U6, U7, U11."""

from __future__ import annotations

import datetime

import pytest

from osdrivers.api import Hash, Plain, User
from osdrivers.conformance.bench import Bench
from osdrivers.conformance.box import Box
from osdrivers.conformance.machines import PretendCommands
from osdrivers.conformance.operation import CANARY, NAME
from osdrivers.errors import Conflict, InvalidInput
from osdrivers.host import Host, Secret

# mypy cannot see that an operation is only called where its capability is there.
# mypy: disable-error-code="union-attr"

pytestmark = pytest.mark.bed("pretend", "root", "network", "loop")
LABEL = "system_u:object_r:etc_t:s0"
BAD_NAMES = ("", "-x", "a:b", "a\nb", "x" * 33, "a b")


@pytest.mark.operation("user")
def test_u1_root_is_a_system_account_a_new_one_is_not_and_an_absent_one_is_none(
    bench: Bench,
) -> None:
    users = bench.after().users
    root, maria = users.get("root"), users.get(NAME)
    assert root is not None and users.is_system(root)
    assert maria is not None and not users.is_system(maria)
    assert users.get("nobody-has-this-name") is None


@pytest.mark.operation("user")
def test_u2_the_account_has_a_home_it_owns_a_shell_that_exists_and_its_groups(
    bench: Bench,
) -> None:
    driver = bench.after()
    account = driver.users.get(NAME)
    assert account is not None
    home = driver.host.status(account.home)
    assert home is not None and home.kind == "directory"
    assert (home.uid, home.gid) == (account.uid, account.gid)
    assert not home.mode & 0o022
    assert driver.host.exists(account.shell)
    groups = {line.split(":")[0] for line in driver.host.read("/etc/group").splitlines()}
    assert set(driver.users.admin_groups) & groups <= set(account.groups)
    assert driver.users.home(NAME) == account.home


@pytest.mark.operation("user")
def test_u2_a_new_account_has_no_password(bench: Bench) -> None:
    account = bench.after().users.get(NAME)
    assert account is not None and account.password == "locked"  # noqa: S105 - a state


@pytest.mark.each_part
@pytest.mark.operation("user")
@pytest.mark.untouched
def test_u2_a_name_that_is_none_is_refused(bench: Bench) -> None:
    bench.refuses_each(InvalidInput, BAD_NAMES, lambda d, name: d.users.ensure(User(name)))


@pytest.mark.each_part
@pytest.mark.operation("user", "user-gone", "password-hash")
@pytest.mark.untouched
def test_u2_u3_u4_root_is_never_adopted_deleted_or_given_a_password(bench: Bench) -> None:
    bench.refuses(Conflict, lambda d: d.users.ensure(User("root")))
    bench.refuses(Conflict, lambda d: d.users.ensure_absent("root"))
    bench.refuses(Conflict, lambda d: d.users.ensure_password("root", Plain(Secret(b"x"), "6")))


@pytest.mark.operation("user-gone")
def test_u3_account_home_and_every_entry_are_gone(bench: Bench) -> None:
    trial = bench.fresh()
    account = trial.driver().users.get(NAME)
    assert account is not None
    driver = bench.after()
    assert driver.users.get(NAME) is None
    assert not driver.host.exists(account.home)
    for path in ("/etc/passwd", "/etc/shadow", "/etc/group", "/etc/subuid", "/etc/master.passwd"):
        words = driver.host.read(path, "").replace(",", ":").replace("\n", ":").split(":")
        assert NAME not in words, path


@pytest.mark.operation("password", "password-hash")
def test_u4_the_account_has_a_password_and_the_secret_is_in_no_file(bench: Bench) -> None:
    driver = bench.after()
    account = driver.users.get(NAME)
    assert account is not None and account.password == "set"  # noqa: S105 - a state
    for path in ("/etc/passwd", "/etc/shadow", "/etc/master.passwd"):
        assert CANARY.decode() not in driver.host.read(path, "")


@pytest.mark.each_part
@pytest.mark.operation("password")
@pytest.mark.untouched
def test_u4_what_cannot_be_a_password_is_refused(bench: Bench) -> None:
    bench.refuses_each(
        InvalidInput,
        (b"a\nb", b"a\0b", b"x" * 513),
        lambda d, bad: d.users.ensure_password(NAME, Plain(Secret(bad), "6")),
    )
    bench.refuses(
        InvalidInput, lambda d: d.users.ensure_password(NAME, Hash(Secret(b"no:hash at all")))
    )


@pytest.mark.operation("root-password")
def test_u6_no_password_lets_root_in(bench: Bench) -> None:
    root = bench.after().users.get("root")
    assert root is not None and root.password == "locked"  # noqa: S105 - a state


@pytest.mark.operation("sudo")
def test_u7_the_grant_is_there_for_this_user_alone(bench: Bench) -> None:
    sudo = bench.after().sudo
    assert sudo.granted(NAME) == "nopasswd"
    assert sudo.granted(NAME + "a") is None
    assert sudo.granted(NAME[:-1]) is None


@pytest.mark.operation("no-sudo")
def test_u7_the_grant_is_gone(bench: Bench) -> None:
    assert bench.after().sudo.granted(NAME) is None


@pytest.mark.each_part
@pytest.mark.operation("sudo")
@pytest.mark.untouched
def test_u7_a_name_that_would_grant_more_is_refused(bench: Bench) -> None:
    bench.refuses_each(
        InvalidInput, ("", "a\nb"), lambda d, name: d.sudo.ensure_granted(name, nopasswd=True)
    )


@pytest.mark.operation("expiry")
def test_u11_the_last_day_is_read_back(bench: Bench) -> None:
    assert bench.after().users.expiry(NAME) == datetime.date(2031, 2, 3)


@pytest.mark.operation("no-expiry")
def test_u11_without_a_last_day_it_never_expires(bench: Bench) -> None:
    assert bench.after().users.expiry(NAME) is None


@pytest.mark.operation("labels")
@pytest.mark.bed("pretend")
def test_u10_an_image_gets_the_labels_of_its_own_policy_once(bench: Bench) -> None:
    trial = bench.fresh()
    box = Box(trial.root)
    box.write("/etc/selinux/config", "SELINUX=enforcing\nSELINUXTYPE=targeted\n")
    box.write("/etc/selinux/targeted/contexts/files/file_contexts", f"/etc/ssh(/.*)? {LABEL}\n")
    box.write("/usr/sbin/setfiles", "pretend\n", 0o755)
    box.make_directory("/proc/self")
    host = Host(trial.root, commands=PretendCommands(trial.root), offline=True)
    labels = trial.build(host).labels
    actions = list(labels.ensure_restored(["/etc/ssh"]))
    assert actions, "a policy is in force and nothing has its label"
    for action in actions:
        action.apply(host)
    assert box.remembered("labels")["/etc/ssh"] == LABEL
    assert list(labels.ensure_restored(["/etc/ssh"])) == []


@pytest.mark.operation("labels")
@pytest.mark.untouched
def test_u10_without_a_path_nothing_is_done(bench: Bench) -> None:
    assert list(bench.fresh().driver().labels.ensure_restored([])) == []
