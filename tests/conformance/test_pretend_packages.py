# SPDX-License-Identifier: Apache-2.0
"""The pretended package managers end as the real ones do, and leave the same installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from osdrivers.host import Host
from osdrivers.parts.apt import FORMAT
from tests.conformance.compared import Pair
from tests.osdrivers.parts import repository
from tests.osdrivers.parts.overlaid import overlaid

MACHINES = Path(__file__).parents[1] / "machines"
RPM_FORMAT = "%{VERSION}-%{RELEASE}\\n"
INSTALLING = {
    "dnf": ("rhel-9", ("dnf", "-y", "--setopt=exit_on_lock=1", "install")),
    "zypper": ("opensuse-leap-15.6", ("zypper", "--non-interactive", "install")),
}


@repository.needs("apt-get", "dpkg-deb")
@overlaid
def test_apt_and_dpkg_query_end_alike(host: Host) -> None:
    repository.debian()
    pair = Pair(host, MACHINES / "debian-12")
    Path("/var/lib/dpkg/statoverride").write_text("")  # may name groups that the pair lacks
    query = ("dpkg-query", "-W", "-f", FORMAT)
    apt = ("apt-get", "-y", "-q", "-o", "DPkg::Lock::Timeout=0")
    pair.run(*query, "tree")
    pair.run(*apt, "install", "tree")  # no lists: refused
    pair.run(*apt, "update")
    real, pretended = pair.run("apt-cache", "policy", "tree", "no-such")
    assert real.startswith(pretended)
    for name in ("no-such", "tree", "tree"):
        pair.run(*apt, "install", name)
        pair.same_output(*query, "tree")
    real, pretended = pair.run("apt-cache", "policy", "tree")
    assert real.startswith(pretended)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=repository.needs(name)) for name in sorted(INSTALLING)]
)
@repository.needs("rpmbuild", "createrepo_c")
@overlaid
def test_dnf_zypper_and_rpm_end_alike(host: Host, name: str) -> None:
    machine, install = INSTALLING[name]
    repository.rpm()
    pair = Pair(host, MACHINES / machine)
    query = ("rpm", "-q", "--qf", RPM_FORMAT, "tree")
    pair.same_output(*query)
    for package in ("no-such", "tree", "tree"):
        pair.run(*install, package)
        pair.same_output(*query)


@repository.needs("zypper")
@overlaid
def test_zypper_writes_the_same_locks(host: Host) -> None:
    pair = Pair(host, MACHINES / "opensuse-leap-15.6")
    for machine in (pair.real, pair.pretended):
        directory = Path(f"{machine.root}/etc/zypp")
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "locks").unlink(missing_ok=True)
    zypper = ("zypper", "--non-interactive")
    for words in ("removelock b", "addlock b", "addlock b", "addlock a-kmp", "removelock b",
                  "removelock b", "addlock c", "removelock c", "removelock a-kmp"):  # fmt: skip
        pair.run(*zypper, *words.split())
        assert pair.pretended.read("/etc/zypp/locks") == pair.real.read("/etc/zypp/locks"), words
    pair.run(*zypper, "remove", "no-such")
