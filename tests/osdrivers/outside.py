# SPDX-License-Identifier: Apache-2.0
"""An environment beside this one, in which packages of third parties are installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


class Venv:
    """An environment without pip and network, in which what this one has is installed."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.python = str(directory / "bin/python")
        self._run(sys.executable, "-m", "venv", "--without-pip", str(directory))
        self.site = next(directory.glob("lib/python*/site-packages"))
        (self.site / "ours.pth").write_text("\n".join(each for each in sys.path if each) + "\n")

    def _run(self, *argv: str, cwd: str = "/") -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            argv, cwd=cwd, capture_output=True, text=True, timeout=480, check=False
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
        return done

    def install(self, package: Path) -> None:
        where = str(self.site)
        words = ("build", "--build-lib", where, "install_egg_info", "--install-dir", where)
        self._run(self.python, "-W", "ignore", "setup.py", "-q", *words, cwd=str(package))

    def waagent(self, *words: str, cwd: str = "/") -> str:
        code = f"import sys; from agentcore.cli import main; sys.exit(main({words!r}))"
        return self._run(self.python, "-c", code, cwd=cwd).stdout

    def pytest(self, *words: str, cwd: str) -> str:
        plain = ("-q", "-rs", "-p", "no:cacheprovider")
        return self._run(self.python, "-m", "pytest", *plain, *words, cwd=cwd).stdout
