# SPDX-License-Identifier: Apache-2.0
"""This project as its users get it: the Debian package, built here and installed through apt."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from lab.platform import commands
from osdrivers.errors import NotFound

from .cache import Cache, digest
from .debian import contents, stage
from .inside import chroot

UNIT = "waagent-provision.service"
NAME = "agentcore"
#: Debian's own agent becomes ours through this one.
CLASSIC = "waagent"
_FILES = Path(__file__).parent / "agent"
# What the binary package is made of; a change elsewhere leaves the package as it is.
_SOURCES = ("agentcore", "osdrivers", "conf", "packaging", "docs/man")
_SINGLE = ("setup.cfg", "README.md", "NEWS.md", "LICENSE")
_BUILD_LIMIT_S = 300.0
# The tree was made without manuals and documentation; of this package dpkg(1) is to have all.
_WHOLE = ("/usr/share/doc/agentcore/*", "/usr/share/doc/waagent/*", "/usr/share/man/*waagent*",
          "/usr/share/man/*osdriver*")  # fmt: skip


@dataclass(frozen=True)
class Package:
    """The packages of the work tree at ``source``, as a layer of an image."""

    source: Path
    cache: Cache
    name: str = NAME

    unit = UNIT
    daemon = "waagent.service"
    keeps_host_keys = False

    @property
    def built_from(self) -> str:
        """Changes with every file that the binary package is made of."""
        parts = {name: contents(self.source / name) for name in _SOURCES}
        return digest([parts, {name: (self.source / name).read_text() for name in _SINGLE}])

    @property
    def key(self) -> str:
        """Changes with every file that reaches the image."""
        return digest([self.built_from, contents(_FILES), _WHOLE])

    def debs(self) -> Path:
        """The directory with the built packages, made now unless it is there.

        :raises CommandFailed: they do not build; the end of what was said is in the message.
        """
        script = str(self.source / "packaging/build.sh")

        def make(place: Path) -> None:
            quick = ("env", "TESTS=no", "LINT=no")
            commands.run((*quick, script, str(place), "deb"), timeout_s=_BUILD_LIMIT_S)

        return self.cache.obtain("package", self.built_from, make)

    def install(self, root: Path) -> None:
        """Install it into the tree at ``root``, and what the lab's guest wants configured.

        :raises CommandFailed: apt-get refused, e.g. for a dependency that the tree has not.
        """
        install(root, deb(self.debs(), NAME))
        stage(_FILES, root)


def deb(place: Path, name: str) -> Path:
    """The file of a package.  :raises NotFound: the build made none."""
    found = sorted(place.glob(f"{name}_*_all.deb"))
    if not found:
        raise NotFound(f"{place}: no package {name}")
    return found[0]


def install(root: Path, *files: Path) -> None:
    """Have apt-get(8) install files in the tree at ``root``, which has no network.

    All that they depend on must have come with the tree, so from Debian.
    """
    place = root / "debs"
    place.mkdir(mode=0o755)
    for file in files:
        shutil.copyfile(file, place / file.name)
        (place / file.name).chmod(0o644)
    options = [f"-oDPkg::Options::=--path-include={pattern}" for pattern in _WHOLE]
    chroot(root, ("apt-get", "-qq", "-y", "-oDpkg::Use-Pty=0", "--no-install-recommends", *options,
                  "install", *(f"/debs/{file.name}" for file in files)))  # fmt: skip
    shutil.rmtree(place)
