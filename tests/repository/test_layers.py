# SPDX-License-Identifier: Apache-2.0
"""The arrows of docs/architecture.md, so that nobody has to remember them."""

from __future__ import annotations

import ast
import re
from typing import Callable

import pytest

from tests.repository.tree import (
    PACKAGES,
    ROOT,
    Import,
    distributions,
    entry_points,
    files,
    imports,
    module_name,
    name_of,
    parsed,
)

#: What osdrivers consists of besides drivers, parts and the conformance kit.
CORE = (
    "api",
    "actions",
    "host",
    "executor",
    "trace",
    "loader",
    "identity",
    "errors",
    "probes",
    "crypt",
    "watching",
    "capture",
    "redaction",
    "skeleton",
)
#: What of it an agent may use.
FOR_AGENTS = tuple(
    f"osdrivers.{name}" for name in CORE if name not in ("probes", "crypt", "redaction")
)
DRIVERS = sorted({value.partition(":")[0] for value in entry_points("osdrivers").values()})
#: What drivers of one kernel are made with; held to all that drivers are, but for their length.
SHARED = ("osdrivers.family",)

#: Imported module: the files in which it may stand.
ONLY_IN = {
    "subprocess": ("osdrivers/host/", "osdrivers/conformance/", "lab/"),
    "stevedore": ("osdrivers/loader.py",),
    "importlib.metadata": ("osdrivers/loader.py",),
    "defusedxml": ("agentcore/azure/xml.py", "lab/"),
    "cryptography": ("agentcore/azure/certificates", "osdrivers/conformance/", "lab/"),
    "distro": ("osdrivers/identity.py",),
    "ctypes": ("osdrivers/crypt.py", "osdrivers/host/", "osdrivers/conformance/", "lab/"),
}
#: Gone from a supported Python, a second way to start a process, or somebody else's machinery.
NOWHERE = (
    "distutils",
    "pkg_resources",
    "crypt",
    "spwd",
    "pipes",
    "imp",
    "mock",
    "pty",
    "multiprocessing",
    "asyncio",
    "pwd",
    "grp",
    "unittest",
    "platform",
)
#: What a driver or part reaches through its host instead.
THROUGH_THE_HOST = ("os", "pathlib", "shutil", "tempfile", "glob", "socket", "fcntl", "io")
#: Of the standard library's XML only what makes documents; what reads them expands entities.
XML_BUILDERS = ("Element", "SubElement", "tostring", "indent", "ParseError", "register_namespace")
#: Functions of os that start a process.
STARTERS = re.compile(r"(system|popen|fork|forkpty|exec[lv]p?e?|spawn[lv]p?e?|posix_spawnp?)$")


def violations(refused: Callable[[Import], bool], *below: str) -> list[str]:
    return [str(each) for each in imports(*below) if refused(each)]


def outside(each: Import, *places: str) -> bool:
    return not name_of(each.path).startswith(places)


@pytest.mark.parametrize("module", sorted(ONLY_IN))
def test_a_module_is_imported_only_where_it_belongs(module: str) -> None:
    places = ONLY_IN[module]
    wrong = violations(lambda each: each.within(module) and outside(each, *places), *PACKAGES)
    assert not wrong, f"{module} belongs to {', '.join(places)}"


@pytest.mark.parametrize("module", NOWHERE)
def test_a_module_is_imported_nowhere(module: str) -> None:
    assert not violations(lambda each: each.within(module), *PACKAGES)


def test_no_document_is_parsed_by_the_standard_library() -> None:
    builders = [f"xml.etree.ElementTree.{name}" for name in XML_BUILDERS]

    def refused(each: Import) -> bool:
        harmless = each.typing or each.name in builders or each.within("xml.sax.saxutils")
        return each.within("xml") and not harmless and outside(each, *ONLY_IN["defusedxml"])

    assert not violations(refused, *PACKAGES)


def test_osdrivers_knows_no_agent_and_no_lab() -> None:
    def refused(each: Import) -> bool:
        return each.within("agentcore", "agentcore_freebsd", "lab", "tests")

    assert not violations(refused, "osdrivers")


def test_nothing_imports_the_lab() -> None:
    below = [package for package in PACKAGES if package != "lab"]
    assert not violations(lambda each: each.within("lab", "tests"), *below)


def test_the_agent_asks_drivers_only_through_the_core() -> None:
    def refused(each: Import) -> bool:
        return each.within("osdrivers", "agentcore_freebsd") and not each.within(*FOR_AGENTS)

    assert not violations(refused, "agentcore")


