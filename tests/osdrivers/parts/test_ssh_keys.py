# SPDX-License-Identifier: Apache-2.0
"""Keys in homes: parsing, merging, and real logins through a real sshd."""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from osdrivers.actions import Plan
from osdrivers.api import User
from osdrivers.errors import Conflict, InvalidInput
from osdrivers.host import Host, Secret
from osdrivers.parts import openssh_key, shadow, ssh_keys, sshd, sysv
from tests.osdrivers.parts.overlaid import done, lines, overlaid, refused


def _string(*parts: bytes) -> bytes:
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def _line(kind: str, *fields: bytes, comment: str = "ada@home") -> str:
    blob = base64.b64encode(_string(kind.encode(), *fields)).decode()
    return f"{kind} {blob} {comment}".rstrip()


ED25519 = _line("ssh-ed25519", bytes(range(32)))
OTHER = _line("ssh-ed25519", bytes(32), comment="other")
RSA = _line("ssh-rsa", b"\1\0\1", b"\0\xc1" + bytes(255))
ECDSA = _line("ecdsa-sha2-nistp384", b"nistp384", b"\4" + bytes(96))
SK = _line("sk-ssh-ed25519@openssh.com", bytes(32), b"ssh:")
CERT = _line(
    "ssh-ed25519-cert-v01@openssh.com", bytes(32), bytes(range(32)), b"\0\0\0\1\0\0\0\0\0\0\0\1"
)


# ---- what is a key


@pytest.mark.parametrize("line", [ED25519, RSA, ECDSA, SK, CERT])
@pytest.mark.parametrize(
    "options",
    ["", 'command="echo \\"a b\\"",no-pty', 'from="10.0.0.0/8,*.example.com"', "restrict"],
)
def test_every_kind_of_key_is_understood(line: str, options: str) -> None:
    key = openssh_key.parse(f"{options} {line}\r\n")
    assert key.line == f"{options} {line}".strip()
    assert openssh_key.same(f" {line} # and more\r".encode()) == (key.type, key.blob)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "ssh-rsa",
        "# a comment",
        "hello world",
        ED25519.replace("ssh-ed25519", "ssh-rsa"),
        ED25519[:40],
        ED25519 + "\n" + OTHER,
        ED25519.replace(" ada", "\0ada"),
        ED25519 + "\x1b[2J",
        "ssh-ed25519 AAAA!!!!",
        "ssh-ed25519 " + "A" * 20000,
        _line("ssh-ed25519", bytes(31)),
        _line("ssh-rsa", b"\1\0\1", b"\x7f" + bytes(95)),
        _line("ecdsa-sha2-nistp256", b"nistp384", b"\4" + bytes(96)),
        _line("ecdsa-sha2-nistp256", b"nistp256", b"\4" + bytes(63)),
        _line("SSH-RSA", b"\1\0\1", b"\0\xc1" + bytes(255)),
        "-----BEGIN OPENSSH PRIVATE KEY-----",
        "---- BEGIN SSH2 PUBLIC KEY ----",
        'command="never closed ' + ED25519,
        "ssh-rsa AAAAB3NzaC1yc2EAAAA= \u2028" + "x" * 16384,
    ],
)
def test_what_is_no_key_is_refused_in_one_line(line: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        openssh_key.parse(line)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


# ---- where it goes, on a tree of our own


@pytest.fixture
def tree(tmp_path: Path) -> Host:
    (tmp_path / "etc").mkdir()
    (tmp_path / "home/ada").mkdir(parents=True)
    (tmp_path / "home/ada").chmod(0o750)
    uid, gid = os.geteuid() or 1000, os.getegid() or 1000
    os.chown(tmp_path / "home/ada", uid, gid)
    tmp_path.chmod(0o755)
    (tmp_path / "etc/passwd").write_text(f"ada:x:{uid}:{gid}::/home/ada:/bin/sh\n")
    return Host(str(tmp_path))


class _Options(sshd.Sshd):
    def __init__(self, host: Host, files: str) -> None:
        super().__init__(host, sysv.Services(host))
        self._files = files

    def options(self) -> Mapping[str, str]:
        return {"authorizedkeysfile": self._files}


def _authorize(host: Host, *keys: str, path: str = "", files: str = "") -> list[str]:
    part = ssh_keys.SshKeys(host, _Options(host, files) if files else None)
    return done(host, lambda: part.ensure_authorized("ada", "/home/ada", keys, path=path))


def _text(host: Host, path: str = "/home/ada/.ssh/authorized_keys") -> str:
    return Path(host.root + path).read_text()


def test_a_first_key_makes_file_and_directory(tree: Host) -> None:
    assert _authorize(tree, ED25519) == [
        "mkdir  /home/ada/.ssh 0700 ada",
        "edit   /home/ada/.ssh/authorized_keys 0600 1 key more ada",
    ]
    assert _text(tree) == f"{ED25519}\n"
    for path, mode in (("/home/ada/.ssh", 0o700), ("/home/ada/.ssh/authorized_keys", 0o600)):
        found = tree.status(path)
        assert found is not None
        assert (found.mode, found.uid) == (mode, tree.owner("ada")[0])
    assert _authorize(tree, ED25519) == []


@pytest.mark.parametrize(
    "present",
    [
        "# mine\n\n" + OTHER,
        f"{OTHER}\r\n# dos\r\n",
        f'command="x y" {OTHER}\nnot a key at all\n',
        "\ufeff# with a mark\n",
    ],
)
def test_other_lines_stay_as_they_are(tree: Host, present: str) -> None:
    _authorize(tree, OTHER)
    Path(tree.root, "home/ada/.ssh/authorized_keys").write_bytes(present.encode())
    _authorize(tree, ED25519, ED25519 + " again")
    end = "" if present.endswith("\n") else "\n"
    raw = Path(tree.root, "home/ada/.ssh/authorized_keys").read_bytes()
    assert raw == f"{present}{end}{ED25519}\n".encode()


@pytest.mark.parametrize("present", [f'restrict {ED25519} old"', ED25519 + "\r\n", ED25519[:-9]])
def test_a_key_that_is_there_in_another_dress_is_not_added(tree: Host, present: str) -> None:
    _authorize(tree, OTHER)
    Path(tree.root, "home/ada/.ssh/authorized_keys").write_bytes(present.encode())
    assert _authorize(tree, ED25519) == []


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ("%h/.ssh/%u_%%_keys", "/home/ada/.ssh/ada_%_keys"),
        (".keys", "/home/ada/.keys"),
        ("/etc/ssh/keys/%u .ssh/mine", "/home/ada/.ssh/mine"),
        ("none", "/home/ada/.ssh/authorized_keys"),
        ("/home/%u/.ssh/a", "/home/ada/.ssh/a"),
    ],
)
def test_a_key_goes_where_sshd_reads(tree: Host, files: str, expected: str) -> None:
    _authorize(tree, ED25519, files=files)
    assert _text(tree, expected) == f"{ED25519}\n"


