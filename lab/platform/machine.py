# SPDX-License-Identifier: Apache-2.0
"""What the platform wants of one virtual machine."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional, Union

from osdrivers.errors import FileFailed, InvalidInput

from .certificates import Certificate

JsonValue = Any
"""What json.loads returns; checked field by field in ``Machine.from_json``."""


@dataclass(frozen=True)
class KeyPair:
    """A private key that the guest is to place at ``path``; known by its certificate."""

    thumbprint: str
    path: str


@dataclass(frozen=True)
class RemoteUser:
    """An account of the remote access document.  ``expiration`` as ``Tue, 01 Jan 2030 ... UTC``."""

    name: str
    password: str = field(repr=False)
    expiration: str = "Tue, 01 Jan 2030 00:00:00 UTC"


@dataclass(frozen=True)
class Instance:
    """One of several extensions of one handler (multi-config), with settings of its own."""

    name: str
    settings: Optional[Mapping[str, JsonValue]] = None
    protected: Optional[Mapping[str, JsonValue]] = field(default=None, repr=False)
    sequence: int = 0
    state: str = "enabled"
    level: Optional[int] = None


@dataclass(frozen=True)
class Plugin:
    """One extension of the goal state.

    ``versions`` maps a version to the package's path in the blob store; the platform serves the
    manifest.  ``protected`` is encrypted to the tenant certificate before it is sent.  With
    ``instances`` it is multi-config, and its own settings, sequence and level mean nothing.
    """

    name: str
    version: str
    state: str = "enabled"
    versions: Mapping[str, str] = field(default_factory=dict)
    settings: Optional[Mapping[str, JsonValue]] = None
    protected: Optional[Mapping[str, JsonValue]] = field(default=None, repr=False)
    sequence: int = 0
    level: Optional[int] = None
    instances: tuple[Instance, ...] = ()
    signature: str = ""


@dataclass(frozen=True)
class Machine:
    """One virtual machine, as the platform describes it to the guest.

    ``ssh_keys`` are public key lines; ``ssh_thumbprints`` names further keys by certificate only.
    An empty ``ssh_key_path`` is ``/home/<user>/.ssh/authorized_keys``.  Where
    ``disable_password_auth`` is None the element is left out.  ``extensions_config`` and
    ``vm_settings`` replace the documents made from ``plugins``; in them ``$BLOBS`` stands for the
    blob store's URL.  ``address`` is the first interface's, with its prefix length.  A
    ``wished_version`` is the agent's that the platform names (RSM).
    """

    hostname: str
    user: str
    password: Optional[str] = field(default=None, repr=False)
    ssh_keys: tuple[str, ...] = ()
    ssh_thumbprints: tuple[str, ...] = ()
    ssh_key_path: str = ""
    key_pairs: tuple[KeyPair, ...] = ()
    custom_data: Optional[bytes] = field(default=None, repr=False)
    disable_password_auth: Optional[bool] = True
    provision_guest_agent: bool = True
    vm_id: str = "2b1c9c0e-55f6-4f0e-9d1c-6a8d3fa0c7d1"
    incarnation: int = 1
    container_id: str = "9a6d4c55-4d2f-4c9f-8f8e-0a1bd7f0c001"
    deployment_id: str = "e3c0f6a4-2a8b-4b7c-9a53-5b4f6d0e7c22"
    role_instance: str = ""
    config_name: str = ""
    certificates: tuple[Certificate, ...] = ()
    tenant_certificate: bool = True
    plugins: tuple[Plugin, ...] = ()
    on_hold: bool = False
    extensions_config: Optional[str] = None
    vm_settings: Optional[str] = None
    fast_track: bool = False
    status_blob_type: str = "BlockBlob"
    required_features: tuple[str, ...] = ()
    host_plugin_version: str = "1.0.8.179"
    wished_version: str = ""
    agent_versions: Mapping[str, str] = field(default_factory=dict)
    users: tuple[RemoteUser, ...] = ()
    lb_probe_ports: tuple[int, ...] = (16001,)
    address: str = "10.0.0.4/24"
    mac: str = "00:0d:3a:4b:5c:6d"
    location: str = "labland"
    subscription_id: str = "6f0b3c2e-9e0f-4f0c-8f63-1f5b8f5ddb10"
    resource_group: str = "lab"
    vm_size: str = "Standard_B2s"
    image: tuple[str, str, str, str] = ("debian", "debian-12", "12-gen2", "latest")
    tags: str = ""

    def __post_init__(self) -> None:
        if self.incarnation < 1:
            raise InvalidInput(f"machine: incarnation {self.incarnation} is below 1")

    @property
    def instance_id(self) -> str:
        """The role instance's name, ``<deployment>._<host name>`` unless set."""
        return self.role_instance or f"{self.deployment_id}._{self.hostname}"

    @property
    def role_config(self) -> str:
        """The configuration's name; its first part is the deployment id."""
        made = f"{self.deployment_id}.0.{self.deployment_id}.0._{self.hostname}.1.xml"
        return self.config_name or made

    @property
    def authorized_keys(self) -> str:
        """Where the public keys belong, as the platform writes it."""
        return self.ssh_key_path or f"/home/{self.user}/.ssh/authorized_keys"

    @classmethod
    def example(cls, **changes: Any) -> Machine:
        """A machine with a password, and password logins refused; ``changes`` are fields."""
        wanted: dict[str, Any] = {
            "hostname": "labvm1",
            "user": "azureuser",
            "password": "Corr3ct-horse <&> \"battery'",
            "custom_data": b"#!/bin/sh\necho custom data ran > /run/lab-custom-data\n",
        }
        return cls(**{**wanted, **changes})

    def changed(self, **changes: Any) -> Machine:
        """The same machine with some fields replaced."""
        return dataclasses.replace(self, **changes)

    def to_json(self) -> dict[str, JsonValue]:
        """Plain data; ``from_json`` reads it back.  It holds the password and private keys."""
        data = dataclasses.asdict(self)
        if self.custom_data is not None:
            data["custom_data"] = base64.b64encode(self.custom_data).decode()
        return data

    @classmethod
    def from_json(cls, data: Union[str, bytes, Mapping[str, JsonValue]]) -> Machine:
        """Read ``to_json``'s form; fields left out have their defaults.

        :raises InvalidInput: not JSON, a field that does not exist, or one of a wrong form.
        """
        try:
            wanted = dict(json.loads(data) if isinstance(data, (str, bytes)) else data)
            return cls(**{name: _field(name, value) for name, value in wanted.items()})
        except (TypeError, ValueError, KeyError) as error:
            raise InvalidInput(
                f"machine description: {error}", hint="see lab.platform.machine.Machine"
            ) from error

    @classmethod
    def load(cls, path: Path) -> Machine:
        """Read a JSON file.

        :raises FileFailed: it cannot be read.
        :raises InvalidInput: it does not describe a machine.
        """
        try:
            return cls.from_json(path.read_bytes())
        except OSError as error:
            raise FileFailed(str(path), error) from error


_NESTED = {
    "key_pairs": KeyPair,
    "certificates": Certificate,
    "plugins": Plugin,
    "users": RemoteUser,
}


def _field(name: str, value: JsonValue) -> JsonValue:
    """One field of the JSON form, as the dataclass has it."""
    if name == "custom_data" and value is not None:
        return base64.b64decode(value, validate=True)
    if name in _NESTED:
        return tuple(_nested(name, one) for one in value)
    return tuple(value) if isinstance(value, list) else value


def _nested(name: str, value: Mapping[str, JsonValue]) -> JsonValue:
    """One member of a list: a plugin's instances are a list in the list."""
    if name != "plugins":
        return _NESTED[name](**value)
    instances = tuple(Instance(**one) for one in value.get("instances", ()))
    return Plugin(**{**value, "instances": instances})
