# SPDX-License-Identifier: Apache-2.0
"""The SSH server: our reading of its configuration against its own, changes, and that it runs."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from osdrivers.errors import (
    CommandMissing,
    InvalidInput,
    PostconditionFailed,
    ReadOnlyTarget,
    UnsafeRefused,
)
from osdrivers.host import Completed, Host, Secret
from osdrivers.parts import sshd, sshd_block, sshd_config, sysv
from tests.osdrivers.parts.overlaid import done, lines, overlaid, refused

WANTED = {
    "PasswordAuthentication": "no",
    "KbdInteractiveAuthentication": "no",
    "ClientAliveInterval": "180",
}
MATCH = "Match User sftp\n  PasswordAuthentication yes\n  X11Forwarding no\n"
INCLUDE = "Include /etc/ssh/sshd_config.d/*.conf\n"

#: Main file and drop-ins; every one is what some release ships, or what was reported as a fault.
SHAPES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "include-first": (INCLUDE + "PasswordAuthentication yes\n", {}),
    "cloud-image": (
        INCLUDE + "KbdInteractiveAuthentication no\n",
        {
            "50-cloud-init": "PasswordAuthentication yes\n",
            "50-cloudimg-settings": "ClientAliveInterval 120\n",
            "60-cloudimg-settings": "PasswordAuthentication no\n",
        },
    ),
    "sorts-before-ours": (INCLUDE, {"01-first": "PasswordAuthentication yes\n"}),
    "sorts-before-all": (INCLUDE, {"000-first": "PasswordAuthentication yes\n"}),
    "no-include": ("PasswordAuthentication yes\nClientAliveInterval 0\n", {}),
    "include-last": ("PasswordAuthentication yes\n" + INCLUDE, {}),
    "include-after-match": (MATCH + INCLUDE, {}),
    "match-first": (MATCH + "Match all\nClientAliveCountMax 4\n", {}),
    "match-middle": ("PrintMotd no\n" + MATCH + "Match Group x\n  PermitRootLogin no\n", {}),
    "match-in-drop-in": (INCLUDE + "PasswordAuthentication yes\n", {"50-match": MATCH}),
    "equals": ("passwordauthentication=yes\nKBDINTERACTIVEAUTHENTICATION = yes\n", {}),
    "quotes": ('PasswordAuthentication "yes"\nChallengeResponseAuthentication yes\n', {}),
    "comments": ("#PasswordAuthentication no\n PasswordAuthentication yes # as before\n", {}),
    "old-name-only": ("ChallengeResponseAuthentication yes\nUsePAM yes\n", {}),
    "nested": (
        "Include sshd_config.d/*.conf\n",
        {"40-more": "Include /etc/ssh/sshd_config.d/deep/*.inc\n", "deep/a.inc": "Port 2222\n"},
    ),
    "two-patterns": ("Include /etc/ssh/none/*.conf sshd_config.d/*.conf\n", {}),
    "crlf": ("PasswordAuthentication yes\r\nPrintMotd no\r\n", {}),
    "no-final-newline": ("UsePAM yes\nPasswordAuthentication yes", {}),
    "empty": ("", {}),
}


def _lay(root: str, main: str, drop_ins: Mapping[str, str]) -> None:
    shutil.rmtree(f"{root}/etc/ssh/sshd_config.d", ignore_errors=True)
    os.makedirs(f"{root}/etc/ssh/sshd_config.d/deep", exist_ok=True)
    Path(root, "etc/ssh/sshd_config").write_bytes(main.encode())
    for name, text in drop_ins.items():
        suffix = "" if "." in name else ".conf"
        Path(root, f"etc/ssh/sshd_config.d/{name}{suffix}").write_text(text)


def _server(host: Host) -> sshd.Sshd:
    return sshd.Sshd(host, sysv.Services(host, {"ssh": ("ssh", "sshd")}))


def _effective(*criteria: str) -> dict[str, str]:
    argv = ("/usr/sbin/sshd", "-T", *(("-C", ",".join(criteria)) if criteria else ()))
    said = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    return dict(line.partition(" ")[::2] for line in said.splitlines())


# ---- reading


@overlaid
def test_our_reading_is_that_of_sshd(host: Host) -> None:
    os.makedirs("/run/sshd", exist_ok=True)
    for name, (main, drop_ins) in SHAPES.items():
        _lay("/", main, drop_ins)
        theirs = _effective()
        for keyword, value in _server(host).options().items():
            if keyword in theirs and keyword not in ("port", "include"):
                assert value.lower() == theirs[keyword], (name, keyword)


def test_what_debian_ships_is_understood(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "data/sshd_config/debian-12.conf").read_text()
    _lay(str(tmp_path), text, {})
    options = sshd_config.read(Host(str(tmp_path))).options()
    assert options == {
        "include": "/etc/ssh/sshd_config.d/*.conf",
        "kbdinteractiveauthentication": "no",
        "usepam": "yes",
        "x11forwarding": "yes",
        "printmotd": "no",
        "acceptenv": "LANG LC_*",
        "subsystem": "sftp /usr/lib/openssh/sftp-server",
    }


def test_files_that_include_each_other_end(tmp_path: Path) -> None:
    _lay(str(tmp_path), "Include sshd_config.d/a.conf\n", {"a": "Include sshd_config\nPort 7\n"})
    assert set(sshd_config.read(Host(str(tmp_path))).options()["port"].split()) == {"7"}


def test_a_match_in_an_included_file_ends_with_it(tmp_path: Path) -> None:
    _lay(str(tmp_path), INCLUDE + "UsePAM yes\n", {"a": MATCH, "b": "Port 1\n"})
    assert set(sshd_config.read(Host(str(tmp_path))).options()) == {"include", "port", "usepam"}


# ---- changing


@overlaid
def test_options_become_effective_wherever_they_must_be_written(host: Host) -> None:
    os.makedirs("/run/sshd", exist_ok=True)
    for name, (main, drop_ins) in SHAPES.items():
        _lay("/", main, drop_ins)
        criteria = ("user=sftp", "host=h", "addr=1.2.3.4")
        before = _effective(*criteria)
        server = _server(host)
        done(host, lambda server=server: server.ensure_options(WANTED))
        theirs = _effective()
        assert {key: theirs[key.lower()] for key in WANTED} == WANTED, name
        mtimes = {path: path.stat().st_mtime_ns for path in Path("/etc/ssh").rglob("*conf*")}
        assert done(host, lambda server=server: server.ensure_options(WANTED)) == [], name
        assert mtimes == {path: path.stat().st_mtime_ns for path in mtimes}
        after = _effective(*criteria)
        changed = {key for key in before if before[key] != after[key]}
        assert changed <= {key.lower() for key in WANTED}, name
        if MATCH in main:
            assert after["passwordauthentication"] == "yes", name
        if main:
            assert Path("/etc/ssh/sshd_config").read_bytes().endswith(main.encode()), name


def _planned(host: Host, wanted: Mapping[str, str] = WANTED) -> list[str]:
    return lines(host, lambda: _server(host).ensure_options(wanted))


@pytest.mark.parametrize(
    ("shape", "place"),
    [
        ("include-first", "/etc/ssh/sshd_config.d/10-azure-agent.conf"),
        ("cloud-image", "/etc/ssh/sshd_config.d/10-azure-agent.conf"),
        ("two-patterns", "/etc/ssh/sshd_config.d/10-azure-agent.conf"),
        ("sorts-before-ours", "/etc/ssh/sshd_config"),
        ("no-include", "/etc/ssh/sshd_config"),
        ("include-last", "/etc/ssh/sshd_config"),
        ("include-after-match", "/etc/ssh/sshd_config"),
    ],
)
def test_an_own_file_is_preferred_where_it_takes_effect(
    tmp_path: Path, shape: str, place: str
) -> None:
    _lay(str(tmp_path), *SHAPES[shape])
    host = Host(str(tmp_path), assume_tools=True)
    assert _planned(host)[0].split()[:2] in (["write", place], ["edit", place])


def test_a_vendors_file_stays_where_it_is(tmp_path: Path) -> None:
    vendor = tmp_path / "usr/etc/ssh/sshd_config"
    vendor.parent.mkdir(parents=True)
    vendor.write_text(INCLUDE + "Include /usr/etc/ssh/sshd_config.d/*.conf\n")
    host = Host(str(tmp_path), assume_tools=True)
    assert _planned(host)[:2] == [
        "mkdir  /etc/ssh/sshd_config.d 0755",
        "write  /etc/ssh/sshd_config.d/10-azure-agent.conf 0644 103 bytes",
    ]
    (tmp_path / "etc/ssh/sshd_config.d").mkdir(parents=True)
    (tmp_path / "etc/ssh/sshd_config.d/05-x.conf").write_text("PasswordAuthentication yes\n")
    assert "/00-azure-agent.conf" in _planned(host)[0]
    vendor.write_text("PasswordAuthentication yes\n")
    assert _planned(host)[0].startswith("write  /etc/ssh/sshd_config 0644")


def test_before_8_7_the_old_name_is_written(tmp_path: Path) -> None:
    _lay(str(tmp_path), "UsePAM yes\n", {})

    class Old:
        def __call__(self, argv: tuple[str, ...], stdin: Secret, timeout_s: float) -> Completed:
            if argv == ("sshd", "-V"):
                return Completed(1, "", "unknown option -- V\nOpenSSH_7.4p1, OpenSSL 1.0.2k")
            return Completed(0)

        def find(self, command: str) -> str:
            return f"/usr/sbin/{command}"

    host = Host(str(tmp_path), commands=Old())
    said = _planned(host)[0]
    assert "ChallengeResponseAuthentication no" in said
    assert "KbdInteractive" not in said


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("Foo", "yes"),
        ("PasswordAuthentication", "maybe"),
        ("PasswordAuthentication", "yes\nPermitRootLogin yes"),
        ("ClientAliveInterval", "-1"),
        ("ClientAliveInterval", "5m"),
        ("PermitRootLogin", ""),
        ("AuthorizedKeysFile", "/etc/x"),
    ],
)
def test_an_option_or_value_that_is_not_known_is_refused(
    tmp_path: Path, keyword: str, value: str
) -> None:
    host = Host(str(tmp_path), assume_tools=True)
    error = refused(host, lambda: _server(host).ensure_options({keyword: value}))
    assert isinstance(error, InvalidInput)


def test_without_sshd_nothing_is_done(tmp_path: Path) -> None:
    host = Host(str(tmp_path))
    error = refused(host, lambda: _server(host).ensure_options(WANTED))
    assert isinstance(error, CommandMissing)


def test_later_options_join_earlier_ones(tmp_path: Path) -> None:
    host = Host(str(tmp_path))
    for main in (INCLUDE, "UsePAM yes\n"):
        _lay(str(tmp_path), main, {})
        own = sshd_block.own_file("# Written by waagent\nPasswordAuthentication yes\n", WANTED)
        assert own.count("PasswordAuthentication") == 1
        first = sshd_block.edited(main.encode(), {"PermitRootLogin": "no"})
        both = sshd_block.edited(first, WANTED)
        assert both.endswith(b"# END waagent\n" + main.encode())
        Path(host.root, "etc/ssh/sshd_config").write_bytes(both)
        options = sshd_config.read(host).options()
        assert (options["permitrootlogin"], options["clientaliveinterval"]) == ("no", "180")


@overlaid
def test_a_configuration_that_is_invalid_already_is_not_touched(host: Host) -> None:
    _lay("/", "Nonsense yes\n", {})
    error = refused(host, lambda: _server(host).ensure_options(WANTED))
    assert isinstance(error, UnsafeRefused)
    assert "Nonsense" in str(error)


@overlaid
def test_without_host_keys_and_run_directory_options_are_set_all_the_same(host: Host) -> None:
    for path in Path("/etc/ssh").glob("ssh_host_*"):
        path.unlink()
    shutil.rmtree("/run/sshd", ignore_errors=True)
    _lay("/", *SHAPES["cloud-image"])
    done(host, lambda: _server(host).ensure_options(WANTED))
    assert done(host, lambda: _server(host).ensure_options(WANTED)) == []


@overlaid
def test_a_change_that_sshd_refuses_is_taken_back_to_the_byte(host: Host) -> None:
    os.makedirs("/run/sshd", exist_ok=True)
    for shape in ("no-include", "include-first", "crlf"):
        _lay("/", *SHAPES[shape])
        before = {path: path.read_bytes() for path in Path("/etc/ssh").rglob("*.conf*")}
        main, mode = Path("/etc/ssh/sshd_config").read_bytes(), os.stat("/etc/ssh/sshd_config")
        plan = _server(host).ensure_options(WANTED)
        for action in plan:
            if action.kind == "verify":
                Path("/etc/ssh/sshd_config.d/zz.conf").write_text("Nonsense\n")
                Path("/etc/ssh/moduli").touch()
                break
            action.apply(host)
        undo = plan.throw(PostconditionFailed("sshd refuses its configuration"))
        undo.apply(host)
        with pytest.raises(PostconditionFailed):
            next(plan)
        os.unlink("/etc/ssh/sshd_config.d/zz.conf")
        assert {path: path.read_bytes() for path in Path("/etc/ssh").rglob("*.conf*")} == before
        assert Path("/etc/ssh/sshd_config").read_bytes() == main
        assert os.stat("/etc/ssh/sshd_config").st_mode == mode.st_mode


@overlaid
def test_a_main_file_on_a_read_only_file_system_is_left_for_an_own_file(host: Host) -> None:
    os.makedirs("/run/sshd", exist_ok=True)
    _lay("/", INCLUDE, {"05-x": "PasswordAuthentication yes\n"})
    os.makedirs("/srv/vendor")
    os.rename("/etc/ssh/sshd_config", "/srv/vendor/sshd_config")
    os.symlink("/srv/vendor/sshd_config", "/etc/ssh/sshd_config")
    subprocess.run(("mount", "--bind", "/srv/vendor", "/srv/vendor"), check=True)
    subprocess.run(("mount", "-o", "remount,ro,bind", "/srv/vendor"), check=True)
    done(host, lambda: _server(host).ensure_options(WANTED))
    assert _effective()["passwordauthentication"] == "no"
    subprocess.run(("mount", "--bind", "/etc/ssh", "/etc/ssh"), check=True)
    subprocess.run(("mount", "-o", "remount,ro,bind", "/etc/ssh"), check=True)
    with pytest.raises(ReadOnlyTarget):
        done(host, lambda: _server(host).ensure_options({"PermitRootLogin": "no"}))


# ---- running


@overlaid
def test_the_init_script_starts_it_and_reloads_it(host: Host) -> None:
    """In the overlay no systemd runs: a fresh /run, so /etc/init.d/ssh it is."""
    server = _server(host)
    assert done(host, lambda: server.ensure_running(reload=False)) == [
        "run    /etc/init.d/ssh start",
        "verify the SSH server runs",
    ]
    _answer()
    assert done(host, lambda: server.ensure_running(reload=False)) == []
    assert done(host, lambda: server.ensure_running(reload=True)) == [
        "run    /etc/init.d/ssh reload"
    ]


@overlaid
def test_a_server_that_does_not_start_is_told(host: Host) -> None:
    """The init script claims success; without host keys the server ended at once."""
    for path in Path("/etc/ssh").glob("ssh_host_*"):
        path.unlink()
    with pytest.raises(PostconditionFailed):
        done(host, lambda: _server(host).ensure_running(reload=True))


def _answer() -> None:
    """Wait until it answers: ssh(1) tries again; a server writes its pid file before that."""
    argv = ("ssh", "-F", "none", "-o", "BatchMode=yes", "-o", "ConnectionAttempts=20", "-o",
            "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
            "nobody@127.0.0.1")  # fmt: skip
    said = subprocess.run(argv, capture_output=True, text=True, check=False).stderr
    assert "Permission denied" in said
