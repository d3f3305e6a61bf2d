# SPDX-License-Identifier: Apache-2.0
"""The drivers as values: complete, made on any machine, and choosing their parts by probing."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from osdrivers import (
    alpine,
    arch,
    coreos,
    debian,
    linux,
    loader,
    photon,
    rhel,
    suse,
    ubuntu,
)
from osdrivers.api import Driver
from osdrivers.errors import AgentError
from osdrivers.executor import Task, carry_out
from osdrivers.host import Host
from osdrivers.identity import Identity, canonical
from osdrivers.loader import Entry, choose
from osdrivers.parts import net_tools
from tests.osdrivers.parts.answering import machine

FACTORIES = {
    f"{module.__name__.rpartition('.')[2]}.{name}": getattr(module, name)
    for module, names in (
        (alpine, "alpine"),
        (arch, "arch"),
        (debian, "debian debian7 devuan"),
        (photon, "photon"),
        (ubuntu, "ubuntu ubuntu12"),
        (rhel, "rhel rhel7 rhel6 azurelinux"),
        (suse, "suse micro suse12 suse11"),
        (coreos, "coreos flatcar"),
        (linux, "linux"),
    )
    for name in names.split()
}


#: Capabilities that not every Linux driver has (yet).
MAY_LACK = {
    "boot",
    "packages",
    "rdma",
}


@pytest.fixture(scope="module")
def ours() -> tuple[Entry, ...]:
    return tuple(each for each in loader.entries() if each.target.startswith("osdrivers."))


@pytest.fixture(scope="module")
def known(ours: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """With the drivers of our other distribution."""
    freebsd = [each for each in loader.entries() if each.target.startswith("agentcore_freebsd.")]
    return (*ours, *freebsd)


@pytest.mark.parametrize("name", sorted(FACTORIES))
def test_a_driver_is_made_on_an_empty_tree_and_answers(tmp_path: Path, name: str) -> None:
    driver: Driver = FACTORIES[name](Host(str(tmp_path)))
    without = {capability for capability, part in driver.parts().items() if not part}
    assert without <= MAY_LACK
    assert driver.users.get("nobody") is None
    assert driver.hostname.get() == ""
    assert driver.services.active("ssh") is False
    assert driver.disks is not None
    assert driver.disks.resource() is None
    assert driver.disks.root() == driver.disks.in_use() == frozenset()
    assert driver.drives is not None
    assert driver.drives.list() == ()
    assert driver.network is not None
    assert driver.network.primary() is None
    assert driver.links is not None
    assert driver.links.clients() == ()
    assert driver.dhcp is not None
    assert driver.dhcp.leases() == ()
    assert driver.swap is not None
    assert driver.swap.active() == ()


@pytest.mark.parametrize("name", sorted(FACTORIES))
def test_making_a_driver_runs_no_command(tmp_path: Path, name: str) -> None:
    host = machine(tmp_path, {}, {"sfdisk": "", "systemctl": "", "ip": ""})
    FACTORIES[name](host)
    assert vars(host.commands)["calls"] == []


def test_every_entry_point_of_ours_is_a_driver_that_can_be_built(
    tmp_path: Path, ours: tuple[Entry, ...]
) -> None:
    assert {each.target for each in ours} == {
        f"osdrivers.{name.replace('.', ':')}" for name in FACTORIES
    }
    for entry in ours:
        loaded = loader.load(Host(str(tmp_path)), override=entry.name, known=ours)
        assert loaded.choice.entry == entry
        assert isinstance(loaded.driver, Driver)


NEXT_YEARS = [
    ("debian", "99", "", "debian"),
    ("ubuntu", "99.04", "debian", "ubuntu"),
    ("rhel", "99.0", "centos fedora", "rhel"),
    ("centos", "99", "rhel fedora", "rhel"),
    ("rocky", "99.1", "rhel centos fedora", "rhel"),
    ("almalinux", "99.1", "rhel centos fedora", "rhel"),
    ("oracle", "99.1", "fedora", "rhel"),
    ("fedora", "999", "", "rhel"),
    ("amzn", "2099", "fedora", "rhel"),
    ("azurelinux", "99.0", "", "azurelinux"),
    ("sles", "99.1", "suse", "suse"),
    ("opensuse-leap", "99.0", "suse opensuse", "suse"),
    ("opensuse-tumbleweed", "20990101", "opensuse suse", "suse"),
    ("sl-micro", "99", "suse", "micro"),
    ("opensuse-leap-micro", "99.1", "suse opensuse", "micro"),
    ("opensuse-microos", "20990101", "suse opensuse opensuse-tumbleweed", "micro"),
    ("sle-micro", "99", "suse", "micro"),
    ("flatcar", "9999.1.0", "coreos", "flatcar"),
    ("freebsd", "99.0", "", "freebsd"),
    ("alpine", "99.1.2", "", "alpine"),
    ("kali", "2099.1", "debian", "debian"),
    ("devuan", "99", "debian", "devuan"),
    ("photon", "99.0", "", "photon"),
    ("mariner", "99.0", "", "azurelinux"),
    ("openeuler", "99.03", "", "rhel"),
    ("eurolinux", "99.1", "rhel fedora centos", "rhel"),
    ("virtuozzo", "99", "rhel fedora centos", "rhel"),
    ("anolis", "99", "rhel fedora centos", "rhel"),
    ("cloudlinux", "99", "rhel fedora centos", "rhel"),
]


@pytest.mark.parametrize(("id", "version", "like", "target"), NEXT_YEARS)
def test_a_future_release_gets_the_newest_driver(
    known: tuple[Entry, ...], id: str, version: str, like: str, target: str
) -> None:
    choice = choose(Identity(id, version, tuple(like.split())), known)
    assert choice.entry.target.rpartition(":")[2] == target
    assert choice.entry.id == canonical(id)


@pytest.mark.parametrize("id", sorted({id for id, _, _, _ in NEXT_YEARS}))
def test_a_system_that_does_not_say_its_version_gets_the_newest_driver(
    known: tuple[Entry, ...], id: str
) -> None:
    (target,) = {target for name, _, _, target in NEXT_YEARS if name == id}
    assert choose(Identity(id), known).entry.target.rpartition(":")[2] == target


@pytest.mark.parametrize("id", sorted({id for id, _, _, _ in NEXT_YEARS}))
def test_every_release_from_the_oldest_on_has_a_driver_of_its_own_name(
    known: tuple[Entry, ...], id: str
) -> None:
    """Whatever is not older than the first entry never falls to a parent or the generic one."""
    mine = [each for each in known if each.id == canonical(id)]
    for number in (*range(1, 120), *range(2000, 2100), 20200101, 20990101):
        if (number,) >= min(each.since for each in mine):
            assert choose(Identity(id, str(number)), known).entry in mine


DERIVATIVES = [
    ("kali", "2024.1", "debian", "debian"),
    ("devuan", "5", "debian", "devuan"),
    ("raspbian", "8", "debian", "debian"),
    ("deepin", "23", "debian", "debian"),
    ("neon", "22.04", "ubuntu debian", "ubuntu"),
    ("manjaro", "", "arch", "arch"),
    ("endeavouros", "", "arch", "arch"),
    ("archarm", "", "arch", "arch"),
    ("postmarketos", "24.06", "alpine", "alpine"),
    ("opnsense", "24.1", "freebsd", "freebsd"),
    ("ghostbsd", "24.07.1", "freebsd", "freebsd"),
    ("anolis", "7.9", "rhel fedora centos", "rhel7"),
    ("virtuozzo", "7", "rhel fedora centos", "rhel7"),
    ("eurolinux", "7.9", "rhel fedora centos", "rhel7"),
    ("amzn", "2018.03", "rhel fedora", "rhel6"),
    ("debian", "7", "", "debian7"),
    ("debian", "8.11", "", "debian7"),
    ("debian", "9", "", "debian"),
    ("opensuse", "12.3", "suse", "suse12"),
    ("opensuse", "42.1", "suse", "suse12"),
    ("opensuse", "42.3", "suse", "suse"),
    ("sles", "12.1.0.1", "", "suse12"),
    ("sles", "12.2", "", "suse"),
    ("ubuntu", "12.04", "debian", "ubuntu12"),
    ("ubuntu", "14.10", "debian", "ubuntu12"),
    ("ubuntu", "15.04", "debian", "ubuntu"),
    ("fedora", "18", "", "rhel"),
    ("freebsd", "10.4", "", "freebsd"),
    ("coreos", "766.3.0", "", "coreos"),
    ("parrot", "5.3", "debian", "debian"),
    ("linuxmint", "21.3", "ubuntu debian", "ubuntu"),
    ("pop", "22.04", "ubuntu debian", "ubuntu"),
    ("eurolinux", "9.3", "rhel fedora centos", "rhel"),
    ("miraclelinux", "8.8", "rhel fedora", "rhel"),
    ("virtuozzo", "8", "rhel fedora centos", "rhel"),
    ("anolis", "8.8", "rhel fedora centos", "rhel"),
    ("opensuse-aeon", "20240520", "suse opensuse", "suse"),
    ("centos", "7", "rhel fedora", "rhel7"),
    ("centos", "6.10", "", "rhel6"),
    ("oracle", "7.9", "", "rhel7"),
    ("scientific", "7.5", "rhel centos fedora", "rhel7"),
    ("amzn", "2", "centos rhel fedora", "rhel7"),
    ("mariner", "2.0", "", "azurelinux"),
    ("openeuler", "24.03", "", "rhel"),
    ("sles", "11.3", "", "suse11"),
    ("sles", "11.4", "", "suse11"),
    ("sles", "12.5", "", "suse"),
    ("ubuntu", "14.04", "debian", "ubuntu12"),
]


@pytest.mark.parametrize(("id", "version", "like", "target"), DERIVATIVES)
def test_a_derivative_gets_the_driver_of_its_family(
    known: tuple[Entry, ...], id: str, version: str, like: str, target: str
) -> None:
    choice = choose(Identity(id, version, tuple(like.split())), known)
    assert choice.entry.target.rpartition(":")[2] == target


# ---------------------------------------------------------------- probing

SYSTEMD = {"/run/systemd/system/": ""}
INSTALLED = {"/usr/lib/systemd/systemd": ""}


@pytest.mark.parametrize(
    ("name", "files", "offline", "part"),
    [
        ("debian.debian", SYSTEMD, False, "systemd"),
        ("debian.debian", {"/etc/init.d/": ""}, False, "sysv"),
        ("debian.debian", {"/sbin/openrc": "", "/run/openrc/": ""}, False, "openrc"),
        ("debian.debian", INSTALLED, True, "systemd"),
        ("debian.debian", {}, True, "systemd"),
        ("ubuntu.ubuntu12", {}, True, "upstart"),
        ("ubuntu.ubuntu12", {"/sbin/initctl": "", "/etc/init/": ""}, True, "upstart"),
        ("rhel.rhel6", {}, True, "sysv"),
        ("suse.suse11", {}, True, "sysv"),
        ("suse.suse11", {"/etc/init.d/": "", "/etc/os-release": "ID=sles\n"}, False, "sysv"),
        ("debian.devuan", {}, True, "sysv"),
        ("debian.devuan", {"/sbin/openrc": "", "/run/openrc/": ""}, False, "openrc"),
        ("debian.debian7", {}, True, "sysv"),
        ("alpine.alpine", {}, True, "openrc"),
        ("linux.linux", {"/sbin/openrc": "", "/run/openrc/": ""}, False, "openrc"),
    ],
)
def test_the_init_system_is_probed(
    tmp_path: Path, name: str, files: dict[str, str], offline: bool, part: str
) -> None:
    driver = FACTORIES[name](machine(tmp_path, files, offline=offline))
    assert driver.parts()["services"] == part


@pytest.mark.parametrize(
    ("name", "run"),
    [("rhel.rhel6", "/var/run"), ("suse.suse11", "/var/run"), ("rhel.rhel7", "/run")],
)
def test_old_releases_have_no_run(tmp_path: Path, name: str, run: str) -> None:
    assert FACTORIES[name](Host(str(tmp_path))).host.places.run == run


UNIX = "Num RefCount Protocol Flags Type St Inode Path\n0: 2 0 10000 1 1 7 @/com/ubuntu/upstart\n"


@pytest.mark.parametrize("name", ["ubuntu.ubuntu12", "rhel.rhel6"])
def test_upstart_is_seen_by_its_socket_whatever_its_tool_can_say(tmp_path: Path, name: str) -> None:
    host = machine(tmp_path, {"/proc/net/unix": UNIX, "/etc/init.d/": "", "/sbin/initctl": ""})
    assert FACTORIES[name](host).parts()["services"] == "upstart"
    assert vars(host.commands)["calls"] == []


def test_an_image_holds_the_packages_of_an_image_based_system(tmp_path: Path) -> None:
    host = machine(tmp_path, {"/run/ostree-booted": ""})
    assert FACTORIES["rhel.rhel"](host).packages is None
    assert FACTORIES["suse.micro"](Host(str(tmp_path))).packages is None


def test_without_ip_routes_are_made_with_route(tmp_path: Path) -> None:
    assert linux.linux(machine(tmp_path, {}, {"route": ""})).parts()["network"] == "net_tools"
    assert linux.linux(machine(tmp_path, {}, {"ip": "", "route": ""})).parts()["network"] == (
        "iproute2"
    )
    assert isinstance(linux.linux(machine(tmp_path, {}, {"route": ""})).network, net_tools.Network)


@pytest.mark.parametrize(
    ("name", "unit"), [("debian.debian", "ssh"), ("rhel.rhel", "sshd"), ("suse.suse", "sshd")]
)
def test_the_ssh_service_has_the_familys_name(tmp_path: Path, name: str, unit: str) -> None:
    files = {f"/usr/lib/systemd/system/{unit}.service": "[Service]\n", **SYSTEMD}
    driver = FACTORIES[name](machine(tmp_path, files, {"systemctl": "inactive"}))
    lines = " ".join(str(each) for each in driver.services.ensure_started("ssh"))
    assert f" {unit}.service" in lines


@pytest.mark.parametrize(
    ("name", "agent"),
    [
        ("debian.debian", "walinuxagent"),
        ("ubuntu.ubuntu", "walinuxagent"),
        ("rhel.rhel", "waagent"),
        ("suse.suse", "waagent"),
    ],
)
def test_the_agents_service_has_the_familys_name(tmp_path: Path, name: str, agent: str) -> None:
    files = {f"/usr/lib/systemd/system/{agent}.service": "[Service]\n", **SYSTEMD}
    driver = FACTORIES[name](machine(tmp_path, files, {"systemctl": "inactive"}))
    lines = " ".join(str(each) for each in driver.services.ensure_started("agent"))
    assert f"{agent}.service" in lines


@pytest.mark.parametrize(
    ("name", "groups"),
    [
        ("debian.debian", {"sudo"}),
        ("ubuntu.ubuntu", {"sudo"}),
        ("rhel.rhel", {"wheel"}),
        ("suse.suse", {"wheel"}),
        ("coreos.flatcar", {"sudo"}),
    ],
)
def test_an_administrator_is_in_the_familys_group(
    tmp_path: Path, name: str, groups: set[str]
) -> None:
    assert groups <= set(FACTORIES[name](Host(str(tmp_path))).users.admin_groups)


def test_accounts_are_made_with_the_tools_that_are_there(tmp_path: Path) -> None:
    assert alpine.alpine(Host(str(tmp_path))).parts()["users"] == "busybox_users"
    files = {"/usr/sbin/useradd": ""}
    assert alpine.alpine(machine(tmp_path, files)).parts()["users"] == "shadow"
    assert suse.suse11(Host(str(tmp_path))).parts()["users"] == "pwdutils"


def test_people_of_old_releases_begin_at_500(tmp_path: Path) -> None:
    files = {
        "/etc/passwd": "amy:x:501:501::/home/amy:/bin/sh\ncore:x:500:500::/home/core:/bin/sh\n"
    }
    host = machine(tmp_path, files)
    for name, is_system in (("rhel.rhel6", False), ("rhel.rhel", True)):
        users = FACTORIES[name](host).users
        account = users.get("amy")
        assert account is not None
        assert users.is_system(account) is is_system
    core = coreos.flatcar(host).users.get("core")
    assert core is not None
    assert not coreos.flatcar(host).users.is_system(core)


# ---------------------------------------------------------------- places (V2)


@pytest.mark.parametrize("name", sorted(FACTORIES))
def test_places_are_absolute_and_nothing_is_written_below_usr(tmp_path: Path, name: str) -> None:
    places = FACTORIES[name](Host(str(tmp_path))).host.places
    for field in fields(places):
        assert getattr(places, field.name).startswith("/")
    for written in (places.state, places.log, places.run, places.units, places.cache):
        assert not written.startswith("/usr")


def test_container_linux_has_its_configuration_on_the_oem_partition(tmp_path: Path) -> None:
    assert coreos.coreos(Host(str(tmp_path))).host.places.configuration == (
        "/usr/share/oem/waagent.conf"
    )
    assert coreos.flatcar(Host(str(tmp_path))).host.places.configuration == "/etc/waagent.conf"


def test_a_place_that_the_administrator_set_is_kept(tmp_path: Path) -> None:
    host = Host(str(tmp_path)).with_places(configuration="/srv/agent.conf")
    assert coreos.coreos(host).host.places.configuration == "/srv/agent.conf"


def test_programs_of_azure_linux_are_in_usr_bin(tmp_path: Path) -> None:
    assert rhel.azurelinux(Host(str(tmp_path))).host.places.binaries == "/usr/bin"


# ---------------------------------------------------------------- a machine that is not running


@pytest.mark.parametrize("name", sorted(FACTORIES))
def test_disks_of_an_image_are_shown_and_never_touched(tmp_path: Path, name: str) -> None:
    files = {
        "/sys/bus/vmbus/devices/a/device_id": "{00000000-0001-8899-0000-000000000000}",
        "/sys/bus/vmbus/devices/a/host0/target0:0:1/0:0:1:0/block/sdb/": "",
        "/sys/block/sdb/size": f"{64 << 21}\n",
        "/sys/block/sdb/dev": "8:16\n",
    }
    host = machine(tmp_path, files, offline=True, assume_tools=True)
    driver = FACTORIES[name](host)
    assert driver.disks is not None
    assert driver.swap is not None
    disk = driver.disks.resource()
    assert disk is not None
    events: list[str] = []

    def plan():  # type: ignore[no-untyped-def]
        yield from driver.disks.ensure_prepared(disk, "ext4")
        yield from driver.disks.ensure_mounted(disk, "/mnt/resource", "ext4")
        yield from driver.swap.ensure_file("/mnt/resource/swapfile", 256, fs="ext4")

    (outcome,) = carry_out([Task("disk", plan)], host, lambda event: events.append(event.status))
    error: AgentError | None = outcome.error
    assert error is None
    assert set(events) == {"skipped"}
    assert outcome.changes > 5