def test_a_key_goes_also_where_it_was_asked_for(tree: Host) -> None:
    _authorize(tree, ED25519, path="/home/ada/keys/azure")
    assert _text(tree) == _text(tree, "/home/ada/keys/azure")


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "/home/ada/../root/x", "/home/adam/x", "/home/ada", "/home/ada/", "../x",
     "/home/ada/a\nb", "/", "//etc/x", "/home/ada/.ssh/../../bob/x"],
)  # fmt: skip
def test_a_path_outside_the_home_is_refused(tree: Host, path: str) -> None:
    part = ssh_keys.SshKeys(tree)
    key = Secret(b"-----BEGIN RSA PRIVATE KEY-----\n")
    for plan in (
        lambda: part.ensure_authorized("ada", "/home/ada", [ED25519], path=path),
        lambda: part.ensure_key_pair("ada", "/home/ada", path, key, ED25519),
    ):
        assert isinstance(refused(tree, plan), InvalidInput)


def test_one_bad_key_among_good_ones_changes_nothing(tree: Host) -> None:
    part = ssh_keys.SshKeys(tree)
    plan = lambda: part.ensure_authorized("ada", "/home/ada", [ED25519, "nonsense"])  # noqa: E731
    assert isinstance(refused(tree, plan), InvalidInput)
    assert lines(tree, lambda: part.ensure_authorized("ada", "/home/ada", [])) == []


@pytest.mark.parametrize("name", [".ssh", ".ssh/authorized_keys"])
def test_a_link_in_the_way_is_a_conflict(tree: Host, name: str) -> None:
    if "/" in name:
        Path(tree.root, "home/ada/.ssh").mkdir()
    Path(tree.root, "elsewhere").mkdir()
    Path(tree.root, "home/ada", name).symlink_to("/elsewhere")
    plan = lambda: ssh_keys.SshKeys(tree).ensure_authorized(  # noqa: E731
        "ada", "/home/ada", [ED25519]
    )
    assert isinstance(refused(tree, plan), Conflict)


