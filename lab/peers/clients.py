# SPDX-License-Identifier: Apache-2.0
"""The clients that are compared: Debian's packages as they come, and this project."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lab.vm.cache import digest
from lab.vm.debian import AGENT, SYSTEM, Recipe
from lab.vm.package import Package
from lab.vm.runner import SOURCE, System, cache

_CONFIGURATION = "etc/waagent.conf"
# What this project's guest is told too (lab/vm/agent): the same work for everybody.
_SAME_WORK = {"ResourceDisk.Format": "y", "ResourceDisk.EnableSwap": "y",
              "ResourceDisk.SwapSizeMB": "64"}  # fmt: skip


@dataclass(frozen=True)
class Packaged:
    """An agent that came with the tree; only its configuration is changed.

    Host keys stay in its image: without them Debian's sshd gives up before Debian's waagent has
    made new ones, and that agent (2.7.3) then reloads a service that does not run.  It reports
    Ready, and nobody can log in.
    """

    name: str
    settings: Mapping[str, str] = field(default_factory=dict)
    unit: str = "walinuxagent.service"
    daemon: str = "walinuxagent.service"
    keeps_host_keys: bool = True

    @property
    def key(self) -> str:
        """Changes with the settings."""
        return digest([self.name, dict(self.settings)])

    def install(self, root: Path) -> None:
        """Set the options in the agent's configuration file."""
        path = root / _CONFIGURATION
        text = path.read_text()
        for name, value in self.settings.items():
            text = re.sub(rf"^#?\s*{re.escape(name)}=.*\n", "", text, flags=re.MULTILINE)
            text += f"{name}={value}\n"
        path.write_text(text)


def known(uri: str = "") -> dict[str, System]:
    """Every client by name.  ``uri`` replaces the machine's own package sources."""
    native = {**_SAME_WORK, "Provisioning.Agent": "waagent"}
    joint = {**_SAME_WORK, "Provisioning.Agent": "cloud-init"}
    systems = (
        System(Recipe("waagent", (*SYSTEM, "waagent"), uri), Packaged("waagent", native)),
        System(
            Recipe("cloud-init", (*SYSTEM, "cloud-init", "waagent"), uri),
            Packaged("cloud-init", joint),
        ),
        System(Recipe("agentcore", SYSTEM + AGENT, uri), Package(SOURCE, cache())),
    )
    return {system.layer.name: system for system in systems}
