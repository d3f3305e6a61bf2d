# SPDX-License-Identifier: Apache-2.0
"""Puts the project into a tree: what ``make install`` runs, and all packagings stand on.

    python3 packaging/install.py NAME=VALUE ...

Every path is an argument or follows from one; nothing is looked up on the machine that builds.
Only the standard library is needed, and no network.  ``packaging/README.md`` has the list of names.
"""

from __future__ import annotations

import configparser
import io
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from target import ROOT, SCRIPTS, VARIABLES, Target, Wrong, target  # noqa: F401

#: Entry points that belong to the developers' package.
FOR_DEVELOPERS = ("pytest11",)
#: Where an interpreter looks by itself.
SEARCHED = ("site-packages", "dist-packages")


# ---------------------------------------------------------------- Python


def modules(target: Target, package: str, *, to: str, but: str = "") -> None:
    """A package's files; what is below ``but`` is left out."""
    base = ROOT / package
    for path in sorted(base.rglob("*")):
        inside = path.relative_to(ROOT).as_posix()
        if path.is_dir() or "__pycache__" in path.parts or path.suffix == ".pyc":
            continue
        if but and inside.startswith(f"{but}/"):
            continue
        content = path.read_bytes()
        # The FreeBSD driver says for itself where its system has things.
        if path.suffix == ".py" and package != "freebsd/agentcore_freebsd":
            text = target.translated(content.decode("utf-8"))
            if inside == "osdrivers/host/places.py":
                text = text.replace('str = "/usr/sbin"', f'str = "{target["SBINDIR"]}"')
            content = text.encode("utf-8")
        place = path.relative_to(base.parent).as_posix()
        target.write(f"{to}/{place}", content, 0o755 if content.startswith(b"#!") else 0o644)


def metadata(target: Target, setup: Path, name: str, groups: Mapping[str, str]) -> None:
    """The ``.dist-info`` that ``importlib.metadata`` and stevedore find entry points in.

    Source: the specification of core metadata 2.1, and of entry points.
    """
    config = configparser.ConfigParser(interpolation=None)
    config.read(setup, encoding="utf-8")
    version = _version()
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Summary: {config['metadata']['description']}"]
    lines += [f"License: {config['metadata']['license']}"]
    lines += [f"Requires-Python: {config['options']['python_requires']}"]
    if name == "agentcore":
        wanted = config["options"]["install_requires"].split()
        lines += [f"Requires-Dist: {each}" for each in wanted]
    place = f"{target['PYTHONDIR']}/{name.replace('-', '_')}-{version}.dist-info"
    target.write(f"{place}/METADATA", ("\n".join(lines) + "\n").encode())
    target.write(f"{place}/INSTALLER", b"make\n")
    made = io.StringIO()
    for group, entries in groups.items():
        made.write(f"[{group}]\n" + "\n".join(entries.split("\n")).strip() + "\n\n")
    target.write(f"{place}/entry_points.txt", made.getvalue().encode())


def _version() -> str:
    text = (ROOT / "agentcore/version.py").read_text(encoding="utf-8")
    return re.findall(r'^VERSION = "([0-9.]+)"$', text, re.MULTILINE)[0]


def entry_points(setup: Path) -> dict[str, str]:
    """Group -> its lines."""
    config = configparser.ConfigParser(interpolation=None)
    config.read(setup, encoding="utf-8")
    return dict(config["options.entry_points"])


def launcher(target: Target, path: str, module: str, *search: str) -> None:
    """A program of our own: a generated one imports pkg_resources or importlib.metadata.

    The interpreter is isolated (-I): neither the environment nor the working directory is searched.
    """
    paths = [each for each in search if Path(each).name not in SEARCHED]
    added = f"sys.path[:0] = {paths!r}\n" if paths else ""
    text = (
        f"#!{target['PYTHON']} -I\n# SPDX-License-Identifier: Apache-2.0\nimport sys\n\n{added}"
        f"from {module} import main  # noqa: E402\n\nsys.exit(main())\n"
    )
    target.write(path, text.encode(), 0o755)


# ---------------------------------------------------------------- components


def agent(target: Target) -> None:
    """The agent with its drivers, and what belongs to it on the system."""
    python = target["PYTHONDIR"]
    modules(target, "agentcore", to=python)
    modules(target, "osdrivers", to=python, but="osdrivers/conformance")
    points = entry_points(ROOT / "setup.cfg")
    drivers = {group: text for group, text in points.items() if group not in
               (*FOR_DEVELOPERS, "console_scripts")}  # fmt: skip
    metadata(target, ROOT / "setup.cfg", "agentcore", drivers)
    launcher(target, f"{target['SBINDIR']}/waagent", "agentcore.cli", python)
    for source, place in system_files(target):
        text = target.translated((ROOT / source).read_text(encoding="utf-8"))
        script = text.startswith("#!")
        if source.endswith(".service"):
            text = renamed(target, Path(source).name, text)
        if source.endswith(".in"):
            text = substituted(target, text)
        target.write(place, text.encode("utf-8"), 0o755 if script else 0o644)


