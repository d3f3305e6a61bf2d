# SPDX-License-Identifier: Apache-2.0
"""Boot loader entries, one file for each kernel: GRUB's blscfg, systemd-boot.

Written to the files themselves: grubby(8) replaces a token of the same key, which would take
one ``console=`` for another.  Future kernels get /etc/kernel/cmdline or, where there is none,
the default file of GRUB and the running command line.
Source: UAPI.1 Boot Loader Specification; kernel-install(8); grubenv of GRUB, 1024 bytes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..errors import Unsupported
from ..host import Host
from . import grub2
from .boot_documents import Document, Setting, text_of
from .kernel_arguments import Span

DIRECTORIES = ("/boot/loader/entries", "/efi/loader/entries", "/boot/efi/loader/entries")
IMAGES = ("/boot/EFI/Linux", "/efi/EFI/Linux", "/boot/efi/EFI/Linux")
CMDLINE = "/etc/kernel/cmdline"
_ENVIRONMENTS = ("/boot/grub2/grubenv", "/boot/grub/grubenv")
_OPTIONS = re.compile(r"^options[ \t]+([^\n]*)", re.MULTILINE)
_VERSION = re.compile(r"^(?:version|linux)[ \t]+([^\n]*\d[^\n]*)", re.MULTILINE)
_KERNELOPTS = re.compile(r"^kernelopts=([^\n]*)", re.MULTILINE)
_VARIABLE = re.compile(r"\$(?:kernelopts|\{kernelopts\})")
_ENVIRONMENT_BYTES = 1024


def files(host: Host) -> tuple[str, ...]:
    """Every entry of the machine."""
    return tuple(path for where in DIRECTORIES for path in host.glob(f"{where}/*.conf"))


def images(host: Host) -> tuple[str, ...]:
    """Signed images that have their command line inside."""
    return tuple(path for where in IMAGES for path in host.glob(f"{where}/*.efi"))


class Entries:
    """Entries with their ``options``; those of variables are looked up in grubenv."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._grub = grub2.Grub2(host)

    def documents(self) -> Sequence[Document]:
        found = files(self._host)
        if not found or images(self._host):
            raise Unsupported(
                "kernel arguments inside of signed images", hint="rebuild them with ukify"
            )
        future = [Document(CMDLINE, _whole)] if self._host.exists(CMDLINE) else []
        if self._host.exists(grub2.DEFAULTS):
            future += self._grub.defaults()
        shared = [
            Document(path, _shared, finish=_padded)
            for path in _ENVIRONMENTS
            if _KERNELOPTS.search(text_of(self._host, path))
        ]
        return (*future, *shared, *(Document(path, self._options) for path in found))

    def _options(self, text: str) -> Sequence[Span]:
        found = _VERSION.search(text)
        name = found[1].strip() if found else ""
        shared = ""
        for path in _ENVIRONMENTS:
            known = _KERNELOPTS.search(text_of(self._host, path))
            shared = known[1] if known else shared
        spans = []
        for each in _OPTIONS.finditer(text):
            before = shared if _VARIABLE.search(each[1]) else ""
            spans.append(Span(name or "entry", each.start(1), each.end(1), before))
        return spans

    def commands(self) -> Sequence[tuple[str, ...]]:
        return ()

    def terminal(self, speed_baud: int) -> Sequence[Setting]:
        """Nothing: GRUB's own menu is in a file that only its packages make anew."""
        return ()


def _whole(text: str) -> Sequence[Span]:
    return [Span("", 0, len(text.rstrip("\n")))]


def _shared(text: str) -> Sequence[Span]:
    return [
        Span("", found.start(1), found.end(1), part="removals")
        for found in _KERNELOPTS.finditer(text)
    ]


def _padded(text: str) -> str:
    """A block of GRUB's environment has a fixed size, filled with ``#``."""
    kept = text.rstrip("#")
    return kept + "#" * (_ENVIRONMENT_BYTES - len(kept.encode("utf-8", "surrogateescape")))
