# SPDX-License-Identifier: Apache-2.0
"""Clauses P1 to P6, with real apt, dnf and zypper and a repository in a directory.

P1 what is installed is told with its version; P2 what is missing is installed, what is there is
left; P3 an unknown package is NotFound; P4 a held lock is Busy; P5 a name that a tool would read
more into is refused; P6 an image is ReadOnlyTarget, before anything is run.
"""

from __future__ import annotations

import fcntl
from collections.abc import Sequence
from pathlib import Path
from typing import Callable

import pytest
from agentcore_freebsd.pkg import Pkg

from osdrivers.errors import (
    AgentError,
    Busy,
    CommandFailed,
    CommandMissing,
    CommandTimeout,
    InvalidInput,
    NoSpace,
    NotFound,
    PostconditionFailed,
    ReadOnlyTarget,
)
from osdrivers.host import Completed, Host
from osdrivers.linux import linux
from osdrivers.parts import apk, apt, pacman, rpm
from osdrivers.parts.packages import Manager, Packages
from tests.osdrivers.parts import repository
from tests.osdrivers.parts.answering import Answer, machine, shown
from tests.osdrivers.parts.overlaid import done, lines, overlaid, refused
from tests.osdrivers.parts.repository import NAME, VERSION

Make = Callable[[Host], Manager]


def _packages(host: Host, make: Make) -> Packages:
    return Packages(host, (make,))


# ---- with the real tools


@repository.needs("apt-get", "dpkg-deb")
@overlaid
def test_apt_fetches_its_lists_and_installs(host: Host) -> None:
    repository.debian()
    packages = _packages(host, apt.Apt)
    assert packages.installed(NAME) == ""
    assert packages.installed("dpkg") != ""
    ran = done(host, lambda: packages.ensure_installed(["dpkg", NAME, NAME]))
    assert [line.split()[-1] for line in ran if line.startswith("run")] == ["update", NAME]
    assert packages.installed(NAME) == VERSION
    assert lines(host, lambda: packages.ensure_installed([NAME])) == []
    with pytest.raises(NotFound, match="no-such"):
        done(host, lambda: packages.ensure_installed(["no-such"]))
    with pytest.raises(NotFound):  # as a pattern it would find the one above
        done(host, lambda: packages.ensure_installed(["tre."]))


@repository.needs("apt-get", "dpkg-deb")
@overlaid
def test_apt_that_another_keeps_waiting_is_busy(host: Host) -> None:
    repository.debian()
    packages = _packages(host, apt.Apt)
    with (
        open("/var/lib/dpkg/lock-frontend", "a") as lock,
        open("/var/lib/apt/lists/lock", "a") as o,
    ):
        for each in (lock, o):
            fcntl.lockf(each, fcntl.LOCK_EX | fcntl.LOCK_NB)
        host.run("true")
        with pytest.raises(Busy):
            done(host, lambda: packages.ensure_installed([NAME]))
    assert packages.installed(NAME) == ""


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(rpm.Dnf, marks=repository.needs("dnf"), id="dnf"),
        pytest.param(rpm.Zypper, marks=repository.needs("zypper"), id="zypper"),
    ],
)
@repository.needs("rpmbuild", "createrepo_c")
@overlaid
def test_dnf_and_zypper_install_what_a_repository_has(host: Host, make: Make) -> None:
    repository.rpm()
    packages = _packages(host, make)
    assert packages.installed(NAME) == ""
    done(host, lambda: packages.ensure_installed([NAME]))
    assert packages.installed(NAME) == VERSION
    assert lines(host, lambda: packages.ensure_installed([NAME])) == []
    with pytest.raises(NotFound, match="no-such"):
        done(host, lambda: packages.ensure_installed(["no-such"]))


# ---- what each tool says, and means

