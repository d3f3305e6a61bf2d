# SPDX-License-Identifier: Apache-2.0
"""A small Azure in one process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Optional, TypeVar, Union

from . import documents
from .blobs import NAME as BLOBS
from .blobs import BlobStore
from .control import Control
from .dhcp import DhcpServer, Offer
from .exchange import Record, Request, Service
from .faults import Fault, Faults
from .hostplugin import NAME as HOSTPLUGIN
from .hostplugin import HostPlugin
from .imds import NAME as IMDS
from .imds import InstanceMetadata
from .journal import Journal
from .listener import Address, Listener
from .machine import Machine
from .state import HealthReport, Observation, State
from .wireserver import NAME as WIRESERVER
from .wireserver import WireServer

Answer = TypeVar("Answer")

_ANY: Address = ("127.0.0.1", 0)


class Platform:
    """Wire server, host plugin, metadata service and blob store for one machine.

    Listening starts with the constructor (so that addresses are known), answering with
    ``start()``.  Every request is kept in ``directory/requests.jsonl`` and in ``requests``.
    ``blobs`` defaults to the wire server's address with a port of the kernel's choice.  ``dhcp``
    is an interface of this network namespace and what clients there are offered.  ``listeners``
    has each service by its name.
    """

    def __init__(
        self,
        machine: Machine,
        directory: Path,
        *,
        wire: Address = _ANY,
        hostplugin: Address = _ANY,
        imds: Address = _ANY,
        blobs: Optional[Address] = None,
        dhcp: Optional[tuple[str, Offer]] = None,
        faults: Iterable[Fault] = (),
    ) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.directory = directory
        self.journal = Journal(directory / "requests.jsonl")
        self.faults = Faults(faults)
        self.state = State.of(machine, self.journal.changed)
        self.blobs = BlobStore(self.journal.changed, directory / "blobs")
        self.listeners: dict[str, Listener] = {}
        self._others: list[Union[DhcpServer, Control]] = []
        wire_server = WireServer(self.state, self._blobs_url)
        plugin = HostPlugin(self.state, self.blobs, self._blobs_url, wire_server.protect)
        places = (
            (WIRESERVER, wire, wire_server),
            (HOSTPLUGIN, hostplugin, plugin),
            (IMDS, imds, InstanceMetadata(self.state)),
            (BLOBS, blobs or (wire[0], 0), self.blobs),
        )
        try:
            self._open(places, dhcp)
        except BaseException:
            self.stop()
            raise
        self._offer_documents(machine)

    def _open(
        self,
        places: Iterable[tuple[str, Address, Service]],
        dhcp: Optional[tuple[str, Offer]],
    ) -> None:
        for name, address, service in places:
            listener = Listener(name, address, service, self.journal, self.faults)
            self.listeners[name] = listener
        if dhcp is not None:
            self._others.append(DhcpServer(*dhcp, self.journal, self.faults))
        self._others.append(Control(self))

    def start(self) -> Platform:
        """Answer from now on."""
        for part in (*self.listeners.values(), *self._others):
            part.start()
        return self

    def stop(self) -> None:
        """Stop answering, cut every connection, close the record.  A second call does nothing."""
        for part in (*self._others, *self.listeners.values()):
            part.stop()
        self.journal.close()

    def __enter__(self) -> Platform:
        return self.start()

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.stop()

    @property
    def addresses(self) -> dict[str, Address]:
        """Where each service listens."""
        return {name: listener.address for name, listener in self.listeners.items()}

    @property
    def wire_address(self) -> Address:
        """Where the wire server listens."""
        return self.listeners[WIRESERVER].address

    @property
    def hostplugin_address(self) -> Address:
        """Where the host plugin listens."""
        return self.listeners[HOSTPLUGIN].address

    @property
    def imds_address(self) -> Address:
        """Where the metadata service listens."""
        return self.listeners[IMDS].address

    @property
    def blobs_address(self) -> Address:
        """Where the blob store listens."""
        return self.listeners[BLOBS].address

    @property
    def machine(self) -> Machine:
        """What the platform wants now."""
        return self.state.machine

    @property
    def requests(self) -> tuple[Record, ...]:
        """Every exchange so far."""
        return self.journal.records

    @property
    def violations(self) -> tuple[str, ...]:
        """Every violation of the protocol so far, with the request that it was found in."""
        return tuple(
            f"{one.service} {one.method} {one.path.split('?sv=')[0]}: {violation}"
            for one in self.requests
            for violation in one.violations
        )

    @property
    def health(self) -> tuple[HealthReport, ...]:
        """Every health report taken so far."""
        with self.journal.changed:
            return tuple(self.state.health)

    @property
    def ready(self) -> bool:
        """Whether the last health report says Ready."""
        reports = self.health
        return bool(reports) and reports[-1].state == "Ready"

    @property
    def role_properties(self) -> tuple[dict[str, str], ...]:
        """Every role properties report; the fingerprint is its ``CertificateThumbprint``."""
        with self.journal.changed:
            return tuple(self.state.role_properties)

    @property
    def observations(self) -> tuple[Observation, ...]:
        """Every observation posted to the health service."""
        with self.journal.changed:
            return tuple(self.state.observations)

    @property
    def status(self) -> Optional[bytes]:
        """The status blob as the guest last wrote it, by whatever way."""
        blob = self.blobs.get(documents.status_url(self.machine, ""))
        return blob.content if blob else None

    def push(self, machine: Machine) -> Machine:
        """Want ``machine`` from now on: a new incarnation.  What is wanted then."""
        self._offer_documents(machine)
        return self.state.push(machine)

    def touch(self, machine: Optional[Machine] = None) -> None:
        """Fast track: want ``machine`` from now on without a new incarnation."""
        if machine is not None:
            self._offer_documents(machine)
        self.state.touch(machine)

    def wait_for(self, predicate: Callable[[Platform], Answer], timeout_s: float = 10.0) -> Answer:
        """The first true answer of ``predicate(self)``, asked after every request.

        :raises TimeoutError: none came within ``timeout_s`` seconds.
        """
        return self.journal.wait_for(lambda: predicate(self), timeout_s)

    def wait_ready(self, timeout_s: float = 10.0) -> HealthReport:
        """The report that says Ready.

        :raises TimeoutError: it did not come within ``timeout_s`` seconds.
        """
        self.wait_for(lambda platform: platform.ready, timeout_s)
        return self.health[-1]

    def _blobs_url(self, request: Request) -> str:
        """The store's URL for the sender of ``request``.

        It is reached as the sender reached the other service, unless the store has an address of
        its own.
        """
        host, port = self.listeners[BLOBS].address
        shared = host == self.listeners[WIRESERVER].address[0] or host in ("0.0.0.0", "::")
        if shared and request.service != BLOBS:
            host = request.host or host
        return f"http://{host}" if port == 80 else f"http://{host}:{port}"

    def _offer_documents(self, machine: Machine) -> None:
        """Manifests and the artifacts profile, at the URLs that the goal state names."""
        for family in ("Prod", "Test"):
            self._offer(documents.agent_manifest_url("", family), machine.agent_versions)
        for plugin in machine.plugins:
            self._offer(documents.manifest_url(plugin, ""), plugin.versions)
        profile = b'{"onHold":true}' if machine.on_hold else b'{"onHold":false}'
        self.blobs.put(f"/$system/{machine.vm_id}.vmArtifactsProfile", profile)

    def _offer(self, path: str, versions: Mapping[str, str]) -> None:
        """A manifest; its URLs are made for each client."""

        def manifest(request: Request) -> bytes:
            base = request.base if request.service == BLOBS else self._blobs_url(request)
            listed = ((version, f"{base}{package}") for version, package in versions.items())
            return documents.manifest(listed)

        self.blobs.make(path, manifest)
