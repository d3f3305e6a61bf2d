# SPDX-License-Identifier: Apache-2.0
"""Whether a disk without a signature is blank: proved by reading, as far as is cheap (D3).

Plain dm-crypt, databases and logs on a raw disk have no signature.  Read are the first and the
last MiB, where nearly everything begins or has its metadata, and 1024 blocks of 4 KiB spread evenly
between: 6 MiB on a disk of any size.  So data that are longer than a 1024th of the disk and a
block are always found, and of a disk of up to 6 MiB every byte is read.  What is shorter could be
missed; that is borne only because the disk's address or model has shown before that it is a
temporary one, whose content the platform may take away at any time.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..host import Host

EDGE_BYTES = 1 << 20
SAMPLES, SAMPLE_BYTES = 1024, 4096
#: What an empty partition table itself takes: (at the start, at the end).
TABLES = {"dos": (512, 0), "gpt": (1 << 15, 1 << 15)}


def data_found(host: Host, node: str, size_bytes: int, table: str = "") -> str:
    """Where there is something but zeros, in words; "" if nothing was found.

    ``table``: the kind of the empty partition table that is there, which does not count.
    """
    windows = [*_windows(size_bytes, *TABLES.get(table, (0, 0)))]
    for (offset, _), piece in zip(windows, host.pieces(node, windows)):
        if piece.count(0) != len(piece):
            return f"data at {(offset + _first(piece)) >> 10} KiB"
    return ""


def _first(piece: bytes) -> int:
    return len(piece) - len(piece.lstrip(b"\0"))


def _windows(size_bytes: int, head: int, tail: int) -> Iterator[tuple[int, int]]:
    """(offset, size) of everything that is read; in the order of the disk."""
    end = size_bytes - tail
    first = min(EDGE_BYTES, end)
    if first > head:
        yield head, first - head
    last = max(first, size_bytes - EDGE_BYTES)
    stride = max(SAMPLE_BYTES, (last - first) // SAMPLES // SAMPLE_BYTES * SAMPLE_BYTES)
    for offset in range(first, last, stride):
        yield offset, min(SAMPLE_BYTES, last - offset)
    if end > last:
        yield last, end - last
