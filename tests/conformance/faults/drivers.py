# SPDX-License-Identifier: Apache-2.0
"""Drivers with one fault each, chosen by the name of the machine's directory."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Union

from osdrivers.api import Driver
from osdrivers.host import Host
from tests.conformance.faults import accounts, network, storage, systems
from tests.conformance.faults.plans import Fault, on, sound

FAULTS: Mapping[str, Fault] = {
    **accounts.FAULTS,
    **network.FAULTS,
    **storage.FAULTS,
    **systems.FAULTS,
}
BROKEN: Mapping[str, Union[Fault, systems.Whole]] = {**FAULTS, **systems.WHOLE}


def faulty(host: Host) -> Driver:
    """The machine's own driver, broken in the way that the directory's name says."""
    driver = sound(host)
    name = os.path.basename(host.root)
    if name in systems.WHOLE:
        return systems.WHOLE[name].broken(driver)
    return on(driver, FAULTS[name]) if name in FAULTS else driver
