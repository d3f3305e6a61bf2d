# SPDX-License-Identifier: Apache-2.0
"""The machine's name: files as several releases have them, and the real kernel in a copy."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from osdrivers.actions import Plan
from osdrivers.errors import CommandMissing, InvalidInput, ReadOnlyTarget
from osdrivers.host import Completed, Host, Secret, SystemCommands
from osdrivers.parts import hostname_files, hostnamectl
from tests.osdrivers.parts.overlaid import done, lines, overlaid, refused

FILES = ("/etc/hostname", "/etc/HOSTNAME", "/etc/sysconfig/network")
HOSTS = """\
127.0.0.1\tlocalhost
127.0.1.1\told.example.com\told  # this machine
127.0.1.1 other
10.0.0.9 old
::1 ip6-localhost
"""


def _tree(root: Path, files: dict[str, str]) -> Host:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(text.encode("utf-8", "surrogateescape"))
    return Host(str(root))


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ({"etc/hostname": "vm1\n"}, "vm1"),
        ({"etc/hostname": "# a comment\n\n  vm1  \n"}, "vm1"),
        ({"etc/HOSTNAME": "vm1.example.com\n"}, "vm1.example.com"),
        ({"etc/sysconfig/network": 'NETWORKING=yes\nHOSTNAME="vm1" # x\n'}, "vm1"),
        ({"etc/sysconfig/network": "#HOSTNAME=old\nHOSTNAME=a\nHOSTNAME='b'\n"}, "b"),
        ({"etc/hostname": ""}, ""),
        ({}, ""),
    ],
)
def test_the_persistent_name_is_read(tmp_path: Path, files: dict[str, str], name: str) -> None:
    assert hostname_files.Hostname(_tree(tmp_path, files), FILES).get() == name


@pytest.mark.parametrize(
    "name",
    ["", "localhost", "LocalHost", "localhost.localdomain", "localhost4", "a" * 65, "a" * 64,
     "a." * 32 + "a", "-a", "a-", "a_b", "a b", "a\n", "ä", "vm1.", ".vm1", "a..b", "a/b"],
)  # fmt: skip
def test_a_name_no_machine_should_have_is_refused(tmp_path: Path, name: str) -> None:
    host = Host(str(tmp_path), assume_tools=True)
    for part in (hostname_files.Hostname(host), hostnamectl.Hostname(host)):
        error = refused(host, lambda part=part: part.ensure(name))
        assert isinstance(error, InvalidInput)
        assert "\n" not in str(error)


@pytest.mark.parametrize("name", ["vm1", "VM-1", "1", "a" * 63, "vm.example.com", "localhosting"])
def test_a_valid_name_is_accepted(tmp_path: Path, name: str) -> None:
    host = Host(str(tmp_path), assume_tools=True)
    assert lines(host, lambda: hostname_files.Hostname(host).ensure(name))


def test_every_file_gets_the_name_and_keeps_its_form(tmp_path: Path) -> None:
    text = '# vendor\nNETWORKING=yes\nHOSTNAME="old"\nGATEWAY=10.0.0.1 # \udcff\n'
    host = _tree(tmp_path, {"etc/sysconfig/network": text, "etc/HOSTNAME": "old\n"})
    part = hostname_files.Hostname(host, FILES)
    done(host, lambda: part.ensure("vm1"))
    assert (tmp_path / "etc/hostname").read_text() == "vm1\n"
    assert (tmp_path / "etc/HOSTNAME").read_text() == "vm1\n"
    assert (tmp_path / "etc/sysconfig/network").read_bytes() == text.replace(
        'HOSTNAME="old"', "HOSTNAME=vm1"
    ).encode("utf-8", "surrogateescape")
    assert done(host, lambda: part.ensure("vm1")) == []


def test_one_name_behind_two_links_is_written_once(tmp_path: Path) -> None:
    """SLES 12: /etc/HOSTNAME is a link to /etc/hostname."""
    host = _tree(tmp_path, {"etc/hostname": "old\n"})
    (tmp_path / "etc/HOSTNAME").symlink_to("hostname")
    part = hostname_files.Hostname(host, FILES[:2])
    done(host, lambda: part.ensure("vm1"))
    assert (tmp_path / "etc/HOSTNAME").is_symlink()
    assert (tmp_path / "etc/hostname").read_text() == "vm1\n"


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("vm1", "127.0.1.1\tvm1.example.com\tvm1  # this machine"),
        ("vm1.new.org", "127.0.1.1\tvm1.new.org\tvm1  # this machine"),
    ],
)
def test_the_line_of_the_old_name_follows_and_no_other(
    tmp_path: Path, name: str, line: str
) -> None:
    old = "old.example.com\n" if "." in name else "old\n"
    host = _tree(tmp_path, {"etc/hosts": HOSTS, "etc/hostname": old})
    part = hostname_files.Hostname(host)
    done(host, lambda: part.ensure(name))
    expected = HOSTS.replace("127.0.1.1\told.example.com\told  # this machine", line)
    assert (tmp_path / "etc/hosts").read_text() == expected
    assert done(host, lambda: part.ensure(name)) == []


def test_killed_after_any_action_the_next_run_ends_in_the_same_state(tmp_path: Path) -> None:
    for stop in range(4):
        root = tmp_path / str(stop)
        host = _tree(root, {"etc/hosts": HOSTS, "etc/hostname": "old\n"})
        part = hostname_files.Hostname(host, FILES[:2])
        for action, _ in zip(part.ensure("vm1"), range(stop)):
            if not action.booted:
                action.apply(host)
        done(host, lambda part=part: part.ensure("vm1"))
        assert "127.0.1.1\tvm1.example.com\tvm1" in (root / "etc/hosts").read_text()
        assert part.holds("vm1")


# ---- a kernel


@overlaid
def test_kernel_and_files_have_the_name(host: Host) -> None:
    Path("/etc/hosts").write_text(HOSTS)
    Path("/etc/hostname").write_text("old\n")
    part = hostnamectl.Hostname(host)
    done(host, lambda: part.ensure("vm1"))
    assert os.uname().nodename == "vm1"
    assert host.read("/etc/hostname") == "vm1\n"
    assert done(host, lambda: part.ensure("vm1")) == []
    subprocess.run(("hostname", "drifted"), check=True)
    assert done(host, lambda: part.ensure("vm1")) == [
        "run    hostname vm1",
        "verify the host name is vm1",
    ]


@overlaid
def test_where_hostnamed_cannot_be_reached_the_files_are_written(host: Host) -> None:
    """The real hostnamectl, with no D-Bus."""
    os.makedirs("/run/systemd/system")
    part = hostnamectl.Hostname(host)
    assert lines(host, lambda: part.ensure("vm1"))[-2:] == [
        "run    hostnamectl set-hostname vm1",
        "verify the host name is vm1",
    ]
    assert "write  /etc/hostname 0644 4 bytes" in _carried(host, part.ensure("vm1"))
    assert os.uname().nodename == "vm1"
    assert host.read("/etc/hostname") == "vm1\n"
    assert done(host, lambda: part.ensure("vm1")) == []


def _carried(host: Host, plan: Plan) -> list[str]:
    from osdrivers.executor import Task, carry_out

    seen: list[str] = []
    (outcome,) = carry_out([Task("name", lambda: plan)], host, lambda e: seen.append(str(e.action)))
    assert outcome.error is None
    return seen


@overlaid
def test_a_tool_that_claims_success_is_not_believed(host: Host) -> None:
    class Liar(SystemCommands):
        def __call__(self, argv: tuple[str, ...], stdin: Secret, timeout_s: float) -> Completed:
            if argv[0] == "hostnamectl":
                return Completed(0)
            return super().__call__(argv, stdin, timeout_s)

    os.makedirs("/run/systemd/system")
    liar = Host("/", commands=Liar())
    _carried(liar, hostnamectl.Hostname(liar).ensure("vm1"))
    assert os.uname().nodename == "vm1"


@overlaid
def test_a_read_only_etc_has_its_own_error(host: Host) -> None:
    subprocess.run(("mount", "--bind", "/etc", "/etc"), check=True)
    subprocess.run(("mount", "-o", "remount,ro,bind", "/etc"), check=True)
    with pytest.raises(ReadOnlyTarget):
        done(host, lambda: hostname_files.Hostname(host).ensure("vm1"))
    assert os.uname().nodename == "vm1"


def test_without_hostname_nothing_is_done(tmp_path: Path) -> None:
    host = Host(str(tmp_path), offline=False)
    error = refused(host, lambda: hostname_files.Hostname(host).ensure("vm1"))
    assert isinstance(error, CommandMissing)
