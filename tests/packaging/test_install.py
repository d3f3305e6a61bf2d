# SPDX-License-Identifier: Apache-2.0
"""``make install``: every path comes from its arguments, and what it installs runs."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEBIAN = ("PREFIX=/usr", "SYSCONFDIR=/etc", "PYTHONDIR=/usr/lib/python3/dist-packages")
FREEBSD = ("PREFIX=/usr/local", "SYSCONFDIR=/usr/local/etc", "INIT=rcng", "VENDOR=freebsd",
           "PYTHON=/usr/local/bin/python3.11", "COMPONENTS=agent,freebsd",
           "PYTHONDIR=/usr/local/lib/python3.11/site-packages")  # fmt: skip


LINUX = r"(^|[^a-z])/usr/sbin/waagent|(?<!local)(?<!_LOCAL})/etc/waagent|/usr/lib/waagent"


def install(*words: str, status: int = 0) -> str:
    """What ``make install`` runs, with nothing of this environment."""
    done = subprocess.run(
        [sys.executable, "-I", str(ROOT / "packaging/install.py"), *words],
        env={"PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == status, done.stderr
    return done.stderr


def names(tree: Path) -> list[str]:
    return sorted(f"/{path.relative_to(tree)}" for path in tree.rglob("*") if not path.is_dir())


def run(program: Path, *words: str, path: str = "") -> str:
    environment = {"PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, str(program), *words],
        env=environment,
        cwd="/",
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation below a prefix of its own, as anybody makes one."""
    prefix = tmp_path_factory.mktemp("prefix")
    install(f"PREFIX={prefix}", f"SYSCONFDIR={prefix}/etc", f"LOCALSTATEDIR={prefix}/var")
    return prefix


def test_the_command_runs_from_any_prefix(private: Path) -> None:
    assert run(private / "sbin/waagent", "version").startswith("WALinuxAgent-3.")


def test_the_installed_drivers_are_found_without_a_package_manager(private: Path) -> None:
    listed = run(private / "sbin/waagent", "driver", "list")
    assert "osdrivers.debian:debian" in listed


def test_the_launcher_is_isolated_from_the_environment(private: Path) -> None:
    first = (private / "sbin/waagent").read_text().splitlines()[0]
    assert first == "#!/usr/bin/python3 -I"


def test_the_agent_reads_its_configuration_where_it_was_installed(private: Path) -> None:
    places = (private / "lib/agentcore/osdrivers/host/places.py").read_text()
    assert f'"{private}/etc/waagent.conf"' in places
    assert f'"{private}/lib/waagent/conf.d"' in places
    assert f'"{private}/var/lib/waagent"' in places
    assert f'binaries: str = "{private}/sbin"' in places


def test_the_conformance_kit_and_its_plugin_are_not_part_of_the_agent(private: Path) -> None:
    assert not (private / "lib/agentcore/osdrivers/conformance").exists()
    points = next(private.rglob("entry_points.txt")).read_text()
    assert "pytest11" not in points
    assert not list(private.rglob("lab"))


def test_a_tree_of_freebsd_has_no_path_of_linux(tmp_path: Path) -> None:
    install(f"DESTDIR={tmp_path}", *FREEBSD)
    wrong = [
        f"{path.relative_to(tmp_path)}:{number}: {line}"
        for path in tmp_path.rglob("*")
        if path.is_file()
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if re.search(
            r"(^|[^a-z])/usr/sbin/waagent|(?<!local)(?<!_LOCAL})/etc/waagent|/usr/lib/waagent", line
        )
    ]
    assert not wrong
    driver = "agentcore_freebsd/driver.py"
    installed = tmp_path / "usr/local/lib/python3.11/site-packages" / driver
    assert installed.read_text() == (ROOT / "freebsd" / driver).read_text()
    assert (tmp_path / "usr/local/etc/rc.d/waagent").stat().st_mode & 0o777 == 0o755
    outside = [name for name in names(tmp_path) if "/site-packages/" not in name]
    assert not [name for name in outside if "systemd" in name or "udev" in name]


