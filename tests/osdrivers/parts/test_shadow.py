# SPDX-License-Identifier: Apache-2.0
"""Accounts: decisions on small trees, and the real shadow-utils on a copy of this machine."""

from __future__ import annotations

import datetime
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from osdrivers import crypt
from osdrivers.api import Account, Hash, Plain, User
from osdrivers.errors import (
    Busy,
    CommandMissing,
    Conflict,
    InvalidInput,
    NotFound,
    PolicyRejected,
    ReadOnlyTarget,
)
from osdrivers.host import Host, Secret
from osdrivers.parts import shadow
from tests.osdrivers.parts.overlaid import done, lines, overlaid, refused

PASSWD = """\
root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
core:x:500:500:CoreOS Admin:/home/core:/bin/bash
ada:x:1000:1000:Ada:/home/ada:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
"""
GROUP = "root:x:0:\nsudo:x:27:ada\nadm:x:4:\nada:x:1000:\ncore:x:500:\nnogroup:x:65534:\n"


@pytest.fixture
def tree(tmp_path: Path) -> Host:
    (tmp_path / "etc").mkdir()
    (tmp_path / "home/ada").mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    for name in ("sh", "bash"):
        (tmp_path / "bin" / name).write_text("")
    (tmp_path / "etc/passwd").write_text(PASSWD)
    (tmp_path / "etc/group").write_text(GROUP)
    (tmp_path / "etc/shadow").write_text("root::19000:0:99999:7:::\nada:!:19000:0:99999:7:::\n")
    return Host(str(tmp_path), assume_tools=True)


# ---- U1


def test_an_account_is_read_from_the_machines_own_files(tree: Host) -> None:
    assert shadow.Users(tree).get("ada") == Account(
        "ada", 1000, 1000, "/home/ada", "/bin/sh", "Ada", ("sudo",), "locked"
    )
    assert shadow.Users(tree).get("bob") is None


@pytest.mark.parametrize(
    ("name", "uid", "defs", "system"),
    [
        ("root", 0, "", True),
        ("ada", 1000, "", False),
        ("ftp", 999, "", True),
        ("ftp", 999, "UID_MIN\t\t  500 \n", False),
        ("ftp", 499, "# UID_MIN 100\n UID_MIN 500\nUID_MAX 60000", True),
        ("core", 500, "UID_MIN 1000\n", False),
        ("nobody", 65534, "UID_MIN 1000\n", True),
        ("dynamic", 61184, "", True),
        ("nfsnobody", 4294967294, "", True),
        ("ada", 60000, "", False),
        ("old", 600, "UID_MIN 01130\n", False),
    ],
)
def test_who_is_a_system_account(tree: Host, name: str, uid: int, defs: str, system: bool) -> None:
    Path(tree.root, "etc/login.defs").write_text(defs)
    account = Account(name, uid, uid, "/", "/bin/sh")
    assert shadow.Users(tree).is_system(account) is system


def test_vendors_login_defs_hold_where_there_is_none_in_etc(tree: Host) -> None:
    Path(tree.root, "usr/etc").mkdir(parents=True)
    Path(tree.root, "usr/etc/login.defs").write_text("UID_MIN 500\n")
    assert not shadow.Users(tree).is_system(Account("a", 500, 500, "/", ""))


def test_a_line_separator_in_a_comment_makes_no_account(tree: Host) -> None:
    with open(f"{tree.root}/etc/passwd", "a") as stream:
        stream.write("eve:x:1001:1001:\u2028toor:x:0:0::/home/eve:/bin/sh\n")
    assert shadow.Users(tree).get("toor") is None


# ---- U2: what is refused, and what is planned


@pytest.mark.parametrize(
    "name",
    ["", "-x", "a" * 33, "a:b", "a\nb", "a b", "a/b", "ÄÖ", "1000", ".ssh", "..", "a$", "%adm",
     "root", "sshd", "a\0b"],
)  # fmt: skip
def test_a_name_no_account_should_have_is_refused(tree: Host, name: str) -> None:
    plan = shadow.Users(tree).ensure(User(name))
    with pytest.raises((InvalidInput, Conflict)):
        next(plan)


@pytest.mark.parametrize("name", ["a", "_x", "a" * 32, "1abc", "a.b", "Ada.Lovelace", "a-b"])
def test_a_name_of_the_portal_is_accepted(tree: Host, name: str) -> None:
    assert lines(tree, lambda: shadow.Users(tree).ensure(User(name)))[0].endswith(f" {name}")


