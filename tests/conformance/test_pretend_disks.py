# SPDX-License-Identifier: Apache-2.0
"""The pretend disk tools do on a described device what the real ones do on an image file."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any, Optional

import pytest

from osdrivers.conformance.tools.volumes import describe
from osdrivers.host import Completed, Host, Secret
from tests.conformance.compared import Pair
from tests.osdrivers.parts.overlaid import overlaid

pytestmark = pytest.mark.sandbox
MIB = 1 << 20
IMAGE, DEVICE = "/tmp/image", "/dev/sdz"
GPT = b"label: gpt\n,,L\n"
Files = tuple[str, str]


class Twins:
    """A real image file, and a pretend device of the same size."""

    def __init__(self, real: Host, size_mib: int = 400) -> None:
        self.pair = Pair(real)
        with open(IMAGE, "wb") as stream:
            stream.truncate(size_mib * MIB)
        box = self.pair.pretended.commands.box  # type: ignore[attr-defined]
        describe(box, DEVICE, {"bytes": size_mib * MIB})

    def run(self, *argv: str, stdin: bytes = b"", status: bool = True) -> Files:
        """``IMAGE`` in the argv stands for the one and the other; their standard outputs."""
        real, pretended = self.both(*argv, stdin=stdin)
        if status:
            assert pretended.status == real.status, f"{argv}: {pretended} / {real}"
        return real.stdout, pretended.stdout

    def both(self, *argv: str, stdin: bytes = b"") -> tuple[Completed, Completed]:
        def given(path: str) -> tuple[str, ...]:
            return tuple(word.replace("IMAGE", path) for word in argv)

        real = self.pair.real.commands(given(IMAGE), Secret(stdin), 60)
        return real, self.pair.pretended.commands(given(DEVICE), Secret(stdin), 60)

    def table(self) -> tuple[Optional[dict[str, Any]], Optional[dict[str, Any]]]:
        """What sfdisk says of both: kind, and of each partition its number and type."""
        texts = self.run("sfdisk", "-J", "IMAGE")
        return _table(texts[0], IMAGE), _table(texts[1], DEVICE)

    def tags(self) -> tuple[dict[str, str], dict[str, str]]:
        real, pretended = self.run("blkid", "-p", "-o", "export", "IMAGE")
        return _tags(real), _tags(pretended)


def _table(text: str, path: str) -> Optional[dict[str, Any]]:
    if not text:
        return None
    found = json.loads(text)["partitiontable"]
    kept = [(each["node"].replace(path, ""), each["type"]) for each in found["partitions"]]
    return {"label": found["label"], "unit": found["unit"], "partitions": kept}


def _tags(text: str) -> dict[str, str]:
    found = dict(line.split("=", 1) for line in text.splitlines())
    return {key: found[key] for key in ("TYPE", "LABEL", "USAGE", "PTTYPE") if key in found}


@overlaid
def test_a_blank_disk_is_blank_to_every_tool(host: Host) -> None:
    twins = Twins(host)
    for argv in (
        ("sfdisk", "-J", "IMAGE"),
        ("sfdisk", "-d", "IMAGE"),
        ("sfdisk", "--part-type", "IMAGE", "1"),
        ("blkid", "-p", "IMAGE"),
        ("blkid", "-p", "-o", "export", "IMAGE"),
        ("blkid", "-p", "-s", "TYPE", "-o", "value", "IMAGE"),
        ("wipefs", "-n", "IMAGE"),
        ("wipefs", "-J", "-n", "IMAGE"),
        ("wipefs", "-a", "-f", "IMAGE"),
    ):
        real, pretended = twins.run(*argv)
        assert bool(pretended) == bool(real), argv


@overlaid
def test_what_is_missing_is_missed_by_every_tool(host: Host) -> None:
    twins = Twins(host)
    for argv in (
        ("sfdisk", "-J", "IMAGE-no"),
        ("blkid", "-p", "IMAGE-no"),
        ("wipefs", "-n", "IMAGE-no"),
        ("mkfs.ext4", "-F", "-q", "-L", "x", "IMAGE-no"),
    ):
        twins.run(*argv)


@pytest.mark.parametrize(
    "script", [GPT, b"label: dos\n,,L\n", b"label: gpt; name=x\n,,L\n", b",,L\n"]
)
@overlaid
def test_a_partition_is_made_that_spans_the_disk(host: Host, script: bytes) -> None:
    twins = Twins(host)
    argv = ("sfdisk", "--quiet", "--wipe", "always", "--wipe-partitions", "always", "IMAGE")
    twins.run(*argv, stdin=script.replace(b"; ", b"\n").replace(b"name=x\n", b""))
    real, pretended = twins.table()
    assert real is not None
    assert pretended == real
    real_tags, pretended_tags = twins.tags()
    assert pretended_tags == real_tags
    kinds = twins.run("sfdisk", "--part-type", "IMAGE", "1")
    assert kinds[1] == kinds[0]
    twins.run("wipefs", "-a", "-f", "IMAGE")
    assert twins.table() == (None, None)


@overlaid
def test_a_partition_is_named_afterwards(host: Host) -> None:
    twins = Twins(host)
    twins.run("sfdisk", "--quiet", "--wipe", "never", "IMAGE", stdin=b"label: gpt\nname=first\n")
    quiet = ("--quiet", "--no-reread", "--no-tell-kernel")
    twins.run("sfdisk", *quiet, "--part-label", "IMAGE", "1", "second")
    texts = [str(text) for text in twins.run("sfdisk", "-J", "IMAGE")]
    assert all(
        "second" in text and "first" not in text.lower().replace("firstlba", "") for text in texts
    )


@overlaid
def test_a_table_over_a_file_system_replaces_it(host: Host) -> None:
    twins = Twins(host)
    twins.run("mkfs.ext4", "-F", "-q", "-L", "old", "IMAGE")
    twins.run("sfdisk", "--quiet", "--wipe", "always", "IMAGE", stdin=GPT)
    real, pretended = twins.tags()
    assert pretended == real == {"PTTYPE": "gpt"}


FILE_SYSTEMS = {
    "ext3": ("mkfs.ext3", "-F", "-q", "-L", "az_resource", "IMAGE"),
    "ext4": ("mkfs.ext4", "-F", "-q", "-L", "az_resource", "IMAGE"),
    "xfs": ("mkfs.xfs", "-f", "-q", "-L", "az_resource", "IMAGE"),
    "btrfs": ("mkfs.btrfs", "-f", "-L", "az_resource", "IMAGE"),
    "vfat": ("mkfs.vfat", "-n", "az_resource", "IMAGE"),
}


@pytest.mark.parametrize("fs", FILE_SYSTEMS)
@overlaid
def test_a_file_system_is_made_and_recognised(host: Host, fs: str) -> None:
    twins = Twins(host)
    argv = FILE_SYSTEMS[fs]
    if not host.has(argv[0]):
        pytest.skip(f"no {argv[0]} here")
    twins.run(*argv)
    real, pretended = twins.tags()
    assert pretended == real
    values = twins.run("blkid", "-p", "-s", "TYPE", "-o", "value", "IMAGE")
    assert values[1] == values[0] == f"{fs}\n"
    found = [
        set(re.findall(r"\b(?:ext\d|xfs|btrfs|vfat)\b", text))
        for text in twins.run("wipefs", "-n", "IMAGE")
    ]
    assert found[1] == found[0]
    twins.run(*argv)  # over what is there already
    twins.run("wipefs", "-a", "-f", "IMAGE")
    assert twins.tags() == ({}, {})


@pytest.mark.parametrize("fs", ["ext4", "xfs", "btrfs", "vfat"])
@overlaid
def test_a_label_that_is_too_long_and_a_missing_force_are_judged_alike(host: Host, fs: str) -> None:
    twins = Twins(host)
    if not host.has(f"mkfs.{fs}"):
        pytest.skip(f"no mkfs.{fs} here")
    option = "-n" if fs == "vfat" else "-L"
    force = {"ext4": ("-F",), "xfs": ("-f",), "btrfs": ("-f",), "vfat": ()}[fs]
    twins.run(f"mkfs.{fs}", *force, option, "a-label-of-more-than-sixteen", "IMAGE")
    twins.run("mkfs.ext4", "-F", "-q", "IMAGE")
    twins.run(f"mkfs.{fs}", "IMAGE")


@pytest.mark.parametrize("mode", [0o600, 0o644])
@overlaid
def test_mkswap_says_and_writes_the_same(host: Host, mode: int) -> None:
    """But of holes: in memory, where this copy lies, it does not see them."""
    pair = Pair(host)
    for machine in (pair.real, pair.pretended):
        path = Path(f"{machine.root}/tmp/swapfile")
        with open(path, "wb") as stream:
            stream.write(bytes(MIB))
        path.chmod(mode)
    commands = [machine.commands for machine in (pair.real, pair.pretended)]
    real, pretended = (each(("mkswap", "/tmp/swapfile"), Secret(), 60) for each in commands)
    assert pretended.status == real.status
    assert pretended.stdout.splitlines()[0].split(",")[0] == "Setting up swapspace version 1"
    assert real.stdout.startswith("Setting up swapspace version 1")
    insecure = "insecure permissions"
    assert (insecure in pretended.stderr) == (insecure in real.stderr)
    signatures = []
    for machine in (pair.real, pair.pretended):
        with open(f"{machine.root}/tmp/swapfile", "rb") as stream:
            stream.seek(os.sysconf("SC_PAGE_SIZE") - 10)
            signatures.append(stream.read(10))
    assert signatures[1] == signatures[0]
    pair.run("mkswap", "/tmp/nosuch")
    pair.run("swapon", "/tmp/nosuch")
    pair.run("swapoff", "/tmp/swapfile")


@overlaid
def test_mounting_what_cannot_be_mounted_fails_alike(host: Host) -> None:
    pair = Pair(host)
    pair.put("/tmp/place/file", "")
    pair.put("/tmp/not-a-disk", '{"bytes": 1024}\n')
    for argv in (
        ("mount", "-t", "ext4", "/dev/nosuch", "/tmp/place"),
        ("mount", "-t", "ext4", "/tmp/not-a-disk", "/tmp/nosuch"),
        ("umount", "/tmp/place"),
        ("umount", "/tmp/nosuch"),
    ):
        pair.run(*argv)
