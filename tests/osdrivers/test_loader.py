# SPDX-License-Identifier: Apache-2.0
"""T2: from identity to driver.  Choosing is pure; listing is tried in processes of their own."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from osdrivers import linux, loader
from osdrivers.api import Driver
from osdrivers.errors import (
    DriverConflict,
    DriverFault,
    InvalidInput,
    NoDriver,
    Unsupported,
)
from osdrivers.host import Host
from osdrivers.identity import Identity
from osdrivers.loader import OVERRIDE, STANDARD, Entry, Rejected, choose

SAMPLES = Path(__file__).parents[1] / "data" / "identities.json"


def entry(name: str, target: str = "", group: str = STANDARD) -> Entry:
    return Entry(group, name, target or f"ours.{name}:driver")


NAMES = "debian-7 ubuntu-12.04 ubuntu-15.04 rhel-6 rhel-7 rhel-8 fedora opensuse-leap suse linux"
OURS = tuple(entry(name) for name in NAMES.split())


# ---------------------------------------------------------------- choosing


@pytest.mark.parametrize(
    ("id", "version", "like", "name"),
    [
        ("debian", "12", "", "debian-7"),
        ("debian", "", "", "debian-7"),
        ("ubuntu", "12.04", "debian", "ubuntu-12.04"),
        ("ubuntu", "14.10", "debian", "ubuntu-12.04"),
        ("ubuntu", "15.04", "debian", "ubuntu-15.04"),
        ("ubuntu", "99.10", "debian", "ubuntu-15.04"),
        ("ubuntu", "", "debian", "ubuntu-15.04"),
        ("rhel", "6.10", "", "rhel-6"),
        ("rhel", "7.9", "fedora", "rhel-7"),
        ("rhel", "8", "fedora", "rhel-8"),
        ("rhel", "11.0", "centos fedora", "rhel-8"),
        ("linuxmint", "6", "debian", "debian-7"),
        ("linuxmint", "22", "ubuntu debian", "ubuntu-15.04"),
        ("eurolinux", "7.9", "rhel fedora centos", "rhel-8"),
        ("sles", "15.6", "suse", "suse"),
        ("OpenSUSE_Leap", "16.0", "suse opensuse", "opensuse-leap"),
        ("gentoo", "", "", "linux"),
        ("generic", "", "", "linux"),
    ],
)
def test_the_closest_driver_is_chosen(id: str, version: str, like: str, name: str) -> None:
    choice = choose(Identity(id, version, tuple(like.split())), OURS)
    assert choice.entry.name == name
    assert choice.candidates[0] == choice.entry


def test_the_order_of_entries_changes_nothing() -> None:
    who = Identity("ubuntu", "22.04", ("debian",))
    assert choose(who, reversed(OURS)) == choose(who, OURS)


def test_the_generic_driver_is_said_aloud() -> None:
    assert "generic" in choose(Identity("gentoo"), OURS).reason


def test_the_reason_names_the_token_that_led_there() -> None:
    who = Identity("linuxmint", "22", ("ubuntu", "debian"))
    assert choose(who, OURS).reason == "no driver for linuxmint; ID_LIKE ubuntu, the newest"


def test_a_release_older_than_the_oldest_goes_on_and_the_reason_says_so() -> None:
    choice = choose(Identity("rhel", "5.11", ("fedora",)), OURS)
    assert choice.entry.name == "fedora"
    assert choice.reason.startswith("rhel 5.11 is older than every rhel driver; ")


def test_without_leave_for_the_generic_driver_there_is_none() -> None:
    with pytest.raises(NoDriver, match="gentoo"):
        choose(Identity("gentoo"), OURS, generic=False)


def test_another_kernel_never_gets_the_driver_of_this_one() -> None:
    who = Identity("freebsd", "13.2", kernel="freebsd")
    with pytest.raises(NoDriver):
        choose(who, OURS)
    assert choose(who, [*OURS, entry("freebsd-12")]).entry.name == "freebsd-12"
    derivative = Identity("opnsense", "24.1", ("freebsd",), kernel="freebsd")
    assert choose(derivative, [*OURS, entry("freebsd-12")]).entry.name == "freebsd-12"


def test_no_entries_at_all_is_no_driver() -> None:
    with pytest.raises(NoDriver, match="--driver"):
        choose(Identity("debian", "12"), ())


# ---------------------------------------------------------------- third parties


def test_an_override_goes_before_ours_even_with_a_lower_version() -> None:
    theirs = entry("rhel-7", "acme:rhel", OVERRIDE)
    choice = choose(Identity("rhel", "9.1"), [*OURS, theirs])
    assert choice.entry == theirs
    assert [each.name for each in choice.candidates[:2]] == ["rhel-7", "rhel-8"]


def test_an_override_for_a_later_version_leaves_this_one_to_us() -> None:
    theirs = entry("rhel-9", "acme:rhel", OVERRIDE)
    assert choose(Identity("rhel", "8.9"), [*OURS, theirs]).entry.name == "rhel-8"


def test_an_override_of_a_parent_does_not_beat_a_driver_for_the_system_itself() -> None:
    theirs = entry("debian", "acme:debian", OVERRIDE)
    assert choose(Identity("ubuntu", "22.04", ("debian",)), [*OURS, theirs]).entry.name == (
        "ubuntu-15.04"
    )


@pytest.mark.parametrize("group", [OVERRIDE, STANDARD])
def test_two_of_equal_rank_are_an_error_that_names_both(group: str) -> None:
    two = [entry("acmeos", "acme:one", group), entry("acmeos", "other:two", group)]
    with pytest.raises(DriverConflict) as caught:
        choose(Identity("acmeos", "1"), two)
    assert "acme:one" in str(caught.value)
    assert "other:two" in str(caught.value)
    assert "--driver" in str(caught.value)


def test_a_conflict_of_another_system_is_none() -> None:
    two = [entry("acmeos", "acme:one"), entry("acmeos", "other:two")]
    assert choose(Identity("debian", "12"), [*OURS, *two]).entry.name == "debian-7"


def test_one_entry_listed_twice_is_one() -> None:
    assert choose(Identity("debian", "12"), [*OURS, *OURS]).entry.name == "debian-7"


def test_what_was_rejected_is_passed_over() -> None:
    theirs = entry("debian", "acme:debian", OVERRIDE)
    passed = Rejected(theirs, "it broke")
    choice = choose(Identity("debian", "12"), [*OURS, theirs], rejected=[passed])
    assert choice.entry.name == "debian-7"
    assert choice.rejected == (passed,)


# ---------------------------------------------------------------- by hand


@pytest.mark.parametrize(
    ("override", "name"),
    [
        ("rhel-6", "rhel-6"),
        ("rhel", "rhel-8"),
        ("ubuntu", "ubuntu-15.04"),
        ("linux", "linux"),
        ("Opensuse_Leap", "opensuse-leap"),
    ],
)
def test_a_driver_can_be_named(override: str, name: str) -> None:
    assert choose(Identity("debian", "12"), OURS, override).entry.name == name


def test_naming_the_systems_own_id_keeps_its_version() -> None:
    assert choose(Identity("rhel", "7.9"), OURS, "rhel").entry.name == "rhel-7"


def test_a_function_can_be_named() -> None:
    choice = choose(Identity("debian", "12"), (), "acme.os:driver")
    assert choice.entry.target == "acme.os:driver"
    assert "named by hand" in choice.reason


@pytest.mark.parametrize("override", ["windows", "rhel-99", "a b", "x:", ":y", "../x:y"])
def test_an_unknown_name_is_refused_with_the_known_ones(override: str) -> None:
    with pytest.raises(InvalidInput, match="debian-7, fedora"):
        choose(Identity("debian", "12"), OURS, override)


def test_naming_settles_a_conflict() -> None:
    two = [entry("acmeos", "acme:one", OVERRIDE), entry("acmeos", "other:two", OVERRIDE)]
    with pytest.raises(DriverConflict):
        choose(Identity("acmeos", "1"), two, "acmeos")
    assert choose(Identity("acmeos", "1"), two, "acme:one").entry.target == "acme:one"


# ---------------------------------------------------------------- loading


def good(host: Host) -> Driver:
    return replace(linux.linux(host), name="good")


def broken(host: Host) -> Driver:
    raise RuntimeError("out of order")


def unfit(host: Host) -> Driver:
    raise Unsupported("this system is too new")


def strange(host: Host) -> Driver:
    return "a driver"  # type: ignore[return-value]


NOT_A_FUNCTION = 7
HERE = __name__


@pytest.fixture
def host(tmp_path: Path) -> Host:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_text("ID=acmeos\nVERSION_ID=3\nID_LIKE=debian\n")
    return Host(str(tmp_path))


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("no.such.module:driver", "No module named"),
        (f"{HERE}:nothing", "nothing"),
        (f"{HERE}:broken", "out of order"),
        (f"{HERE}:unfit", "this system is too new"),
        (f"{HERE}:strange", "not a Driver"),
        (f"{HERE}:NOT_A_FUNCTION", "is not a function"),
    ],
)
def test_a_driver_that_cannot_be_loaded_is_reported_and_passed_over(
    host: Host, target: str, why: str
) -> None:
    known = [entry("acmeos", target, OVERRIDE), entry("debian", f"{HERE}:good")]
    loaded = loader.load(host, known=known)
    assert loaded.driver.name == "good"
    assert [each.entry.target for each in loaded.choice.rejected] == [target]
    assert why in loaded.choice.rejected[0].why


def test_one_that_was_named_by_hand_is_an_error_when_it_breaks(host: Host) -> None:
    with pytest.raises(DriverFault, match="out of order"):
        loader.load(host, override=f"{HERE}:broken", known=())


def test_when_all_break_the_error_says_why(host: Host) -> None:
    with pytest.raises(NoDriver, match="out of order"):
        loader.load(host, known=[entry("acmeos", f"{HERE}:broken")])


def test_a_driver_that_stops_the_program_is_not_held_back(host: Host) -> None:
    with pytest.raises(KeyboardInterrupt):
        loader.load(host, override=f"{HERE}:stopped", known=())


def stopped(host: Host) -> Driver:
    raise KeyboardInterrupt


def test_every_identity_of_the_table_gets_a_driver_but_foreign_kernels(tmp_path: Path) -> None:
    known = loader.entries()
    for number, case in enumerate(json.loads(SAMPLES.read_text())):
        root = tmp_path / str(number)
        for path, text in case["files"].items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        if case.get("kernel", "linux") == "linux":
            loaded = loader.load(Host(str(root)), known=known)
            assert loaded.driver.parts()["users"]
            assert not loaded.choice.rejected


# ---------------------------------------------------------------- listing, in real processes

LISTS = (
    "import json; from osdrivers import loader; "
    "print(json.dumps([[e.group, e.name, e.target] for e in loader.entries()]))"
)
WITHOUT_STEVEDORE = f"import sys; sys.modules['stevedore'] = None; {LISTS}"


def listed(code: str, **environment: str) -> list[list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    found: list[list[str]] = json.loads(done.stdout)
    return found


def test_ours_are_listed_with_stevedore_and_without_it(tmp_path: Path) -> None:
    with_it = listed(LISTS, XDG_CACHE_HOME=str(tmp_path))
    assert [STANDARD, "debian-9", "osdrivers.debian:debian"] in with_it
    assert listed(WITHOUT_STEVEDORE) == with_it


def acme(directory: Path) -> Path:
    """A third party's package, as it lies when it is installed."""
    info = directory / "acme_os-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-os\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[osdrivers.override]\ndebian = acme_os:acme\n")
    (directory / "acme_os.py").write_text(
        "from dataclasses import replace\nfrom osdrivers.debian import debian\n"
        "def acme(host):\n    return replace(debian(host), name='acme')\n"
    )
    return directory