QUERY = {
    "apt": ("dpkg-query", "install ok installed 1:2.3-4\n", "deinstall ok config-files 1:2.3-4\n"),
    "dnf": ("rpm", "2.3-4\n", Completed(1, "package tree is not installed\n")),
    "apk": ("apk", "tree-2.3-r4\n", Completed(1)),
    "pacman": ("pacman", "tree 2.3-4\n", Completed(1, "", "error: package 'tree' was not found")),
    "pkg": ("pkg", "2.3_4\n", Completed(1)),
}
MAKERS: dict[str, Make] = {
    "apt": apt.Apt,
    "dnf": rpm.Dnf,
    "yum": rpm.Yum,
    "tdnf": rpm.Tdnf,
    "zypper": rpm.Zypper,
    "apk": apk.Apk,
    "pacman": pacman.Pacman,
    "pkg": Pkg,
}
FILES = {
    "/var/lib/dpkg/status": "",
    "/var/lib/rpm/": "",
    "/lib/apk/db/": "",
    "/var/lib/pacman/local/": "",
    "/usr/local/sbin/pkg": "",
}


@pytest.mark.parametrize("name", sorted(QUERY))
def test_p1_an_installed_version_is_told_and_a_removed_package_is_not(
    tmp_path: Path, name: str
) -> None:
    tool, there, gone = QUERY[name]
    more: dict[str, Answer] = dict.fromkeys(("apt-get", "dnf"), "")
    host = machine(tmp_path, FILES, {**more, tool: there})
    assert Packages(host, (MAKERS[name],)).installed("tree") == there.split()[-1].replace(
        "tree-", ""
    )
    host = machine(tmp_path, {}, {**more, tool: gone})
    assert Packages(host, (MAKERS[name],)).installed("tree") == ""


REFUSALS: Sequence[tuple[str, int, str, type[AgentError]]] = (
    ("apt", 100, "E: Unable to locate package tree", NotFound),
    ("apt", 100, "E: Package 'tree' has no installation candidate", NotFound),
    ("apt", 100, "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by 1 (x)", Busy),
    ("apt", 100, "E: Unable to acquire the dpkg frontend lock, is another process using it?", Busy),
    ("apt", 100, "E: You don't have enough free space: No space left on device", NoSpace),
    ("apt", 100, "dpkg: error: unable to create file: Read-only file system", ReadOnlyTarget),
    ("apt", 100, "E: Sub-process /usr/bin/dpkg returned an error code (1)", CommandFailed),
    ("dnf", 1, "Error: Unable to find a match: tree", NotFound),
    (  # of dnf 4.14.0
        "dnf",
        1,
        'Error: There are no enabled repositories in "/etc/yum.repos.d".',
        NotFound,
    ),
    ("dnf", 200, "", Busy),
    ("yum", 1, "Error: Nothing to do", NotFound),
    ("yum", 200, "Another app is currently holding the yum lock", Busy),
    ("tdnf", 20, "tree package not found or not installed", CommandFailed),
    ("zypper", 7, "System management is locked by the application with pid 1 (zypper).", Busy),
    ("zypper", 104, "No provider of 'tree' found.", NotFound),
    ("zypper", 4, "Problem: nothing provides x", CommandFailed),
    ("apk", 1, "ERROR: unable to select packages:\n  tree (no such package)", NotFound),
    ("apk", 99, "ERROR: Unable to lock database: Resource temporarily unavailable", Busy),
    ("pacman", 1, "error: target not found: tree", NotFound),
    ("pacman", 1, "error: failed to init transaction (unable to lock database)", Busy),
    ("pkg", 70, "pkg: No packages available to install matching 'tree'", NotFound),
    ("pkg", 75, "pkg: Cannot get an exclusive lock, it is locked by another process", Busy),
)


def _answers(name: str, ended: Completed) -> dict[str, Answer]:
    gone = Completed(1)
    tool = {"apt": "apt-get", "pkg": "pkg install"}.get(name, name)
    policy = "tree:\n  Installed: (none)\n  Candidate: 1\n"
    known = {"dpkg-query": gone, "rpm": gone, "apt-cache": policy, "pkg": gone}
    query = {"apk info -e -v tree": gone, "pacman -Q tree": gone, "pkg query %v tree": gone}
    return {**known, **query, tool: ended, **({"pkg": ended} if name == "pkg" else {})}


