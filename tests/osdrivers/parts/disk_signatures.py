# SPDX-License-Identifier: Apache-2.0
"""Signatures made by hand, as (offset, bytes): of what needs a kernel that has it, or has no tool.

An offset below zero counts from the end of the disk.
"""

from __future__ import annotations

import hashlib
import struct

MIB = 1 << 20
SIZE = 64 * MIB  # of a disk where nothing else is said
Piece = tuple[int, bytes]


def random(count: int) -> bytes:
    """The same every time, and no signature."""
    return b"".join(hashlib.sha256(b"%d" % at).digest() for at in range(count // 32))


def md(minor: int) -> tuple[Piece, ...]:
    """A superblock of md 1.x; struct mdp_superblock_1."""
    offset = {0: -8192, 1: 0, 2: 4096}[minor]
    at = (SIZE - 8192 if minor == 0 else offset) // 512
    block = bytearray(4096)
    struct.pack_into("<IIII16s32sQ", block, 0, 0xA92B4EFC, 1, 0, 0, b"u" * 16, b"m" * 32, 1)
    struct.pack_into("<Q", block, 144, at)
    total = sum(struct.unpack("<64I", block[:256]))
    struct.pack_into("<I", block, 216, ((total & 0xFFFFFFFF) + (total >> 32)) & 0xFFFFFFFF)
    return ((offset, bytes(block)),)


def zfs() -> tuple[Piece, ...]:
    """Uberblocks in the first and the last pair of labels."""
    uberblock = struct.pack("<QQQQQ", 0x00BAB10C, 5000, 1, 0, 0)
    offsets = [128 * 1024 + at * 1024 for at in range(8)]
    return tuple((at, uberblock) for at in [*offsets, *(-512 * 1024 + at for at in offsets)])


def bitlocker(at: int) -> tuple[Piece, ...]:
    """The header of Windows 7 and later, and the first block of metadata it names."""
    guid = bytes.fromhex("3bd66749922ed84a8399f6a339e3d001")
    place = struct.pack("<Q", 2 * MIB)
    metadata = b"-FVE-FS-" + struct.pack("<HH", 64, 2)
    header = b"\xeb\x58\x90-FVE-FS-"
    return ((at, header), (at + 160, guid + place), (at + 2 * MIB, metadata))


def bsd() -> bytes:
    """struct disklabel with one partition."""
    label = bytearray(164)
    struct.pack_into("<I", label, 0, 0x82564557)
    struct.pack_into("<IHH", label, 132, 0x82564557, 0, 1)
    struct.pack_into("<III", label, 148, 40960, 2048, 0)
    check = 0
    for (word,) in struct.iter_unpack("<H", bytes(label)):
        check ^= word
    struct.pack_into("<H", label, 136, check)
    return bytes(label)


def sun(cylinders: int = 64) -> bytes:
    label = bytearray(512)
    label[:22] = b"Sun disk label, a test"
    struct.pack_into(">I", label, 128, 1)
    struct.pack_into(">H", label, 140, 8)
    struct.pack_into(">I", label, 188, 0x600DDEEE)
    struct.pack_into(">HHHHHHHH", label, 420, 5400, cylinders, 0, 1, cylinders, 2, 16, 128)
    struct.pack_into(">II", label, 444, 0, cylinders * 2048)
    struct.pack_into(">H", label, 508, 0xDABE)
    check = 0
    for (word,) in struct.iter_unpack(">H", bytes(label[:510])):
        check ^= word
    struct.pack_into(">H", label, 510, check)
    return bytes(label)
