# SPDX-License-Identifier: Apache-2.0
"""What is on a disk: gpart(8), fstyp(8), geli(8) (D3).  Nothing is opened for writing."""

from __future__ import annotations

import re
from dataclasses import dataclass

from osdrivers.api import Content
from osdrivers.errors import CommandMissing, FactError
from osdrivers.host import Host
from osdrivers.parts import blankness

STOCK_LABEL = "Temporary Storage"
_HEAD = re.compile(r"^=>\s+\d+\s+\d+\s+(\S+)\s+(\S+)", re.MULTILINE)
_PART = re.compile(r"^\s+\d+\s+\d+\s+(\S+)\s+(\S+)", re.MULTILINE)
_CONTAINERS = ("eli", "mirror", "stripe", "raid", "concat", "label")


@dataclass(frozen=True)
class Table:
    """A partition table: its scheme ("" for none), and (name, type) of each partition."""

    scheme: str
    parts: tuple[tuple[str, str], ...] = ()


def table(host: Host, name: str) -> Table:
    """The table on a disk.  :raises FactError: gpart did not answer in a way we know."""
    said = host.ask("gpart", "show", "-p", name)
    if said.status != 0:
        if "No such geom" in said.stderr:
            return Table("")
        raise FactError(f"gpart show {name} failed: {said.stderr.strip()}", said.stderr)
    return parse(said.stdout, name)


def parse(text: str, name: str) -> Table:
    """Of ``gpart show -p``: the line with ``=>`` is the disk, the others are its partitions."""
    head = _HEAD.search(text)
    if head is None or head[1] != name:
        raise FactError(f"gpart show {name} was not understood", text)
    parts = [(part, type) for part, type in _PART.findall(text[head.end() :]) if part != "-"]
    return Table(head[2], tuple(parts))


def content(host: Host, node: str) -> tuple[str, str]:
    """(type, label) of the file system on a device, ("", "") for none that is known."""
    said = host.ask("fstyp", "-l", "-u", node)
    if said.status != 0:
        return "", ""
    type, _, label = said.stdout.strip().partition(" ")
    return type, label.strip()


def inspect(host: Host, node: str, own_label: str, size_bytes: int) -> Content:
    """The judgement: anything but blank, ours, or the platform's own volume is foreign."""
    name = node.rpartition("/")[2]
    sealed = _sealed(host, name)
    if sealed:
        return Content("foreign", f"{sealed} metadata")
    found = table(host, name)
    if not found.scheme:
        type, label = content(host, node)
        if type:
            return Content("foreign", f"{type} {label}".strip() + " on the whole disk", type)
        found_node = host.status(node)
        pretend = found_node is not None and found_node.kind == "file"
        lost = "" if pretend else blankness.data_found(host, node, size_bytes)
        if lost:
            return Content("foreign", f"{lost} without a partition table")
        return Content("blank", "nothing")
    real = [part for part in found.parts if part[1] != "ms-reserved"]
    if not found.parts:  # what a run of ours that was killed leaves, and nothing of anybody's
        return Content("blank", f"an empty {found.scheme} table", partition=node)
    if len(real) != 1:
        return Content("foreign", f"{len(real)} partitions")
    partition = f"{host.places.devices}/{real[0][0]}"
    type, label = content(host, partition)
    if type == "ufs" and label == own_label:
        return Content("ours", f"{type} {label}", "ufs", partition)
    if not type and _labelled(host, name, own_label):
        return Content("ours", "our partition without a file system yet", "", partition)
    if type == "ntfs" and label == STOCK_LABEL:
        return Content("stock", f"NTFS volume {label}", "ntfs", partition)
    return Content("foreign", f"{type or real[0][1]} {label}".strip() + f" on {real[0][0]}", type)


def _labelled(host: Host, name: str, label: str) -> bool:
    """Whether the table's one partition has our label: it was made and not formatted yet."""
    return re.findall(r"^\s+label: (.*)$", host.ask("gpart", "list", name).stdout, re.M) == [label]


def _sealed(host: Host, name: str) -> str:
    """Encryption and mirrors keep their metadata in the last sector, where no other tool looks."""
    for tool in ("geli", "gmirror"):
        try:
            if host.ask(tool, "dump", name).status == 0:
                return tool
        except CommandMissing:
            continue
    return ""
