# SPDX-License-Identifier: Apache-2.0
"""FreeBSD's disks: camcontrol(8), gpart(8), fstyp(8), newfs(8), mount(8), mdconfig(8), ..."""

from __future__ import annotations

import os
from typing import Any

from ...host import Completed
from ..box import Box, Tool, UnknownUse, done, options, refused
from . import drives, volumes

_ALIGNED = 2048


def _fact(name: str) -> Tool:
    """A tool that only shows what the machine's description says."""

    def show(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
        answers = box.facts.get("answers", {})
        key = " ".join((name, *argv[1:]))
        return done(answers[key]) if key in answers else Completed(1, "", f"{name}: no answer\n")

    return show


def camcontrol(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    if argv[1] == "tur":
        if not box.exists(f"/dev/{argv[2]}"):
            return refused(1, f"camcontrol: cam_lookup_pass: {argv[2]}: No such file or directory")
        content = volumes.node(box, f"/dev/{argv[2]}")
        return done() if content.get("medium", True) else refused(1, "Unit is not ready")
    return _fact("camcontrol")(box, argv, stdin)


def sysctl(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    """What is set lies in the machine's state; the rest is a fact that cannot be changed."""
    state, (name, equals, value) = box.remembered("sysctl"), argv[-1].partition("=")
    if name not in state:
        return _fact("sysctl")(box, argv, stdin)
    if not equals:
        return done(f"{state[name]}\n" if argv[1] == "-n" else f"{name}: {state[name]}\n")
    box.remember("sysctl", {**state, name: value})
    return done(f"{name}: {state[name]} -> {value}\n")


def diskinfo(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    given, (name,) = options(argv, "v")
    content = volumes.node(box, f"/dev/{name}")
    size = content["bytes"]
    if "-v" not in given:
        return done(f"{name}\t512\t{size}\t{size // 512}\t4096\t0\n")
    rows = [(512, "sectorsize"), (size, f"mediasize in bytes ({size >> 30}G)")]
    rows += [(size // 512, "mediasize in sectors"), (content.get("model", "-"), "Disk descr.")]
    return done("".join([f"{name}\n", *(f"\t{value}\t# {what}\n" for value, what in rows), "\n"]))


def _parts(box: Box, name: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    content = volumes.node(box, f"/dev/{name}")
    return content, list(content.get("partitions", ()))


def gpart(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    verb = argv[1]
    given, rest = options(argv[1:], "pFs:t:a:l:")
    name = rest[0]
    content, parts = _parts(box, name)
    scheme = content.get("table")
    disk = {key: value for key, value in content.items() if key in ("bytes", "model")}
    if verb in ("show", "list"):
        if not scheme:
            return refused(1, f"gpart: No such geom: {name}.")
        return done(_shown(name, scheme, content, parts, verb))
    if verb == "destroy" and scheme:
        for number, _ in enumerate(parts, 1):
            box.remove(f"/dev/{name}{_mark(scheme)}{number}")
        volumes.describe(box, f"/dev/{name}", disk)
        return done(f"{name} destroyed\n")
    if verb == "create" and not scheme:
        made = {**disk, "table": given["-s"], "partitions": []}
        volumes.describe(box, f"/dev/{name}", made)
        return done(f"{name} created\n")
    if verb == "add" and scheme:
        sectors = content["bytes"] // 512 - 2 * _ALIGNED
        part = {"start": _ALIGNED, "sectors": sectors, "type": given["-t"]}
        parts.append({**part, "name": given.get("-l", "")})
        volumes.describe(box, f"/dev/{name}", {**content, "partitions": parts})
        node = f"{name}{_mark(scheme)}{len(parts)}"
        volumes.describe(box, f"/dev/{node}", {"bytes": sectors * 512})
        return done(f"{node} added\n")
    return refused(1, f"gpart: {verb} on {name}: Operation not permitted")


def _mark(scheme: str) -> str:
    return "p" if scheme == "GPT" else "s"


def _shown(
    name: str, scheme: str, content: dict[str, Any], parts: list[dict[str, Any]], verb: str
) -> str:
    if verb == "list":
        rows = [f"   label: {each.get('name') or '(null)'}\n" for each in parts]
        return f"Geom name: {name}\nscheme: {scheme}\nProviders:\n" + "".join(rows)
    lines = [f"=>  34  {content['bytes'] // 512}  {name}  {scheme}  ({content['bytes'] >> 30}G)"]
    for number, each in enumerate(parts, 1):
        node = f"{name}{_mark(scheme)}{number}"
        lines.append(f"  {each['start']}  {each['sectors']}  {node}  {each['type']}  (16G)")
    return "\n".join(lines) + "\n\n"


def fstyp(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    _, rest = options(argv, "lu")
    content = volumes.node(box, rest[0]) if box.exists(rest[0]) else {}
    if not content.get("fs"):
        return refused(1, f"fstyp: {rest[0]}: filesystem not recognized")
    return done(f"{content['fs']} {content.get('label', '')}".rstrip() + "\n")


def newfs(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    given, rest = options(argv, "UL:O:jE")
    content = volumes.node(box, rest[0])
    made = {"bytes": content["bytes"], "fs": "ufs", "label": given.get("-L", "")}
    volumes.describe(box, rest[0], made)
    return done(f"{rest[0]}: {content['bytes'] >> 20}.0MB\n")


def mount(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    if argv[1:] == ("-p",):
        rows = []
        for fields in volumes.mounts(box):
            at = fields.index("-")
            rows.append(f"{fields[at + 2]}\t{fields[4]}\t{fields[at + 1]}\t{fields[5]}\t0 0\n")
        return done("".join(rows))
    given, (device, path) = options(argv, "t:o:")
    content = volumes.node(box, device) if box.exists(device) else {}
    if content.get("medium") is False or not content:
        return refused(1, f"mount_{given['-t']}: {device}: Device not configured")
    fs = {"cd9660": "iso9660", "msdosfs": "vfat"}.get(given["-t"], given["-t"])
    if content.get("fs") != fs:
        return refused(1, f"mount_{given['-t']}: {device}: Invalid argument")
    volumes.mount(box, device, path, given["-t"], given.get("-o", "rw"))
    return done()


def umount(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    fields = volumes.mounted_at(box, argv[1])
    if fields is None:
        return refused(1, f"umount: {argv[1]}: not a file system root directory")
    volumes.unmount(box, fields)
    return done()


def mdconfig(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    units = dict(box.remembered("md"))
    if argv[1:] == ("-lv",):
        rows = [f"{unit}\tvnode\t  256M\t{path}\t\n" for unit, path in sorted(units.items())]
        return done("".join(rows))
    given, _ = options(argv, "at:f:du:")
    if "-a" in given:
        unit = next(f"md{number}" for number in range(99) if f"md{number}" not in units)
        box.write(f"/dev/{unit}", "{}\n")
        box.remember("md", {**units, unit: volumes.resolved(box, given["-f"])})
        return done(f"{unit}\n")
    if "-d" in given and f"md{given['-u']}" in units:
        if any(f"/md{given['-u']}" in each for each in box.remembered("swap")):
            return refused(1, "mdconfig: ioctl: Device busy")
        del units[f"md{given['-u']}"]
        box.remove(f"/dev/md{given['-u']}")
        box.remember("md", units)
        return done()
    return refused(1, "mdconfig: ioctl: No such file or directory")


def swapctl(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    rows = [f"{node}  {kib}  0\n" for node, kib in sorted(box.remembered("swap").items())]
    return done("Device:       1024-blocks     Used:\n" + "".join(rows))


def swapon(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    active, node = dict(box.remembered("swap")), argv[1]
    if node in active:
        return refused(1, f"swapon: {node}: device already in use")
    unit = node.rpartition("/")[2].partition(".")[0]
    if not box.exists(node):
        return refused(1, f"swapon: {node}: No such file or directory")
    size = os.stat(box.real(box.remembered("md")[unit])).st_size
    box.remember("swap", {**active, node: size // 1024})
    return done()


def swapoff(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    active = dict(box.remembered("swap"))
    if active.pop(argv[1], None) is None:
        return refused(1, f"swapoff: {argv[1]}: Invalid argument")
    box.remember("swap", active)
    if argv[1].endswith(".eli"):  # geli onetime -d: it goes with its last user
        box.remove(argv[1])
    return done()


def geli(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    if argv[1] == "dump":
        sealed = volumes.node(box, f"/dev/{argv[2]}").get("sealed") == argv[0]
        return done() if sealed else refused(1, f"{argv[0]}: Cannot read metadata")
    if argv[1] == "onetime":
        if argv[2:-1] != ("-e", "AES-XTS", "-l", "256", "-d"):
            raise UnknownUse(argv, "only -e AES-XTS -l 256 -d")
        if not box.remembered("modules").get("geom_eli"):
            return refused(1, "geli: Function not implemented")
        if not box.exists(argv[-1]) or box.exists(f"{argv[-1]}.eli"):
            return refused(1, f"geli: Cannot access {argv[-1]}")
        box.write(f"{argv[-1]}.eli", "{}\n")
        return done()
    if argv[1] == "detach":
        return done() if box.remove(argv[2]) else refused(1, "geli: No such device")
    raise UnknownUse(argv, argv[1])


def cdcontrol(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    return drives.empty_drive(box, argv[2])


def kldload(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    given, names = options(argv, "nqv")
    loaded = box.remembered("modules")
    if "-n" not in given and set(names) & set(loaded):
        return refused(1, f"kldload: can't load {names[0]}: module already loaded or in kernel")
    box.remember("modules", {**loaded, **dict.fromkeys(names, True)})
    return done()


TOOLS: dict[str, Tool] = {
    "camcontrol": camcontrol,
    "nvmecontrol": _fact("nvmecontrol"),
    "sysctl": sysctl,
    "glabel": _fact("glabel"),
    "diskinfo": diskinfo,
    "gpart": gpart,
    "fstyp": fstyp,
    "newfs": newfs,
    "mount": mount,
    "umount": umount,
    "mdconfig": mdconfig,
    "swapctl": swapctl,
    "swapon": swapon,
    "swapoff": swapoff,
    "geli": geli,
    "gmirror": geli,
    "cdcontrol": cdcontrol,
    "kldload": kldload,
}
