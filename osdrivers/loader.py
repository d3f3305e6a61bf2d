# SPDX-License-Identifier: Apache-2.0
"""From identity to driver.  The only module that knows stevedore (T2).

Drivers are entry points: functions ``(Host) -> Driver`` named ``<id>`` or ``<id>-<version>``, in
the group ``osdrivers.override`` (third parties) or ``osdrivers``.  A versioned driver serves that
version *and all later ones*, until the next one declared.  stevedore lists them, :func:`choose`
decides (its own conflict rules differ between 4.0, 5.5, 5.8 and 5.10), one of them is imported.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Callable, Optional

from .api import Driver
from .errors import AgentError, DriverConflict, DriverFault, InvalidInput, NoDriver, first_line
from .host import Host
from .identity import Identity, canonical, detect, numbers

OVERRIDE, STANDARD = "osdrivers.override", "osdrivers"
GROUPS = (OVERRIDE, STANDARD)
_NAME = re.compile(r"(?P<id>.+?)(?:-(?P<version>\d[\d.]*))?\Z")
_TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*\Z")


@dataclass(frozen=True, order=True)
class Entry:
    """An entry point.  ``target`` is ``module:function``; an empty group: named by hand."""

    group: str
    name: str
    target: str

    @property
    def id(self) -> str:
        """The system it is for, as IDs are compared."""
        return canonical(self._parts()["id"])

    @property
    def since(self) -> tuple[int, ...]:
        """The first version it serves; () for every version."""
        return numbers(self._parts()["version"] or "")

    def _parts(self) -> re.Match[str]:
        found = _NAME.match(self.name)
        assert found is not None, self.name  # noqa: S101 - a name has at least one character
        return found

    def __str__(self) -> str:
        return f"{self.name} ({self.target})"


@dataclass(frozen=True)
class Rejected:
    """An entry that would have fitted, and why it was passed over."""

    entry: Entry
    why: str


@dataclass(frozen=True)
class Choice:
    """The entry taken, why, all that fitted in order of rank (the first is taken), and those
    that were passed over."""

    entry: Entry
    reason: str
    candidates: tuple[Entry, ...]
    rejected: tuple[Rejected, ...] = ()


@dataclass(frozen=True)
class Loaded:
    """A driver and how it was chosen."""

    driver: Driver
    choice: Choice


# ---------------------------------------------------------------- choosing: pure


def choose(
    identity: Identity,
    entries: Iterable[Entry],
    override: str = "",
    *,
    rejected: Sequence[Rejected] = (),
    generic: bool = True,
) -> Choice:
    """Decide which entry serves the system.

    ``override`` (an entry's name, an ID, or ``module:function``) decides alone.  Else the order
    is: ID, each ID_LIKE token from left to right, then the generic driver of the kernel
    (``linux``), if ``generic`` allows it.  For one ID: the overriding group first, then the
    highest version that is not above the system's; through ID_LIKE the newest, since a derivative
    counts its own versions.  A system older than the oldest version declared for its ID goes on
    to the next token, and the reason says so.  Entries in ``rejected`` are passed over.

    :raises DriverConflict: two entries of equal rank.  :raises InvalidInput: ``override`` names
        none.  :raises NoDriver: nothing fits.
    """
    known = sorted(set(entries) - {each.entry for each in rejected})
    if override:
        return _named(identity, known, override)
    ranked: list[tuple[Entry, str]] = []
    too_old = ""
    for id, limit, why in _steps(identity, generic):
        for each in _ranked(known, id, limit):
            if all(each != other for other, _ in ranked):
                ranked.append((each, too_old + why))
        if not ranked and limit and any(each.id == canonical(id) for each in known):
            too_old = f"{identity} is older than every {id} driver; "
    if not ranked:
        parents = " ".join(identity.like) or "a parent"
        broken = "".join(f"; {each.entry.name} broke: {each.why}" for each in rejected)
        why = f"no driver for {identity}, nor for {parents}{broken}"
        raise NoDriver(why, hint="name one with --driver or OS.Driver")
    entry, reason = ranked[0]
    _no_rival(known, entry)
    return Choice(entry, reason, tuple(each for each, _ in ranked), tuple(rejected))


def _steps(identity: Identity, generic: bool) -> Iterator[tuple[str, tuple[int, ...], str]]:
    """(ID, highest version or () for the newest, reason), in the order they are tried."""
    version = f"version {identity.version}" if identity.numbers else "no version: the newest"
    yield identity.id, identity.numbers, f"ID {identity.id}, {version}"
    for parent in identity.like:
        if canonical(parent) != canonical(identity.id):
            yield parent, (), f"no driver for {identity.id}; ID_LIKE {parent}, the newest"
    if generic:
        names = " ".join((identity.id, *identity.like))
        yield identity.kernel, (), f"no driver for {names}: the generic one, which only probes"


def _ranked(known: Sequence[Entry], id: str, limit: tuple[int, ...]) -> list[Entry]:
    """Entries for the ID that serve this version, best first."""
    fits = [each for each in known if each.id == canonical(id)]
    if limit:
        fits = [each for each in fits if each.since <= limit]
    best = sorted(fits, key=lambda each: each.since, reverse=True)
    return sorted(best, key=lambda each: GROUPS.index(each.group))


def _no_rival(known: Sequence[Entry], entry: Entry) -> None:
    """:raises DriverConflict: another entry has the same rank."""
    rank = (entry.group, entry.id, entry.since)
    for other in known:
        if other != entry and (other.group, other.id, other.since) == rank:
            raise DriverConflict(
                f"two drivers claim {entry.name}: {entry.target} and {other.target}",
                hint="name one with --driver or OS.Driver, or remove the other",
            )


def _named(identity: Identity, known: Sequence[Entry], override: str) -> Choice:
    reason = f"named by hand: {override}"
    if _TARGET.match(override):
        entry = Entry("", override, override)
        return Choice(entry, reason, (entry,))
    fits = [each for each in known if canonical(each.name) == canonical(override)]
    ranked = sorted(fits, key=lambda each: GROUPS.index(each.group))
    if not ranked:
        limit = identity.numbers if canonical(identity.id) == canonical(override) else ()
        ranked = _ranked(known, override, limit) or _ranked(known, override, ())
    if not ranked:
        names = ", ".join(sorted({each.name for each in known}))
        raise InvalidInput(f"no driver is named {override}", hint=f"known are {names}")
    _no_rival(known, ranked[0])
    return Choice(ranked[0], reason, tuple(ranked))


# ---------------------------------------------------------------- listing


def entries(machine: Optional[Host] = None) -> tuple[Entry, ...]:
    """Every driver installed on the machine this program runs on; imports none of them.

    With stevedore where it is installed (and can be trusted), else from importlib.metadata.
    """
    machine = machine or Host("/")
    found = _by_stevedore(machine)
    return tuple(sorted(set(_by_metadata() if found is None else found)))


def _by_stevedore(machine: Host) -> Optional[list[Entry]]:
    """None when stevedore is not there, or was imported before its cache could be confined."""
    if os.geteuid() == 0 and "stevedore" in sys.modules:
        return None
    with _confined_cache(machine):
        try:
            from stevedore.named import NamedExtensionManager  # 25 ms and 2 MiB: at need only
        except ImportError:
            return None
    return [
        Entry(group, str(point.name), str(point.value))
        for group in GROUPS
        for point in NamedExtensionManager(group, names=[]).list_entry_points()
    ]


@contextmanager
def _confined_cache(machine: Host) -> Iterator[None]:
    """While stevedore is imported as root, its cache is where only root can write.

    It trusts the file it finds below ``$XDG_CACHE_HOME`` or ``~/.cache``: with a user's HOME (as
    sudo may keep it) that user would choose what root imports.  The packages ship a directory
    with the file ``.disable``, which ends writing (but not reading); without it the cache is put
    where nothing can be.  The variable is put back, so that no child inherits it.
    """
    if os.geteuid() != 0:
        yield
        return
    before = os.environ.get("XDG_CACHE_HOME")
    os.environ["XDG_CACHE_HOME"] = _private_cache(machine)
    try:
        yield
    finally:
        del os.environ["XDG_CACHE_HOME"]
        if before is not None:
            os.environ["XDG_CACHE_HOME"] = before


def _private_cache(machine: Host) -> str:
    nowhere = "/dev/null"  # below it nothing can be read or made
    directory = machine.places.cache
    inner = f"{directory}/python-entrypoints"
    for path in (directory, inner):
        found = machine.status(path, follow=False)
        if found is None or found.kind != "directory" or found.uid != 0 or found.mode & 0o022:
            return nowhere
    return directory if machine.exists(f"{inner}/.disable") else nowhere


def _by_metadata() -> list[Entry]:
    from importlib.metadata import entry_points

    found = entry_points()
    old = not hasattr(found, "select")  # Python 3.9 has a dict of lists
    return [
        Entry(group, point.name, point.value)
        for group in GROUPS
        for point in (found.get(group, ()) if old else found.select(group=group))
    ]


# ---------------------------------------------------------------- loading


def load(
    host: Host,
    identity: Optional[Identity] = None,
    override: str = "",
    *,
    known: Optional[Iterable[Entry]] = None,
    generic: bool = True,
) -> Loaded:
    """The driver for a machine.

    One that cannot be imported or built is passed over for the next candidate, and the choice
    says so; but one that was named by hand is an error.

    :raises DriverFault: the driver named by ``override`` broke.  Others: see :func:`choose`.
    """
    identity = identity or detect(host)
    known = tuple(entries() if known is None else known)
    rejected: list[Rejected] = []
    while True:
        choice = choose(identity, known, override, rejected=rejected, generic=generic)
        try:
            return Loaded(_built(host, choice.entry), choice)
        except Exception as fault:
            why = first_line(fault) if isinstance(fault, AgentError) else repr(fault)
            if override:
                raise DriverFault(
                    f"driver {choice.entry}: {why}", hint="correct it, or name another"
                ) from fault
            rejected.append(Rejected(choice.entry, why))


def _built(host: Host, entry: Entry) -> Driver:
    module, _, attribute = entry.target.partition(":")
    factory: object = import_module(module)
    for name in attribute.split("."):
        factory = getattr(factory, name)
    if not callable(factory):
        raise DriverFault(f"{entry.target} is not a function")
    build: Callable[[Host], object] = factory
    driver = build(host)
    if not isinstance(driver, Driver):
        raise DriverFault(f"{entry.target} returned a {type(driver).__name__}, not a Driver")
    return driver