@pytest.mark.parametrize("name", ["root", "daemon", "nobody"])
def test_a_system_account_is_not_adopted(tree: Host, name: str) -> None:
    users = shadow.Users(tree)
    assert isinstance(refused(tree, lambda: users.ensure(User(name))), Conflict)
    assert isinstance(refused(tree, lambda: users.ensure_absent(name)), Conflict)
    plain = Plain(Secret(b"x"))
    assert isinstance(refused(tree, lambda: users.ensure_password(name, plain)), Conflict)


def test_all_that_matters_is_said_to_useradd(tree: Host) -> None:
    user = User("bob", ("adm", "lxd", "sudo", "adm"), expires=datetime.date(2030, 12, 31))
    assert lines(tree, lambda: shadow.Users(tree).ensure(user)) == [
        "run    useradd -m -d /home/bob -s /bin/bash -K UMASK=0027 -G adm,sudo -e 22280 bob",
        "verify account bob, its home and its groups",
    ]


def test_a_group_of_that_name_becomes_the_primary_one(tree: Host) -> None:
    with open(f"{tree.root}/etc/group", "a") as stream:
        stream.write("bob:x:1500:\n")
    assert " -g bob " in lines(tree, lambda: shadow.Users(tree).ensure(User("bob")))[0]


def test_a_present_account_only_gains_what_was_asked_for(tree: Host) -> None:
    os.chown(f"{tree.root}/home/ada", 1000, 1000) if os.geteuid() == 0 else None
    users = shadow.Users(tree)
    if os.geteuid() == 0:
        assert lines(tree, lambda: users.ensure(User("ada", ("sudo",)))) == []
        assert lines(tree, lambda: users.ensure(User("ada", ("sudo", "adm"), "/bin/bash")))[:1] == [
            "run    usermod -a -G adm -s /bin/bash ada"
        ]


def test_a_shell_that_is_not_there_is_refused(tree: Host) -> None:
    tree.assume_tools = False
    plan = shadow.Users(tree).ensure(User("bob", shell="/bin/zsh"))
    with pytest.raises(InvalidInput, match="/bin/zsh"):
        next(plan)


def test_without_useradd_nothing_is_done(tree: Host) -> None:
    tree.assume_tools = False
    users = shadow.Users(tree)
    assert isinstance(refused(tree, lambda: users.ensure(User("bob"))), CommandMissing)
    plain = Plain(Secret(b"x"))
    assert isinstance(refused(tree, lambda: users.ensure_password("ada", plain)), CommandMissing)
    assert isinstance(refused(tree, lambda: users.ensure_absent("ada")), CommandMissing)


def test_an_almost_empty_tree_has_a_sensible_plan(tmp_path: Path) -> None:
    host = Host(str(tmp_path), assume_tools=True)
    users = shadow.Users(host)
    assert lines(host, lambda: users.ensure(User("bob", ("sudo",))))[:2] == [
        "mkdir  /home 0755",
        "run    useradd -m -d /home/bob -s /bin/bash -K UMASK=0027 bob",
    ]
    password = Plain(Secret(b"hunter2"))
    assert lines(host, lambda: users.ensure_password("bob", password)) == [
        "run    chpasswd < <secret>",
        "verify password of bob",
    ]
    assert lines(host, users.ensure_root_password_disabled) == []


# ---- U4, U6 on a tree


@pytest.mark.parametrize("value", [b"", b"a\0b", b"a\nb", b"x" * 513])
def test_a_password_no_tool_could_be_given_is_refused(tree: Host, value: bytes) -> None:
    plan = shadow.Users(tree).ensure_password("ada", Plain(Secret(value)))
    with pytest.raises(InvalidInput):
        next(plan)


@pytest.mark.parametrize(
    "value",
    [b"", b"secret", b"$6$salt$short", b"$6$salt$" + b"x" * 86 + b"\n", b"*0", b"$2a$salt$x:y"],
)
def test_a_hash_that_crypt_does_not_accept_is_refused(tree: Host, value: bytes) -> None:
    plan = shadow.Users(tree).ensure_password("ada", Hash(Secret(value)))
    with pytest.raises(InvalidInput):
        next(plan)


def test_a_system_accounts_password_is_set_only_where_allowed(tree: Host) -> None:
    plain = Plain(Secret(b"hunter2"))
    users = shadow.Users(tree)
    assert lines(tree, lambda: users.ensure_password("root", plain, allow_system=True))


