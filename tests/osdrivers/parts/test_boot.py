# SPDX-License-Identifier: Apache-2.0
"""Kernel command lines in the files of each boot loader, and the real scripts of GRUB."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from osdrivers.actions import Plan
from osdrivers.errors import CommandFailed, InvalidInput, NotFound, PostconditionFailed, Unsupported
from osdrivers.executor import Task, carry_out
from osdrivers.host import Completed, Host, Secret
from osdrivers.parts import kernel_arguments
from osdrivers.parts.boot import Boot
from osdrivers.probes import Probes
from tests.osdrivers.parts.answering import machine
from tests.osdrivers.parts.overlaid import overlaid

TREES = Path(__file__).parents[2] / "data" / "boot"
SERIAL = "console=ttyS0,115200n8"
#: Those whose files say all: no tool has to make others of them.
EDITED = ("alpine-3.19", "fedora-40", "flatcar-3815", "rhel-6", "rhel-8", "rhel-9", "sles-11")

#: Here a new kernel takes over the command line of the one that runs.
WITHOUT_FUTURE = ("fedora-40", "rhel-6")


class Mkconfig:
    """The scripts of GRUB, as far as these trees need them; ``status`` and ``lazy`` are faults."""

    def __init__(self, root: Path, *, status: int = 0, lazy: bool = False) -> None:
        self.root, self.status, self.lazy = root, status, lazy
        self.calls: list[tuple[str, ...]] = []

    def find(self, command: str) -> str:
        return f"/usr/sbin/{command}" if "grub" in command else ""

    def __call__(self, argv: tuple[str, ...], stdin: Secret, timeout_s: float) -> Completed:
        self.calls.append(argv)
        out = self.root / (argv[2] if len(argv) > 2 else "boot/grub/grub.cfg").lstrip("/")
        fragments = sorted((self.root / "etc/default/grub.d").glob("*.cfg"))
        script = "".join(f". {path}\n" for path in (self.root / "etc/default/grub", *fragments))
        if not self.lazy:
            script += 'echo "linux /vmlinuz-6.1 ro $GRUB_CMDLINE_LINUX $GRUB_CMDLINE_LINUX_DEFAULT"'
            made = subprocess.run(("sh", "-c", script), capture_output=True, text=True, check=True)
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_text("### BEGIN /etc/grub.d/10_linux ###\n" + made.stdout)
        return Completed(self.status, "", "told to fail" if self.status else "")


def tree(name: str, root: Path, **faults: bool | int) -> Host:
    shutil.copytree(TREES / name, root, dirs_exist_ok=True)
    if name == "rhel-6":
        (root / "boot/grub/menu.lst").symlink_to("grub.conf")
    if name.startswith("ubuntu"):
        (root / "usr/sbin").mkdir(parents=True)
        (root / "usr/sbin/grub-mkconfig").write_text("for x in /etc/default/grub.d/*.cfg\n")
    return Host(str(root), commands=Mkconfig(root, **faults), offline=False)  # type: ignore[arg-type]


def boot(host: Host) -> Boot:
    return Boot(host, Probes(host))


def done(host: Host, plan: Plan) -> Exception | None:
    return carry_out([Task("boot", lambda: plan)], host, lambda event: None)[0].error


def files(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


@pytest.mark.parametrize("name", sorted(path.name for path in TREES.iterdir()))
def test_every_command_line_has_what_is_added_and_not_what_is_removed(
    tmp_path: Path, name: str
) -> None:
    host = tree(name, tmp_path)
    known = {entry.name: entry.arguments for entry in boot(host).entries()}
    assert done(host, boot(host).ensure_arguments(["console=tty1", SERIAL], ["quiet"])) is None
    entries = boot(host).entries()
    assert entries
    assert (entries[0].name == "") == (name not in WITHOUT_FUTURE)
    for entry in entries:
        consoles = [each for each in entry.arguments if each.startswith("console=")]
        assert consoles[-1] == SERIAL, entry
        assert "console=tty1" in consoles
        assert "quiet" not in entry.arguments
        kept = [each for each in known.get(entry.name, ()) if not each.startswith("console=")]
        rest = [each for each in entry.arguments if not each.startswith("console=")]
        if len({each.name for each in entries}) == len(entries):
            assert rest == [each for each in kept if each != "quiet"] or name not in EDITED
    before = files(tmp_path)
    assert list(boot(host).ensure_arguments(["console=tty1", SERIAL], ["quiet"])) == []
    assert files(tmp_path) == before


@pytest.mark.parametrize("name", sorted(path.name for path in TREES.iterdir()))
def test_adding_and_removing_again_changes_no_other_byte(tmp_path: Path, name: str) -> None:
    host = tree(name, tmp_path)
    assert done(host, boot(host).ensure_arguments(["mitigations=off"])) is None
    assert done(host, boot(host).ensure_arguments([], ["mitigations=off"])) is None
    before, after = files(TREES / name), files(tmp_path)
    for path, content in before.items():
        assert after[path] == content, path


@pytest.mark.parametrize("name", sorted(path.name for path in TREES.iterdir()))
def test_a_serial_console_is_set_up_once(tmp_path: Path, name: str) -> None:
    host = tree(name, tmp_path)
    assert done(host, boot(host).ensure_serial_console()) is None
    for entry in boot(host).entries():
        consoles = [each for each in entry.arguments if each.startswith("console=")]
        assert consoles[-1] == SERIAL
        screens = {each for each in consoles if not each.startswith("console=ttyS")}
        assert len(screens) == 1, "a screen of its own is kept, else there is one now"
    assert list(boot(host).ensure_serial_console()) == []


def test_old_kernels_alone_get_the_numa_switch_and_early_messages(tmp_path: Path) -> None:
    host = tree("rhel-6", tmp_path)
    assert done(host, boot(host).ensure_numa_policy()) is None
    assert done(host, boot(host).ensure_serial_console()) is None
    found = {entry.name: entry.arguments for entry in boot(host).entries()}
    old = [name for name in found if "2.6.32" in name]
    assert len(old) == 2
    for name, arguments in found.items():
        assert ("numa=off" in arguments) == (name in old)
        assert ("earlyprintk=ttyS0,115200" in arguments) == (name in old)
    assert (tmp_path / "boot/grub/menu.lst").is_symlink()
    assert "serial --unit=0 --speed=115200\nterminal" in host.read("/boot/grub/grub.conf")


@pytest.mark.parametrize(
    ("release", "expected"),
    [
        ("2.6.32-431.el6.x86_64", (("numa=off",), ())),
        ("2.6.37", (("numa=off",), ())),
        ("2.6.38-8-server", ((), ("numa=off",))),
        ("3.10.0-1160.el7", ((), ("numa=off",))),
        ("rescue", ((), ())),
    ],
)
def test_the_numa_policy_is_one_of_versions(
    release: str, expected: tuple[tuple[str, ...], ...]
) -> None:
    change = kernel_arguments.numa_policy(kernel_arguments.version(release))
    assert (change.add, change.remove) == expected


def test_variables_of_entries_stay_and_count_as_what_they_hold(tmp_path: Path) -> None:
    host = tree("rhel-8", tmp_path)
    assert done(host, boot(host).ensure_arguments(["a=1"], ["rhgb"])) is None
    entry = host.read("/boot/loader/entries/4f1f-4.18.0-513.el8.x86_64.conf")
    assert "options $kernelopts $tuned_params a=1\n" in entry
    environment = host.read_bytes("/boot/grub2/grubenv")
    assert len(environment) == 1024
    assert b"rhgb" not in environment
    assert b"crashkernel=auto" in environment


@pytest.mark.parametrize("token", ["", "a b", 'a="b"', "it's", "$x", "`x`", "a\\b", "--"])
def test_what_is_no_token_is_refused(tmp_path: Path, token: str) -> None:
    host = tree("rhel-9", tmp_path)
    with pytest.raises(InvalidInput):
        list(boot(host).ensure_arguments([token]))
    with pytest.raises(InvalidInput):
        list(boot(host).ensure_arguments(["a=1"], ["a=1"]))


def test_only_whole_tokens_are_found(tmp_path: Path) -> None:
    change = kernel_arguments.checked(["quiet"], ["ro"])
    assert change.apply("root=/dev/sda1 rootdelay=3 noquiet") == (
        "root=/dev/sda1 rootdelay=3 noquiet quiet"
    )
    assert change.apply('dyndbg="file x ro" ro') == 'dyndbg="file x ro" quiet'
    assert change.apply("ro a -- ro single") == "a quiet -- ro single"


@pytest.mark.parametrize(
    ("faults", "expected"), [({"status": 1}, CommandFailed), ({"lazy": True}, PostconditionFailed)]
)
@pytest.mark.parametrize("name", ["ubuntu-24.04", "sles-15"])
def test_when_the_tool_fails_or_lies_all_is_as_it_was(
    tmp_path: Path, name: str, faults: dict[str, bool | int], expected: type[Exception]
) -> None:
    host = tree(name, tmp_path, **faults)
    (tmp_path / "boot/grub").mkdir(parents=True)
    (tmp_path / "boot/grub/grub.cfg").write_text(
        "### BEGIN /etc/grub.d/10_linux ###\nlinux /vmlinuz-6.1 ro quiet\n"
    )
    before = files(tmp_path)
    assert isinstance(done(host, boot(host).ensure_arguments(["a=1"])), expected)
    assert files(tmp_path) == before


def test_signed_images_and_unknown_loaders_are_refused(tmp_path: Path) -> None:
    host = Host(str(tmp_path), offline=False)
    assert boot(host).entries() == ()
    with pytest.raises(NotFound):
        list(boot(host).ensure_arguments(["a"]))
    (tmp_path / "boot/efi/EFI/Linux").mkdir(parents=True)
    (tmp_path / "boot/efi/EFI/Linux/x-6.8.efi").write_bytes(b"MZ")
    with pytest.raises(Unsupported):
        list(boot(host).ensure_arguments(["a"]))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("GRUB_CMDLINE_LINUX=", 'GRUB_CMDLINE_LINUX="a=1"'),
        ("GRUB_CMDLINE_LINUX=quiet", 'GRUB_CMDLINE_LINUX="quiet a=1"'),
        ("GRUB_CMDLINE_LINUX='x=$y'", "GRUB_CMDLINE_LINUX='x=$y a=1'"),
        ("export GRUB_CMDLINE_LINUX=\"x\"  # why", 'export GRUB_CMDLINE_LINUX="x a=1"  # why'),
        ("GRUB_CMDLINE_LINUX='b'c", "GRUB_CMDLINE_LINUX='b'c\" a=1\""),
        ('#GRUB_CMDLINE_LINUX="x"', '#GRUB_CMDLINE_LINUX="x"\nGRUB_CMDLINE_LINUX="a=1"'),
        ('GRUB_CMDLINE_LINUX="a=1"\nGRUB_CMDLINE_LINUX="b"',
         'GRUB_CMDLINE_LINUX="a=1"\nGRUB_CMDLINE_LINUX="b a=1"'),
        ('GRUB_CMDLINE_LINUX="a=1"\nGRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX b"', ""),
    ],
)  # fmt: skip
def test_quotes_of_the_shell_are_understood(tmp_path: Path, line: str, expected: str) -> None:
    (tmp_path / "etc/default").mkdir(parents=True)
    (tmp_path / "etc/default/grub").write_text(line + "\n")
    host = Host(str(tmp_path), commands=Mkconfig(tmp_path), offline=False)
    assert done(host, boot(host).ensure_arguments(["a=1"])) is None
    assert host.read("/etc/default/grub") == (expected or line) + "\n"
    assert not expected or "a=1" in host.read("/boot/grub/grub.cfg")


def test_a_prompt_is_written_for_init_scripts_and_for_root(tmp_path: Path) -> None:
    host = tree("sles-11", tmp_path)
    (tmp_path / "etc/init.d").mkdir()
    (tmp_path / "etc/inittab").write_text("1:2345:respawn:/sbin/mingetty tty1\n#S0:12345:off:x\n")
    (tmp_path / "etc/securetty").write_text("tty1\n")
    assert done(host, boot(host).ensure_serial_console()) is None
    assert "S0:12345:respawn:/sbin/getty -L 115200 ttyS0 vt102\n" in host.read("/etc/inittab")
    assert host.read("/etc/securetty") == "tty1\nttyS0\n"


class Ostree(Mkconfig):
    """rpm-ostree kargs: what it prints, deletes and appends."""

    line = "root=UUID=1 ro console=ttyS0,115200n8 console=tty0 quiet"

    def find(self, command: str) -> str:
        return "/usr/bin/rpm-ostree" if command == "rpm-ostree" else ""

    def __call__(self, argv: tuple[str, ...], stdin: Secret, timeout_s: float) -> Completed:
        words = self.line.split()
        for option in argv[2:]:
            name, _, token = option.partition("=")
            words.remove(token) if name == "--delete" else words.append(token)
        self.line = " ".join(words)
        return Completed(0, self.line + "\n")


def test_a_deployment_gets_what_is_added_in_its_order(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/ostree-booted").touch()
    tool = Ostree(tmp_path)
    host = Host(str(tmp_path), commands=tool, offline=False)
    assert done(host, boot(host).ensure_arguments(["console=tty1", SERIAL], ["quiet"])) is None
    assert tool.line == f"root=UUID=1 ro console=tty0 console=tty1 {SERIAL}"
    assert list(boot(host).ensure_arguments(["console=tty1", SERIAL], ["quiet"])) == []
    assert done(host, boot(host).ensure_serial_console()) is None
    assert boot(host).entries()[0].arguments[-1] == SERIAL
    without = machine(tmp_path)
    assert isinstance(done(without, boot(without).ensure_arguments(["a"])), Unsupported)


@pytest.mark.proves("serial-console", bed="root", tools=("update-grub", "grub-mkconfig"))
@pytest.mark.tools
@overlaid
def test_the_real_scripts_of_grub_put_it_on_every_entry(host: Host) -> None:
    if not (host.has("update-grub") and host.exists("/etc/grub.d/10_linux")):
        pytest.skip("no GRUB here")
    probe = Path("/usr/sbin/grub-probe")
    probe.unlink()
    probe.write_text('#!/bin/sh\ncase "$*" in *fs*) echo ext2;; *device*) echo /dev/sda1;; esac\n')
    probe.chmod(0o755)
    for kernel in ("5.10.0-28-amd64", "6.1.0-18-amd64"):
        Path(f"/boot/vmlinuz-{kernel}").write_bytes(b"x")
        Path(f"/boot/initrd.img-{kernel}").write_bytes(b"x")
    Path("/boot/grub").mkdir(exist_ok=True)
    Path("/boot/grub/grub.cfg").write_text("")
    Path("/etc/default/grub").write_text(
        'GRUB_CMDLINE_LINUX_DEFAULT="quiet console=tty0"\nGRUB_CMDLINE_LINUX=""\n'
    )
    assert done(host, boot(host).ensure_serial_console()) is None
    entries = [entry for entry in boot(host).entries() if entry.name]
    assert len(entries) >= 4
    for entry in entries:
        assert entry.arguments[-1] == SERIAL
    made = host.read("/boot/grub/grub.cfg")
    assert "serial --speed=115200 --unit=0" in made
    assert list(boot(host).ensure_serial_console()) == []
    assert done(host, boot(host).ensure_arguments([], ["quiet"])) is None
    assert "quiet" not in host.read("/boot/grub/grub.cfg")
