# SPDX-License-Identifier: Apache-2.0
"""Which operating system is this?  Read from files below the host's root, never by a guess (T1).

First os-release(5), through the ``distro`` library; then the release files of systems older than
it; then FreeBSD's own file; last, on a running machine that has none of them, uname(1).  What a
system *can* do is not decided here but probed (``probes.py``).
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from .errors import CommandMissing, CommandTimeout, FileFailed
from .host import Host

OS_RELEASE = ("/etc/os-release", "/usr/lib/os-release")
LIMIT_BYTES = 64 * 1024  # real ones have less than 1 KiB
UNKNOWN = "generic"

_NAMES = {"ol": "oracle"}
_VARIANTS = {
    "sles-sap": ("sles", "sap"),
    "sle-hpc": ("sles", "hpc"),
    "sles-hpc": ("sles", "hpc"),
}
# ``NAME release VERSION (CODENAME)``.  Rebuilds ship the file of their model beside their own,
# so theirs come first.  Behind each is what an unknown name in it is: a rebuild, whose versions
# are its model's.
_RELEASE_FILES = (
    ("/etc/oracle-release", "oracle"),
    ("/etc/centos-release", "centos"),
    ("/etc/redhat-release", "rhel"),
    ("/etc/SuSE-release", "suse"),
)
_RELEASE_NAMES = (
    ("red hat", "rhel"),
    ("oracle", "oracle"),
    ("centos", "centos"),
    ("scientific", "scientific"),
    ("fedora", "fedora"),
    ("cloudlinux", "cloudlinux"),
    ("opensuse", "opensuse"),
    ("suse linux enterprise desktop", "sled"),
    ("suse linux enterprise", "sles"),
)
_MARKERS = (
    ("/etc/debian_version", "debian"),
    ("/etc/alpine-release", "alpine"),
    ("/etc/arch-release", "arch"),
    ("/etc/gentoo-release", "gentoo"),
)
_BSD_VERSION = "/bin/freebsd-version"


@dataclass(frozen=True)
class Identity:
    """What the machine's files call it.

    ``id`` and ``like`` are lower-cased; ``id`` is ``generic`` when nothing names the system.
    ``version`` is "" for a rolling release.  ``source`` is the file (or ``uname``) it is from.
    """

    id: str
    version: str = ""
    like: tuple[str, ...] = ()
    variant: str = ""
    codename: str = ""
    name: str = ""
    source: str = ""
    kernel: str = "linux"

    @property
    def numbers(self) -> tuple[int, ...]:
        """The version as numbers, e.g. (22, 4); () for a rolling release: newer than any."""
        return numbers(self.version)

    def __str__(self) -> str:
        return f"{self.id} {self.version}".strip()


def numbers(version: str) -> tuple[int, ...]:
    """``7 (Core)`` is (7,), ``12.1.0.1`` is (12, 1, 0, 1), ``n/sid`` is ()."""
    return tuple(int(number) for number in re.findall(r"\d{1,18}", version)[:6])


def canonical(name: str) -> str:
    """An ID as it is compared: lower case, ``_`` like ``-``."""
    return name.lower().replace("_", "-")


def detect(host: Host) -> Identity:
    """Name the system.  Never raises: what cannot be read or understood is passed over."""
    found = _from_os_release(host) or _from_release_files(host) or _from_kernel(host)
    if found is None:
        return Identity(UNKNOWN)
    if _text(host, _BSD_VERSION):
        parents = found.like if "freebsd" in (found.id, *found.like) else (*found.like, "freebsd")
        return replace(found, kernel="freebsd", like=parents)
    return replace(found, kernel="freebsd") if found.id == "freebsd" else found


def _from_os_release(host: Host) -> Identity | None:
    for path in OS_RELEASE:
        fields = _fields(host, path)
        name, variant = _named(fields.get("id", ""))
        if not name:
            continue
        return Identity(
            id=name,
            version=fields.get("version_id", ""),
            like=tuple(_NAMES.get(token, token) for token in _tokens(fields.get("id_like", ""))),
            variant=variant or fields.get("variant_id", "").lower(),
            codename=fields.get("version_codename", "") or fields.get("codename", ""),
            name=fields.get("pretty_name", "") or fields.get("name", ""),
            source=path,
        )
    return None


def _fields(host: Host, path: str) -> Mapping[str, str]:
    """Keys of an os-release file in lower case; none when it is missing or unreadable."""
    text = _text(host, path)
    if not text:
        return {}
    fields: Mapping[str, str] = {}
    if len(text) < LIMIT_BYTES:  # shlex takes half a minute for a line of 1 MiB
        with contextlib.suppress(ValueError, OSError):  # an open quote, or not UTF-8
            fields = _distribution(os_release_file=_real(host, path)).os_release_info()
    if not fields.get("id"):
        fields = {**fields, **_lines(text)}  # the lines that can be read
    return {key: _printable(value) for key, value in fields.items()}


def _lines(text: str) -> dict[str, str]:
    found = re.findall(r"""^\s*([A-Za-z_]+)=(["']?)([^"'\r\n]*)\2\s*$""", text, re.MULTILINE)
    return {key.lower(): value.strip() for key, _, value in found}


def _distribution(os_release_file: str = "", distro_release_file: str = "") -> Any:
    # Imported at need (12 ms).  File names are given for both, or it would read this machine's.
    import distro

    nothing = "/dev/null"
    return distro.LinuxDistribution(
        include_lsb=False,
        include_uname=False,
        os_release_file=os_release_file or nothing,
        distro_release_file=distro_release_file or nothing,
    )


def _from_release_files(host: Host) -> Identity | None:
    for path, model in _RELEASE_FILES:
        if _text(host, path):
            try:
                facts = _distribution(distro_release_file=_real(host, path)).distro_release_info()
            except (ValueError, OSError):
                continue
            name = _printable(facts.get("name", ""))
            ids = [id for words, id in _RELEASE_NAMES if name.lower().startswith(words)]
            if name:
                version = _printable(facts.get("version_id", ""))
                return Identity(
                    id=ids[0] if ids else model,
                    version=version + _patch_level(host, path),
                    codename=_printable(facts.get("codename", "")),
                    name=name,
                    source=path,
                )
    for path, id in _MARKERS:
        status = host.status(path) if _readable(host, path) else None
        if status is not None and status.kind == "file":
            return Identity(id, _number(_text(host, path)), source=path)
    return None


def _patch_level(host: Host, path: str) -> str:
    """SLES 11 and older give the service pack on a line of its own."""
    found = re.search(r"^PATCHLEVEL\s*=\s*(\d+)", _text(host, path), re.MULTILINE)
    return f".{found[1]}" if found else ""


def _from_kernel(host: Host) -> Identity | None:
    script = re.search(r'^USERLAND_VERSION="?([\w.-]+)', _text(host, _BSD_VERSION), re.MULTILINE)
    if script:
        return Identity("freebsd", _number(script[1]), source=_BSD_VERSION)
    if host.offline:
        return None
    try:
        words = host.ask("uname", "-s", "-r", timeout_s=5).stdout.split()
    except (CommandMissing, CommandTimeout):
        return None
    if len(words) != 2 or words[0] == "Linux":
        return None
    system = "".join(_tokens(words[0])[:1])
    return Identity(system, _number(words[1]), source="uname", kernel=system)


def _number(release: str) -> str:
    found = re.search(r"\d+(\.\d+)*", release)
    return found[0] if found else ""


def _named(id: str) -> tuple[str, str]:
    """The ID as drivers know it, and a variant that the ID carried."""
    name = "".join(_tokens(id)[:1])
    return _VARIANTS.get(canonical(name), (_NAMES.get(name, name), ""))


def _tokens(words: str) -> list[str]:
    return re.findall(r"[a-z0-9][a-z0-9._+-]*", words.lower())


def _printable(value: str) -> str:
    return "".join(mark for mark in value if mark.isprintable())[:200].strip()


def _text(host: Host, path: str) -> str:
    try:
        return host.read_bytes(path, b"", LIMIT_BYTES).decode("utf-8", errors="replace")
    except FileFailed:
        return ""


def _readable(host: Host, path: str) -> bool:
    try:
        return host.status(path) is not None
    except FileFailed:
        return False


def _real(host: Host, path: str) -> str:
    """The file's real name; links are followed as the guest would (distro 1.9 leaves the root)."""
    try:
        return host.locate(path, follow=True)
    except FileFailed:
        return ""
