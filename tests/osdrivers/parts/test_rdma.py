# SPDX-License-Identifier: Apache-2.0
"""RDMA: the pool of key-value pairs, drivers of each family, modules, addresses, dat.conf."""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path

import pytest

from osdrivers.actions import Plan
from osdrivers.api import InfinibandAddress
from osdrivers.errors import Conflict, InvalidInput, NotFound
from osdrivers.host import Completed, Host
from osdrivers.parts import kvp_pool, network_direct
from osdrivers.parts.rdma import MODULES, Rdma, same_port
from osdrivers.probes import Probes
from tests.osdrivers.parts.answering import Answer, machine, shown

SEARCH = (Path(__file__).parents[2] / "data/zypper/search-s.sles-12.3.txt").read_text()
PORT = "80:00:02:08:fe:80:00:00:00:00:00:00:00:15:5d:ff:fe:33:ff:1d"
OTHER = "80:00:02:08:fe:80:00:00:00:00:00:00:00:15:5d:ff:fe:33:ff:1e"
ADDRESS = IPv4Address("172.16.1.4")
DAT = """\
# DAT 2.0
ofa-v2-mlx4_0-1u u2.0 nonthreadsafe default libdaploucm.so.2 dapl.2.0 "mlx4_0 1" ""
ofa-v2-ib0 u2.0 nonthreadsafe default libdaplofa.so.2 dapl.2.0 "ib0 0" ""
ofa-v2-ib1 u2.0 nonthreadsafe default libdaplofa.so.2 dapl.2.0 "ib1 0" ""
"""


def record(key: str, value: str) -> bytes:
    return key.encode().ljust(512, b"\0") + value.encode().ljust(2048, b"\0")


def rdma(host: Host, supply: network_direct.Supply | None = None) -> Rdma:
    return Rdma(host, Probes(host), supply or network_direct.Alias(host))


def act(host: Host, plan: Plan) -> None:
    for action in plan:
        action.apply(host)


@pytest.mark.parametrize(
    ("pool", "expected"),
    [
        (b"", ""),
        (record("NdDriverVersion", "142.0"), "142.0"),
        (record("NdDriverVersion", "139.0") + record("NdDriverVersion", "142.0"), "142.0"),
        (record("a", "b") + record("NdDriverVersion", "142.0")[:-1], ""),
        (record("NdDriverVersion", "142.0") + b"NdDriverVersion\0", "142.0"),
        (b"\xff" * 5120, ""),
        (b"\0" * 5120, ""),
    ],
)
@pytest.mark.parametrize("path", kvp_pool.PATHS)
def test_the_last_whole_record_of_a_key_counts(
    tmp_path: Path, pool: bytes, expected: str, path: str
) -> None:
    (tmp_path / path[1:]).parent.mkdir(parents=True)
    (tmp_path / path[1:]).write_bytes(pool)
    assert rdma(Host(str(tmp_path))).firmware_version() == expected


def test_without_a_pool_there_is_no_version(tmp_path: Path) -> None:
    assert rdma(Host(str(tmp_path))).firmware_version() == ""


@pytest.mark.parametrize(
    ("version", "firmware", "expected"),
    [
        ("20180612_k4.4.131_94.29-142.0.2", "142.0", True),
        ("20180612_k4.4.131_94.29-142.0.2", "131.0", False),
        ("4.2.2.142", "142.0", True),
        ("4.2.2.142.5", "142.0", False),
        ("4.2.2.1420", "142.0", False),
        ("4.2.2.3142", "142.0", False),
        ("", "142.0", False),
    ],
)
def test_a_version_fits_by_whole_numbers(version: str, firmware: str, expected: bool) -> None:
    assert network_direct.fits(version, firmware) is expected


def test_the_table_of_zypper_is_read_by_its_columns() -> None:
    assert network_direct.versions(SEARCH, "msft-rdma-kmp-default") == [
        "20170105_k4.4.21_69-139.0.1",
        "20180612_k4.4.131_94.29-142.0.2",
    ]


def suse(root: Path, present: str = "20170105_k4.4.21_69-139.0.1") -> Host:
    query = "rpm -q --qf %{VERSION}-%{RELEASE}\\n msft-rdma-kmp-default"
    answers: dict[str, Answer] = {
        "zypper --non-interactive search -s msft-rdma-kmp-default": SEARCH,
        query: present or Completed(1, "package msft-rdma-kmp-default is not installed\n"),
    }
    return machine(root, {"/proc/sys/kernel/osrelease": "4.4.131-94.29-default\n"}, answers)