def test_the_list_of_the_port_has_each_file_but_the_modules(tmp_path: Path) -> None:
    install(f"DESTDIR={tmp_path}", *FREEBSD)
    listed = (ROOT / "freebsd/pkg-plist").read_text().replace("@sample ", "").split()
    outside = [name for name in names(tmp_path) if "/site-packages/" not in name]
    staged = {name[len("/usr/local/") :] for name in outside}
    renamed = {name.replace(".conf.sample", ".conf") for name in listed}
    assert staged - {"etc/rc.d/waagent"} == renamed  # the script is USE_RC_SUBR's


def test_no_file_is_outside_the_places_that_were_named(tmp_path: Path) -> None:
    install(f"DESTDIR={tmp_path}", *DEBIAN, "INIT=systemd,sysv,openrc,upstart")
    roots = ("/usr/lib/python3/dist-packages/", "/usr/sbin/waagent", "/usr/lib/waagent/",
             "/usr/lib/systemd/", "/usr/lib/udev/", "/usr/share/man/", "/etc/waagent.conf",
             "/etc/logrotate.d/", "/etc/init.d/waagent", "/etc/init/waagent.conf",
             "/usr/share/bash-completion/", "/usr/share/zsh/", "/usr/share/fish/")  # fmt: skip
    assert not [name for name in names(tmp_path) if not name.startswith(roots)]


def test_nothing_tells_where_it_was_built(tmp_path: Path) -> None:
    install(f"DESTDIR={tmp_path}", *DEBIAN)
    traces = (str(tmp_path), str(ROOT))
    told = [
        path
        for path in tmp_path.rglob("*")
        if path.is_file() and any(trace in path.read_text() for trace in traces)
    ]
    assert not told


def test_two_installations_are_the_same_whatever_the_umask(tmp_path: Path) -> None:
    trees = []
    for name, umask in (("one", 0o077), ("two", 0o002)):
        before = os.umask(umask)
        try:
            install(f"DESTDIR={tmp_path / name}", *DEBIAN, "COMPONENTS=agent,conformance,freebsd")
        finally:
            os.umask(before)
        tree = tmp_path / name
        trees.append(
            [(str(p.relative_to(tree)), p.stat().st_mode, p.is_file() and p.read_bytes())
             for p in sorted(tree.rglob("*"))]
        )  # fmt: skip
    assert trees[0] == trees[1]


def test_a_second_installation_over_the_first_changes_nothing(tmp_path: Path) -> None:
    install(f"DESTDIR={tmp_path}", *DEBIAN)
    before = names(tmp_path)
    install(f"DESTDIR={tmp_path}", *DEBIAN)
    assert names(tmp_path) == before


def test_the_paths_of_a_system_whose_prefix_is_usr_are_those_of_the_sources(
    tmp_path: Path,
) -> None:
    install(f"DESTDIR={tmp_path}", *DEBIAN)
    for name in ("osdrivers/host/places.py", "agentcore/settings.py"):
        installed = tmp_path / "usr/lib/python3/dist-packages" / name
        assert installed.read_bytes() == (ROOT / name).read_bytes()


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("UNITDIR=lib/systemd", "not an absolute path"),
        ("INIT=launchd", "one or more of systemd"),
        ("COMPONENTS=all", "one or more of agent"),
        ("VENDOR=nobody", "one or more of alpine"),
        ("PERFIX=/usr", "not one of DESTDIR"),
    ],
)
def test_an_argument_that_cannot_be_served_installs_nothing(
    word: str, reason: str, tmp_path: Path
) -> None:
    assert reason in install(f"DESTDIR={tmp_path}", word, status=64)
    assert not names(tmp_path)


def test_make_passes_each_of_the_names() -> None:
    script = runpy.run_path(str(ROOT / "packaging/install.py"))
    text = (ROOT / "Makefile").read_text()
    assert not [name for name in script["VARIABLES"] if f"{name}='$({name})'" not in text]
