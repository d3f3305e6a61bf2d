# SPDX-License-Identifier: Apache-2.0
"""The pretend scripts of GRUB put on each command line what Debian's do."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from osdrivers.host import Host
from tests.conformance.compared import Pair
from tests.osdrivers.parts.overlaid import overlaid

pytestmark = pytest.mark.sandbox
CONFIGURATION = "/boot/grub/grub.cfg"
#: Stands for a disk: a copy in memory has none that GRUB could name.
PROBE = '#!/bin/sh\ncase "$*" in *fs*) echo ext2;; *device*) echo /dev/sda1;; esac\n'
DEFAULTS = (
    "",
    'GRUB_CMDLINE_LINUX_DEFAULT="quiet splash"\nGRUB_CMDLINE_LINUX=""\n',
    'GRUB_CMDLINE_LINUX=\'a=1\'"b"\nGRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX \\\n c"  # why\n',
    'GRUB_CMDLINE_LINUX_DEFAULT="one"\n#GRUB_CMDLINE_LINUX="no"\nGRUB_TERMINAL="console serial"\n'
    'GRUB_SERIAL_COMMAND="serial --speed=115200 --unit=0"\n',
)
FRAGMENT = 'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX f=1"\n'


def command_lines(host: Host) -> list[tuple[str, ...]]:
    """Of each kernel, sorted; which disk has the root is not compared."""
    text = host.read(CONFIGURATION)
    found = re.findall(r"^[ \t]*linux[ \t]+([^\n]*)", text, re.MULTILINE)
    words = [line.replace("single ", "").split() for line in found]
    return sorted(tuple(w for w in each if not w.startswith("root=")) for each in words)


@pytest.mark.tools
@pytest.mark.parametrize("fragment", ["", FRAGMENT])
@pytest.mark.parametrize("defaults", DEFAULTS)
@overlaid
def test_each_kernel_gets_the_command_line_of_the_real_scripts(
    host: Host, defaults: str, fragment: str
) -> None:
    if not (host.has("update-grub") and host.exists("/etc/grub.d/10_linux")):
        pytest.skip("no GRUB here")
    os.unlink("/usr/sbin/grub-probe")
    Path("/usr/sbin/grub-probe").write_text(PROBE)
    os.chmod("/usr/sbin/grub-probe", 0o755)
    pair = Pair(host)
    for machine in (pair.real, pair.pretended):
        shutil.rmtree(f"{machine.root}/boot", ignore_errors=True)
        shutil.rmtree(f"{machine.root}/etc/default/grub.d", ignore_errors=True)
    for kernel in ("5.10.0-28-amd64", "6.1.0-18-amd64"):
        pair.put(f"/boot/vmlinuz-{kernel}", "kernel\n")
        pair.put(f"/boot/initrd.img-{kernel}", "initrd\n")
    pair.put(CONFIGURATION, "")
    pair.put("/etc/default/grub", defaults)
    if fragment:
        pair.put("/etc/default/grub.d/50-tried.cfg", fragment)
    for argv in (("update-grub",), ("grub-mkconfig", "-o", CONFIGURATION)):
        pair.run(*argv)
        assert command_lines(pair.pretended) == command_lines(pair.real), argv
        serial = "serial --speed=115200" in pair.real.read(CONFIGURATION)
        assert ("serial --speed=115200" in pair.pretended.read(CONFIGURATION)) == serial