def test_zypper_installs_the_package_of_the_firmware_and_locks_it(tmp_path: Path) -> None:
    host = suse(tmp_path)
    before = "run    zypper --non-interactive"
    assert shown(rdma(host, network_direct.Zypper(host)).ensure_driver("142.0")) == [
        f"{before} removelock msft-rdma-kmp-default",
        f"{before} remove msft-rdma-kmp-default",
        f"{before} install msft-rdma-kmp-default=20180612_k4.4.131_94.29-142.0.2",
        "verify msft-rdma-kmp-default is for 142.0",
        f"{before} addlock msft-rdma-kmp-default",
    ]
    assert shown(rdma(host, network_direct.Zypper(host)).ensure_driver("139.0")) == [
        f"{before} addlock msft-rdma-kmp-default"
    ]
    machine(
        tmp_path, {"/etc/zypp/locks": "\ntype: package\nsolvable_name: msft-rdma-kmp-default\n"}
    )
    assert shown(rdma(host, network_direct.Zypper(host)).ensure_driver("139.0")) == []
    with pytest.raises(NotFound):
        shown(rdma(host, network_direct.Zypper(host)).ensure_driver("144.0"))


def test_a_file_of_the_image_is_installed_where_no_repository_has_it(tmp_path: Path) -> None:
    host = suse(tmp_path, present="")
    path = "/opt/microsoft/rdma/msft-rdma-kmp-default-20190101_k4.4-144.0.1.x86_64.rpm"
    machine(tmp_path, {path: ""})
    lines = shown(rdma(host, network_direct.Zypper(host)).ensure_driver("144.0"))
    assert f"run    zypper --non-interactive install {path}" in lines


def test_rpm_installs_module_and_library_of_the_release(tmp_path: Path) -> None:
    where = "/opt/microsoft/rdma/rhel74"
    names = [
        f"{where}/{name}-4.2.2.{firmware}-20170706.x86_64.rpm"
        for name in ("kmod-microsoft-hyper-v-rdma", "microsoft-hyper-v-rdma")
        for firmware in ("140", "144")
    ]
    release = {"/etc/redhat-release": "CentOS Linux release 7.4.1708 (Core)\n"}
    host = machine(tmp_path, {**release, **dict.fromkeys(names, "")}, {"rpm": Completed(1)})
    lines = shown(rdma(host, network_direct.Rpm(host)).ensure_driver("144.0"))
    assert lines[0] == f"run    rpm --upgrade --oldpackage {names[1]} {names[3]}"
    for firmware in ("142.0", "2.0", "20170706"):
        with pytest.raises(NotFound):
            shown(rdma(host, network_direct.Rpm(host)).ensure_driver(firmware))


def test_an_alias_chooses_the_module_of_the_kernel(tmp_path: Path) -> None:
    answers: dict[str, Answer] = {
        f"modprobe -R {network_direct.MODULE}": "hv_network_direct_139_0\n",
        "modinfo hv_network_direct_142_0": "version: 142.0\n",
    }
    old = "# mine\nalias hv_network_direct hv_network_direct_139_0\nalias x y\n"
    host = machine(tmp_path, {network_direct.ALIASES: old}, answers)
    assert rdma(host).driver_version() == "139.0"
    plan = rdma(host).ensure_driver("142.0")
    next(plan).apply(host)
    assert host.read(network_direct.ALIASES) == (
        "# mine\nalias x y\nalias hv_network_direct hv_network_direct_142_0\n"
    )
    with pytest.raises(NotFound):
        shown(rdma(host).ensure_driver("144.0"))
    with pytest.raises(InvalidInput):
        shown(rdma(host).ensure_driver("144; reboot"))


@pytest.mark.parametrize("name", [network_direct.MODULE, f"{network_direct.MODULE}_139_0"])
@pytest.mark.parametrize(
    ("loaded", "installed", "expected"),
    [("139.0", "142.0", True), ("142.0", "142.0", False), ("", "142.0", False), ("1", "", False)],
)
def test_a_restart_is_needed_when_another_module_is_loaded(
    tmp_path: Path, name: str, loaded: str, installed: str, expected: bool
) -> None:
    files = {f"/sys/module/{name}/version": loaded + "\n"} if loaded else {}
    host = machine(tmp_path, files, {"modinfo": installed})
    assert rdma(host).restart_required() is expected


