# SPDX-License-Identifier: Apache-2.0
"""A generalised disk image: a Debian tree, one layer on top, and nothing that is one machine's."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lab.platform import commands
from osdrivers.errors import NotFound

from .cache import Cache, digest
from .debian import Tree, contents, stage
from .progress import Progress

ROOT_LABEL = "lab-root"
_OVERLAY = Path(__file__).parent / "overlay"
#: They wait for udev or walk all volumes: time of the first boot that is not the agent's.
_MASKED = ("e2scrub_reap.service", "ifupdown-pre.service")
_UNIT_DIRECTORIES = ("etc/systemd/system", "usr/lib/systemd/system", "lib/systemd/system")
_SIZE = "4G"
_RECIPE = 4  # raise it when the steps below change


class Layer(Protocol):
    """What is installed on top of a tree."""

    @property
    def name(self) -> str:
        """A word for file names and progress."""

    @property
    def unit(self) -> str:
        """The service that prepares the resource disk."""

    @property
    def daemon(self) -> str:
        """The service that stays; the same one, where there is only one."""

    @property
    def keeps_host_keys(self) -> bool:
        """Whether sshd finds the keys of the package's installation at first boot."""

    @property
    def key(self) -> str:
        """Changes with anything that changes what ``install`` does."""

    def install(self, root: Path) -> None:
        """Change the unpacked tree at ``root``."""


@dataclass(frozen=True)
class Image:
    """A bootable system: a raw disk that is never written to, with its kernel beside it."""

    directory: Path

    @property
    def disk(self) -> Path:
        """The root file system, without a partition table."""
        return self.directory / "disk.raw"

    @property
    def kernel(self) -> Path:
        """For QEMU's -kernel."""
        return self.directory / "vmlinuz"

    @property
    def initrd(self) -> Path:
        """For QEMU's -initrd."""
        return self.directory / "initrd"


def obtain(tree: Tree, layer: Layer, cache: Cache, progress: Progress) -> Image:
    """The image of ``tree`` with ``layer``, made now unless it is there.

    :raises CommandFailed: the layer does not install, or mkfs.ext4 failed.
    """
    key = digest(
        [tree.key, layer.key, layer.keeps_host_keys, contents(_OVERLAY), _MASKED, _SIZE, _RECIPE]
    )

    def make(place: Path) -> None:
        progress.say(f"making the image with {layer.name}")
        root = place / "root"
        commands.run(("cp", "-a", "--reflink=auto", str(tree.root), str(root)), timeout_s=300)
        stage(_OVERLAY, root)
        for unit in _MASKED:
            (root / "etc/systemd/system" / unit).symlink_to("/dev/null")
        layer.install(root)
        _show_resource_disk(root, layer.unit)
        _generalise(root, keep_host_keys=layer.keeps_host_keys)
        shutil.copyfile(tree.kernel, place / "vmlinuz")
        shutil.copyfile(tree.initrd, place / "initrd")
        # The kernel would initialise inode tables in the background of the first boot.
        options = ("-E", "lazy_itable_init=0,lazy_journal_init=0,root_owner=0:0")
        disk = str(place / "disk.raw")
        commands.run(
            ("mkfs.ext4", "-q", "-F", "-L", ROOT_LABEL, *options, "-d", str(root), disk, _SIZE),
            timeout_s=300,
        )
        shutil.rmtree(root)

    return Image(cache.obtain(f"image-{layer.name}", key, make))


def _show_resource_disk(root: Path, unit: str) -> None:
    """Let the service see the disk as on the platform (``overlay/usr/libexec/lab-vmbus``).

    :raises NotFound: the tree has no such unit.
    """
    for directory in _UNIT_DIRECTORIES:
        file = root / directory / unit
        if file.is_file():
            break
    else:
        raise NotFound(f"{unit}: not in {', '.join(_UNIT_DIRECTORIES)} of the tree")
    commands = [line for line in file.read_text().splitlines() if line.startswith("ExecStart=")]
    program = commands[-1].partition("=")[2]
    drop_in = root / "etc/systemd/system" / f"{unit}.d" / "50-lab-vmbus.conf"
    drop_in.parent.mkdir(parents=True)
    drop_in.write_text(f"[Service]\nExecStart=\nExecStart=/usr/libexec/lab-vmbus {program}\n")


def _generalise(root: Path, *, keep_host_keys: bool) -> None:
    """Remove what belongs to one machine: keys, identity, name, leases."""
    patterns = ["var/lib/dhcp/*.leases", "var/log/*.log"]
    if not keep_host_keys:
        patterns.append("etc/ssh/ssh_host_*")
    for pattern in patterns:
        for path in root.glob(pattern):
            path.unlink()
    (root / "etc/machine-id").write_text("")  # machine-id(5): made at boot, and not a first boot
    (root / "etc/hostname").write_text("localhost\n")
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n::1 localhost ip6-localhost\n")
    (root / "etc/resolv.conf").unlink(missing_ok=True)
    root.chmod(0o755)
