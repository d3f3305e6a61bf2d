# SPDX-License-Identifier: Apache-2.0
"""The server's host keys: made once for each machine, never none, never anybody else's."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from osdrivers.actions import Plan
from osdrivers.errors import CommandFailed, CommandMissing, InvalidInput
from osdrivers.host import Completed, Host, Secret, SystemCommands
from osdrivers.parts import sshd, sysv
from tests.osdrivers.parts.overlaid import done, lines, overlaid, refused

DIRECTORY = Path("/etc/ssh")


def _server(host: Host) -> sshd.Sshd:
    return sshd.Sshd(host, sysv.Services(host))


def _keys(host: Host) -> dict[str, str]:
    return {key.type: key.sha256 for key in _server(host).host_keys()}


def _ensure(host: Host, kind: str = "auto", token: str = "vm-1") -> list[str]:
    return done(host, lambda: _server(host).ensure_host_keys(kind, token))


def _image() -> None:
    """Host keys as an image has them: others know them too."""
    for path in DIRECTORY.glob("ssh_host_*_key*"):
        path.unlink()
    for kind in (("ed25519",), ("ecdsa",), ("rsa", "-b", "1024")):
        argv = ("ssh-keygen", "-q", "-N", "", "-f", f"/etc/ssh/ssh_host_{kind[0]}_key", "-t")
        subprocess.run((*argv, *kind), check=True)


def _usable() -> list[str]:
    """What sshd itself would load."""
    os.makedirs("/run/sshd", exist_ok=True)
    argv = ("/usr/sbin/sshd", "-t")
    said = subprocess.run(argv, capture_output=True, text=True, check=False)
    return [said.stderr.strip()] if said.returncode else []


class _Versioned(SystemCommands):
    """The real tools, with a server that says another release, and RSA keys made fast."""

    def __init__(self, version: str = "OpenSSH_9.2p1", refused: Mapping[str, str] = {}) -> None:
        super().__init__()
        self._version, self._refused = version, refused

    def __call__(self, argv: tuple[str, ...], stdin: Secret, timeout_s: float) -> Completed:
        if argv == ("sshd", "-V"):
            return Completed(0, "", f"{self._version}, OpenSSL 3")
        if argv[0] == "ssh-keygen" and argv[3] in self._refused:
            return Completed(255, "", self._refused[argv[3]])
        short = ("-b", "1024") if argv[:4] == ("ssh-keygen", "-q", "-t", "rsa") else ()
        return super().__call__((*argv, *short), stdin, timeout_s)


@overlaid
def test_fingerprints_are_those_of_ssh_keygen(_: Host) -> None:
    host = Host("/", commands=_Versioned())
    _image()
    found = _server(host).host_keys()
    assert [key.type for key in found] == ["ed25519", "ecdsa", "rsa"]
    for key in found:
        for option, value in (("sha256", f"SHA256:{key.sha256}"), ("md5", f"MD5:{key.md5}")):
            argv = ("ssh-keygen", "-l", "-E", option, "-f", key.path)
            said = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
            assert said.split()[1] == value


@overlaid
def test_an_image_gets_keys_of_its_own_once(_: Host) -> None:
    host = Host("/", commands=_Versioned())
    _image()
    Path("/etc/ssh/ssh_host_dsa_key").write_text("of a release long ago")
    Path("/etc/ssh/ssh_host_rsa_key-cert.pub").write_text("of the old key")
    before = _keys(host)
    assert _ensure(host)
    after = _keys(host)
    assert set(after) == {"ed25519", "ecdsa", "rsa"}
    assert not set(before.values()) & set(after.values())
    assert sorted(path.name for path in DIRECTORY.glob("*ssh_host*")) == [
        f"ssh_host_{kind}_key{end}" for kind in ("ecdsa", "ed25519", "rsa") for end in ("", ".pub")
    ]
    for key in DIRECTORY.glob("ssh_host_*_key"):
        assert key.stat().st_mode & 0o777 == 0o600
        assert os.stat(f"{key}.pub").st_mode & 0o777 == 0o644
    assert _usable() == []
    assert _ensure(host) == []
    assert _keys(host) == after
    assert not (DIRECTORY / ".waagent-new-keys").exists()
    assert _ensure(host, token="vm-2")
    assert not set(_keys(host).values()) & set(after.values())


@overlaid
def test_without_a_token_what_is_there_is_good_enough(_: Host) -> None:
    host = Host("/", commands=_Versioned())
    _image()
    before = _keys(host)
    assert _ensure(host, token="") == []
    Path("/etc/ssh/ssh_host_rsa_key").write_bytes(b"")  # a disk that was full
    Path("/etc/ssh/ssh_host_ecdsa_key").unlink()
    assert len(_keys(host)) == 1
    assert _ensure(host, token="")
    after = _keys(host)
    assert after["ed25519"] == before["ed25519"]
    assert len(after) == 3
    assert _usable() == []
    assert _ensure(host, token="") == []


@overlaid
def test_one_type_leaves_no_other(_: Host) -> None:
    host = Host("/", commands=_Versioned())
    _image()
    _ensure(host, "rsa")
    assert set(_keys(host)) == {"rsa"}
    assert _ensure(host, "rsa") == []


@overlaid
def test_the_keys_that_the_configuration_names_are_made(_: Host) -> None:
    host = Host("/", commands=_Versioned())
    Path("/etc/ssh/sshd_config.d/10-keys.conf").write_text(
        "HostKey /etc/ssh/ssh_host_ed25519_key\n"
    )
    _ensure(host, "rsa")
    assert set(_keys(host)) == {"ed25519"}
    assert _usable() == []
    assert _ensure(host, "rsa") == []


@overlaid
def test_a_usable_key_is_there_at_every_instant(_: Host) -> None:
    """Stopped after every action: the server can start, and the next run converges."""
    host = Host("/", commands=_Versioned())
    _image()
    count = len(lines(host, lambda: _server(host).ensure_host_keys("auto", "vm-0")))
    for stop in range(1, count):
        for number, action in enumerate(_server(host).ensure_host_keys("auto", f"vm-{stop}"), 1):
            action.apply(host)
            assert _usable() == [], str(action)
            if number == stop:
                break
        _ensure(host, token=f"vm-{stop}")
        assert _ensure(host, token=f"vm-{stop}") == []
        assert len(_keys(host)) == 3
        assert not (DIRECTORY / ".waagent-new-keys").exists()


@overlaid
def test_a_real_kill_while_a_key_is_made_is_survived(_: Host) -> None:
    host = Host("/", commands=_Versioned())
    _image()
    child = os.fork()
    if child == 0:
        for action in _server(host).ensure_host_keys("auto", "vm-1"):
            if "rsa" in str(action):
                os.kill(os.getpid(), signal.SIGKILL)
            action.apply(host)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    assert _usable() == []
    _ensure(host)
    assert _ensure(host) == []
    assert len(_keys(host)) == 3


@overlaid
def test_where_the_group_for_keys_exists_and_sshd_is_old_it_may_read(_: Host) -> None:
    host = Host("/", commands=_Versioned())
    subprocess.run(("groupadd", "-r", "ssh_keys"), check=True)
    gid = host.owner_of("0:ssh_keys")[1]
    for version, expected in (("OpenSSH_8.7p1", (0o640, gid)), ("OpenSSH_9.9p1", (0o600, 0))):
        machine = Host("/", commands=_Versioned(version))
        server = _server(machine)
        done(machine, lambda server=server, v=version: server.ensure_host_keys("ed25519", v))
        found = os.stat("/etc/ssh/ssh_host_ed25519_key")
        assert (found.st_mode & 0o777, found.st_gid) == expected


@overlaid
def test_a_type_that_a_policy_forbids_is_left_out(_: Host) -> None:
    said = "ED25519 keys are not allowed in FIPS mode"
    fips = Host("/", commands=_Versioned("OpenSSH_8.7p1", {"ed25519": said}))

    def plan() -> Plan:
        return _server(fips).ensure_host_keys("auto", "vm-1")

    for action in _carried(fips, plan()):
        assert "ed25519_key " not in action or not action.startswith("write")
    assert set(_keys(fips)) == {"ecdsa", "rsa"}
    assert done(fips, plan) == []
    assert done(fips, lambda: _server(fips).ensure_host_keys("auto", "")) == []
    with pytest.raises(CommandFailed, match="FIPS"):
        done(fips, lambda: _server(fips).ensure_host_keys("ed25519", "vm-2"))
    assert _usable() == []
    assert not (DIRECTORY / ".waagent-new-keys").exists()


def _carried(host: Host, plan: Plan) -> list[str]:
    seen = []
    try:
        action = next(plan)
        while True:
            seen.append(str(action))
            try:
                action.apply(host)
            except CommandFailed as failure:
                action = plan.throw(failure)
            else:
                action = next(plan)
    except StopIteration:
        return seen


# ---- decisions, on trees


def test_an_unknown_type_is_refused(tmp_path: Path) -> None:
    host = Host(str(tmp_path), assume_tools=True)
    for kind in ("dsa", "", "RSA", "auto "):
        error = refused(host, lambda kind=kind: _server(host).ensure_host_keys(kind, "x"))
        assert isinstance(error, InvalidInput)


def test_without_ssh_keygen_nothing_is_done(tmp_path: Path) -> None:
    host = Host(str(tmp_path))
    error = refused(host, lambda: _server(host).ensure_host_keys("auto", "x"))
    assert isinstance(error, CommandMissing)


@pytest.mark.parametrize("record", ["", "{", "[]", '{"token": 7}', "null", '{"refused": 3}'])
def test_a_damaged_record_counts_as_none(tmp_path: Path, record: str) -> None:
    (tmp_path / "var/lib/waagent").mkdir(parents=True)
    (tmp_path / "var/lib/waagent/ssh-host-keys.json").write_text(record)
    host = Host(str(tmp_path), assume_tools=True)
    said = lines(host, lambda: _server(host).ensure_host_keys("auto", "vm-1"))
    assert re.search(r"-t ed25519 -N ''", said[1])


@pytest.mark.parametrize("public", ["", "ssh-rsa", "ssh-rsa !!!", "\udcff\udcfe x"])
def test_a_public_half_that_is_none_is_left_out(tmp_path: Path, public: str) -> None:
    directory = tmp_path / "etc/ssh"
    directory.mkdir(parents=True)
    (directory / "ssh_host_rsa_key").write_text("x")
    (directory / "ssh_host_rsa_key.pub").write_bytes(public.encode("utf-8", "surrogateescape"))
    assert _server(Host(str(tmp_path))).host_keys() == ()