@pytest.mark.parametrize("field", ["", "$6$salt$" + "x" * 86, "x1", "rK9Qz0aBcDeFg"])
def test_roots_password_is_disabled_and_the_ageing_fields_stay(tree: Host, field: str) -> None:
    path = Path(tree.root, "etc/shadow")
    path.write_text(f"root:{field}:19000:0:99999:7:::\nada:!:1::::::\n")
    path.chmod(0o640)
    done(tree, shadow.Users(tree).ensure_root_password_disabled)
    assert path.read_text() == "root:*:19000:0:99999:7:::\nada:!:1::::::\n"
    assert path.stat().st_mode & 0o777 == 0o640
    assert done(tree, shadow.Users(tree).ensure_root_password_disabled) == []


@pytest.mark.parametrize("field", ["*", "!", "!!", "!$6$x$y", "*LOCK*", "*LOCKED*$6$x$y"])
def test_a_disabled_root_password_is_left_alone(tree: Host, field: str) -> None:
    Path(tree.root, "etc/shadow").write_text(f"root:{field}:14600::::::\n")
    assert lines(tree, shadow.Users(tree).ensure_root_password_disabled) == []


# ---- the real tools


@overlaid
def test_an_account_is_made_once(host: Host) -> None:
    users = shadow.Users(host)
    wanted = User("ada", ("sudo", "no-such-group", "adm"), gecos="Ada L.")
    assert done(host, lambda: users.ensure(wanted))
    account = users.get("ada")
    assert account is not None
    assert (account.home, account.shell) == ("/home/ada", "/bin/bash")
    assert set(account.groups) == {"adm", "sudo"}
    assert account.password == "locked"
    home = host.status("/home/ada")
    assert home is not None
    assert (home.uid, home.gid, home.mode) == (account.uid, account.gid, 0o750)
    before = host.status("/etc/passwd")
    assert done(host, lambda: users.ensure(wanted)) == []
    assert host.status("/etc/passwd") == before


@overlaid
def test_every_name_that_is_accepted_can_be_made(host: Host) -> None:
    users = shadow.Users(host)
    for name in ("a", "_x", "b" * 32, "1abc", "a.b", "UPPER", "sudo", "games2-x"):
        done(host, lambda name=name: users.ensure(User(name, ("adm",))))
        assert done(host, lambda name=name: users.ensure(User(name, ("adm",)))) == []


@overlaid
def test_an_account_that_a_kill_left_half_made_converges(host: Host) -> None:
    users = shadow.Users(host)
    with open("/etc/passwd", "a") as stream:
        stream.write("half:x:1500:1500::/home/half:/bin/bash\n")
    done(host, lambda: users.ensure(User("half", ("sudo",))))
    assert done(host, lambda: users.ensure(User("half", ("sudo",)))) == []
    assert host.read("/home/half/.profile") == host.read("/etc/skel/.profile")
    assert os.stat("/home/half/.profile").st_uid == 1500
    assert "half:!:" in host.read("/etc/shadow")
    assert "half:x:1500:" in host.read("/etc/group")


@overlaid
def test_an_empty_home_that_is_roots_is_given_to_the_account(host: Host) -> None:
    os.makedirs("/home/ada", mode=0o755)
    done(host, lambda: shadow.Users(host).ensure(User("ada")))
    found = host.status("/home/ada")
    assert found is not None
    assert (found.uid, found.mode) == (host.owner("ada")[0], 0o750)
    assert host.exists("/home/ada/.bashrc")


@overlaid
def test_somebody_elses_home_is_not_taken(host: Host) -> None:
    os.makedirs("/home/ada/precious")
    assert isinstance(refused(host, lambda: shadow.Users(host).ensure(User("ada"))), Conflict)
    assert shadow.Users(host).get("ada") is None


@overlaid
def test_without_home_directory_the_parent_is_made(host: Host) -> None:
    shutil.rmtree("/home")
    done(host, lambda: shadow.Users(host).ensure(User("ada")))
    assert host.is_directory("/home/ada")


@overlaid
def test_the_day_an_account_expires_is_its_last(host: Host) -> None:
    users = shadow.Users(host)
    last = datetime.date(2031, 3, 9)
    done(host, lambda: users.ensure(User("ada", expires=last)))
    row = next(row for row in host.read("/etc/shadow").split("\n") if row.startswith("ada:"))
    assert int(row.split(":")[7]) == (last - datetime.date(1970, 1, 1)).days + 1
    assert done(host, lambda: users.ensure(User("ada", expires=last))) == []
    assert done(host, lambda: users.ensure(User("ada", expires=last.replace(year=2032))))


