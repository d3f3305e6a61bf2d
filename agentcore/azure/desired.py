# SPDX-License-Identifier: Apache-2.0
"""What the platform wants of this machine's extensions: one model, whichever source said it.

The wire server's ExtensionsConfig (``extensionsconfig``) and the host plugin's vmSettings
(``vmsettings``) are both read into ``Desired``.  Values only: nothing here asks, fetches or
decides.  Texts the platform may leave out are "" and lists are empty tuples, so that no reader
needs to know which of the two documents was there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional

#: ``Desired.source``: the wire server's document, the host plugin's, or a goal state with neither.
FABRIC, FAST_TRACK, EMPTY = "fabric", "fast-track", "empty"
#: ``Handler.state`` and ``Extension.state``.
ENABLED, DISABLED, UNINSTALL = "enabled", "disabled", "uninstall"
STATES = (ENABLED, DISABLED, UNINSTALL)
#: ``StatusBlob.kind``.
BLOCK_BLOB, PAGE_BLOB = "BlockBlob", "PageBlob"
NO_ID = "00000000-0000-0000-0000-000000000000"
#: 100 ns units from 0001-01-01 (UTC) to 1970-01-01.
UNIX_EPOCH_TICKS = 621_355_968_000_000_000


@dataclass(frozen=True)
class Identity:
    """Which goal state this is: the metadata that its document carries (InVMGoalStateMetaData).

    :param name: ``incarnation_<n>`` or ``etag_<etag>``; equal names are the same goal state.
    :param incarnation: of the wire server's goal state; "" for fast track.
    :param etag: of the vmSettings, as sent; "" for the wire server's document.
    :param sequence: ``inSvdSeqNo``, which the status report repeats; the incarnation if unsaid.
    :param created_ticks: when the platform made it, in 100 ns since 0001-01-01 (UTC); 0: unsaid.
    """

    name: str
    incarnation: str = ""
    etag: str = ""
    activity_id: str = NO_ID
    correlation_id: str = NO_ID
    sequence: str = ""
    created_ticks: int = 0

    @property
    def created_s(self) -> float:
        """``created_ticks`` as seconds since 1970-01-01 (UTC); negative when it is not known."""
        return (self.created_ticks - UNIX_EPOCH_TICKS) / 10_000_000


@dataclass(frozen=True)
class Dependency:
    """What must have succeeded first.  For people: the order follows ``Extension.level``.

    :param extension: the name of a multi-config extension; "" is the handler's only one.
    """

    handler: str
    extension: str = ""


@dataclass(frozen=True)
class Extension:
    """One set of settings for a handler: the extension that a user of the platform has made.

    :param name: of a multi-config extension; "" for the only one of a single-config handler.
    :param sequence: ``seqNo``: names the settings and status files; higher or equal to the last.
    :param state: ``enabled``, ``disabled`` or ``uninstall``; for single-config, the handler's.
    :param public_settings: JSON text, an object in practice; "" when there are none.
    :param protected_settings: base64 of CMS enveloped data.  The handler decrypts it, never the
        agent.  "" when there are none.
    :param certificate_thumbprint: whose private key opens them; upper-case SHA-1, "" if none.
    :param level: the dependency level; a lower one comes first; 0 depends on nothing.
    :param depends_on: what the document names as the reason for the level.
    :param problem: why the settings cannot be used (they are empty then), or "".
    """

    name: str = ""
    sequence: int = 0
    state: str = ENABLED
    public_settings: str = field(default="", repr=False)
    protected_settings: str = field(default="", repr=False)
    certificate_thumbprint: str = ""
    level: int = 0
    depends_on: tuple[Dependency, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class Handler:
    """One handler (``Publisher.Type``) and all that is wanted of it.

    :param version: as asked for; a prefix of the version to install.
    :param state: ``enabled``, ``disabled`` or ``uninstall``; "" where ``problem`` is set because
        the document's state is none of these.
    :param manifest_uris: where its versions are listed: location, failover location, additional
        locations, in this order, each once.
    :param multi_config: its extensions have names, and each a sequence and state of its own.  The
        wire server tells only by such settings: False where a handler has none left.
    :param extensions: its settings in the document's order; empty: a handler without settings.
    :param encoded_signature: base64 of the detached CMS signature over the package; "" unsigned.
    :param problem: why this handler alone cannot be processed, to be reported as its error; "".
        Other handlers go on.
    """

    name: str
    version: str
    state: str = ENABLED
    manifest_uris: tuple[str, ...] = field(default=(), repr=False)
    multi_config: bool = False
    extensions: tuple[Extension, ...] = ()
    encoded_signature: str = field(default="", repr=False)
    auto_upgrade: bool = False
    run_as_startup_task: bool = False
    use_exact_version: bool = False
    problem: str = ""

    @property
    def level(self) -> int:
        """The highest dependency level of its extensions; 0 when it has none."""
        return max((extension.level for extension in self.extensions), default=0)


@dataclass(frozen=True)
class AgentFamily:
    """What the platform offers of its own agent (``GAFamily``).  Shown, never installed.

    The two flags have three states; None is "not said".
    """

    name: str
    version: str = ""
    from_version: str = ""
    is_version_from_rsm: Optional[bool] = None
    is_vm_enabled_for_rsm_upgrades: Optional[bool] = None
    uris: tuple[str, ...] = ()


@dataclass(frozen=True)
class StatusBlob:
    """Where the status report belongs.  The query of ``uri`` signs: it is never printed."""

    uri: str = field(repr=False)
    kind: str = BLOCK_BLOB


@dataclass(frozen=True)
class Desired:
    """Everything one goal state says about extensions, the agent and the status report.

    :param source: ``fabric``, ``fast-track`` or ``empty``.
    :param handlers: in the document's order; processing sorts by level.
    :param on_hold: process nothing, but report.  Fast track says it itself; for the wire
        server's document whoever fetches ``artifacts_profile`` says it.
    :param artifacts_profile: URI of the in-VM artifacts profile; "" when there is none.
    :param required_features: all must be supported, or the goal state fails as a whole (2001).
    :param host_plugin_version: what the vmSettings say of their sender; "" for fabric.
    :param outdated: older than one already processed: report, but do not process.
    """

    source: str
    identity: Identity
    handlers: tuple[Handler, ...] = ()
    families: tuple[AgentFamily, ...] = ()
    status_blob: Optional[StatusBlob] = None
    artifacts_profile: str = field(default="", repr=False)
    on_hold: bool = False
    required_features: tuple[str, ...] = ()
    host_plugin_version: str = ""
    outdated: bool = False

    def handler(self, name: str) -> Optional[Handler]:
        """The handler of that name, in any case of letters."""
        return next((one for one in self.handlers if one.name.lower() == name.lower()), None)

    @property
    def thumbprints(self) -> frozenset[str]:
        """The certificates that protected settings need."""
        return frozenset(
            extension.certificate_thumbprint
            for handler in self.handlers
            for extension in handler.extensions
            if extension.certificate_thumbprint
        )


@dataclass(frozen=True)
class RemoteUser:
    """An account that the platform lends (just in time access).

    :param password: CMS enveloped data (DER), encrypted to the transport certificate.
    :param expiration: as sent, e.g. ``Tue, 01 Jan 2030 00:00:00 UTC``.
    :param expires_s: the same in seconds since 1970-01-01 (UTC).
    :param problem: why this account alone cannot be made, or "".
    """

    name: str
    password: bytes = field(repr=False)
    expiration: str
    expires_s: float
    problem: str = ""


@dataclass(frozen=True)
class RemoteAccess:
    """All remote access accounts that are wanted; accounts that are not listed are to go."""

    incarnation: str = ""
    users: tuple[RemoteUser, ...] = ()
