# SPDX-License-Identifier: Apache-2.0
"""From the names of manifests to a handler's directory that is whole: the work of the child.

The directory gets its name last, by rename(2), so whoever finds it finds it complete.  What a
killed run left is removed by the next.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import dataclass
from typing import Optional

from agentcore.errors import ServiceError
from osdrivers.errors import AgentError, InvalidInput
from osdrivers.host import Host, file_failed

from . import errors, fetching, handlermanifest, offers, signature, unpacking
from .errors import ExtensionError
from .fetching import Fetcher, Partial
from .handlermanifest import HandlerManifest
from .layout import ENABLED, INSTALLED, Installation, Layout
from .order import Order


@dataclass(frozen=True)
class Placed:
    """A handler's directory is there.  ``notes``: a line each."""

    version: str
    verified: bool = False
    notes: tuple[str, ...] = ()


class Placing:
    """Brings packages into the state directory of a machine."""

    def __init__(self, host: Host, layout: Layout, fetcher: Fetcher) -> None:
        self._host, self._layout, self._fetcher = host, layout, fetcher

    def choose(self, order: Order) -> tuple[offers.Offer, str]:
        """The version meant, and the URI of the manifest that has it.

        :raises ExtensionError: no manifest, or none that has it.
        """
        into = Partial(self._real(f"{self._layout.work}/manifest"), fetching.MANIFEST_LIMIT_BYTES)
        try:
            found = self._fetcher.fetch(order.manifest_uris, into)
            with open(into.path, "rb") as stream:
                return offers.chosen(offers.parse(stream.read()), order.requested), found
        except ServiceError as failed:
            errors.fail(failed, errors.DOWNLOAD, f"{order.handler}: failed to get packages")
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(into.path)

    def place(self, order: Order) -> Placed:
        """Fetch, check, unpack and name it.

        :raises ExtensionError: with what to report.
        """
        try:
            return self._placed(order)
        except OSError as broken:
            where = os.fsdecode(broken.filename) if broken.filename else self._layout.state
            errors.fail(file_failed(where, broken), errors.DOWNLOAD)

    def _placed(self, order: Order) -> Placed:
        offer, manifest = self.choose(order)
        present = Installation(self._host, self._layout, order.handler, offer.version)
        if present.state in (INSTALLED, ENABLED):
            return Placed(offer.version)
        package = self._real(self._layout.package(order.handler, offer.version))
        notes: list[str] = []
        if os.path.lexists(package):
            try:
                return self._unpacked(order, offer.version, package, notes)
            except ExtensionError as unusable:
                notes.append(f"a package from before is not used: {unusable}")
                os.unlink(package)
        self._fetch(order, offer, manifest, package)
        return self._unpacked(order, offer.version, package, notes)

    def _fetch(self, order: Order, offer: offers.Offer, manifest: str, package: str) -> None:
        part = f"{package}.part"
        try:
            into = Partial(part, fetching.PACKAGE_LIMIT_BYTES)
            self._fetcher.fetch(offer.uris, into, manifest)
            os.rename(part, package)
        except ServiceError as failed:
            errors.fail(failed, errors.DOWNLOAD, f"{order.handler} {offer.version}: no package")
        except OSError as broken:
            errors.fail(file_failed(part, broken), errors.DOWNLOAD)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(part)

    def _unpacked(self, order: Order, version: str, package: str, notes: list[str]) -> Placed:
        verified = self._verified(order, package, notes)
        fresh = self._real(self._layout.unpacking(order.handler, version))
        shutil.rmtree(fresh, ignore_errors=True)
        try:
            unpacking.unpack(package, fresh)
            read = self._manifest(fresh)
            if verified:
                verified = self._named(order, version, read, notes)
            if order.multi_config and not read.multi_config:
                text = f"{order.handler} {version} does not support several extensions"
                raise ExtensionError(text, errors.UNKNOWN)
            self._dress(fresh, verified)
            final = self._real(self._layout.directory(order.handler, version))
            if os.path.lexists(final):
                self._host.remove(self._layout.directory(order.handler, version), recursive=True)
            os.rename(fresh, final)
            with contextlib.suppress(FileNotFoundError):  # the bound of the store took it
                os.unlink(package)
        except InvalidInput as hostile:
            errors.fail(hostile, errors.EXTRACTION, f"{order.handler} {version}")
        except OSError as broken:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(package)  # the disk may be full of it
            errors.fail(file_failed(fresh, broken), errors.EXTRACTION)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        return Placed(version, verified, (*notes, *read.notes))

    def _verified(self, order: Order, package: str, notes: list[str]) -> bool:
        what = f"{order.handler} {order.requested}"
        if not order.encoded_signature:
            if order.must_be_signed:
                text = f"{what}: the package is not signed, and Extensions.RequireSignature is y"
                raise ExtensionError(text, errors.DOWNLOAD)
            return False
        if not order.roots and not order.must_be_signed:
            return False
        try:
            signature.verify(
                self._host, package, order.encoded_signature, order.roots, order.openssl
            )
        except AgentError as refused:
            if order.must_be_signed:
                errors.fail(refused, errors.DOWNLOAD, what)
            notes.append(f"{what}: {refused}")
            return False
        return True

    def _named(self, order: Order, version: str, read: HandlerManifest, notes: list[str]) -> bool:
        try:
            signature.judge_name(read.signed_as, order.handler, version)
        except InvalidInput as other:
            if order.must_be_signed:
                errors.fail(other, errors.DOWNLOAD, order.handler)
            notes.append(str(other))
            return False
        return True

    def _manifest(self, directory: str) -> HandlerManifest:
        """The first manifest found; its place is the top of the directory, wherever it was."""
        found = _first(directory)
        if found is None:
            text = f"the package has no {handlermanifest.NAME}"
            raise ExtensionError(text, errors.NO_MANIFEST)
        with open(found, "rb") as stream:
            data = stream.read(1 << 20)
        try:
            read = handlermanifest.parse(data)
        except ServiceError as broken:
            errors.fail(broken, errors.BAD_MANIFEST)
        top = os.path.join(directory, handlermanifest.NAME)
        with open(os.open(top, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as target:
            target.write(data[3:] if data.startswith(b"\xef\xbb\xbf") else data)
        return read

    def _dress(self, directory: str, verified: bool) -> None:
        for name in ("status", "config"):
            path = os.path.join(directory, name)
            os.makedirs(path, 0o700, exist_ok=True)
            os.chmod(path, 0o700)
        marker = os.path.join(directory, "package_validated")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(marker)  # a package cannot say that of itself
        if verified:
            os.close(os.open(marker, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))

    def _real(self, path: str) -> str:
        return self._host.locate(path)


def _first(directory: str) -> Optional[str]:
    for where, below, names in os.walk(directory):
        below.sort()
        if handlermanifest.NAME in names:
            return os.path.join(where, handlermanifest.NAME)
    return None