def test_the_real_path_of_a_home_behind_a_link_is_inside(tree: Host) -> None:
    Path(tree.root, "usr").mkdir()
    Path(tree.root, "home").rename(Path(tree.root, "usr/home"))
    Path(tree.root, "home").symlink_to("usr/home")
    _authorize(tree, ED25519, path="/usr/home/ada/.ssh/authorized_keys")
    assert _text(tree) == f"{ED25519}\n"


def test_a_home_that_others_may_write_is_closed(tree: Host) -> None:
    Path(tree.root, "home/ada").chmod(0o777)
    assert _authorize(tree, ED25519)[0] == "chown  /home/ada 0755 ada"
    assert _authorize(tree, ED25519) == []


def test_what_the_old_agent_left_readable_is_closed(tree: Host) -> None:
    _authorize(tree, ED25519)
    Path(tree.root, "home/ada/.ssh/authorized_keys").chmod(0o644)
    assert len(_authorize(tree, ED25519)) == 1
    found = tree.status("/home/ada/.ssh/authorized_keys")
    assert found is not None
    assert found.mode == 0o600


# ---- U9

PRIVATE = Secret(b"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----")


def test_a_pair_has_the_modes_that_ssh_wants(tree: Host) -> None:
    part = ssh_keys.SshKeys(tree)
    plan = lambda: part.ensure_key_pair(  # noqa: E731
        "ada", "/home/ada", "/home/ada/.ssh/id_rsa", PRIVATE, RSA
    )
    assert done(tree, plan) == [
        "mkdir  /home/ada/.ssh 0700 ada",
        "write  /home/ada/.ssh/id_rsa 0600 <secret> ada",
        f"write  /home/ada/.ssh/id_rsa.pub 0644 {len(RSA) + 1} bytes ada",
    ]
    for name, mode in (("id_rsa", 0o600), ("id_rsa.pub", 0o644)):
        found = tree.status(f"/home/ada/.ssh/{name}")
        assert found is not None
        assert (found.mode, found.uid) == (mode, tree.owner("ada")[0])
    assert done(tree, plan) == []
    Path(tree.root, "home/ada/.ssh/id_rsa").chmod(0o644)
    Path(tree.root, "home/ada/.ssh/id_rsa.pub").unlink()
    assert len(done(tree, plan)) == 2
    other = Secret(PRIVATE.reveal().replace(b"AAAA", b"BBBB"))
    again = lambda: part.ensure_key_pair(  # noqa: E731
        "ada", "/home/ada", "/home/ada/.ssh/id_rsa", other, RSA
    )
    assert isinstance(refused(tree, again), Conflict)


@pytest.mark.parametrize("private", [b"", b"AAAA", b"-----BEGIN X\0"])
def test_what_is_no_private_key_is_refused(tree: Host, private: bytes) -> None:
    part = ssh_keys.SshKeys(tree)
    with pytest.raises(InvalidInput):
        next(part.ensure_key_pair("ada", "/home/ada", ".ssh/id", Secret(private), RSA))


# ---- real logins


def _server(host: Host, *options: str) -> subprocess.Popen[bytes]:
    os.makedirs("/run/sshd", exist_ok=True)
    subprocess.run(("ssh-keygen", "-A"), check=True, capture_output=True)
    return subprocess.Popen(("/usr/sbin/sshd", "-D", "-e", *options), stderr=subprocess.DEVNULL)


def _login(user: str, identity: str) -> int:
    """ssh(1) tries for as long as the server is not there yet."""
    argv = ("ssh", "-F", "none", "-i", identity, "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes",
            "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
            "-o", "ConnectionAttempts=20", "-q", f"{user}@127.0.0.1", "true")  # fmt: skip
    return subprocess.run(argv, check=False, stdin=subprocess.DEVNULL).returncode


