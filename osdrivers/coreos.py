# SPDX-License-Identifier: Apache-2.0
"""CoreOS Container Linux and Flatcar: /usr is read-only, the user ``core`` is a person.

No package manager is installed: what the image lacks comes as a system extension.
"""

from __future__ import annotations

from dataclasses import replace

from . import family
from .api import Driver
from .host import Host
from .parts import shadow


def flatcar(host: Host) -> Driver:
    """Flatcar; the agent is a system extension with its configuration in /etc."""
    image = family.driver(
        host,
        "flatcar",
        users=shadow.Users(host, admin_groups=("sudo", "docker")),
        services=family.services(host, agent=("waagent",), ssh=("sshd",)),
    )
    # The metadata service gives a name only where there is no such file.
    return replace(image, packages=None, cleanup=family.forgetting(host, delete=True))


def coreos(host: Host) -> Driver:
    """Container Linux; the agent and its configuration were on the OEM partition."""
    oem = host.with_default_places(
        configuration="/usr/share/oem/waagent.conf", binaries="/usr/share/oem/bin"
    )
    return replace(flatcar(oem), name="coreos")
