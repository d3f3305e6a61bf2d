# SPDX-License-Identifier: Apache-2.0
"""This project as a guest gets it: a wheel built by the guest's own setuptools, and a unit."""

from __future__ import annotations

import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

from osdrivers.errors import NotFound

from .cache import digest
from .debian import contents, stage
from .inside import chroot

UNIT = "waagent-provision.service"
_FILES = Path(__file__).parent / "agent"
_PACKAGES = ("agentcore", "osdrivers")
_METADATA = ("setup.cfg", "setup.py", "pyproject.toml", "README.md", "LICENSE")
_SITE = "usr/lib/python3/dist-packages"

# The launcher that pip would write imports re and drops the script's own suffix: not needed here.
_LAUNCHER = """\
#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
import sys

from agentcore.cli import main

sys.exit(main())
"""


@dataclass(frozen=True)
class Project:
    """The work tree at ``source`` as a layer of an image."""

    source: Path

    name = "agentcore"
    unit = UNIT
    keeps_host_keys = False

    @property
    def unit_file(self) -> Path:
        """The unit that provisions at boot: the packages' own where the tree has one."""
        for directory in ("packaging", "conf"):
            found = sorted((self.source / directory).rglob(UNIT))
            if found:
                return found[0]
        return _FILES / "etc/systemd/system" / UNIT

    @property
    def key(self) -> str:
        """Changes with every file that reaches the image."""
        parts = {name: contents(self.source / name) for name in _PACKAGES}
        files = {name: (self.source / name).read_text() for name in _METADATA}
        return digest([parts, files, _LAUNCHER, self.unit_file.read_text(), contents(_FILES)])

    def install(self, root: Path) -> None:
        """Put the project into the tree at ``root``, compiled, and enable its unit.

        :raises CommandFailed: it does not build with what the guest has.
        """
        self._build(root)
        launcher = root / "usr/sbin/waagent"
        launcher.write_text(_LAUNCHER)
        launcher.chmod(0o755)
        stage(_FILES, root)
        units = root / "etc/systemd/system"
        shutil.copyfile(self.unit_file, units / UNIT)
        wants = units / "multi-user.target.wants"
        wants.mkdir(exist_ok=True)
        (wants / UNIT).symlink_to(f"../{UNIT}")

    def _build(self, root: Path) -> None:
        place = root / "build"
        place.mkdir(mode=0o755)
        for name in _PACKAGES:
            shutil.copytree(
                self.source / name, place / name, ignore=shutil.ignore_patterns("__pycache__")
            )
        for name in _METADATA:
            shutil.copyfile(self.source / name, place / name)
        script = "import os, runpy; os.chdir('/build'); runpy.run_path('setup.py')"
        chroot(
            root, ("python3", "-c", f"import sys; sys.argv[1:] = ['-q', 'bdist_wheel']; {script}")
        )
        wheels = list((place / "dist").glob("*.whl"))
        if not wheels:
            raise NotFound(f"{place}/dist: no wheel came out of the build")
        with zipfile.ZipFile(wheels[0]) as wheel:
            wheel.extractall(root / _SITE)
        shutil.rmtree(place)
        packages = (f"/{_SITE}/{name}" for name in _PACKAGES)
        chroot(root, ("python3", "-m", "compileall", "-q", *packages))
