# SPDX-License-Identifier: Apache-2.0
"""The provisioning DVD as an image file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from osdrivers.errors import FileFailed, InvalidInput

from . import commands

_SECTOR_BYTES = 2048
_FIRST_DESCRIPTOR = 16
_DESCRIPTORS = 16


def make(
    image: Path,
    files: Mapping[str, bytes],
    *,
    udf: bool = True,
    iso: bool = True,
    label: str = "rd_rdfe_lab",
) -> None:
    """Write an image that holds ``files`` (relative name to content), readable by its owner only.

    ``udf`` and ``iso`` choose what a mount(8) finds: the platform's own disc is UDF; an image with
    both is what ``genisoimage -udf`` makes.  Names survive exactly in either (ISO through Rock
    Ridge and Joliet).

    :raises InvalidInput: neither file system is wanted, or a name leaves the image.
    :raises CommandMissing: genisoimage(1) is not installed.
    """
    if not (udf or iso):
        raise InvalidInput(f"{image}: a disc needs UDF, ISO 9660 or both")
    with tempfile.TemporaryDirectory(prefix="lab-dvd-") as staging:
        for name, content in files.items():
            target = Path(staging) / _inside(name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        os.close(os.open(image, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600))
        options = ["-quiet", "-input-charset", "utf-8", "-V", label, "-r", "-J", "-l"]
        options += ["-udf"] if udf else []
        commands.run(["genisoimage", *options, "-o", str(image), staging])
    if not iso:
        _hide_iso(image)


def unpack(image: Path, directory: Path) -> tuple[str, ...]:
    """Copy the image's files below ``directory`` and name them.  No mount, no root.

    :raises InvalidInput: it is not an image that pycdlib can read (a UDF-only one is not).
    """
    import pycdlib
    from pycdlib.pycdlibexception import PyCdlibException

    disc = pycdlib.PyCdlib()
    try:
        disc.open(str(image))
    except PyCdlibException as error:
        raise InvalidInput(f"{image}: not a readable disc image ({error})") from error
    except OSError as error:
        raise FileFailed(str(image), error) from error
    try:
        return _copy_out(disc, directory)
    finally:
        disc.close()


def _copy_out(disc: object, directory: Path) -> tuple[str, ...]:
    import pycdlib

    assert isinstance(disc, pycdlib.PyCdlib)
    where = "iso_path"
    if disc.has_udf():
        where = "udf_path"
    elif disc.has_rock_ridge():
        where = "rr_path"
    names = []
    for parent, _, children in disc.walk(**{where: "/"}):
        for child in children:
            name = f"{parent}/{child}".lstrip("/")
            target = directory / _inside(name)
            target.parent.mkdir(parents=True, exist_ok=True)
            with open(os.open(target, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as to:
                disc.get_file_from_iso_fp(to, **{where: f"/{name}"})
            names.append(name)
    return tuple(sorted(names))


def _inside(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise InvalidInput(f"{name!r} is not a name inside the disc")
    return str(path)


def _hide_iso(image: Path) -> None:
    """Leave only the UDF descriptors of the recognition sequence, so that ISO does not mount.

    They move to its start: Linux ends its search at the first empty descriptor
    (ECMA-167, 2/8.3; fs/udf/super.c).
    """
    area_bytes = _DESCRIPTORS * _SECTOR_BYTES
    with image.open("r+b") as disc:
        disc.seek(_FIRST_DESCRIPTOR * _SECTOR_BYTES)
        area = disc.read(area_bytes)
        sectors = [area[at : at + _SECTOR_BYTES] for at in range(0, area_bytes, _SECTOR_BYTES)]
        kept = b"".join(
            one for one in sectors if one[1:6] in (b"BEA01", b"NSR02", b"NSR03", b"TEA01")
        )
        disc.seek(_FIRST_DESCRIPTOR * _SECTOR_BYTES)
        disc.write(kept.ljust(area_bytes, b"\0"))
