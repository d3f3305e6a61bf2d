# SPDX-License-Identifier: Apache-2.0
"""``waagent driver explain``: real trees, those of far releases, and third parties that break."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agentcore.cli import main

SAMPLES = Path(__file__).parents[3] / "shared/samples/os-release"
MACHINES = Path(__file__).parents[1] / "machines"
PAGE = Path(__file__).parents[2] / "docs/driver-authors/index.md"


def explained(root: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    assert main(("driver", "explain", "--json", "--root", str(root))) == 0
    return json.loads(capsys.readouterr().out)


def test_every_sample_tree_gets_a_driver_and_a_reason(capsys: pytest.CaptureFixture[str]) -> None:
    if not SAMPLES.is_dir():
        pytest.skip("no sample trees beside this one")
    for root in sorted(each for each in SAMPLES.iterdir() if each.is_dir()):
        found = explained(root, capsys)
        assert found["id"] != "", root
        assert found["reason"], root
        assert found["rejected"] == [], root


@pytest.mark.parametrize("name", ["debian-12", "ubuntu-24.04", "rhel-9", "opensuse-leap-15.6"])
def test_a_release_of_the_far_future_gets_the_newest_driver(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (MACHINES / name / "usr/lib/os-release").read_text()
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_text(text)
    now = explained(tmp_path, capsys)["target"]
    later, bumped = re.subn(r"(?m)^VERSION_ID=.*$", 'VERSION_ID="9999.04"', text)
    assert bumped == 1
    (tmp_path / "etc/os-release").write_text(later)
    assert explained(tmp_path, capsys)["target"] == now


def test_a_third_party_that_breaks_is_reported_and_passed_over(tmp_path: Path) -> None:
    info = tmp_path / "acme_os-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-os\nVersion: 1\n")
    points = ("debian-9 = acme_os:raises", "debian-10 = acme_os:nonsense", "debian-11 = gone:x")
    (info / "entry_points.txt").write_text("[osdrivers.override]\n" + "\n".join(points) + "\n")
    (tmp_path / "acme_os.py").write_text(
        "def raises(host):\n    raise RuntimeError('out of order')\n"
        "def nonsense(host):\n    return 7\n"
    )
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_text("ID=debian\nVERSION_ID=12\n")
    words = ("driver", "explain", "--json", "--root", str(tmp_path))
    status, said = waagent(tmp_path, *words)
    assert status == 0, said
    found = json.loads(said)
    assert found["target"] == "osdrivers.debian:debian"
    why = " ".join(each["why"] for each in found["rejected"])
    assert len(found["rejected"]) == 3
    assert "out of order" in why
    assert "returned a int, not a Driver" in why
    assert "No module named 'gone'" in why
    (info / "entry_points.txt").write_text(
        "[osdrivers.override]\ndebian = acme_os:raises\nDebian = acme_os:nonsense\n"
    )
    status, said = waagent(tmp_path, *words)
    assert status != 0
    assert "acme_os:raises" in said
    assert "acme_os:nonsense" in said


def waagent(site: Path, *words: str) -> tuple[int, str]:
    code = f"import sys; from agentcore.cli import main; sys.exit(main({words!r}))"
    path = os.pathsep.join((str(site), *filter(None, sys.path)))
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path, "XDG_CACHE_HOME": str(site / secrets.token_hex(4))},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_commands_of_the_first_driver_work(tmp_path: Path) -> None:
    """The first block of the page, as it stands there, in a directory of its own."""
    pytest.importorskip("setuptools")
    blocks = re.findall(r"^```\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert blocks[0].startswith("waagent driver new")
    code = "import sys; from agentcore.cli import main; sys.exit(main(sys.argv[1:]))"
    path = os.pathsep.join(filter(None, sys.path))
    both = f'export PYTHONPATH="$PWD:{path}"'
    script = blocks[0].replace("export PYTHONPATH=$PWD", both)
    assert script != blocks[0]
    head = f'set -eu\nexport PYTHONPATH="{path}"\npython() {{ "{sys.executable}" "$@"; }}\n'
    head += f"waagent() {{ python -c '{code}' \"$@\"; }}\n"
    done = subprocess.run(
        ["sh", "-c", head + script], cwd=tmp_path, capture_output=True, text=True, timeout=480
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "1 passed, 1 skipped" in done.stdout