@overlaid
def test_sshd_accepts_every_kind_of_key(host: Host) -> None:
    kinds = ("rsa", "ecdsa", "ed25519")
    for kind in (*kinds, "unknown"):
        argv = ("ssh-keygen", "-q", "-N", "", "-f", f"/tmp/id_{kind}")
        made = ("-t", "ed25519") if kind == "unknown" else ("-t", kind)
        subprocess.run((*argv, *made), check=True)
    done(host, lambda: shadow.Users(host).ensure(User("ada")))
    os.chmod("/home/ada", 0o777)
    server = sshd.Sshd(host, sysv.Services(host))
    keys = [Path(f"/tmp/id_{kind}.pub").read_text() for kind in kinds]
    part = ssh_keys.SshKeys(host, server)
    done(host, lambda: part.ensure_authorized("ada", "/home/ada", keys))
    with _server(host) as running:
        assert [_login("ada", f"/tmp/id_{kind}") for kind in kinds] == [0, 0, 0]
        assert _login("ada", "/tmp/id_unknown") != 0
        running.terminate()


@overlaid
def test_sshd_finds_keys_outside_the_homes_where_it_is_told_to_look(host: Host) -> None:
    subprocess.run(("ssh-keygen", "-q", "-N", "", "-f", "/tmp/id", "-t", "ed25519"), check=True)
    done(host, lambda: shadow.Users(host).ensure(User("ada")))
    Path("/etc/ssh/sshd_config.d/50-keys.conf").write_text("AuthorizedKeysFile /etc/ssh/keys/%u\n")
    part = ssh_keys.SshKeys(host, sshd.Sshd(host, sysv.Services(host)))
    key = Path("/tmp/id.pub").read_text()
    done(host, lambda: part.ensure_authorized("ada", "/home/ada", [key]))
    assert done(host, lambda: part.ensure_authorized("ada", "/home/ada", [key])) == []
    with _server(host) as running:
        assert _login("ada", "/tmp/id") == 0
        running.terminate()


@overlaid
def test_a_link_planted_between_plan_and_action_is_not_followed(host: Host) -> None:
    done(host, lambda: shadow.Users(host).ensure(User("ada")))
    uid, gid = host.owner("ada")
    before = Path("/etc/passwd").read_bytes()
    plan = ssh_keys.SshKeys(host).ensure_authorized("ada", "/home/ada", [ED25519])
    for action in plan:
        if action.kind == "edit":
            os.symlink("/etc/passwd", "/home/ada/.ssh/authorized_keys")
            os.chown("/home/ada/.ssh/authorized_keys", uid, gid, follow_symlinks=False)
            with pytest.raises(Exception, match="authorized_keys"):
                action.apply(host)
            break
        action.apply(host)
    assert Path("/etc/passwd").read_bytes() == before


@overlaid
def test_what_an_earlier_agent_left_to_root_becomes_the_users(host: Host) -> None:
    done(host, lambda: shadow.Users(host).ensure(User("ada")))
    os.mkdir("/home/ada/.ssh", 0o755)
    for name, text, mode in (
        ("authorized_keys", OTHER, 0o600),
        ("id_rsa", PRIVATE.reveal().decode() + "\n", 0o644),
        ("id_rsa.pub", RSA + "\n", 0o600),
    ):
        Path("/home/ada/.ssh", name).write_text(text)
        os.chmod(f"/home/ada/.ssh/{name}", mode)
    part = ssh_keys.SshKeys(host)

    def pair() -> Plan:
        return part.ensure_key_pair("ada", "/home/ada", ".ssh/id_rsa", PRIVATE, RSA)

    done(host, lambda: part.ensure_authorized("ada", "/home/ada", [OTHER]))
    done(host, pair)
    modes = {}
    for name in ("", "authorized_keys", "id_rsa", "id_rsa.pub"):
        found = os.stat(f"/home/ada/.ssh/{name}")
        assert (found.st_uid, found.st_gid) == host.owner("ada")
        modes[name] = found.st_mode & 0o777
    assert modes == {"": 0o700, "authorized_keys": 0o600, "id_rsa": 0o600, "id_rsa.pub": 0o644}
    assert done(host, pair) == []


@overlaid
def test_another_name_of_a_system_file_is_not_given_away(host: Host) -> None:
    done(host, lambda: shadow.Users(host).ensure(User("ada")))
    done(host, lambda: ssh_keys.SshKeys(host).ensure_authorized("ada", "/home/ada", [OTHER]))
    Path("/home/secret").write_text("root's")
    os.unlink("/home/ada/.ssh/authorized_keys")
    os.link("/home/secret", "/home/ada/.ssh/authorized_keys")
    plan = lambda: ssh_keys.SshKeys(host).ensure_authorized(  # noqa: E731
        "ada", "/home/ada", [OTHER]
    )
    assert isinstance(refused(host, plan), Conflict)
    assert os.stat("/home/secret").st_uid == 0
