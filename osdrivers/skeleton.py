# SPDX-License-Identifier: Apache-2.0
"""The package of a driver of one's own, as it begins: ``waagent driver new``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from string import Template

from .errors import Conflict, InvalidInput
from .host import Host
from .loader import Entry

_NAME = re.compile(r"(?P<id>[a-z](?:[a-z0-9_-]*?[a-z_])?)(?:-(?P<version>\d+(?:\.\d+)*))?")


@dataclass(frozen=True)
class Names:
    """``name`` is the entry point's: ``<id>`` or ``<id>-<version>``."""

    name: str
    like: Entry

    @property
    def id(self) -> str:
        found = _NAME.fullmatch(self.name)
        if found is None:
            raise InvalidInput(
                f"{self.name!r} is no name of a driver", hint="ID of os-release: acme or acme-3"
            )
        return found["id"]

    @property
    def package(self) -> str:
        return "osdriver_" + self.id.replace("-", "_")

    @property
    def distribution(self) -> str:
        return "osdriver-" + self.id.replace("_", "-")


def skeleton(name: str, like: Entry) -> Mapping[str, str]:
    """The package's files by their place in it.

    :param name: of the entry point; what os-release(5) says in ``ID=``, perhaps ``-<version>``.
    :param like: the driver that the new one is made of.
    :raises InvalidInput: a name that cannot be an entry point's.
    """
    names = Names(name, like)
    module, _, function = like.target.partition(":")
    words = {
        "name": name,
        "id": names.id,
        "package": names.package,
        "distribution": names.distribution,
        "function": names.id.replace("-", "_"),
        "module": module,
        "like": function,
        "imports": _imports(module, function),
    }
    return {
        Template(path).substitute(words): Template(text).substitute(words)
        for path, text in _FILES.items()
    }


def _imports(module: str, function: str) -> str:
    lines = ["osdrivers.api import Driver", "osdrivers.host import Host"]
    lines.append(f"{module} import {function} as like")
    return "\n".join(f"from {line}" for line in sorted(lines))


def write(files: Mapping[str, str], output: Host, directory: str) -> None:
    """Write them to a directory that is not there yet, whole or not at all.

    :raises Conflict: it is there.
    """
    if output.status(directory, follow=False) is not None:
        raise Conflict(f"{directory} is there already", hint="name a new directory")
    above, _, name = directory.rpartition("/")
    fresh = f"{above}/.{name}.new"
    output.remove(fresh, recursive=True)
    for path, text in files.items():
        output.make_directory(f"{fresh}/{path}".rpartition("/")[0])
        output.write(f"{fresh}/{path}", text.encode(), mode=0o644)
    output.rename(fresh, directory)


_FILES = {
    "setup.cfg": """\
[metadata]
name = $distribution
version = 0.1
description = A driver for $id

[options]
packages = find:
python_requires = >=3.9

[options.packages.find]
include =
    $package*

[options.entry_points]
osdrivers =
    $name = $package.driver:$function
""",
    "setup.py": '''\
"""All metadata is in setup.cfg; this serves setuptools older than 61."""

from setuptools import setup

setup()
''',
    "pyproject.toml": """\
[build-system]
requires = ["setuptools>=44"]
build-backend = "setuptools.build_meta"
""",
    "$package/__init__.py": '"""A driver for $id."""\n',
    "$package/driver.py": '''\
"""$id: what it does otherwise than the driver it is made of."""

from __future__ import annotations

from dataclasses import replace

$imports


def $function(host: Host) -> Driver:
    """This version and every later one.  What differs is a field here: ``sudo=...``."""
    return replace(like(host), name="$id")
''',
    "tests/test_driver.py": '''\
"""The conformance kit over the driver: of its package, and on every captured machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

DRIVER = "$package.driver:$function"
MACHINES = Path(__file__).parent / "machines"
GOLDEN = Path(__file__).parent / "golden"


def kit(what: str, *options: str) -> None:
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--pyargs", what)
    done = subprocess.run(
        (*command, "--driver", DRIVER, *options), capture_output=True, text=True, check=False
    )
    print(done.stdout)
    assert done.returncode == 0, done.stderr


def test_the_package_is_what_a_drivers_should_be() -> None:
    kit("osdrivers.conformance.package")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: accounts own files")
def test_every_operation_does_what_it_promises() -> None:
    if not MACHINES.is_dir():
        pytest.skip("no machine: waagent driver capture tests/machines/$name makes one")
    kit("osdrivers.conformance", "--root", str(MACHINES), "--golden", str(GOLDEN))
''',
    "README.md": """\
# $distribution

A driver for $id, for programs that use `osdrivers`. It is $module:$like with what differs
replaced, in `$package/driver.py`.

    python setup.py -q egg_info     # its entry point, for a trial from here
    export PYTHONPATH=$$PWD
    waagent driver explain --driver $name
    python -m pytest

The first run tries the package only. For the operations, capture a machine of $id and have its
trace written, as root; read both before you commit them:

    waagent driver capture tests/machines/$name
    python -m pytest --pyargs osdrivers.conformance --driver $package.driver:$function \\
        --root tests/machines --golden tests/golden --update
""",
}
