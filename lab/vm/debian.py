# SPDX-License-Identifier: Apache-2.0
"""A Debian tree with a kernel, made by mmdebstrap(1) from packages and a few files of ours."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from osdrivers.errors import CommandFailed

from . import mirror
from .cache import Cache, digest
from .progress import Progress

# Must be there before the kernel package makes its initial RAM disk.
FILES = Path(__file__).parent / "files"

SYSTEM = (
    "ca-certificates", "dbus", "e2fsprogs", "eject", "fdisk", "ifupdown", "initramfs-tools",
    "iproute2", "isc-dhcp-client", "kmod", "linux-image-cloud-amd64", "login", "netbase", "openssl",
    "openssh-server", "parted", "passwd", "procps", "sudo", "systemd", "systemd-sysv", "udev",
    "util-linux",
)  # fmt: skip
#: What the package depends on; its installation fails where one is missing here.
AGENT = (
    "python3", "python3-cryptography", "python3-defusedxml", "python3-distro", "python3-requests",
    "python3-stevedore",
)  # fmt: skip
_LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")


@dataclass(frozen=True)
class Recipe:
    """What a tree is made of.

    ``name`` is for its directory; ``uri`` replaces the machine's own sources.
    """

    name: str = "agentcore"
    packages: tuple[str, ...] = SYSTEM + AGENT
    uri: str = ""

    def lines(self) -> tuple[str, ...]:
        """The package sources, as one-line entries of sources.list(5)."""
        if self.uri:
            return (f"deb {self.uri} {mirror.SUITE} main",)
        return mirror.lines(Path("/etc/apt"), Path("/etc/os-release"))

    @property
    def key(self) -> str:
        """Changes with anything that changes the tree."""
        return digest([self.packages, self.lines(), _LEFT_OUT, contents(FILES)])


@dataclass(frozen=True)
class Tree:
    """An unpacked system."""

    root: Path
    key: str

    @property
    def kernel(self) -> Path:
        """Its kernel, for QEMU's -kernel."""
        return next(iter(sorted((self.root / "boot").glob("vmlinuz-*"))))

    @property
    def initrd(self) -> Path:
        """The initial RAM disk of that kernel."""
        return next(iter(sorted((self.root / "boot").glob("initrd.img-*"))))


def stage(source: Path, target: Path) -> None:
    """Copy files with the owner and modes that they shall have in the guest: git keeps neither."""
    shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
    for original in source.rglob("*"):
        path = target / original.relative_to(source)
        if not path.is_symlink():
            program = path.is_dir() or path.parent.name == "libexec"
            path.chmod(0o755 if program else 0o644)
        os.chown(path, 0, 0, follow_symlinks=False)


def contents(directory: Path) -> list[list[str]]:
    """Name, mode and content (or target of the link) of everything below ``directory``."""
    found = []
    for path in sorted(directory.rglob("*")):
        if "__pycache__" in path.parts or path.is_dir():
            continue
        link = path.is_symlink()
        text = os.readlink(path) if link else path.read_bytes().hex()
        mode = "" if link else oct(path.stat().st_mode & 0o777)
        found.append([str(path.relative_to(directory)), mode, text])
    return found


def obtain(recipe: Recipe, cache: Cache, progress: Progress) -> Tree:
    """The tree of ``recipe``, made now unless it is there.

    :raises NotFound: no package source is known.
    :raises CommandFailed: mmdebstrap failed; its last lines are in the message.
    """
    key = recipe.key

    def make(place: Path) -> None:
        progress.say(f"making a Debian tree of {len(recipe.packages)} packages (a minute or two)")
        _mmdebstrap(recipe, place, progress)
        if not list((place / "root/boot").glob("initrd.img-*")):
            raise CommandFailed(("mmdebstrap",), 0, "the tree has no initial RAM disk")

    return Tree(cache.obtain(f"tree-{recipe.name}", key, make) / "root", key)


def _mmdebstrap(recipe: Recipe, place: Path, progress: Progress) -> None:
    staging = place / "files"
    stage(FILES, staging)
    argv = (
        "mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory",
        f"--include={','.join(recipe.packages)}",
        '--aptopt=APT::Install-Recommends "false"',
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in _LEFT_OUT),
        f"--essential-hook=sync-in {shlex.quote(str(staging))} /",
        mirror.SUITE, str(place / "root"), *recipe.lines(),
    )  # fmt: skip
    follow(argv, progress, limit_lines=40)
    shutil.rmtree(staging)


def follow(argv: Sequence[str], progress: Progress, *, limit_lines: int) -> None:
    """Run a command that takes long, saying its own remarks (``I: ...``) as they come.

    :raises CommandFailed: it failed; the last ``limit_lines`` lines it wrote are the message.
    """
    said: list[str] = []
    environment = {**os.environ, "LC_ALL": "C", "TMPDIR": "/tmp"}
    process = subprocess.Popen(
        argv, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace",
    )  # fmt: skip
    try:
        assert process.stdout is not None
        for line in process.stdout:
            said = [*said, line.rstrip()][-limit_lines:]
            if line.startswith("I: ") and line.rstrip().endswith("..."):
                progress.say(f"  {line[3:].rstrip()}")
        status = process.wait()
    except BaseException:
        # mmdebstrap removes its own mounts and directories on SIGTERM.
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        raise
    if status != 0:
        raise CommandFailed(tuple(argv), status, "\n".join(said))
