# SPDX-License-Identifier: Apache-2.0
"""What may be on a disk, as data: the layouts of the guard's matrix.

Each has a signature, or a mechanism, that no other has.  ``disk_images.py`` makes them with the
tools of their kind, or by hand where no tool does it without the kernel's help (``source`` names
what the bytes follow).  ``test_disk_guard.py`` tries the guard on each and writes the page.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Union

from tests.osdrivers.parts.disk_signatures import (
    MIB,
    SIZE,
    Piece,
    bitlocker,
    bsd,
    md,
    random,
    sun,
    zfs,
)

FOREIGN, STOCK, BLANK, OURS, IN_USE = "foreign", "stock", "blank", "ours", "in-use"


@dataclass(frozen=True)
class Tool:
    """A command on the image (``IMAGE``), or on a loop device over it where ``device``.

    ``partition``: on a file of that partition's size, whose content is put there; of
    ``size_bytes`` where given.
    """

    argv: tuple[str, ...]
    partition: int = 0
    device: bool = False
    stdin: bytes = b""
    size_bytes: int = 0


@dataclass(frozen=True)
class Table:
    """A script for sfdisk(8)."""

    script: str


@dataclass(frozen=True)
class Put:
    """Bytes; an offset below zero counts from the end."""

    offset: int
    data: bytes


Step = Union[Tool, Table, Put]


@dataclass(frozen=True)
class Layout:
    """``state`` is what inspecting must say, ``written`` whether the guard may let it be written.

    ``situation``: what holds besides the content; see ``disk_images.py``.
    """

    name: str
    state: str
    steps: tuple[Step, ...] = ()
    written: bool = False
    situation: str = ""
    size_bytes: int = SIZE
    needs: str = ""
    source: str = ""


def tool(line: str, **more: object) -> Tool:
    return Tool(tuple(line.split()), **more)  # type: ignore[arg-type]


def put(offset: int, data: bytes) -> Put:
    return Put(offset, data)


def whole(name: str, line: str, **more: object) -> Layout:
    """A tool's work on the whole disk."""
    return Layout(name, FOREIGN, (tool(line, **more),), needs=line.split()[0])


def puts(pieces: Iterable[Piece]) -> tuple[Put, ...]:
    return tuple(Put(*each) for each in pieces)


def magic(name: str, source: str, *pieces: Piece) -> Layout:
    """A signature by hand."""
    return Layout(name, FOREIGN, puts(pieces), source=source)


BASIC = "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7"
RESERVED = "E3C9E316-0B5C-4DB8-817D-F92DF00215AE"
ONE_MBR = Table("label: dos\ntype=7\n")
ONE_LINUX = Table("label: gpt\nname=data\n")
MSR = Table(f"label: gpt\nsize=16M,type={RESERVED}\ntype={BASIC}\n")
LUKS = "cryptsetup -q luksFormat --pbkdf pbkdf2 --pbkdf-force-iterations 1000"
LVM = "pvcreate --config devices{use_devicesfile=0}global{locking_type=0} -ff -y IMAGE"


def ntfs(label: str = "", partition: int = 1, size_bytes: int = 0) -> Tool:
    named = ("-L", label) if label else ()
    argv = ("mkntfs", "-Q", "-F", "-q", *named, "IMAGE")
    return Tool(argv, partition, size_bytes=size_bytes)


PLATFORM = ntfs("Temporary Storage")


