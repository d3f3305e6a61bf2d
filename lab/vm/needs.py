# SPDX-License-Identifier: Apache-2.0
"""The tools of this machine that the virtual machine is made and run with."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass

from osdrivers.errors import CommandMissing, UnsafeRefused

from .progress import Progress

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_INSTALL_LIMIT_S = 900.0


@dataclass(frozen=True)
class Tool:
    """A command and the Debian package that provides it."""

    command: str
    package: str


BUILD = (
    Tool("mmdebstrap", "mmdebstrap"),
    Tool("mkfs.ext4", "e2fsprogs"),
    Tool("qemu-img", "qemu-utils"),
    Tool("chroot", "coreutils"),
    Tool("dpkg-buildpackage", "dpkg-dev"),
    Tool("dh", "debhelper"),
    Tool("dh_python3", "dh-python"),
)
RUN = (
    Tool("qemu-system-x86_64", "qemu-system-x86"),
    Tool("dnsmasq", "dnsmasq-base"),
    Tool("genisoimage", "genisoimage"),
    Tool("ip", "iproute2"),
    Tool("mkntfs", "ntfs-3g"),
    Tool("sfdisk", "fdisk"),
    Tool("ssh", "openssh-client"),
    Tool("ssh-keygen", "openssh-client"),
    Tool("sshpass", "sshpass"),
    Tool("openssl", "openssl"),
    Tool("unshare", "util-linux"),
    Tool("setpriv", "util-linux"),
)


def missing(tools: Iterable[Tool]) -> tuple[Tool, ...]:
    """Those of ``tools`` that no directory of the system path holds."""
    return tuple(tool for tool in tools if shutil.which(tool.command, path=_PATH) is None)


def require_root() -> None:
    """Refuse to go on without root.

    :raises UnsafeRefused: the kernel would deny the namespaces, the tap device and the owners of
        the files in the image.
    """
    if os.geteuid() != 0:
        raise UnsafeRefused(
            "the virtual machine needs root, for its image and its network namespace",
            hint="run this command with sudo",
        )


def provide(tools: Iterable[Tool], progress: Progress) -> None:
    """Install what is missing with apt-get(8).

    :raises CommandMissing: apt-get is not here, or did not bring the tool.
    """
    wanted = missing(tools)
    if not wanted:
        return
    packages = sorted({tool.package for tool in wanted})
    command = ("apt-get", "install", "--yes", "--no-install-recommends", *packages)
    if shutil.which("apt-get", path=_PATH) is None:
        raise CommandMissing(wanted[0].command, " ".join(packages))
    progress.say(f"installing {', '.join(packages)}")
    options = ("-o", "DPkg::Lock::Timeout=300", "-qq")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    for argv in (("apt-get", *options, "update"), (command[0], *options, *command[1:])):
        # A failing update is no reason to stop: the package may be known already.
        subprocess.run(
            argv,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            timeout=_INSTALL_LIMIT_S,
            check=False,
        )
    still = missing(wanted)
    if still:
        raise CommandMissing(still[0].command, f"it: {' '.join(command)}")