def test_modules_are_loaded_and_are_at_boot(tmp_path: Path) -> None:
    files = {"/sys/module/ib_umad/": "", "/run/systemd/system/": ""}
    host = machine(tmp_path, files, {"modprobe": ""})
    lines = shown(rdma(host).ensure_modules())
    assert lines[1].startswith("edit   /etc/modules-load.d/infiniband.conf")
    assert "run    modprobe ib_umad" not in lines
    assert "run    modprobe ib_ipoib" in lines
    assert lines[0] == "mkdir  /etc/modules-load.d 0755"
    machine(tmp_path, {f"/sys/module/{name}/": "" for name in MODULES})
    act(host, rdma(host).ensure_modules())
    assert host.read("/etc/modules-load.d/infiniband.conf").split() == list(MODULES)
    assert shown(rdma(host).ensure_modules()) == []


def interfaces(root: Path, *addresses: str, shows: str = "") -> Host:
    files = {
        f"/sys/class/net/ib{number}/{name}": text
        for number, address in enumerate(addresses)
        for name, text in (("type", "32\n"), ("address", address + "\n"), ("flags", "0x1002\n"))
    }
    files["/sys/class/net/eth0/type"] = "1\n"
    files["/sys/class/net/eth0/address"] = "00:15:5d:33:ff:1d\n"
    return machine(root, files, {"ip": shows})


@pytest.mark.parametrize("mac", ["00155D33FF1D", "00:15:5d:33:ff:1d", "02-15-5D-33-FF-1D", PORT])
def test_the_interface_is_found_by_the_end_of_its_hardware_address(
    tmp_path: Path, mac: str
) -> None:
    host = interfaces(tmp_path, OTHER, PORT)
    assert shown(rdma(host).ensure_addresses([InfinibandAddress(mac, ADDRESS)])) == [
        "run    ip addr replace 172.16.1.4/16 dev ib1",
        "run    ip link set ib1 up",
        "verify ib1 has 172.16.1.4 and is up",
    ]


def test_an_address_that_is_there_is_left_alone(tmp_path: Path) -> None:
    host = interfaces(tmp_path, PORT, shows="4: ib0    inet 172.16.1.4/16 scope global ib0\n")
    (tmp_path / "sys/class/net/ib0/flags").write_text("0x1003\n")
    wanted = [InfinibandAddress("00155D33FF1D", ADDRESS)]
    assert shown(rdma(host).ensure_addresses(wanted)) == []


def test_no_interface_two_or_nonsense_are_refused_before_anything(tmp_path: Path) -> None:
    host = interfaces(tmp_path, PORT, PORT)
    for mac, expected in (("00155D33FF1D", Conflict), ("00155D33FF1F", NotFound),
                          ("nonsense", InvalidInput), ("", InvalidInput)):  # fmt: skip
        with pytest.raises(expected):
            next(rdma(host).ensure_addresses([InfinibandAddress(mac, ADDRESS)]))
    assert not same_port("00:15:5d:33:ff:1d", "00155d33ff1d")


@pytest.mark.parametrize("path", ["/etc/dat.conf", "/etc/rdma/dat.conf"])
def test_only_the_device_of_the_first_port_changes(tmp_path: Path, path: str) -> None:
    host = machine(tmp_path, {path: DAT, "/usr/local/etc/dat.conf": DAT})
    act(host, rdma(host).ensure_provider(ADDRESS))
    assert host.read(path) == DAT.replace('"ib0 0"', '"172.16.1.4 0"')
    assert host.read("/usr/local/etc/dat.conf") == DAT
    assert shown(rdma(host).ensure_provider(ADDRESS)) == []


def test_without_a_provider_there_is_nothing_to_lead(tmp_path: Path) -> None:
    host = machine(tmp_path)
    with pytest.raises(NotFound):
        shown(rdma(host).ensure_provider(ADDRESS))
    machine(tmp_path, {"/etc/dat.conf": "# empty\n"})
    with pytest.raises(NotFound):
        shown(rdma(host).ensure_provider(ADDRESS))