FILE_SYSTEMS = (
    whole("ext2", "mkfs.ext2 -F -q IMAGE"),
    whole("ext3", "mkfs.ext3 -F -q IMAGE"),
    whole("ext4", "mkfs.ext4 -F -q -L data IMAGE"),
    whole("xfs", "mkfs.xfs -f -q -d size=16m IMAGE"),
    whole("btrfs", "mkfs.btrfs -q -f --mixed IMAGE"),
    whole("f2fs", "mkfs.f2fs -f -q IMAGE"),
    whole("jfs", "mkfs.jfs -q IMAGE"),
    whole("reiserfs", "mkreiserfs -q -f -f -s 513 IMAGE"),
    whole("gfs2", "mkfs.gfs2 -O -p lock_nolock -J 8 IMAGE"),
    whole("minix", "mkfs.minix IMAGE"),
    whole("bfs", "mkfs.bfs IMAGE"),
    whole("vfat", "mkfs.vfat IMAGE"),
    whole("exfat", "mkfs.exfat IMAGE"),
    whole("ntfs", "mkntfs -Q -F -q IMAGE"),
    whole("udf", "mkudffs IMAGE"),
    whole("squashfs", "mksquashfs /etc/default IMAGE -quiet -no-progress -noappend"),
    whole("erofs", "mkfs.erofs --quiet IMAGE /etc/default"),
    whole("iso9660", "genisoimage -quiet -o IMAGE /etc/default"),
    whole("swap", "mkswap IMAGE"),
    Layout(
        "nilfs2", FOREIGN, (tool("mkfs.nilfs2 -q -f IMAGE"),), size_bytes=160 * MIB,
        needs="mkfs.nilfs2",
    ),
    magic("hfs-plus", "TN1150", (1024, b"H+\0\4" + bytes(36) + struct.pack(">I", 4096))),
    magic("apfs", "Apple File System Reference",
          (24, struct.pack("<HHHH4sI", 1, 0, 0, 0, b"NXSB", 4096))),
    magic("romfs", "fs/romfs", (0, b"-rom1fs-" + struct.pack(">II", 1024, 0) + b"name\0")),
    magic("ocfs2", "fs/ocfs2", (2048, b"OCFSV2")),
    magic("vmfs", "libblkid vmfs", (2 * MIB, struct.pack("<I", 0x2FABF15E) + bytes(200))),
    magic("bcachefs", "bcachefs_format.h", (4096 + 24, bytes.fromhex(
        "c68573f64e1a45ca8265f57f48ba6d81"))),
)  # fmt: skip
VOLUMES = (
    Layout("luks1", FOREIGN, (tool(f"{LUKS} --type luks1 IMAGE -", stdin=b"key"),),
           needs="cryptsetup"),
    Layout("luks2", FOREIGN, (tool(f"{LUKS} --type luks2 IMAGE -", stdin=b"key"),),
           needs="cryptsetup"),
    Layout("lvm", FOREIGN, (tool(LVM, device=True),), needs="pvcreate"),
    Layout("lvm-in-partition", FOREIGN,
           (Table("label: gpt\ntype=E6D6D379-F507-44C2-A23C-238F2A3DF928\n"),
            tool(LVM, device=True, partition=1)), needs="pvcreate"),
    whole("bcache", "make-bcache -B IMAGE"),
    magic("md-1.0-at-the-end", "md_p.h", *md(0)),
    magic("md-1.1", "md_p.h", *md(1)),
    magic("md-1.2", "md_p.h", *md(2)),
    magic("md-0.90", "md_p.h", (-65536, struct.pack("<IIII", 0xA92B4EFC, 0, 90, 0) + bytes(4080))),
    magic("zfs", "ZFS On-Disk Specification", *zfs()),
    magic("bitlocker", "libbde", *bitlocker(0)),
    Layout("bitlocker-in-partition", FOREIGN, (ONE_MBR, *puts(bitlocker(MIB))), source="libbde"),
    magic("intel-raid", "mdadm super-intel.c", (-1024, b"Intel Raid ISM Cfg Sig. 1.1.00")),
    magic("promise-raid", "dmraid pdc.c", (-63 * 512, b"Promise Technology, Inc.")),
    magic("ddf-raid", "SNIA DDF", (-512, b"\xde\x11\xde\x11" + bytes(28) + b"02.00.00")),
    magic("drbd", "drbd_int.h", (-4096 + 60, b"\x83\x74\x02\x6b")),
    magic("ceph-bluestore", "bluestore_types.h", (0, b"bluestore block device\n")),
    magic("dm-verity", "dm-verity.rst", (0, b"verity\0\0" + struct.pack("<II", 1, 1))),
    magic("dm-snapshot", "dm-snap-persistent.c", (0, b"SnAp" + struct.pack("<III", 1, 1, 8))),
    magic("ubi", "ubi-media.h", (0, b"UBI#\1" + bytes(11) + struct.pack(">II", 64, 128))),
)  # fmt: skip
HYBRID = b"\0\0\x02\0\x07\xff\xff\xff" + struct.pack("<II", 2048, 40960)
TABLES = (
    Layout("blank", BLANK, written=True),
    Layout("gpt-empty", BLANK, (Table("label: gpt\n"),), written=True),
    Layout("mbr-empty", BLANK, (Table("label: dos\n"),), written=True),
    Layout("gpt-empty-over-data", FOREIGN, (put(8 * MIB, random(MIB)), Table("label: gpt\n"))),
    Layout("mbr-empty-with-boot-code", FOREIGN, (put(0, random(4096)), Table("label: dos\n"))),
    Layout("gpt-several-partitions", FOREIGN, (Table("label: gpt\nsize=9M\nsize=9M\nsize=9M\n"),)),
    Layout("gpt-one-unformatted-partition", FOREIGN, (ONE_LINUX,)),
    Layout("mbr-with-ext4", FOREIGN,
           (Table("label: dos\ntype=83\n"), tool("mkfs.ext4 -F -q IMAGE", partition=1))),
    Layout("mbr-logical-partitions", FOREIGN,
           (Table("label: dos\nsize=9M,type=5\nsize=4M,type=7\n"),)),
    Layout("gpt-primary-lost", FOREIGN,
           (Table("label: gpt\nsize=9M\nsize=9M\n"), put(512, bytes(512)))),
    Layout("gpt-backup-only", FOREIGN,
           (Table("label: gpt\nsize=9M\nsize=9M\n"), put(0, bytes(1024)))),
    Layout("gpt-both-headers-damaged", FOREIGN,
           (Table("label: gpt\nsize=9M\n"), put(520, b"damage"), put(-504, b"damage"))),
    Layout("protective-mbr-only", FOREIGN,
           (Table("label: gpt\n"), put(512, bytes(32768)), put(-16896, bytes(16896)))),
    Layout("hybrid-mbr", FOREIGN, (Table("label: gpt\nsize=20M\n"), put(462, HYBRID))),
    Layout("dynamic-disk", FOREIGN,
           (Table("label: dos\ntype=42\n"), ntfs("Temporary Storage"),
            put(-MIB, b"PRIVHEAD\0\0\0\0\0\2\0\x0c")), source="libldm"),
    Layout("bsd-disklabel", FOREIGN,
           (put(512, bsd()),), source="sys/disklabel.h"),
    Layout("sgi-label", FOREIGN, (Table("label: sgi\nsize=9M,type=83\n"),)),
    Layout("sun-label", FOREIGN, (put(0, sun()),), source="linux/msdos_partition sun.h"),
    Layout("apple-map", FOREIGN, (put(0, b"ER\2\0"), put(512, b"PM\0\0" + struct.pack(
        ">III", 1, 1, 8) + b"Apple".ljust(32, b"\0") + b"Apple_partition_map")),
        source="Inside Macintosh: Devices"),
    Layout("random-data", FOREIGN, (put(0, random(4 * MIB)),)),
    Layout("text-at-the-start", FOREIGN, (put(0, b"#!/bin/sh\n"),)),
    Layout("zeros-then-data", FOREIGN, (put(20 * MIB, random(MIB)),)),
    Layout("data-in-the-last-sector", FOREIGN, (put(-512, b"GEOM::ELI".ljust(16, b"\0")),)),
)  # fmt: skip
PLATFORMS = (
    Layout("stock-mbr", STOCK, (ONE_MBR, PLATFORM), written=True, needs="mkntfs"),
    Layout("stock-gpt", STOCK, (MSR, ntfs("Temporary Storage", 2)), written=True, needs="mkntfs"),
    Layout("stock-gpt-above-2-tib", STOCK, (MSR, ntfs("Temporary Storage", 2, 48 * MIB)),
           written=True, size_bytes=3 << 40, needs="mkntfs"),
    Layout("stock-kept", STOCK, (ONE_MBR, PLATFORM), situation="preserved", needs="mkntfs"),
    Layout("stock-with-a-users-file", STOCK,
           (ONE_MBR, PLATFORM, tool("ntfscp -q IMAGE /etc/hostname thesis.txt", partition=1)),
           situation="nodes", needs="mount.ntfs-3g"),
    Layout("stock-in-fstab", STOCK, (ONE_MBR, PLATFORM), situation="in-fstab", needs="mkntfs"),
    Layout("stock-write-protected", STOCK, (ONE_MBR, PLATFORM), situation="write-protected",
           needs="mkntfs"),
    Layout("stock-elsewhere", STOCK, (ONE_MBR, PLATFORM), situation="not-temporary",
           needs="mkntfs"),
    Layout("stock-on-a-local-nvme", STOCK, (ONE_MBR, PLATFORM), situation="nvme", needs="mkntfs"),
    Layout("ntfs-of-another-label", FOREIGN, (ONE_MBR, ntfs("Backup")), needs="mkntfs"),
    Layout("ntfs-without-label", FOREIGN, (ONE_MBR, ntfs()), needs="mkntfs"),
    Layout("ntfs-label-in-other-case", FOREIGN, (ONE_MBR, ntfs("TEMPORARY STORAGE")),
           needs="mkntfs"),
    Layout("stock-label-on-the-whole-disk", FOREIGN, (ntfs("Temporary Storage", 0),),
           needs="mkntfs"),
    Layout("stock-label-on-ext4", FOREIGN,
           (ONE_MBR, Tool(("mkfs.ext4", "-F", "-q", "-L", "Temporary Stor", "IMAGE"), 1))),
    Layout("two-ntfs-partitions", FOREIGN,
           (Table("label: dos\nsize=30M,type=7\ntype=7\n"), PLATFORM, ntfs("Temporary Storage", 2)),
           needs="mkntfs"),
    Layout("reserved-then-ntfs-then-more", FOREIGN,
           (Table(f"label: gpt\nsize=16M,type={RESERVED}\nsize=20M,type={BASIC}\ntype={BASIC}\n"),
            ntfs("Temporary Storage", 2)), needs="mkntfs"),
    Layout("stock-volume-on-half-the-disk", FOREIGN,
           (Table("label: dos\nsize=32M,type=7\n"), PLATFORM), needs="mkntfs"),
    Layout("stock-below-an-md-superblock", FOREIGN, (ONE_MBR, PLATFORM, *puts(md(0))),
           needs="mkntfs"),
)  # fmt: skip
MADE = Table("label: gpt\nname=az_resource\n")
USED = (
    Layout("ours", OURS, (MADE, tool("mkfs.ext4 -F -q -L az_resource IMAGE", partition=1)),
           situation="kept"),
    Layout("ours-unfinished", OURS, (Table("label: gpt\nname=az_resource-new\n"), PLATFORM),
           written=True, needs="mkntfs"),
    Layout("ours-by-name-with-raw-data", FOREIGN, (MADE, put(2 * MIB, random(MIB)))),
    Layout("mounted", IN_USE, (tool("mkfs.ext4 -F -q IMAGE"),), situation="mounted"),
    Layout("swapped-on", IN_USE, (tool("mkswap IMAGE"),), situation="swapped-on"),
    Layout("blank-held-by-a-mapping", IN_USE, situation="held"),
    Layout("blank-below-the-root", IN_USE, situation="root"),
    Layout("blank-elsewhere", BLANK, situation="not-temporary"),
    Layout("blank-write-protected", BLANK, situation="write-protected"),
    Layout("blank-local-nvme", BLANK, situation="nvme", written=True),
)  # fmt: skip
LAYOUTS = (*TABLES, *PLATFORMS, *FILE_SYSTEMS, *VOLUMES, *USED)