@overlaid
def test_a_read_only_etc_has_its_own_error(host: Host) -> None:
    users = shadow.Users(host)
    done(host, lambda: users.ensure(User("ada")))
    Path("/etc/shadow").write_text(f"root::1::::::\n{host.read('/etc/shadow')}")
    subprocess.run(("mount", "--bind", "/etc", "/etc"), check=True)
    subprocess.run(("mount", "-o", "remount,ro,bind", "/etc"), check=True)
    for plan in (
        lambda: users.ensure(User("bob")),
        lambda: users.ensure(User("ada", ("sudo",))),
        lambda: users.ensure_password("ada", Plain(Secret(b"hunter2"))),
        lambda: users.ensure_password("ada", Hash(crypt.hash_password(Secret(b"x"), "6"))),
        users.ensure_root_password_disabled,
    ):
        with pytest.raises(ReadOnlyTarget):
            done(host, plan)


@overlaid
def test_a_locked_passwd_file_is_busy(host: Host) -> None:
    with open("/etc/passwd.lock", "w") as stream:
        stream.write("1")  # a program that runs
    with pytest.raises(Busy):
        done(host, lambda: shadow.Users(host).ensure(User("ada")))


PASSWORDS = (
    b"hunter2", b"a:b:c", b"$&|;'\"\\`", b" spaces ", "üß😀".encode(), b"\xff\xfe", b"p" * 500,
)  # fmt: skip


@overlaid
def test_a_password_of_any_bytes_is_set_once(host: Host) -> None:
    users = shadow.Users(host)
    done(host, lambda: users.ensure(User("ada")))
    for value in PASSWORDS:
        plain = Plain(Secret(value))
        assert done(host, lambda plain=plain: users.ensure_password("ada", plain))
        assert done(host, lambda plain=plain: users.ensure_password("ada", plain)) == []
        account = users.get("ada")
        assert account is not None
        assert account.password == "set"


@overlaid
def test_a_hash_is_stored_as_it_is(host: Host) -> None:
    users = shadow.Users(host)
    done(host, lambda: users.ensure(User("ada")))
    for scheme in ("6", "5", "y", "1"):
        hashed = crypt.hash_password(Secret(b"hunter2"), scheme)
        assert done(host, lambda h=hashed: users.ensure_password("ada", Hash(h)))
        assert done(host, lambda h=hashed: users.ensure_password("ada", Hash(h))) == []
        assert f"ada:{hashed.reveal().decode()}:" in host.read("/etc/shadow")


@overlaid
def test_a_password_that_pam_refuses_is_a_matter_of_policy(host: Host) -> None:
    users = shadow.Users(host)
    done(host, lambda: users.ensure(User("ada")))
    Path("/etc/pam.d/chpasswd").write_text("password requisite pam_deny.so\n")
    with pytest.raises(PolicyRejected):
        done(host, lambda: users.ensure_password("ada", Plain(Secret(b"weak"))))


@overlaid
def test_a_password_for_nobody_is_not_found(host: Host) -> None:
    users = shadow.Users(host)
    with pytest.raises(NotFound):
        done(host, lambda: users.ensure_password("ada", Plain(Secret(b"hunter2"))))


@overlaid
def test_a_deleted_account_leaves_nothing_behind(host: Host) -> None:
    users = shadow.Users(host)
    for name in ("bob", "bobby"):
        done(host, lambda name=name: users.ensure(User(name, ("sudo",))))
    uid = host.owner("bob")[0]
    Path("/var/mail/bob").write_text("mail")
    with subprocess.Popen(["sleep", "1000"], user=uid, group=uid) as sleeper:
        done(host, lambda: users.ensure_absent("bob"))
        assert sleeper.wait(60) == -9
    for path in ("passwd", "shadow", "group", "gshadow", "subuid", "subgid"):
        assert "bob:" not in host.read(f"/etc/{path}"), path
        assert ",bob," not in host.read(f"/etc/{path}").replace("\n", ","), path
    assert not host.exists("/home/bob")
    assert not host.exists("/var/mail/bob")
    account = users.get("bobby")
    assert account is not None
    assert account.groups == ("sudo",)
    assert done(host, lambda: users.ensure_absent("bob")) == []


@overlaid
def test_a_home_that_is_a_link_is_not_followed(host: Host) -> None:
    users = shadow.Users(host)
    done(host, lambda: users.ensure(User("ada")))
    os.rename("/home/ada", "/srv/precious")
    os.symlink("/srv/precious", "/home/ada")
    done(host, lambda: users.ensure_absent("ada"))
    assert not os.path.lexists("/home/ada")
    assert host.exists("/srv/precious/.bashrc")
