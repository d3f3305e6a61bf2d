# SPDX-License-Identifier: Apache-2.0
"""``waagent deprovision`` where something is in its way: interrupts, links, options, mounts."""

from __future__ import annotations

import pathlib
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from agentcore.cli import main
from agentcore.cli.deprovisioning import INTERRUPTED, carried_out
from agentcore.provisioning.deprovision import SHARED, Deprovision
from agentcore.settings import Settings
from osdrivers import loader
from osdrivers.executor import Event
from osdrivers.host import Host
from tests.agentcore.provisioned import laid_out, tree

COMMAND = "import sys; from agentcore.cli import main; sys.exit(main(sys.argv[1:]))"


@pytest.fixture
def root(tmp_path: pathlib.Path) -> pathlib.Path:
    return laid_out(tmp_path / "root")


@pytest.fixture
def interruptible() -> Iterator[None]:
    """A build in the background begins with SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Interrupt:
    """Ctrl-C at the n-th event; ``seen`` counts them."""

    def __init__(self, at: int) -> None:
        self._at, self.seen = at, 0

    def __call__(self, event: Event) -> None:
        self.seen += 1
        if self.seen == self._at:
            signal.raise_signal(signal.SIGINT)


def deprovisioned(root: pathlib.Path, interrupt: Interrupt) -> int:
    driver = loader.load(Host(str(root))).driver
    return carried_out(Deprovision(driver, Settings()), interrupt)


@pytest.mark.usefixtures("interruptible")
def test_after_an_interrupt_at_any_event_a_second_run_comes_to_the_same_end(tmp_path, capsys):
    whole, never = laid_out(tmp_path / "whole"), Interrupt(0)
    assert deprovisioned(whole, never) == 0
    assert never.seen > 12
    for at in range(1, never.seen + 1):
        each = laid_out(tmp_path / str(at))
        assert deprovisioned(each, Interrupt(at)) == INTERRUPTED
        assert "the same command again does the rest" in capsys.readouterr().err
        assert deprovisioned(each, Interrupt(0)) == 0
        assert tree(each) == tree(whole)


def test_the_logs_of_extensions_are_where_the_option_says(root):
    (root / "etc/waagent.conf").write_text("Extension.LogDir=/srv/logs\n")
    for path in ("srv/logs/Acme.Handler/CommandExecution.log", "srv/kept"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("out")
    assert main(["deprovision", "--force", "--root", str(root)]) == 0
    assert list((root / "srv/logs").iterdir()) == []
    assert (root / "srv/kept").exists()
    assert (root / "var/log/azure/Acme.Handler").exists()


@pytest.mark.parametrize("key", ["Extension.LogDir", "Lib.Dir"])
@pytest.mark.parametrize(
    "place", ["/", "/var", "/var/log", "/var/log/", "/etc/ssh", "/var/lib/../lib"]
)
def test_a_directory_of_the_system_is_never_emptied_whatever_an_option_says(
    key, place, root, capsys
):
    (root / "etc/waagent.conf").write_text(f"{key}={place}\n")
    (root / "var/precious").write_text("kept")
    before = tree(root)
    assert main(["deprovision", "--root", str(root)]) != 0
    assert "holds more than the agent's files" in capsys.readouterr().err
    assert tree(root) == before
    assert main(["deprovision", "--force", "--root", str(root)]) != 0
    after = tree(root)
    for name in ("var/precious", "etc/ssh/sshd_config", "home/azureuser/kept"):
        assert after[name] == before[name]


def test_the_directories_of_the_agent_are_none_of_the_systems():
    settings = Settings()
    assert settings.extensions.log_dir not in SHARED
    assert settings.agent.state_dir not in SHARED


def test_as_long_as_the_account_is_there_so_is_what_names_it(root, capsys):
    """This tree has no usermod(8): the account cannot be deleted."""
    assert main(["deprovision+user", "--force", "--root", str(root)]) == 1
    said = capsys.readouterr().err
    assert "account:" in said
    assert "account azureuser is gone: not so" in said
    assert (root / "var/lib/waagent/ovf-env.xml").exists()


def test_no_link_that_somebody_laid_out_leads_out_of_the_listed_places(root, tmp_path):
    outside = tmp_path / "outside"
    for name in (
        "history",
        "key",
        "id",
        "leases/dhclient.leases",
        "logs/syslog",
        "fish/fish_history",
    ):
        (outside / name).parent.mkdir(parents=True, exist_ok=True)
        (outside / name).write_text("precious")
    for link, target in (
        ("home/azureuser/.bash_history", "history"),
        ("home/azureuser/.local/share/fish", "fish"),
        ("etc/ssh/ssh_host_rsa_key", "key"),
        ("etc/machine-id", "id"),
        ("var/lib/dhcp", "leases"),
        ("var/log/azure", "logs"),
        ("var/lib/waagent/Acme.Handler-1.0/config/link", "logs"),
    ):
        place = root / link
        if place.is_dir():
            place.rename(tmp_path / place.name)
        place.unlink(missing_ok=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(outside / target)
    before = tree(outside)
    main(["deprovision", "--force", "--root", str(root)])
    assert tree(outside) == before
    assert not (root / "var/lib/waagent/Acme.Handler-1.0").exists()
    assert not (root / "etc/ssh/ssh_host_rsa_key").is_symlink()


@pytest.mark.sandbox
def test_on_a_tree_that_cannot_be_written_nothing_changes_and_that_is_said(root):
    """In a mount namespace of its own, which ends with the command."""
    before = tree(root)
    script = (
        f"mount --bind {root} {root} && mount -o remount,bind,ro {root} && "
        f"{sys.executable} -c '{COMMAND}' deprovision --force --root {root}"
    )
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script],
        cwd=pathlib.Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 1
    assert "Read-only file system" in done.stderr
    assert "Traceback" not in done.stderr
    assert tree(root) == before
