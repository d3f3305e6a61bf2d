# SPDX-License-Identifier: Apache-2.0
"""What runs the agent in a guest: a Python that the guest has, and this project."""

from __future__ import annotations

import compileall
import os
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from osdrivers.conformance.beds.bed import Share
from osdrivers.conformance.beds.remote import Side
from osdrivers.errors import NotFound

PROJECT = Path(__file__).resolve().parents[2]
#: Where the guest has file systems of its own, so that nothing of the host's is seen.
_FRESH = ("/tmp/", "/run/", "/mnt/", "/media/", "/dev/", "/proc/", "/sys/")
_PYTHONS = ("/usr/bin/python3", "/usr/local/bin/python3", "/usr/libexec/platform-python")
_PROJECT_THERE, _PACKAGES_THERE = "/run/lab/project", "/run/lab/packages"
_NEEDED = (
    "import sys; assert sys.version_info >= (3, 9); import cryptography.x509, defusedxml, distro"
)


@dataclass(frozen=True)
class Interpreter:
    """``python`` and ``project`` are paths of the guest, and so is ``packages``: libraries to use
    where the guest's own Python has none ("" for its own alone)."""

    python: str
    project: str
    packages: str
    shared: tuple[Share, ...]

    @classmethod
    def of_this_machine(cls) -> Interpreter:
        """The one that runs now; a copy of this machine has it too."""
        needed = dict.fromkeys((str(PROJECT), sys.prefix, sys.base_prefix))
        hidden = tuple(Share(each) for each in needed if each.startswith(_FRESH))
        for package in ("agentcore", "osdrivers"):
            # As an installation does: the agent's CPU time is not that of a compiler.
            compileall.compile_dir(str(PROJECT / package), quiet=2)
        return cls(sys.executable, str(PROJECT), "", hidden)

    @classmethod
    def of_tree(cls, root: str) -> Interpreter:
        """The Python of another tree.

        :raises NotFound: it has none.
        """
        shared = (
            Share(str(PROJECT), _PROJECT_THERE),
            Share(sysconfig.get_path("purelib"), _PACKAGES_THERE),
        )
        for python in _PYTHONS:
            if os.path.lexists(f"{root}{python}"):
                return cls(python, _PROJECT_THERE, _PACKAGES_THERE, shared)
        raise NotFound(f"no Python in {root}", hint="the agent needs 3.9 or later in the tree")

    @property
    def command(self) -> str:
        """The console script that a package would install."""
        return (
            "#!/bin/sh\n"
            f"export PYTHONPATH='{self.project}' PYTHONDONTWRITEBYTECODE=1\n"
            f"exec '{self.python}' -c '{self._prelude}"
            'from agentcore.cli import main; sys.exit(main())\' "$@"\n'
        )

    @property
    def _prelude(self) -> str:
        """After its own packages: a compiled module of ours may be for another release."""
        return (
            f'import sys; sys.path.append("{self.packages}"); ' if self.packages else "import sys; "
        )

    def check(self, guest: Side) -> None:
        """Look whether the guest can run the agent at all.

        :raises NotFound: it cannot; the message says what it lacks.
        """
        ended = guest.run((self.python, "-c", self._prelude + _NEEDED))
        if ended.status != 0:
            said = (ended.stderr.strip().splitlines() or ["no message"])[-1]
            raise NotFound(
                f"{self.python} of the tree cannot run the agent ({said})",
                hint="install Python 3.9 or later with cryptography, defusedxml and distro in it",
            )
