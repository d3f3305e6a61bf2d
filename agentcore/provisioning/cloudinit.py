# SPDX-License-Identifier: Apache-2.0
"""cloud-init: is it there, does it provision, and waiting for it when it does."""

from __future__ import annotations

from typing import Callable, Optional

from agentcore.settings import Settings
from osdrivers.api import Driver
from osdrivers.errors import Busy, Conflict
from osdrivers.host import Host

#: Services of the stage that provisions, under their old name and that of release 24.3.
_SERVICES = ("cloud-init-local", "cloud-init-main", "cloud-init")
_OFF = "/etc/cloud/cloud-init.disabled"
_SWITCH = "cloud-init="


def enabled(driver: Driver) -> bool:
    """Whether cloud-init will run at boot: installed, switched on, and not switched off.

    Source: cloud-init's documentation, "How to disable cloud-init".
    """
    host = driver.host
    if not (host.has("cloud-init") and not host.assume_tools) or host.exists(_OFF):
        return False
    words = host.read(f"{host.places.procfs}/cmdline", "").split()
    switches = [word[len(_SWITCH) :] for word in words if word.startswith(_SWITCH)]
    if switches and switches[-1] == "disabled":
        return False
    return any(driver.services.enabled(name) for name in _SERVICES)


def provisioner(driver: Driver, settings: Settings) -> str:
    """Who provisions this machine: ``waagent``, ``cloud-init`` or ``disabled``.

    :raises Conflict: both would: waagent by our options, cloud-init by being enabled.
    """
    chosen = settings.provisioning
    if chosen.agent == "disabled" or not chosen.enabled:
        return "disabled"
    if chosen.agent == "cloud-init" or chosen.use_cloud_init:
        return "cloud-init"
    there = enabled(driver)
    if chosen.agent == "waagent" and there:
        raise Conflict(
            "Provisioning.Agent=waagent, but cloud-init is enabled and would provision too",
            hint="disable cloud-init, or set Provisioning.Agent=auto",
        )
    return "cloud-init" if there else "waagent"


def document(host: Host) -> bytes:
    """The document that cloud-init leaves for us.

    :raises Busy: it is not there yet.
    """
    path = f"{host.places.state}/ovf-env.xml"
    data = host.read_bytes(path, b"")
    if not data:
        raise Busy(f"{path} is not there yet", "cloud-init", hint="cloud-init writes it")
    return data


def host_key(driver: Driver, kind: str) -> Callable[[], str]:
    """A question for the retry policy: the fingerprint of the host key cloud-init makes."""

    def ask() -> str:
        found: Optional[str] = fingerprint(driver, kind)
        if found is None:
            raise Busy("no SSH host key yet", "cloud-init", hint="cloud-init makes it")
        return found

    return ask


def fingerprint(driver: Driver, kind: str) -> Optional[str]:
    """The SHA-256 fingerprint of the host key of that type (``auto``: the most modern one)."""
    for key in driver.sshd.host_keys() if driver.sshd is not None else ():
        if kind in ("auto", key.type):
            return key.sha256
    return None
