# SPDX-License-Identifier: Apache-2.0
"""Which extensions this machine's administrator lets the platform run.

Two ways to say so: ``Extensions.Allow`` and ``Extensions.Deny`` in the configuration, and the
policy file that other agents know (``Policy.PolicyFilePath``), where
``Debug.EnableExtensionPolicy`` is y.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Optional

from osdrivers.errors import ConfigError
from osdrivers.host import Host

NEWEST = (0, 1, 0)
_TOP = ("policyVersion", "extensionPolicies")
_POLICIES = ("allowListedExtensionsOnly", "signatureRequired", "extensions")
_EACH = ("signatureRequired", "runtimePolicy")


@dataclass(frozen=True)
class Policy:
    """What is allowed.  ``allow`` and ``deny`` are patterns as of a shell; deny wins.

    :param listed: those of the policy file, in lower case, and whether each must be signed.
    :param broken: why the policy file cannot be used: nothing is allowed then.
    """

    enabled: bool = True
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    must_be_signed: bool = False
    listed_only: bool = False
    listed: dict[str, Optional[bool]] = field(default_factory=dict)
    broken: str = ""

    def objection(self, handler: str) -> str:
        """Why a handler may not be changed; "" if it may."""
        name = handler.lower()
        if not self.enabled:
            return "extensions are switched off on this machine (Extensions.Enabled=n)"
        if self.broken:
            return f"the policy file cannot be used: {self.broken}"
        if any(fnmatchcase(name, one.lower()) for one in self.deny):
            return f"{handler} is denied on this machine (Extensions.Deny)"
        if self.allow and not any(fnmatchcase(name, one.lower()) for one in self.allow):
            return f"{handler} is not among those allowed on this machine (Extensions.Allow)"
        if self.listed_only and name not in self.listed:
            return f"{handler} is not in the list of the policy file"
        return ""

    def signature_required(self, handler: str) -> bool:
        """Whether its package must be signed and verified."""
        own = self.listed.get(handler.lower())
        return self.must_be_signed if own is None else own


def read(text: str, policy: Policy) -> Policy:
    """A policy with what the policy file says; ``broken`` where it cannot be understood."""
    from dataclasses import replace

    try:
        document = json.loads(text)
        whole = _members(document, _TOP, "the policy")
        _judge_version(whole.get("policyVersion"))
        rules = _members(whole.get("extensionPolicies", {}), _POLICIES, "extensionPolicies")
        each = rules.get("extensions", {})
        if not isinstance(each, dict):
            raise ConfigError("extensions is not an object")
        listed: dict[str, Optional[bool]] = {}
        for name, said in each.items():
            own = _members(said, _EACH, name)
            listed[name.lower()] = _flag(own, "signatureRequired") if own else None
        return replace(
            policy,
            listed_only=_flag(rules, "allowListedExtensionsOnly"),
            must_be_signed=policy.must_be_signed or _flag(rules, "signatureRequired"),
            listed=listed,
        )
    except (ValueError, RecursionError) as broken:
        return replace(policy, broken=f"not JSON: {broken}"[:200])
    except ConfigError as wrong:
        return replace(policy, broken=str(wrong))


def load(host: Host, path: str, policy: Policy) -> Policy:
    """``read`` of a file; without one nothing changes."""
    return read(host.read(path), policy) if host.exists(path) else policy


def _members(value: object, known: tuple[str, ...], what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(f"{what} is not an object")
    strange = sorted(set(value) - set(known))
    if strange:
        raise ConfigError(f"{what} has an unknown attribute {strange[0]!r}"[:200])
    return value


def _flag(members: dict[str, Any], name: str) -> bool:
    value = members.get(name, False)
    if not isinstance(value, bool):
        raise ConfigError(f"{name} is neither true nor false")
    return value


def _judge_version(said: object) -> None:
    if not isinstance(said, str) or not re.fullmatch(r"\d{1,6}(\.\d{1,6}){0,2}", said):
        raise ConfigError("policyVersion is missing, or is not like 0.1.0")
    if tuple(int(part) for part in said.split(".")) > NEWEST:
        raise ConfigError(f"policyVersion {said} is newer than this agent knows")