@pytest.mark.parametrize("code", [LISTS, WITHOUT_STEVEDORE], ids=["stevedore", "metadata"])
def test_a_third_partys_package_is_found(tmp_path: Path, code: str) -> None:
    where = str(acme(tmp_path / "site"))
    found = listed(code, PYTHONPATH=where, XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert [OVERRIDE, "debian", "acme_os:acme"] in found


def test_a_third_partys_driver_wins(tmp_path: Path, host: Host) -> None:
    where = str(acme(tmp_path / "site"))
    code = (
        "from osdrivers import loader; from osdrivers.host import Host; import json, sys; "
        f"print(json.dumps([[loader.load(Host({host.root!r})).driver.name]]))"
    )
    assert listed(code, PYTHONPATH=where, XDG_CACHE_HOME=str(tmp_path / "c")) == [["acme"]]


def poison(cache: Path, *search: str) -> None:
    """What a user leaves in the cache for whoever runs as root with this HOME.

    The same file name that stevedore computes: of the interpreter and the search path.
    """
    code = (
        "import sys; from stevedore import _cache; "
        "print(_cache._hash_settings_for_path(tuple(sys.path))[0])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=240
    )
    evil: dict[str, Any] = {"groups": {STANDARD: [["debian-7", "evil:driver", STANDARD]]}}
    directory = cache / "python-entrypoints"
    directory.mkdir(parents=True)
    (directory / done.stdout.strip()).write_text(json.dumps(evil))
    (directory / hashlib.sha256().hexdigest()).write_text(json.dumps(evil))


@pytest.mark.sandbox
@pytest.mark.parametrize("variable", ["XDG_CACHE_HOME", "HOME"])
def test_root_does_not_trust_a_users_cache(tmp_path: Path, variable: str) -> None:
    pytest.importorskip("stevedore")
    cache = tmp_path if variable == "XDG_CACHE_HOME" else tmp_path / ".cache"
    poison(cache)
    environment = {variable: str(tmp_path)}
    if variable == "HOME":
        environment["XDG_CACHE_HOME"] = ""
    trusting = (
        "import json; from stevedore.named import NamedExtensionManager as M; "
        f"print(json.dumps([[p.value] for p in M({STANDARD!r}, names=[]).list_entry_points()]))"
    )
    assert listed(trusting, **environment) == [["evil:driver"]], "the bait must work"
    assert "evil:driver" not in json.dumps(listed(LISTS, **environment))


@pytest.mark.sandbox
def test_the_variable_is_put_back_and_the_users_directory_stays_as_it_is(tmp_path: Path) -> None:
    code = (
        "import json, os; before = dict(os.environ); from osdrivers import loader; "
        "loader.entries(); print(json.dumps([[str(before == dict(os.environ))]]))"
    )
    assert listed(code, XDG_CACHE_HOME=str(tmp_path)) == [["True"]]
    assert list(tmp_path.iterdir()) == []
    assert listed(code, HOME=str(tmp_path)) == [["True"]]
    assert list(tmp_path.iterdir()) == []


CACHED = """
import json, sys
from osdrivers import loader
from osdrivers.host import Host
loader.entries(Host("/").with_places(cache=sys.argv[1]))
from stevedore import _cache
print(json.dumps([[str(_cache._c._dir), str(getattr(_cache._c, '_disable_caching', True))]]))
"""


@pytest.mark.sandbox
@pytest.mark.parametrize("state", ["sound", "missing", "no-disable", "writable", "foreign", "link"])
def test_the_cache_is_in_a_directory_of_roots_or_nowhere(tmp_path: Path, state: str) -> None:
    pytest.importorskip("stevedore")
    real = tmp_path / "real"
    inner = real / "python-entrypoints"
    inner.mkdir(parents=True)
    (inner / ".disable").touch()
    cache = real
    if state == "missing":
        cache = tmp_path / "missing"
    elif state == "no-disable":
        (inner / ".disable").unlink()
    elif state == "writable":
        inner.chmod(0o777)
    elif state == "foreign":
        os.chown(inner, 1000, 1000)
    elif state == "link":
        cache = tmp_path / "link"
        cache.symlink_to(real)
    code = CACHED.replace("sys.argv[1]", repr(str(cache)))
    where = str(inner) if state == "sound" else "/dev/null/python-entrypoints"
    assert listed(code)[0][0] == where
    assert (state != "sound") or listed(code)[0][1] == "True"
    assert not (tmp_path / "missing").exists()
