# SPDX-License-Identifier: Apache-2.0
"""The right to become root: choice of place on small trees, the real sudo on a copy."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from osdrivers.api import User
from osdrivers.errors import CommandMissing, InvalidInput, PostconditionFailed, UnsafeRefused
from osdrivers.host import Host
from osdrivers.parts import shadow, sudo, sudoers
from tests.osdrivers.parts.overlaid import done, lines, overlaid, refused


def _tree(root: Path, files: dict[str, str]) -> Host:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return Host(str(root), assume_tools=True)


def _plan(host: Host, name: str = "bob") -> list[str]:
    return lines(host, lambda: sudo.Sudo(host).ensure_granted(name, nopasswd=True))


# ---- where


def test_the_include_directory_of_the_policy_is_used(tmp_path: Path) -> None:
    host = _tree(tmp_path, {"etc/sudoers": "#includedir /etc/sudoers.local\n"})
    assert _plan(host)[:2] == [
        "mkdir  /etc/sudoers.local 0750",
        "write  /etc/sudoers.local/90-azure-user-bob 0440 49 bytes 0:0",
    ]


@pytest.mark.parametrize(
    "text",
    ["@includedir /etc/sudoers.d\n", "@includedir sudoers.d", '#includedir "/etc/sudoers.d"\n',
     "@include /etc/sudoers.more\n", "#includedir \\\n /etc/sudoers.d/\n"],
)  # fmt: skip
def test_an_include_is_found_however_it_is_written(tmp_path: Path, text: str) -> None:
    more = "@includedir /etc/sudoers.d\n@include /etc/sudoers.more\n"
    host = _tree(tmp_path, {"etc/sudoers": text, "etc/sudoers.more": more, "etc/sudoers.d/x": ""})
    assert [line.split()[0] for line in _plan(host)] == ["write", "verify"]


def test_a_policy_without_include_gets_one_line(tmp_path: Path) -> None:
    host = _tree(tmp_path, {"etc/sudoers": "# includedir /etc/sudoers.d\nroot ALL=(ALL) ALL"})
    assert _plan(host)[2] == "edit   /etc/sudoers 0440 #includedir /etc/sudoers.d"


def test_the_vendors_policy_is_not_shadowed(tmp_path: Path) -> None:
    text = "@includedir /usr/etc/sudoers.d\n@includedir /etc/sudoers.d\n"
    host = _tree(tmp_path, {"usr/etc/sudoers": text})
    assert [line for line in _plan(host) if "/etc/sudoers " in line] == []
    assert _plan(host)[0] == "mkdir  /etc/sudoers.d 0750"


def test_a_vendors_policy_that_includes_nothing_of_ours_is_refused(tmp_path: Path) -> None:
    host = _tree(tmp_path, {"usr/etc/sudoers": "@includedir /usr/etc/sudoers.d\n"})
    error = refused(host, lambda: sudo.Sudo(host).ensure_granted("bob", nopasswd=True))
    assert isinstance(error, UnsafeRefused)


def test_the_administrators_directory_comes_first(tmp_path: Path) -> None:
    host = _tree(tmp_path, {"etc/sudoers": "@includedir /etc/sudoers.d\n"})
    host = host.with_places(sudoers_dir="/etc/sudo-azure")
    assert _plan(host)[0] == "mkdir  /etc/sudo-azure 0750"
    assert _plan(host)[2].endswith("#includedir /etc/sudo-azure")


def test_an_incomplete_tree_shows_the_one_file(tmp_path: Path) -> None:
    assert _plan(_tree(tmp_path, {}))[1].startswith("write  /etc/sudoers.d/90-azure-user-bob 0440")


def test_no_two_users_share_a_file_and_sudo_reads_every_one() -> None:
    names = ["bob", "bobby", "a.b", "a_b", "a-b", "A.b", "a.b.", "a=2eb", "x~"]
    files = {sudoers.file_name(name) for name in names}
    assert len(files) == len(names)
    assert not any("." in file or file.endswith("~") for file in files)


def test_without_sudo_and_doas_nothing_is_done(tmp_path: Path) -> None:
    host = Host(str(tmp_path))
    error = refused(host, lambda: sudo.Sudo(host).ensure_granted("bob", nopasswd=True))
    assert isinstance(error, CommandMissing)
    assert lines(host, lambda: sudo.Sudo(host).ensure_revoked("bob")) == []


@pytest.mark.parametrize("name", ["", "bob\n", "a b", "../x", "%admin"])
def test_a_name_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    host = _tree(tmp_path, {})
    with pytest.raises(InvalidInput):
        next(sudo.Sudo(host).ensure_granted(name, nopasswd=True))
    with pytest.raises(InvalidInput):
        next(sudo.Sudo(host).ensure_revoked(name))


# ---- doas


def test_where_only_doas_is_installed_it_is_told(tmp_path: Path) -> None:
    host = _tree(tmp_path, {"usr/bin/doas": "#!/bin/sh\n", "etc/doas.conf": "permit :wheel"})
    (tmp_path / "usr/bin/doas").chmod(0o755)
    host.assume_tools = False
    part = sudo.Sudo(host)
    assert _plan(host) == ['edit   /etc/doas.conf 0600 permit nopass "bob" # waagent 0:0']
    (tmp_path / "etc/doas.conf").write_text('permit :wheel\npermit "bob" # waagent\n')
    assert part.granted("bob") == "password"
    assert part.granted("bobby") is None
    done(host, lambda: part.ensure_revoked("bob"))
    assert (tmp_path / "etc/doas.conf").read_text() == "permit :wheel\n"
    (tmp_path / "etc/doas.d").mkdir()
    assert _plan(host) == ["write  /etc/doas.d/90-azure-user-bob.conf 0600 30 bytes 0:0"]


# ---- the real sudo


def _allowed(name: str) -> str:
    """What sudo itself says a user may do."""
    said = subprocess.run(("sudo", "-l", "-U", name), capture_output=True, text=True, check=False)
    return said.stdout


@overlaid
def test_a_grant_is_what_sudo_says(host: Host) -> None:
    for name in ("bob", "bobby", "a.b", "UPPER", "1st", "Ada"):
        done(host, lambda name=name: shadow.Users(host).ensure(User(name)))
    part = sudo.Sudo(host)
    for name in ("bob", "bobby", "a.b", "UPPER", "1st", "Ada"):
        assert "may run" not in _allowed(name)
        done(host, lambda name=name: part.ensure_granted(name, nopasswd=True))
        assert part.granted(name) == "nopasswd"
        assert "NOPASSWD: ALL" in _allowed(name)
        assert done(host, lambda name=name: part.ensure_granted(name, nopasswd=True)) == []
        done(host, lambda name=name: part.ensure_granted(name, nopasswd=False))
        assert part.granted(name) == "password"
        assert "NOPASSWD" not in _allowed(name)
        assert "(ALL) ALL" in _allowed(name)
    subprocess.run(("visudo", "-c"), check=True, capture_output=True)
    done(host, lambda: part.ensure_revoked("bob"))
    assert "may run" not in _allowed("bob")
    assert "(ALL) ALL" in _allowed("bobby")
    assert done(host, lambda: part.ensure_revoked("bob")) == []


@overlaid
def test_a_grant_foretells_an_account_that_is_not_there_yet(host: Host) -> None:
    def check(name: str) -> None:
        foretold = lines(host, lambda: sudo.Sudo(host).ensure_granted(name, nopasswd=True))
        done(host, lambda: shadow.Users(host).ensure(User(name)))
        assert done(host, lambda: sudo.Sudo(host).ensure_granted(name, nopasswd=True)) == foretold

    check("ada")
    check("UPPER")


@overlaid
def test_a_policy_that_is_invalid_already_is_not_touched(host: Host) -> None:
    Path("/etc/sudoers.d/broken").write_text("nonsense here and there\n")
    os.chmod("/etc/sudoers.d/broken", 0o440)
    error = refused(host, lambda: sudo.Sudo(host).ensure_granted("ada", nopasswd=True))
    assert isinstance(error, UnsafeRefused)


@overlaid
def test_a_grant_that_others_could_write_is_made_anew(host: Host) -> None:
    for name in ("ada", "UPPER"):
        done(host, lambda name=name: shadow.Users(host).ensure(User(name)))
        done(host, lambda name=name: sudo.Sudo(host).ensure_granted(name, nopasswd=True))
        path = f"/etc/sudoers.d/90-azure-user-{name}"
        os.chmod(path, 0o666)
        done(host, lambda name=name: sudo.Sudo(host).ensure_granted(name, nopasswd=True))
        assert os.stat(path).st_mode & 0o777 == 0o440


@overlaid
def test_a_policy_without_include_is_extended_and_stays_valid(host: Host) -> None:
    Path("/etc/sudoers").write_text("root ALL=(ALL:ALL) ALL")
    done(host, lambda: shadow.Users(host).ensure(User("ada")))
    done(host, lambda: sudo.Sudo(host).ensure_granted("ada", nopasswd=True))
    assert "NOPASSWD: ALL" in _allowed("ada")
    assert host.read("/etc/sudoers").startswith("root ALL=(ALL:ALL) ALL\n")
    assert done(host, lambda: sudo.Sudo(host).ensure_granted("ada", nopasswd=True)) == []


@overlaid
def test_a_user_named_all_is_one_user(host: Host) -> None:
    done(host, lambda: shadow.Users(host).ensure(User("ALL")))
    done(host, lambda: shadow.Users(host).ensure(User("ada")))
    done(host, lambda: sudo.Sudo(host).ensure_granted("ALL", nopasswd=True))
    assert "may run" not in _allowed("ada")
    assert "NOPASSWD" in _allowed("ALL")


@overlaid
def test_three_hundred_users_have_a_grant_each(host: Host) -> None:
    part = sudo.Sudo(host)
    for number in range(300):
        path = f"/etc/sudoers.d/90-azure-user-u{number}"
        Path(path).write_bytes(sudoers.grant(f"u{number}", nopasswd=True))
        os.chmod(path, 0o440)
    done(host, lambda: part.ensure_granted("last", nopasswd=True))
    assert sum(part.granted(f"u{number}") == "nopasswd" for number in range(300)) == 300
    assert part.granted("last") == "nopasswd"


@overlaid
def test_a_grant_is_taken_back_when_the_whole_policy_fails_its_test(host: Host) -> None:
    done(host, lambda: shadow.Users(host).ensure(User("ada")))
    plan = sudo.Sudo(host).ensure_granted("ada", nopasswd=True)
    for action in plan:
        if action.kind == "verify":
            break
        action.apply(host)
    plan.throw(PostconditionFailed("the sudo policy")).apply(host)
    with pytest.raises(PostconditionFailed):
        next(plan)
    assert not host.exists("/etc/sudoers.d/90-azure-user-ada")


@overlaid
def test_where_sudo_wants_roots_password_ours_wants_the_users_own(host: Host) -> None:
    policy = "Defaults targetpw   # ask for root's\nALL ALL=(ALL) ALL\n@includedir /etc/sudoers.d\n"
    Path("/etc/sudoers").write_text(policy)
    for name in ("ada", "1st"):
        done(host, lambda name=name: shadow.Users(host).ensure(User(name)))
        done(host, lambda name=name: sudo.Sudo(host).ensure_granted(name, nopasswd=False))
        assert "!targetpw" in _allowed(name)
        assert sudo.Sudo(host).granted(name) == "password"
        again = done(host, lambda name=name: sudo.Sudo(host).ensure_granted(name, nopasswd=False))
        assert again == []
