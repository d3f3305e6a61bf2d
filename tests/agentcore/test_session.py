# SPDX-License-Identifier: Apache-2.0
"""First boot against a live platform, on a pretend machine: reports, faults, later boots."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentcore.errors import Malformed, Unreachable
from agentcore.provisioning.goal import Goal, WantedKey, WantedPair
from agentcore.provisioning.progress import decisive
from agentcore.provisioning.tasks import FirstBoot, Materials
from agentcore.settings import ProvisioningSettings, Settings
from lab.platform.faults import Fault
from lab.platform.machine import Machine
from lab.platform.ovf import document
from lab.platform.server import Platform
from osdrivers import loader
from osdrivers.conformance.machines import attach, set_up
from osdrivers.conformance.trial import differences, disk
from osdrivers.errors import InvalidInput, NotFound
from osdrivers.executor import carry_out
from osdrivers.host import Host, Secret
from tests.agentcore.boot_bed import DISC, MACHINE, STATE, Boot, FastClock, states
from tests.agentcore.documents import PASSWORD, ovf, public_key

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: accounts own files"),
]


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    with Platform(Machine.example(), tmp_path / "platform") as running:
        yield running


@pytest.fixture
def host(tmp_path: Path) -> Host:
    root = tmp_path / "root"
    set_up(str(MACHINE), str(root))
    (root / DISC).write_bytes(document(Machine.example()))
    return attach(str(root))


def test_a_disc_and_a_platform_make_a_machine_that_is_ready(host, platform):
    boot = Boot(host, platform).at_boot()
    assert states(platform) == ["NotReady", "Ready"]
    assert platform.violations == ()
    assert decisive(boot.run.stages) is None
    assert host.owner(Machine.example().user)
    assert host.read("/.machine/units.json").count("active")
    assert not host.is_directory("/mnt/cdrom/secure")
    assert '"medium": false' in host.read("/dev/sr0")
    assert host.read(f"{STATE}/provisioned")
    assert not host.exists(f"{STATE}/report-due")
    for name in host.names(STATE):
        found = host.status(f"{STATE}/{name}")
        assert found is not None
        assert not found.mode & 0o077, name


def test_the_fingerprint_reported_is_that_of_a_key_that_is_there(host, platform):
    boot = Boot(host, platform).at_boot()
    sshd = boot.run.driver.sshd
    assert sshd is not None
    (properties,) = platform.role_properties
    assert "SHA256" + sshd.host_keys()[0].sha256 in properties.values()


def test_the_second_boot_changes_nothing_and_says_nothing(host, platform):
    Boot(host, platform).at_boot()
    before, told = disk(host.root), len(platform.requests)
    again = Boot(host, platform).at_boot()
    assert [line for line in again.changed if "verify" not in line] == []
    assert not differences(before, disk(host.root))
    assert len(platform.requests) == told


def test_a_platform_that_is_silent_does_not_keep_people_out(host, platform):
    boot = Boot(host, endpoint="127.0.0.1:9")
    with pytest.raises(Unreachable):
        boot.at_boot()
    assert host.owner(Machine.example().user)
    assert host.exists(f"{STATE}/provisioned")
    assert host.exists(f"{STATE}/report-due")
    Boot(host, platform).at_boot()
    assert states(platform) == ["Ready"]
    assert not host.exists(f"{STATE}/report-due")


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", path="comp=goalstate", status=500, count=3),
        Fault("status", path="comp=goalstate", status=503, count=3),
        Fault("reset", path="comp=goalstate", count=3),
        Fault("truncate", path="comp=goalstate", count=3),
        Fault("hangup", path="comp=versions", count=3),
        Fault("status", path="comp=health", status=500, count=4),
        Fault("stale-incarnation", path="comp=goalstate", count=2),
        Fault("no-role-instance", path="comp=goalstate", count=2),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.path}-{fault.status}",
)
def test_a_fault_that_passes_delays_ready_and_no_more(fault, host, platform):
    platform.faults.add(fault)
    Boot(host, platform).at_boot()
    assert states(platform)[-1] == "Ready"


def test_certificates_for_another_key_are_said_and_nothing_of_them_is_kept(host, platform):
    platform.faults.add(Fault("other-key", path="comp=certificates"))
    boot = Boot(host, platform).at_boot()
    assert states(platform)[-1] == "Ready"
    assert any("certificates" in warning for warning in boot.run.warnings)
    assert host.glob(f"{STATE}/*.prv") == ()


class Sent:
    """Certificates as the platform sends them."""

    def public_key(self, thumbprint: str) -> str:
        if thumbprint != "AB" * 20:
            raise NotFound(f"the platform sent no certificate {thumbprint}")
        return public_key(7)

    def private_key(self, thumbprint: str) -> Secret:
        return Secret(b"-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n")


@pytest.mark.parametrize(("thumbprint", "error"), [("AB" * 20, None), ("CD" * 20, NotFound)])
def test_keys_known_by_their_certificate_are_deployed(thumbprint, error, host):
    driver = loader.load(host).driver
    goal = Goal(
        "vm-1",
        "azureuser",
        keys=(WantedKey("/home/azureuser/.ssh/authorized_keys", thumbprint=thumbprint),),
        pairs=(WantedPair("/home/azureuser/.ssh/id_rsa", thumbprint),),
    )
    boot = FirstBoot(driver, goal, Settings(), Materials(certificates=Sent()))
    outcomes = carry_out(boot.tasks(), driver.host, lambda _: None)
    assert type(decisive(outcomes)) is (error or type(None))
    if error is None:
        home = "/home/azureuser/.ssh"
        assert host.read(f"{home}/authorized_keys").strip().startswith(public_key(7)[:60])
        pair = host.status(f"{home}/id_rsa"), host.status(f"{home}/id_rsa.pub")
        assert [each.mode for each in pair if each is not None] == [0o600, 0o644]


def test_without_a_disc_the_platform_is_told_why(host, platform, tmp_path):
    (tmp_path / "root/dev/sr0").write_text('{"medium": false}\n')
    with pytest.raises(NotFound, match="no provisioning disc"):
        Boot(host, platform).at_boot()
    assert states(platform) == ["NotReady", "NotReady"]
    assert "no provisioning disc" in platform.health[-1].description
    assert not host.exists(f"{STATE}/provisioned")


@pytest.mark.parametrize(
    ("data", "error"),
    [(ovf(host_name="not a name"), InvalidInput), (b"<Environment", Malformed)],
)
def test_a_document_that_is_refused_changes_nothing_and_is_reported(
    data, error, host, platform, tmp_path
):
    (tmp_path / "root" / DISC).write_bytes(data)
    accounts = host.read("/etc/passwd")
    with pytest.raises(error):
        Boot(host, platform).at_boot()
    assert host.read("/etc/passwd") == accounts
    assert platform.health[-1].substatus == "ProvisioningFailed"
    assert PASSWORD not in platform.health[-1].description


def test_a_disc_left_mounted_by_a_killed_run_is_read_and_released(host, platform):
    host.make_directory("/mnt/cdrom/secure")
    host.run("mount", "-t", "udf", "-o", "ro", "/dev/sr0", "/mnt/cdrom/secure")
    Boot(host, platform).at_boot()
    assert states(platform)[-1] == "Ready"
    assert not host.is_directory("/mnt/cdrom/secure")


def test_an_image_that_was_another_machine_keeps_accounts_and_tells_the_platform(
    host, platform, tmp_path
):
    Boot(host, platform).at_boot()
    uuid = tmp_path / "root/sys/class/dmi/id/product_uuid"
    uuid.write_text("11111111-2222-3333-4444-555555555555\n")
    told = len(platform.health)
    boot = Boot(host, platform).at_boot()
    assert states(platform)[told:] == ["Ready"]
    assert any("was provisioned as" in line for line in boot.run.warnings)
    assert host.read(f"{STATE}/provisioned") == "11111111-2222-3333-4444-555555555555"
    assert Boot(host, platform).at_boot().run.warnings == []


def test_where_nobody_provisions_ready_is_all_that_is_said(host, platform):
    disabled = Settings(provisioning=ProvisioningSettings(agent="disabled"))
    Boot(host, platform, settings=disabled).at_boot()
    assert states(platform) == ["Ready"]
    with pytest.raises(NotFound):
        host.owner(Machine.example().user)


def test_cloud_init_is_waited_for(host, platform, tmp_path):
    waited = []

    def meanwhile() -> None:
        waited.append(1)
        state = tmp_path / "root" / STATE.lstrip("/")
        if len(waited) == 5:
            state.mkdir(parents=True, exist_ok=True)
            (state / "ovf-env.xml").write_bytes(ovf())
        if len(waited) == 8:
            key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB"
            (tmp_path / "root/etc/ssh/ssh_host_ed25519_key.pub").write_text(f"{key} x\n")
            (tmp_path / "root/etc/ssh/ssh_host_ed25519_key").write_text("key\n")

    settings = Settings(provisioning=ProvisioningSettings(agent="cloud-init"))
    Boot(host, platform, settings=settings, clock=FastClock(meanwhile)).at_boot()
    assert states(platform)[-1] == "Ready"
    assert len(waited) >= 8
    with pytest.raises(NotFound):
        host.owner("azureuser")


def test_cloud_init_that_never_comes_is_reported_within_the_deadline(host, platform):
    settings, clock = Settings(provisioning=ProvisioningSettings(agent="cloud-init")), FastClock()
    with pytest.raises(Exception, match="ovf-env"):
        Boot(host, platform, settings=settings, clock=clock).at_boot()
    assert clock.now - 1000.0 < 20 * 60
    assert platform.health[-1].substatus == "ProvisioningFailed"
    assert len(platform.health) > 5, "NotReady is refreshed meanwhile"
