# SPDX-License-Identifier: Apache-2.0
"""The scripts that make grub.cfg: grub-mkconfig(8), grub2-mkconfig, update-grub(8).

The files of defaults are read by a real shell, as the scripts do.
"""

from __future__ import annotations

import re
import subprocess

from ...host import Completed
from ..box import Box, Tool, UnknownUse, done

_VARIABLES = (
    "GRUB_CMDLINE_LINUX",
    "GRUB_CMDLINE_LINUX_DEFAULT",
    "GRUB_TERMINAL",
    "GRUB_SERIAL_COMMAND",
)
_SECTION = "/etc/grub.d/10_linux"


def update_grub(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    if len(argv) != 1:
        raise UnknownUse(argv, "it takes no argument")
    return _made(box, "/boot/grub/grub.cfg")


def mkconfig(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    if len(argv) != 3 or argv[1] != "-o":
        raise UnknownUse(argv, "only -o FILE")
    return _made(box, argv[2])


def _made(box: Box, path: str) -> Completed:
    everyone, ordinary, terminal, serial = _defaults(box)
    lines = ["### BEGIN /etc/grub.d/00_header ###"]
    lines += [serial, f"terminal_input {terminal}", f"terminal_output {terminal}"]
    lines += ["### END /etc/grub.d/00_header ###", f"### BEGIN {_SECTION} ###"]
    kernels = sorted(
        (name for name in box.names("/boot") if name.startswith("vmlinuz-")), key=_order
    )[::-1]
    for name in (*kernels[:1], *kernels):
        lines.append(f"\tlinux\t/boot/{name} root=/dev/sda1 ro {everyone} {ordinary}")
    lines += [f"\tlinux\t/boot/{name} root=/dev/sda1 ro single {everyone}" for name in kernels]
    text = "\n".join((*lines, f"### END {_SECTION} ###", ""))
    if text != box.read(path, ""):
        box.write(path, text, 0o600)
    return done("", "Generating grub configuration file ...\ndone\n")


def _defaults(box: Box) -> list[str]:
    """The variables, after a shell has read the files that this machine's scripts read."""
    files = ["/etc/default/grub"]
    if any("default/grub.d" in box.read(f"/usr/sbin/{name}", "") for name in TOOLS):
        names = box.names("/etc/default/grub.d")
        files += [f"/etc/default/grub.d/{name}" for name in names if name.endswith(".cfg")]
    sourced = "".join(f". '{box.real(path)}'\n" for path in files if box.exists(path))
    shown = "".join(f'printf "%s\\0" "${name}"\n' for name in _VARIABLES)
    shell = subprocess.run(("sh", "-c", sourced + shown), capture_output=True, check=True)
    return shell.stdout.decode("utf-8", "surrogateescape").split("\0")[: len(_VARIABLES)]


def _order(name: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", name)]


TOOLS: dict[str, Tool] = {
    "grub-mkconfig": mkconfig,
    "grub2-mkconfig": mkconfig,
    "update-grub": update_grub,
}
