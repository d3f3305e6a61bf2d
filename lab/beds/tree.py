# SPDX-License-Identifier: Apache-2.0
"""Makes the trees: one base by mmdebstrap(1), and a copy of it for each look-alike."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from lab.platform import commands
from lab.vm import mirror
from lab.vm.cache import Cache, digest
from lab.vm.debian import AGENT, follow
from lab.vm.progress import Progress
from osdrivers.errors import NotFound

from .description import MACHINES, PROJECT, Description

CACHE = Cache(PROJECT / ".cache/beds")
#: What every system has under the same names, and no init system.
BASE = (
    *("ca-certificates", "e2fsprogs", "eject", "fdisk", "iproute2", "kmod", "login", "netbase"),
    *("openssh-server", "openssl", "parted", "passwd", "procps", "util-linux", *AGENT),
)
_LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")
_INSTALL_S = 600.0
_COMMAND_S = 60.0
_ENVIRONMENT = (
    *("DEBIAN_FRONTEND=noninteractive", "LC_ALL=C", "HOME=/root"),
    "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
)
# Packages start nothing here; policy-rc.d of invoke-rc.d(8).
_POLICY = "usr/sbin/policy-rc.d"
_INSTALL = (
    *("apt-get", "-qq", "--yes", "--no-install-recommends"),
    *("-o", "Dpkg::Use-Pty=0", "-o", "Acquire::Retries=3"),
    *("-o", "Dpkg::Options::=--force-unsafe-io", "install"),  # a tree that is half made is deleted
)


def kept(description: Description, cache: Cache = CACHE) -> Path:
    """The tree, if it is there already.

    :raises NotFound: it is not; the hint says how it is made.
    """
    root = cache.root / f"{_kind(description)}-{_key(description)}" / "root"
    if not root.is_dir():
        raise NotFound(f"the tree {description.name} was not made", hint="make beds")
    return root


def obtain(description: Description, progress: Progress, cache: Cache = CACHE) -> Path:
    """The tree, made now unless it is there.

    :raises CommandFailed: a package does not install, or a command in the tree failed.
    """
    base = _base(cache, progress)

    def make(place: Path) -> None:
        progress.say(f"making {description.name}")
        root = place / "root"
        argv = ("cp", "--archive", "--reflink=auto", str(base), str(root))
        commands.run(argv, timeout_s=_INSTALL_S)
        _dress(root, description)

    made = cache.obtain(_kind(description), _key(description), make)
    return made / "root"


def _kind(description: Description) -> str:
    return f"bed-{description.name}"


def _key(description: Description) -> str:
    return digest([description.key, _base_key()])


def _base_key() -> str:
    return digest([BASE, _LEFT_OUT, _sources()])


def _sources() -> tuple[str, ...]:
    return mirror.lines(Path("/etc/apt"), Path("/etc/os-release"))


def _base(cache: Cache, progress: Progress) -> Path:
    def make(place: Path) -> None:
        progress.say(f"making the base of {len(BASE)} packages")
        argv = (
            *("mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory"),
            *("--skip=cleanup/apt/lists", f"--include={','.join(BASE)}"),
            '--aptopt=APT::Install-Recommends "false"',
            *(f"--dpkgopt=path-exclude={pattern}" for pattern in _LEFT_OUT),
            *(mirror.SUITE, str(place / "root"), *_sources()),
        )
        follow(argv, progress, limit_lines=40)

    return cache.obtain("base", _base_key(), make) / "root"


def _dress(root: Path, description: Description) -> None:
    policy = root / _POLICY
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    if description.packages:
        inside(root, (*_INSTALL, *description.packages), timeout_s=_INSTALL_S)
    policy.unlink()
    for words in description.commands:
        inside(root, words)
    for name in description.groups:
        inside(root, ("groupadd", "--force", "--system", name))
    _remove(root, ("var/cache/apt/archives/*.deb", "var/lib/apt/lists/*", *description.remove))
    for old, new in description.move.items():
        _below(root, new).parent.mkdir(parents=True, exist_ok=True)
        _below(root, old).rename(_below(root, new))
    for path in description.take:
        _copy(MACHINES / description.machine / path, root / path)
    for path, lines in description.files.items():
        _write(_below(root, path), "".join(f"{line}\n" for line in lines))
    for path, mode in description.modes.items():
        _below(root, path).chmod(int(mode, 8))
    for path, target in description.links.items():
        _remove(root, (path.lstrip("/"),))
        _below(root, path).parent.mkdir(parents=True, exist_ok=True)
        _below(root, path).symlink_to(target)
    # mmdebstrap(1) copies them from this machine.
    _write(root / "etc/hostname", "image\n")
    _remove(root, ("etc/resolv.conf",))
    root.chmod(0o755)


def inside(root: Path, words: Iterable[str], *, timeout_s: float = _COMMAND_S) -> str:
    """Standard output of a command in a tree, with /proc but nothing else of this machine.

    :raises CommandFailed: it failed.
    """
    script = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"'
    apart = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script)
    proxies = (f"{name}={value}" for name, value in os.environ.items() if name.endswith("_proxy"))
    argv = (*apart, str(root), "env", "-i", *proxies, *_ENVIRONMENT, *words)
    return commands.run(argv, timeout_s=timeout_s).decode()


def _below(root: Path, path: str) -> Path:
    return root / path.lstrip("/")


def _remove(root: Path, patterns: Iterable[str]) -> None:
    for pattern in patterns:
        for path in root.glob(pattern):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        for each in sorted(source.iterdir()):
            _copy(each, target / each.name)
    else:
        _write(target, source.read_text(encoding="utf-8"))


def _write(path: Path, text: str) -> None:
    """A file in the place of another, whose mode it keeps, or of a link, which goes."""
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
