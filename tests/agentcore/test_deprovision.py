# SPDX-License-Identifier: Apache-2.0
"""``waagent deprovision``: what it says, what it asks, what it leaves alone."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

import pytest

from agentcore.cli import main
from agentcore.extensions.layout import Layout
from agentcore.provisioning.deprovision import running
from osdrivers.host import Host
from tests.agentcore.provisioned import laid_out, tree

COMMAND = "import sys; from agentcore.cli import main; sys.exit(main(sys.argv[1:]))"


@pytest.fixture
def root(tmp_path: pathlib.Path) -> pathlib.Path:
    return laid_out(tmp_path / "root")


def answered(text: str, *words: str) -> subprocess.CompletedProcess[str]:
    """One command line, with what is typed at its question."""
    return subprocess.run(
        [sys.executable, "-c", COMMAND, *words],
        input=text,
        cwd=pathlib.Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_a_plan_changes_nothing_and_names_what_would_go(root, capsys):
    before = tree(root)
    assert main(["deprovision", "--plan", "--json", "--root", str(root)]) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert tree(root) == before
    paths = {record["path"] for record in records}
    assert {"/etc/ssh/ssh_host_rsa_key", "/etc/machine-id", "/var/lib/waagent/provisioned"} <= paths
    assert not [path for path in paths if path.startswith("/home")]


def test_what_was_planned_is_gone_and_all_else_is_there(root, capsys):
    before = tree(root)
    assert main(["deprovision", "--plan", "--json", "--root", str(root)]) == 0
    planned = [json.loads(line)["path"][1:] for line in capsys.readouterr().out.splitlines()]
    assert main(["deprovision", "--force", "--root", str(root)]) == 0
    after = tree(root)
    untouched = {
        name for name in before if not any(name == p or name.startswith(f"{p}/") for p in planned)
    }
    assert {name: after[name] for name in untouched} == {name: before[name] for name in untouched}
    assert "etc/ssh/sshd_config" in untouched
    for name in ("etc/ssh/ssh_host_rsa_key", "var/lib/waagent/provisioned"):
        assert name not in after
    assert (root / "var/lib/waagent").is_dir()
    assert after["etc/machine-id"] == b""


def test_a_second_run_changes_nothing(root, capsys):
    assert main(["deprovision", "--force", "--root", str(root)]) == 0
    capsys.readouterr()
    assert main(["deprovision", "--plan", "--root", str(root)]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("said", ["n\n", "\n", "", "yeah\n"])
def test_whoever_does_not_say_yes_has_said_no(said, root):
    before = tree(root)
    done = answered(said, "deprovision", "--root", str(root))
    assert done.returncode == 1
    assert tree(root) == before
    assert "remove /etc/ssh/ssh_host_rsa_key" in done.stderr
    assert "nothing was changed" in done.stderr


def test_yes_is_yes(root):
    assert answered("Y\n", "-deprovision", "--root", str(root)).returncode == 0
    assert not (root / "var/lib/waagent/provisioned").exists()


@pytest.mark.parametrize("words", [["deprovision", "+user"], ["-deprovision+user"]])
def test_with_its_user_the_account_goes_that_provisioning_made(words, root, capsys):
    assert main([*words, "--plan", "--root", str(root)]) == 0
    assert "azureuser" in capsys.readouterr().out


def test_an_account_of_the_system_is_never_taken_for_the_one_that_was_made(root, capsys):
    text = (root / "var/lib/waagent/ovf-env.xml").read_text().replace("azureuser", "root")
    (root / "var/lib/waagent/ovf-env.xml").write_text(text)
    assert main(["deprovision+user", "--plan", "--root", str(root)]) != 0
    assert "root is an account of the system" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["deprovision+userfoo"], ["deprovision", "user"]])
def test_a_word_that_is_nearly_right_is_an_error(words, capsys):
    assert main(words) == 64
    assert "did you mean" in capsys.readouterr().err


def test_a_state_directory_that_is_a_link_is_refused(root, tmp_path, capsys):
    outside = tmp_path / "outside"
    (root / "var/lib/waagent").rename(outside)
    (root / "var/lib/waagent").symlink_to(outside)
    before = tree(root)
    assert main(["deprovision", "--force", "--root", str(root)]) != 0
    assert (outside / "provisioned").exists()
    assert main(["deprovision", "--root", str(root)]) != 0
    assert "not a directory" in capsys.readouterr().err
    assert set(before) - set(tree(root)) <= {name for name in before if "waagent" not in name}


def test_a_link_in_it_is_removed_and_not_followed(root, tmp_path):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious/file").write_text("kept")
    (root / "var/lib/waagent/link").symlink_to(tmp_path / "precious")
    assert main(["deprovision", "--force", "--root", str(root)]) == 0
    assert (tmp_path / "precious/file").read_text() == "kept"
    assert not (root / "var/lib/waagent/link").is_symlink()


def test_a_command_of_an_extension_that_waits_or_runs_is_seen(tmp_path):
    layout = Layout("/var/lib/waagent", "/var/log/azure")
    record = tmp_path / layout.record("acme-enable")[1:]
    record.mkdir(parents=True)
    host = Host(str(tmp_path))
    assert running(host, layout) == (layout.record("acme-enable"),)
    (record / "status").write_text("0\n")
    assert running(host, layout) == ()


@pytest.mark.sandbox
def test_what_is_mounted_in_the_state_directory_survives(root, tmp_path):
    """In a mount namespace of its own, which ends with the command."""
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious/file").write_text("kept")
    for place in ("mounted", "deep/mounted"):
        (root / "var/lib/waagent" / place).mkdir(parents=True)
        script = (
            f"mount --bind {tmp_path}/precious {root}/var/lib/waagent/{place} && "
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
        assert done.returncode == 1, done.stderr
        assert "mount" in done.stderr
        assert (tmp_path / "precious/file").read_text() == "kept"
        (root / "var/lib/waagent" / place).rmdir()
