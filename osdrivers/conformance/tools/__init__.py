# SPDX-License-Identifier: Apache-2.0
"""The pretend tools: one file for each family, one function for each tool.

A function gets the machine, the argv and the standard input, and edits the machine's files as the
real tool does.  An option it does not know raises ``UnknownUse``.  ``tests/conformance`` compares
each with the real tool where Debian packages it; ``unproved.json`` there lists the others.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..box import Tool
from .busybox import TOOLS as BUSYBOX
from .dhcp import TOOLS as DHCP
from .disks import TOOLS as DISKS
from .drives import TOOLS as DRIVES
from .filters import TOOLS as FILTERS
from .firewall_cmd import TOOLS as FIREWALL_CMD
from .grub import TOOLS as GRUB
from .initd import TOOLS as INITD
from .modules import TOOLS as MODULES
from .names import TOOLS as NAMES
from .network import TOOLS as NETWORK
from .old_inits import TOOLS as OLD_INITS
from .packages import TOOLS as PACKAGES
from .parted import TOOLS as PARTED
from .passwords import TOOLS as PASSWORDS
from .pwdutils import TOOLS as PWDUTILS
from .rpm_ostree import TOOLS as RPM_OSTREE
from .shadow import TOOLS as SHADOW
from .ssh_keygen import TOOLS as SSH_KEYGEN
from .sshd import TOOLS as SSHD
from .sudo import DOAS
from .sudo import TOOLS as SUDO
from .swap import TOOLS as SWAP
from .systemd import TOOLS as SYSTEMD

_COMMON: Mapping[str, Tool] = {**SUDO, **SSHD, **SSH_KEYGEN}
_LINUX: Mapping[str, Tool] = {
    **_COMMON,
    **DOAS,
    **SHADOW,
    **PWDUTILS,
    **BUSYBOX,
    **PASSWORDS,
    **SYSTEMD,
    **INITD,
    **OLD_INITS,
    **NAMES,
    **NETWORK,
    **DHCP,
    **DISKS,
    **PARTED,
    **SWAP,
    **DRIVES,
    **FILTERS,
    **FIREWALL_CMD,
    **GRUB,
    **MODULES,
    **PACKAGES,
    **RPM_OSTREE,
}


def toolbox(system: str) -> Mapping[str, Tool]:
    """Every tool of ``linux`` or ``freebsd``, by name; ``/etc/init.d/*`` for a directory's."""
    if system == "linux":
        return _LINUX
    from .freebsd import TOOLS as FREEBSD

    return {**_COMMON, **FREEBSD}