def system_files(target: Target) -> Iterator[tuple[str, str]]:
    """(source below the tree, path on the target)."""
    vendor = f"{target['PREFIX']}/lib/waagent/conf.d"
    yield "conf/waagent.conf", f"{target['SYSCONFDIR']}/waagent.conf"
    yield "conf/10-packaged.conf", f"{vendor}/10-packaged.conf"
    if target["VENDOR"]:
        yield f"conf/vendor/{target['VENDOR']}.conf", f"{vendor}/20-vendor.conf"
    for section in "5", "7", "8":
        for page in sorted((ROOT / "docs/man").glob(f"*.{section}")):
            yield f"docs/man/{page.name}", f"{target['MANDIR']}/man{section}/{page.name}"
    for shell, source, name in (
        ("BASHCOMPDIR", "waagent.bash", "waagent"),
        ("ZSHCOMPDIR", "_waagent", "_waagent"),
        ("FISHCOMPDIR", "waagent.fish", "waagent.fish"),
    ):
        if (ROOT / "conf/completions" / source).exists():
            yield f"conf/completions/{source}", f"{target[shell]}/{name}"
    if "rcng" not in target.inits:
        yield "conf/logrotate/waagent", f"{target['LOGROTATEDIR']}/waagent"
        for rule in sorted((ROOT / "conf/udev").glob("*.rules")):
            yield f"conf/udev/{rule.name}", f"{target['UDEVDIR']}/{rule.name}"
    yield from init_files(target)


def init_files(target: Target) -> Iterator[tuple[str, str]]:
    """Units or scripts of the init systems that were asked for."""
    for init in target.inits:
        if init == "systemd":
            for unit in sorted((ROOT / "conf/systemd").iterdir()):
                if unit.suffix == ".preset":
                    yield f"conf/systemd/{unit.name}", f"{target['PRESETDIR']}/{unit.name}"
                elif unit.suffix in (".service", ".slice", ".target", ".timer", ".path"):
                    name = unit.name
                    if name == "waagent.service":
                        name = f"{target['SERVICE_NAME']}.service"
                    yield f"conf/systemd/{unit.name}", f"{target['UNITDIR']}/{name}"
            continue
        source, default = SCRIPTS[init]
        place = target["INITDIR"] or default.format(**target.values)
        suffix = ".conf" if init == "upstart" else ""
        yield source, f"{place}/{target['SERVICE_NAME']}{suffix}"


def renamed(target: Target, unit: str, text: str) -> str:
    """A unit with the daemon's service under its name; the classic one stays an alias."""
    name = target["SERVICE_NAME"]
    if name == "waagent":
        return text
    if unit == "waagent.service":
        return re.sub(r"^Alias=.*$", "Alias=waagent.service", text, flags=re.MULTILINE)
    return re.sub(r"\bwaagent\.service\b", f"{name}.service", text)


def substituted(target: Target, text: str) -> str:
    """A template of a port: what its own framework would fill in."""
    text = text.replace("%%PREFIX%%", target["PREFIX"]).replace("%%ETCDIR%%", target["SYSCONFDIR"])
    return text.replace("%%PYTHON_CMD%%", target["PYTHON"])


def conformance(target: Target) -> None:
    """The conformance kit and the lab, for those who write drivers."""
    python = target["PYTHONDIR"]
    modules(target, "osdrivers/conformance", to=f"{python}/osdrivers")
    points = entry_points(ROOT / "setup.cfg")
    kit = {group: points[group] for group in FOR_DEVELOPERS}
    metadata(target, ROOT / "setup.cfg", "agentcore-conformance", kit)
    modules(target, "lab", to=target["LABDIR"])
    launcher(target, f"{target['PREFIX']}/bin/agentcore-lab", "lab.cli", target["LABDIR"], python)
    page = (ROOT / "docs/man/agentcore-lab.1").read_bytes()
    target.write(f"{target['MANDIR']}/man1/agentcore-lab.1", page)


def freebsd(target: Target) -> None:
    """The FreeBSD driver, a distribution of its own."""
    modules(target, "freebsd/agentcore_freebsd", to=target["PYTHONDIR"])
    setup = ROOT / "freebsd/setup.cfg"
    metadata(target, setup, "agentcore-freebsd", entry_points(setup))


def main(words: list[str]) -> int:
    """Install what the arguments say."""
    try:
        wanted = target(words)
    except Wrong as wrong:
        print(f"install: {wrong}", file=sys.stderr)
        return 64
    for component in wanted["COMPONENTS"].split(","):
        {"agent": agent, "conformance": conformance, "freebsd": freebsd}[component](wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
