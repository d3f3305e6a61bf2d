# SPDX-License-Identifier: Apache-2.0
"""Faults of boot, services, packages, RDMA, labels, and of a driver as a whole."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Callable, Optional

from osdrivers.actions import ChangeOwner, MakeDirectory, Plan, Run
from osdrivers.api import Driver
from tests.conformance.faults.plans import (
    Fault,
    Method,
    accepting,
    answering,
    each_time,
    nothing,
    then,
)


@dataclass(frozen=True)
class Whole:
    """A fault that is no part's."""

    clause: str
    operation: str
    broken: Callable[[Driver], Driver]
    machine: str = "debian-12"


def asking(driver: Driver) -> Driver:
    driver.host.ask("hostname")
    return driver


def misplaced(driver: Driver) -> Driver:
    return dataclasses.replace(driver, host=driver.host.with_places(log="/var/../log"))


WHOLE: Mapping[str, Whole] = {
    "asks": Whole("g11_a_driver", "driver", asking),
    "places": Whole("v2_every", "start", misplaced),
}


def never_ending(driver: Driver, sound: Method, name: str, day: Any) -> Plan:
    if day is not None:
        yield from sound(name, day)


def more_arguments(
    driver: Driver, sound: Method, add: Sequence[str] = (), remove: Sequence[str] = ()
) -> Plan:
    yield from sound([*add, *(["left=1"] if add else [])], remove)


def backwards(driver: Driver, sound: Method) -> Any:
    return tuple(reversed(sound()))


def for_all_kernels(driver: Driver, sound: Method) -> Plan:
    yield from driver.boot.ensure_arguments(["numa=off"])  # type: ignore


def newest(driver: Driver, sound: Method, version: Optional[str] = None) -> Plan:
    yield from ()


_STOP = Run(("systemctl", "stop", "ssh.service"))
_SUSE = "opensuse-leap-15.6"
FAULTS: Mapping[str, Fault] = {
    "foreign": Fault(
        "g8_owner", "host-name", "hostname", "ensure", then(ChangeOwner("/etc/hosts", "0:0"))
    ),
    "no-server": Fault("s3_the_server", "sshd", "sshd", "ensure_running", then(_STOP)),
    "sudo-name": Fault("u7_a_name", "sudo", "sudo", "ensure_granted", accepting),
    "for-ever": Fault("u11_without", "no-expiry", "users", "ensure_expiry", never_ending),
    "labels": Fault("u10_an_image", "labels", "labels", "ensure_restored", nothing),
    "no-labels": Fault(
        "u10_without", "labels", "labels", "ensure_restored", then(MakeDirectory("/x"))
    ),
    "keys": Fault("u9_a_path", "key-pair", "keys", "ensure_key_pair", accepting),
    "arguments": Fault("b1_every", "boot-arguments", "boot", "ensure_arguments", nothing),
    "trace": Fault(
        "b1_what_was", "boot-arguments-gone", "boot", "ensure_arguments", more_arguments
    ),
    "tokens": Fault("b1_what_is", "boot-arguments", "boot", "ensure_arguments", accepting),
    "entries": Fault("b1_entries", "boot-arguments", "boot", "entries", backwards),
    "console": Fault(
        "b1_the_last", "serial-console", "boot", "ensure_serial_console", nothing, _SUSE
    ),
    "speed": Fault("b1_a_speed", "serial-console", "boot", "ensure_serial_console", accepting),
    "numa": Fault("b2_old", "numa-policy", "boot", "ensure_numa_policy", for_all_kernels),
    "firmware": Fault(
        "r1_a_pool", "rdma-provider", "rdma", "firmware_version", answering("142.0"), _SUSE
    ),
    "old-driver": Fault("r2_the_driver", "rdma-driver", "rdma", "ensure_driver", nothing, _SUSE),
    "no-driver": Fault("r2_firmware", "rdma-driver", "rdma", "ensure_driver", accepting, _SUSE),
    "port": Fault("r3_an_address", "rdma-provider", "rdma", "ensure_addresses", accepting, _SUSE),
    "provider": Fault(
        "r4_the_provider", "rdma-provider", "rdma", "ensure_provider", nothing, _SUSE
    ),
    "no-dat": Fault("r4_without", "rdma-provider", "rdma", "ensure_provider", accepting, _SUSE),
    "masked": Fault("v1_a_service", "start", "services", "ensure_enabled", accepting),
    "stopped": Fault("v1_what_was", "restart", "services", "restart", then(_STOP)),
    "not-installed": Fault("v3_a_service", "install", "services", "ensure_installed", nothing),
    "kept": Fault("v3_nothing", "uninstall", "services", "ensure_uninstalled", nothing),
    "no-service": Fault("v3_what", "install", "services", "ensure_installed", accepting),
    "package": Fault("p1_p2", "package", "packages", "ensure_installed", nothing),
    "no-package": Fault("p3_p5", "package", "packages", "ensure_installed", accepting),
    "packages": Fault("p2_what", "package", "packages", "ensure_installed", each_time),
}
