# SPDX-License-Identifier: Apache-2.0
"""D3: what sfdisk, parted, blkid and wipefs say, and the judgement on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from osdrivers.errors import CommandMissing, FactError, NotFound
from osdrivers.host import Completed
from osdrivers.parts import blkid, parted, sfdisk
from osdrivers.parts.partitions import MICROSOFT_RESERVED, Partition, Table, partition_node
from tests.osdrivers.parts.answering import Answer, machine, shown

DATA = Path(__file__).parents[2] / "data"
MIB = 1 << 20


# ---------------------------------------------------------------- sfdisk


def test_sfdisk_tells_the_partitions_of_a_gpt() -> None:
    table = sfdisk.parse((DATA / "sfdisk/2.38.1-gpt-msr-ntfs.json").read_text())
    assert table.label == "gpt"
    first, second = table.partitions
    assert (first.number, first.type, first.start_bytes) == (1, MICROSOFT_RESERVED, MIB)
    assert (second.number, second.name) == (2, "Basic data partition")


@pytest.mark.parametrize("name", ["mbr-ntfs", "gpt-named", "gpt-nvme"])
def test_sfdisk_numbers_partitions_whatever_the_disk_is_called(name: str) -> None:
    table = sfdisk.parse((DATA / f"sfdisk/2.38.1-{name}.json").read_text())
    assert [each.number for each in table.partitions] == list(range(1, len(table.partitions) + 1))


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"partitiontable": {"label": 1}}', "null"])
def test_what_sfdisk_does_not_say_is_no_table(text: str) -> None:
    if text == '{"partitiontable": {"label": 1}}':
        assert sfdisk.parse(text) == Table("1")
        return
    with pytest.raises(FactError):
        sfdisk.parse(text)


def test_sfdisk_without_a_table_is_none_and_an_unreadable_disk_an_error(tmp_path: Path) -> None:
    nothing = "sfdisk: /dev/sdb: does not contain a recognized partition table"
    answers: dict[str, Answer] = {"sfdisk --json /dev/sdb": Completed(1, "", nothing)}
    host = machine(tmp_path, commands=answers)
    assert sfdisk.Sfdisk(host).table("/dev/sdb") is None
    answers["sfdisk --json /dev/sdb"] = Completed(1, "", "cannot open /dev/sdb: Input/output error")
    with pytest.raises(FactError, match="Input/output error"):
        sfdisk.Sfdisk(machine(tmp_path, commands=answers)).table("/dev/sdb")


@pytest.mark.parametrize(
    ("help", "usable"), [(" -w, --wipe <mode>\n -W, --wipe-partitions <mode>", True), ("", False)]
)
def test_an_sfdisk_that_cannot_wipe_is_too_old(tmp_path: Path, help: str, usable: bool) -> None:
    host = machine(tmp_path, commands={"sfdisk --help": help})
    assert sfdisk.Sfdisk(host).usable() is usable


def test_a_tree_without_the_tool_can_be_shown_with_it(tmp_path: Path) -> None:
    assert not sfdisk.Sfdisk(machine(tmp_path)).usable()
    assert sfdisk.Sfdisk(machine(tmp_path, assume_tools=True)).usable()


def test_a_missing_tool_is_found_before_the_first_action(tmp_path: Path) -> None:
    for tool in (sfdisk.Sfdisk(machine(tmp_path)), parted.Parted(machine(tmp_path))):
        with pytest.raises(CommandMissing, match=tool.tool):
            shown(tool.ensure_one("/dev/sdb", "name"))


# ---------------------------------------------------------------- parted


def test_parted_tells_the_same_as_sfdisk() -> None:
    table = parted.parse((DATA / "parted/3.5-gpt-named.txt").read_text())
    other = sfdisk.parse((DATA / "sfdisk/2.38.1-gpt-named.json").read_text())
    assert table is not None
    mine, theirs = table.partitions[0], other.partitions[0]
    assert (table.label, mine.number, mine.start_bytes, mine.size_bytes, mine.name) == (
        other.label,
        theirs.number,
        theirs.start_bytes,
        theirs.size_bytes,
        theirs.name,
    )


def test_parted_marks_the_reserved_partition() -> None:
    table = parted.parse((DATA / "parted/3.5-gpt-msr.txt").read_text())
    assert table is not None
    assert [each.type for each in table.partitions] == [MICROSOFT_RESERVED, ""]


@pytest.mark.parametrize("name", ["blank", "ext4-without-table"])
def test_parted_without_a_table_is_none(name: str) -> None:
    assert parted.parse((DATA / f"parted/3.5-{name}.txt").read_text()) is None


def test_parted_calls_a_mbr_by_its_other_name() -> None:
    table = parted.parse((DATA / "parted/3.5-mbr.txt").read_text())
    assert table is not None
    assert table.label == "dos"


@pytest.mark.parametrize(
    "text", ["", "BYT;\n", "Error: cannot open", "BYT;\n/dev/x:1B:a:1:1:gpt::;\n1:xB:2B:3B:::;\n"]
)
def test_what_parted_does_not_say_is_an_error(text: str) -> None:
    with pytest.raises(FactError):
        parted.parse(text)


# ---------------------------------------------------------------- names of nodes


@pytest.mark.parametrize(
    ("disk", "node"),
    [
        ("/dev/sdb", "/dev/sdb1"),
        ("/dev/nvme0n1", "/dev/nvme0n1p1"),
        ("/dev/mmcblk0", "/dev/mmcblk0p1"),
        ("/dev/loop7", "/dev/loop7p1"),
        ("/dev/sdaa", "/dev/sdaa1"),
    ],
)
def test_a_disk_whose_name_ends_in_a_digit_gets_a_p(disk: str, node: str) -> None:
    assert partition_node(disk, 1) == node


# ---------------------------------------------------------------- blkid, wipefs


def test_blkid_tags_are_read_with_their_quotes(tmp_path: Path) -> None:
    said = '/dev/sdb1: LABEL="My \\"disk\\"" TYPE="ntfs" PART_ENTRY_NUMBER="1" USAGE="filesystem"\n'
    host = machine(tmp_path, commands={"blkid -p /dev/sdb1": said})
    assert blkid.probe(host, "/dev/sdb1") == {
        "LABEL": 'My "disk"',
        "TYPE": "ntfs",
        "USAGE": "filesystem",
    }


def test_a_device_that_cannot_be_read_is_never_an_empty_one(tmp_path: Path) -> None:
    broken = Completed(2, "", "blkid: error: /dev/sdb: Input/output error")
    host = machine(tmp_path, {"/dev/sdb": ""}, {"blkid -p /dev/sdb": broken})
    with pytest.raises(FactError, match="Input/output"):
        blkid.probe(host, "/dev/sdb")
    gone = Completed(2, "", "blkid: error: /dev/sdc: No such file or directory")
    host = machine(tmp_path, commands={"blkid -p /dev/sdc": gone})
    with pytest.raises(NotFound):
        blkid.probe(host, "/dev/sdc")


def test_nothing_found_and_too_much_found_are_told_apart(tmp_path: Path) -> None:
    answers = {"blkid -p /dev/a": Completed(2), "blkid -p /dev/b": Completed(8)}
    host = machine(tmp_path, commands=answers)
    assert blkid.probe(host, "/dev/a") == {}
    assert blkid.probe(host, "/dev/b") == {"TYPE": "several signatures"}


def test_wipefs_adds_what_blkid_leaves_out(tmp_path: Path) -> None:
    answers: dict[str, Answer] = {
        "blkid -p /dev/sdb": '/dev/sdb: PTTYPE="dos"\n',
        "wipefs -n -p /dev/sdb": (
            "# offset,uuid,label,type\n0x1fe,,,dos\n0x1ffffe000,u,,linux_raid_member\n"
        ),
    }
    host = machine(tmp_path, commands=answers)
    assert blkid.signatures(host, "/dev/sdb") == ("dos", "linux_raid_member")
    del answers["wipefs -n -p /dev/sdb"]
    assert blkid.signatures(machine(tmp_path, commands=answers), "/dev/sdb") == ("dos",)


ONE = Table("dos", (Partition(1, MIB, MIB, "7"),))
NAMED = Table("gpt", (Partition(1, MIB, MIB, "x", "mark"),))
NEW = Table("gpt", (Partition(1, MIB, MIB, "x", "mark-new"),))
MSR = Table("gpt", (Partition(1, MIB, MIB, MICROSOFT_RESERVED), Partition(2, 2 * MIB, MIB)))
STOCK = {"TYPE": "ntfs", "LABEL": "Temporary Storage", "USAGE": "filesystem"}
OURS = {"TYPE": "ext4", "LABEL": "mark", "USAGE": "filesystem"}
OTHER = {"TYPE": "ext4", "LABEL": "data", "USAGE": "filesystem"}
JUDGED = [
    ("blank", (), None, (), True),
    ("foreign", (), None, (), False),
    ("foreign", ("gpt",), None, (), True),
    ("blank", ("gpt", "PMBR"), Table("gpt"), (), True),
    ("foreign", ("gpt", "PMBR"), Table("gpt"), (), False),
    ("foreign", ("dos",), Table("dos", (Partition(1, MIB, MIB, "42"),)), (STOCK,), True),
    ("stock", ("dos",), ONE, (STOCK,), False),
    ("stock", ("gpt", "PMBR"), MSR, ({}, STOCK), False),
    ("foreign", ("gpt", "PMBR"), MSR, (STOCK, OTHER), False),
    ("foreign", ("dos",), Table("dos", (ONE.partitions * 2)), (STOCK, STOCK), False),
    ("foreign", ("dos",), ONE, ({"TYPE": "ntfs", "LABEL": "Backup"},), False),
    ("foreign", ("dos",), ONE, ({"TYPE": "ext4", "LABEL": "Temporary Storage"},), False),
    ("foreign", ("dos", "linux_raid_member"), ONE, (STOCK,), False),
    ("foreign", ("crypto_LUKS",), None, (), False),
    ("foreign", ("LVM2_member",), None, (), True),
    ("foreign", ("zfs_member",), None, (), True),
    ("ours", ("gpt", "PMBR"), NAMED, (OURS,), False),
    ("foreign", ("gpt", "PMBR"), NAMED, ({},), False),
    ("ours", ("gpt", "PMBR"), NEW, ({},), False),
    ("ours", ("gpt", "PMBR"), NEW, (STOCK,), False),
    ("ours", ("gpt", "PMBR"), NEW, (OURS,), False),
    ("foreign", ("gpt", "PMBR", "LVM2_member"), NEW, ({},), False),
    ("ours", ("dos",), ONE, (OURS,), False),
    ("foreign", ("gpt", "PMBR"), NAMED, (OTHER,), False),
    ("foreign", ("gpt", "PMBR"), NAMED, ({"TYPE": "crypto_LUKS", "USAGE": "crypto"},), False),
    ("foreign", ("gpt", "PMBR"), NAMED, ({"TYPE": "several signatures"},), False),
    (
        "foreign",
        ("dos",),
        ONE,
        ({"TYPE": "crypto_LUKS", "LABEL": "mark", "USAGE": "crypto"},),
        False,
    ),
]


def test_what_is_unfinished_has_no_file_system() -> None:
    assert blkid.judge("/dev/sdb", "mark", ("gpt",), NEW, (OURS,), lambda kind: "").fs == ""


@pytest.mark.parametrize(("state", "found", "table", "probes", "zero"), JUDGED)
def test_every_signature_counts(
    state: str,
    found: tuple[str, ...],
    table: Table,
    probes: tuple[dict[str, str], ...],
    zero: bool,
) -> None:
    content = blkid.judge(
        "/dev/sdb", "mark", found, table, probes, lambda kind: "" if zero else "data"
    )
    assert content.state == state
    assert content.what
