# SPDX-License-Identifier: Apache-2.0
"""Files of places that are listed one by one, to be deleted: no link is followed to them.

The first component of a path may be a link (/var on a data disk, /home below /usr); of what lies
below it none may, or what is deleted would be somebody else's.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator

from ..actions import Remove
from ..errors import UnsafeRefused
from ..host import Host


def matching(host: Host, patterns: Iterable[str]) -> Iterator[str]:
    """Guest paths of files and links with these names; wildcards in the last component only.

    :raises UnsafeRefused: a directory on the way is a link.
    """
    for pattern in dict.fromkeys(patterns):
        directory, _, wanted = pattern.rpartition("/")
        directory = directory or "/"
        if not host.is_directory(directory):
            continue
        found = [name for name in host.names(directory) if fnmatch.fnmatchcase(name, wanted)]
        paths = [f"{directory.rstrip('/')}/{name}" for name in found]
        paths = [path for path in paths if _is_file(host, path)]
        if paths:
            refuse_links(host, directory)
        yield from paths


def removed(host: Host, patterns: Iterable[str]) -> list[Remove]:
    """What deletes them."""
    return [Remove(path, beneath=fence(path)) for path in dict.fromkeys(matching(host, patterns))]


def fence(path: str) -> str:
    """The directory of which no link below is followed: the first component."""
    return "/" + path.lstrip("/").partition("/")[0]


def refuse_links(host: Host, directory: str, *, beneath: str = "") -> None:
    """:raises UnsafeRefused: a component of the directory is a link; those of ``beneath``, which
    is the first by default, may be."""
    walked = beneath or fence(directory)
    for name in directory[len(walked) :].strip("/").split("/"):
        walked = f"{walked.rstrip('/')}/{name}"
        found = host.status(walked, follow=False) if name else None
        if found is not None and found.kind == "link":
            raise UnsafeRefused(
                f"{walked} is a link to {found.target}: nothing is deleted through it",
                hint="delete what is there yourself, or put a directory in its place",
            )


def _is_file(host: Host, path: str) -> bool:
    found = host.status(path, follow=False)
    return found is not None and found.kind in ("file", "link")
