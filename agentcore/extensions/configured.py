# SPDX-License-Identifier: Apache-2.0
"""What waagent.conf says, in the terms of the extension machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable, Optional

from agentcore.settings import Settings
from osdrivers.host import Host

from . import policy
from .layout import Layout
from .policy import Policy
from .starting import Surroundings

#: cloud-init writes it when its last stage is over, whatever came of it.
FINISHED = "/run/cloud-init/result.json"


def layout(settings: Settings) -> Layout:
    """Where extensions and their logs are."""
    return Layout(settings.agent.state_dir, settings.extensions.log_dir)


def allowed(host: Host, settings: Settings) -> Policy:
    """What the administrator lets in; the policy file is read anew each time."""
    chosen = settings.extensions
    plain = Policy(
        enabled=chosen.enabled,
        allow=tuple((chosen.allow or "").replace(",", " ").split()),
        deny=tuple((chosen.deny or "").replace(",", " ").split()),
        must_be_signed=chosen.require_signature,
    )
    return policy.load(host, chosen.policy_file, plain) if chosen.policy_enabled else plain


def surroundings(
    settings: Settings,
    *,
    endpoint: str,
    host_plugin: Optional[dict[str, Any]],
    proxies: Mapping[str, str],
    environment: Mapping[str, str],
    from_blob: bool = False,
) -> Surroundings:
    """What packages and commands need to know.

    :param endpoint: address of the wire server.
    :param host_plugin: ``host``, ``port``, ``container_id``, ``config_name``; None: not there.
    :param proxies: URL for each scheme.  :param environment: the agent's own.
    """
    return Surroundings(
        endpoint=endpoint,
        proxies=tuple(sorted(proxies.items())),
        host_plugin=host_plugin,
        from_blob=from_blob,
        roots=settings.extensions.signature_roots or "",
        openssl=settings.system.openssl_path or "openssl",
        inherited=inherited(environment),
    )


def inherited(environment: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Of the agent's variables those that commands of extensions get too: the proxies."""
    names = ("http_proxy", "https_proxy", "no_proxy")
    return tuple((k, v) for k, v in sorted(environment.items()) if k.lower() in names)


def may_begin(host: Host, settings: Settings, now: Callable[[], float]) -> Callable[[], bool]:
    """For ``Machine``: whether cloud-init is done, was not there, or had time enough.

    :param now: seconds of a clock that only goes forward.
    """
    chosen, start = settings.extensions, now()

    def ask() -> bool:
        if not chosen.wait_for_cloud_init or not host.has("cloud-init"):
            return True
        late = now() - start >= chosen.wait_for_cloud_init_timeout_s
        return late or host.exists(FINISHED)

    return ask