def test_the_platform_side_uses_of_osdrivers_only_host_and_errors() -> None:
    allowed = ("osdrivers.host", "osdrivers.errors")
    wrong = violations(
        lambda each: each.within("osdrivers") and not each.within(*allowed), "agentcore/azure"
    )
    assert not wrong


def test_the_platform_side_knows_nothing_above_it() -> None:
    above = ("provisioning", "extensions", "daemon", "cli")
    names = [f"agentcore.{name}" for name in above]
    assert not violations(lambda each: each.within(*names), "agentcore/azure")


def test_the_core_of_osdrivers_imports_neither_drivers_nor_parts() -> None:
    def refused(each: Import) -> bool:
        inside_core = module_name(each.path).split(".")[1:2]
        known = [f"osdrivers.{name}" for name in CORE]
        return (
            bool(inside_core)
            and inside_core[0] in CORE
            and (each.within("osdrivers") and not each.within(*known))
        )

    assert not violations(refused, "osdrivers")


def test_parts_import_no_driver() -> None:
    assert DRIVERS
    assert not violations(
        lambda each: each.within(*DRIVERS, *SHARED, "osdrivers.loader", "osdrivers.conformance"),
        "osdrivers/parts",
    )


def test_drivers_import_nothing_that_carries_plans_out() -> None:
    refused = ("osdrivers.loader", "osdrivers.conformance", "osdrivers.executor")
    inside = [f"osdrivers/{name.split('.')[1]}.py" for name in (*DRIVERS, *SHARED) if "." in name]
    wrong = [
        str(each)
        for each in imports("osdrivers", "freebsd/agentcore_freebsd")
        if each.within(*refused) and not outside(each, *inside, "freebsd/")
    ]
    assert not wrong


def test_the_foreign_distribution_uses_only_public_names() -> None:
    def refused(each: Import) -> bool:
        private = any(
            part.startswith("_") and part != "__future__" for part in each.name.split(".")
        )
        return each.within("agentcore", "lab", "tests") or (each.within("osdrivers") and private)

    assert not violations(refused, "freebsd/agentcore_freebsd")


def test_drivers_and_parts_reach_the_machine_only_through_the_host() -> None:
    drivers = {f"{name.replace('.', '/')}.py" for name in (*DRIVERS, *SHARED)}
    wrong = []
    for path in files("osdrivers", "freebsd/agentcore_freebsd", suffix=".py"):
        place = name_of(path)
        driver = place in drivers or place.startswith(("osdrivers/parts/", "freebsd/"))
        if not driver:
            continue
        wrong += [str(each) for each in imports(place) if each.within(*THROUGH_THE_HOST)]
        wrong += [
            f"{place}:{node.lineno} calls open()"
            for node in ast.walk(parsed(path))
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "open"
        ]
    assert not wrong


def test_only_the_host_starts_processes() -> None:
    wrong = [
        f"{name_of(path)}:{node.lineno} uses os.{node.attr}"
        for path in files("agentcore", "osdrivers", "freebsd/agentcore_freebsd", suffix=".py")
        if not name_of(path).startswith(ONLY_IN["subprocess"])
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
        and STARTERS.match(node.attr)
    ]
    assert not wrong


@pytest.mark.parametrize("name", distributions())
def test_the_agent_names_no_distribution(name: str) -> None:
    # A short id is looked for as a word only: "ol" is in every second sentence.
    pattern = re.escape(name) if len(name) > 4 else rf"(?<![a-z]){re.escape(name)}(?![a-z])"
    found = [
        f"{name_of(path)}:{number} {line.strip()}"
        for path in files("agentcore")
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if re.search(pattern, line, re.IGNORECASE)
    ]
    assert not found


@pytest.mark.parametrize("name", distributions())
def test_parts_name_no_distribution_in_their_file_names(name: str) -> None:
    assert not [path.name for path in files("osdrivers/parts", suffix=".py") if path.stem == name]


@pytest.mark.parametrize(("name", "value"), sorted(entry_points("osdrivers").items()))
def test_every_entry_point_leads_to_a_function(name: str, value: str) -> None:
    module, _, function = value.partition(":")
    base = ROOT / "freebsd" if module.startswith("agentcore_freebsd") else ROOT
    path = base / f"{module.replace('.', '/')}.py"
    assert path.is_file(), f"{name} names {module}, which is not there"
    defined = [node.name for node in parsed(path).body if isinstance(node, ast.FunctionDef)]
    assert function in defined