@pytest.mark.parametrize(("name", "status", "said", "kind"), REFUSALS)
def test_p3_p4_a_refusal_becomes_the_narrowest_error(
    tmp_path: Path, name: str, status: int, said: str, kind: type[AgentError]
) -> None:
    host = machine(tmp_path, FILES, _answers(name, Completed(status, "", said)))
    with pytest.raises(AgentError) as caught:
        done(host, lambda: Packages(host, (MAKERS[name],)).ensure_installed(["tree"]))
    assert type(caught.value) is kind


@pytest.mark.parametrize("status", [0, 102, 103, 106])
def test_what_zypper_only_remarks_is_success_if_the_package_is_there(
    tmp_path: Path, status: int
) -> None:
    """Here it never is, so what is refused is the claim, not the status."""
    host = machine(tmp_path, FILES, _answers("zypper", Completed(status)))
    with pytest.raises(PostconditionFailed):
        done(host, lambda: Packages(host, (rpm.Zypper,)).ensure_installed(["tree"]))


@pytest.mark.parametrize(
    "name", ["", "tree-", "-tree", "a b", "a=1", "a/b", "a;b", "a*", "^a", "a:b"]
)
def test_p5_a_name_that_a_tool_would_read_more_into_is_refused(tmp_path: Path, name: str) -> None:
    host = machine(tmp_path, FILES, {"apt-get": "", "dpkg-query": ""})
    with pytest.raises(InvalidInput):
        shown(Packages(host, (apt.Apt,)).ensure_installed(["dpkg", name]))
    assert vars(host.commands)["calls"] in ([], [f"dpkg-query -W -f {apt.FORMAT} dpkg"])


def test_p6_an_image_is_refused_before_anything_is_run(tmp_path: Path) -> None:
    files = {**FILES, "/run/ostree-booted": ""}
    host = machine(tmp_path, files, {"dnf": "", "rpm": Completed(1)})
    error = refused(host, lambda: Packages(host, (rpm.Dnf,)).ensure_installed(["tree"]))
    assert isinstance(error, ReadOnlyTarget)
    assert not [each for each in vars(host.commands)["calls"] if each.startswith("dnf")]


@pytest.mark.parametrize(
    ("database", "tools", "chosen"),
    [
        ("/var/lib/dpkg/status", ("apt-get", "dnf", "zypper"), "apt-get"),
        ("/var/lib/rpm/", ("apt-get", "dnf", "yum"), "dnf"),
        ("/var/lib/rpm/", ("yum",), "yum"),
        ("/usr/lib/sysimage/rpm/", ("zypper", "dnf"), "zypper"),
        ("/var/lib/rpm/", ("tdnf",), "tdnf"),
        ("/lib/apk/db/", ("apk",), "apk"),
        ("/var/lib/pacman/local/", ("pacman",), "pacman"),
    ],
)
def test_the_manager_is_the_one_whose_database_is_there(
    tmp_path: Path, database: str, tools: tuple[str, ...], chosen: str
) -> None:
    more: dict[str, Answer] = {"rpm": Completed(1), "dpkg-query": Completed(1), "apt-cache": ""}
    answers: dict[str, Answer] = {**more, **{tool: Completed(1) for tool in tools}}
    packages = linux(machine(tmp_path, {database: ""}, answers)).packages
    assert packages is not None
    assert shown(packages.ensure_installed(["tree"]))[0].split()[1] == chosen


def test_without_a_manager_each_is_named(tmp_path: Path) -> None:
    packages = linux(machine(tmp_path, {}, {"dnf": ""})).packages
    assert packages is not None
    with pytest.raises(CommandMissing, match="apt-get, zypper, dnf"):
        packages.installed("tree")


def test_a_manager_that_does_not_end_is_not_explained_away(tmp_path: Path) -> None:
    host = machine(tmp_path, FILES, _answers("dnf", Completed(0)))
    plan = Packages(host, (rpm.Dnf,)).ensure_installed(["tree"])
    next(plan)
    with pytest.raises(CommandTimeout):
        plan.throw(CommandTimeout(("dnf",), 1.0))


def test_freebsd_fetches_pkg_itself_first(tmp_path: Path) -> None:
    host = machine(tmp_path, {}, {"pkg": ""})
    assert [line.split()[2] for line in shown(Packages(host, (Pkg,)).ensure_installed(["tree"]))
            if line.startswith("run")] == ["bootstrap", "install"]  # fmt: skip
