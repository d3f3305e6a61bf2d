# SPDX-License-Identifier: Apache-2.0
"""Files below a root: nothing leads out, nothing is half written, nothing foreign is lost."""

from __future__ import annotations

import os
import pathlib
import stat
import subprocess
import sys

import pytest

from osdrivers.errors import Busy, CommandFailed, FileFailed, NoSpace, NotFound, ReadOnlyTarget
from osdrivers.host import Host, Secret


@pytest.fixture
def root(tmp_path: pathlib.Path) -> pathlib.Path:
    made = tmp_path / "root"
    (made / "etc").mkdir(parents=True)
    (made / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    return made


def test_links_are_resolved_as_the_guest_would_and_stay_inside(root):
    (root / "real").mkdir()
    (root / "real/x").write_text("inside")
    os.symlink("/real", root / "absolute")
    os.symlink("../../../..", root / "etc/up")
    host = Host(str(root))
    assert host.read("/absolute/x") == "inside"
    assert host.read("/etc/up/real/x") == "inside"
    assert host.read("/../../real/x") == "inside"
    assert host.locate("/absolute/x") == f"{root}/real/x"


def test_an_absolute_last_link_does_not_reach_the_machine_outside(root):
    os.symlink("/etc/hostname", root / "etc/resolv.conf")
    with pytest.raises(FileFailed):
        Host(str(root)).read("/etc/resolv.conf")
    Host(str(root)).write("/etc/resolv.conf", b"new")
    assert (root / "etc/hostname").read_text() == "new"
    assert (root / "etc/resolv.conf").is_symlink()


def test_a_loop_of_links_is_an_error(root):
    os.symlink("/loop", root / "loop")
    with pytest.raises(FileFailed, match="levels of symbolic links"):
        Host(str(root)).read("/loop/x")


def test_a_link_below_a_users_directory_is_refused(root):
    (root / "home/u").mkdir(parents=True)
    (root / "etc/secret").write_text("precious")
    os.symlink("/etc", root / "home/u/.ssh")
    host = Host(str(root))
    with pytest.raises(FileFailed):
        host.write("/home/u/.ssh/secret", b"overwritten", beneath="/home/u")
    os.unlink(root / "home/u/.ssh")
    (root / "home/u/.ssh").mkdir()
    os.symlink("/etc/secret", root / "home/u/.ssh/authorized_keys")
    with pytest.raises(FileFailed):
        host.edit("/home/u/.ssh/authorized_keys", lambda _: b"x", beneath="/home/u")
    assert (root / "etc/secret").read_text() == "precious"


def test_a_link_below_a_home_that_is_itself_reached_through_a_link_is_refused(root):
    """/home of FreeBSD and of image-based systems is a link."""
    (root / "usr/home/u").mkdir(parents=True)
    (root / "etc/secret").write_text("precious")
    os.symlink("usr/home", root / "home")
    os.symlink("/etc", root / "usr/home/u/.ssh")
    host = Host(str(root))
    host.write("/home/u/mine", b"x", beneath="/home/u")
    assert (root / "usr/home/u/mine").read_text() == "x"
    with pytest.raises(FileFailed):
        host.write("/home/u/.ssh/secret", b"overwritten", beneath="/home/u")
    with pytest.raises(FileFailed):
        host.remove("/home/u/.ssh/secret", beneath="/home/u")
    with pytest.raises(FileFailed):
        host.empty("/home/u/.ssh/secret", beneath="/home/u")
    assert (root / "etc/secret").read_text() == "precious"


def test_a_file_is_emptied_for_whoever_holds_it_and_absence_is_fine(root):
    host = Host(str(root))
    with open(root / "etc/passwd", "a") as held:
        host.empty("/etc/passwd")
        held.write("more")
    assert (root / "etc/passwd").read_text() == "more"
    host.empty("/etc/none")
    host.empty("/none/none")


def test_a_replaced_file_keeps_nothing_of_a_failed_try(root):
    host = Host(str(root))
    with pytest.raises(CommandFailed):
        Host("/").write(str(root / "etc/passwd"), b"bad", check=("/bin/false",))
    assert host.read("/etc/passwd").startswith("root:")
    assert host.names("/etc") == ("passwd",)


def test_what_a_killed_run_left_behind_is_overwritten(root):
    (root / "etc/.motd.agentcore-new").write_text("half")
    Host(str(root)).write("/etc/motd", b"whole")
    assert Host(str(root)).names("/etc") == ("motd", "passwd")


def test_a_secret_file_is_private_from_the_first_byte(root):
    seen = []

    def look(before: bytes) -> bytes:
        return b"secret"

    host = Host(str(root))
    host.edit("/etc/key", look, mode=0o600)
    found = os.stat(root / "etc/key")
    seen.append(stat.S_IMODE(found.st_mode))
    assert seen == [0o600]


def test_an_edit_keeps_mode_links_and_what_it_does_not_change(root):
    target = root / "etc/sshd_config"
    target.write_bytes(b"A 1\r\nno newline at the end")
    target.chmod(0o640)
    os.link(target, root / "etc/other-name")
    before = os.stat(target)
    host = Host(str(root))
    assert host.edit("/etc/sshd_config", lambda data: data.replace(b"1", b"2"))
    after = os.stat(target)
    assert target.read_bytes() == b"A 2\r\nno newline at the end"
    assert (after.st_mode, after.st_nlink, after.st_ino) == (before.st_mode, 2, before.st_ino)
    assert (root / "etc/other-name").read_bytes() == target.read_bytes()


def test_an_edit_that_changes_nothing_touches_nothing(root):
    before = os.stat(root / "etc/passwd")
    assert not Host(str(root)).edit("/etc/passwd", lambda data: data)
    after = os.stat(root / "etc/passwd")
    assert (before.st_mtime_ns, before.st_ino) == (after.st_mtime_ns, after.st_ino)


def test_errors_of_files_have_their_class(root):
    host = Host(str(root))
    with pytest.raises(FileFailed, match="No such file"):
        host.read("/nowhere")
    assert host.read("/nowhere", "default") == "default"
    assert host.read("/etc/passwd/below", "default") == "default"
    with pytest.raises(NotFound, match="no account ghost"):
        host.owner("ghost")


@pytest.mark.sandbox
def test_a_read_only_and_a_full_file_system_have_their_class(root):
    for options, wanted in (("size=64k,ro", ReadOnlyTarget), ("size=64k", NoSpace)):
        where = root / "mnt"
        where.mkdir(exist_ok=True)
        script = (
            "import sys; from osdrivers.host import Host\n"
            "from osdrivers.errors import AgentError\n"
            "try: Host(sys.argv[1]).write('/mnt/f', b'x' * 200000)\n"
            "except AgentError as e: print(e.reason, Host(sys.argv[1]).names('/mnt'))\n"
        )
        mount = f'mount -t tmpfs -o {options} none "$1" && shift && exec "$@"'
        command = ["unshare", "-m", "sh", "-ec", mount, "sh", str(where)]
        done = subprocess.run(
            [*command, sys.executable, "-c", script, str(root)],
            capture_output=True,
            text=True,
            timeout=240,
            check=True,
        )
        assert done.stdout.strip() == f"{wanted.__name__} ()"


def test_a_filled_file_has_no_holes_and_is_private(root):
    host = Host(str(root))
    for allocate in (True, False):
        host.fill("/etc/swap", 1 << 20, allocate=allocate)
        found = os.stat(root / "etc/swap")
        assert found.st_size == 1 << 20
        assert stat.S_IMODE(found.st_mode) == 0o600
        os.truncate(root / "etc/swap", 4096)  # what a killed run may leave
    host.fill("/etc/swap", 1 << 20, allocate=True)
    inode = os.stat(root / "etc/swap").st_ino
    host.fill("/etc/swap", 1 << 20, allocate=True)
    assert os.stat(root / "etc/swap").st_ino == inode


def test_a_file_that_nobody_swaps_on_is_asked_about_without_a_trace(root):
    host = Host(str(root))
    for size in (0, 100, 1 << 20):
        (root / "etc/swap").write_bytes(bytes(size))
        before = os.stat(root / "etc/swap")
        assert host.swaps_on("/etc/swap") is False
        after = os.stat(root / "etc/swap")
        assert (before.st_mtime_ns, before.st_ctime_ns) == (after.st_mtime_ns, after.st_ctime_ns)
    with pytest.raises(FileFailed):
        host.swaps_on("/etc/no-such-file")


def test_removing_never_follows_a_link(root):
    (root / "data").mkdir()
    (root / "data/kept").write_text("kept")
    (root / "gone").mkdir()
    os.symlink("/data", root / "gone/link")
    host = Host(str(root))
    host.remove("/gone", recursive=True)
    host.remove("/gone", recursive=True)
    assert (root / "data/kept").read_text() == "kept"
    assert not (root / "gone").exists()


def test_glob_stays_within_one_component(root):
    (root / "etc/a.conf").write_text("")
    (root / "etc/.hidden.conf").write_text("")
    (root / "etc/d").mkdir()
    (root / "etc/d/b.conf").write_text("")
    host = Host(str(root))
    assert host.glob("/etc/*.conf") == ("/etc/a.conf",)
    assert host.glob("/etc/*/b.conf") == ("/etc/d/b.conf",)
    assert host.glob("/nowhere/*") == ()


def test_one_agent_at_a_time(root):
    host, other = Host(str(root)), Host(str(root))
    with host.claim("/run/agent.pid"):
        second = other.claim("/run/agent.pid")
        with pytest.raises(Busy, match="another agent"):
            second.__enter__()
    with other.claim("/run/agent.pid"):
        pass


def test_an_error_inside_a_claim_is_not_taken_for_a_second_agent(root):
    with pytest.raises(BlockingIOError), Host(str(root)).claim("/run/agent.pid"):
        raise BlockingIOError


def test_a_secret_never_prints():
    secret = Secret(b"hunter2").within(b"user:", b"\n")
    shown = f"{secret} {secret!r} {secret:>20} {[secret]}"
    assert "hunter2" not in shown
    assert secret.redact(b"line 1: hunter2 is weak") == b"line 1: <secret> is weak"
    assert secret.reveal() == b"user:hunter2\n"


def test_a_process_that_ended_while_its_file_was_read_is_not_there() -> None:
    child = subprocess.Popen(("true",))
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # ended, but not reaped
    path = f"/proc/{child.pid}/smaps_rollup"
    if os.path.exists(path):  # read(2) says ESRCH: it has no memory any more
        assert Host().read(path, "gone") == "gone"
    child.wait()
