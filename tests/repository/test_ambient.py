# SPDX-License-Identifier: Apache-2.0
"""Nothing lies about: no state in modules, no work at import, no thread, no shell."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.repository.tree import files, imports, module_name, name_of, parsed

OURS = ("agentcore", "osdrivers", "freebsd/agentcore_freebsd")
#: Displays and calls that make what can be changed afterwards.
CHANGEABLE = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
MAKERS = ("list", "dict", "set", "bytearray", "defaultdict", "deque", "Event", "Lock", "local")
#: What changes the whole process, asks who started it, or goes by the name of a thread.
PROCESS_WIDE = (
    "os.umask", "os.chdir", "os.getppid", "os.putenv",
    "signal.alarm", "socket.setdefaulttimeout", "threading.current_thread", "threading.local",
)  # fmt: skip
IMPORTER = """
import importlib, json, sys
seen = []
def watch(event, arguments):
    if event == "open" and isinstance(arguments[0], str):
        inside = any(arguments[0].startswith(place) for place in python)
        if not inside and not arguments[0].endswith((".py", ".pyc")):
            seen.append(f"{event} {arguments[0]}")
    elif event.startswith(("subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn",
                           "socket.", "os.mkdir", "os.remove", "os.rename", "os.putenv")):
        seen.append(event)
python = [place for place in (sys.prefix, sys.base_prefix, "/usr/lib/python3") if place != "/usr"]
sys.path[:0] = json.loads(sys.argv[1])
sys.addaudithook(watch)
for name in json.loads(sys.argv[2]):
    before = len(seen)
    importlib.import_module(name)
    seen[before:] = [f"{name}: {each}" for each in seen[before:]]
print(json.dumps(seen))
"""


def modules() -> list[str]:
    """Of the agent and of the drivers; the kit that tests drivers stays out."""
    named = [module_name(path) for path in files("agentcore", "osdrivers", suffix=".py")]
    return [
        name
        for name in named
        if not name.startswith("osdrivers.conformance") and not name.endswith("__main__")
    ]


def test_importing_any_module_reads_no_file_of_the_machine_and_starts_nothing(source: Path) -> None:
    words = [json.dumps([str(source), *sys.path]), json.dumps(modules())]
    done = subprocess.run(
        [sys.executable, "-S", "-E", "-B", "-c", IMPORTER, *words],
        cwd=source, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []


def test_no_module_keeps_state_that_changes() -> None:
    wrong = []
    for path in files(*OURS, suffix=".py"):
        if name_of(path).startswith("osdrivers/conformance/"):
            continue
        tree = parsed(path)
        wrong += [
            f"{name_of(path)}:{node.lineno} rebinds a name of the module"
            for node in ast.walk(tree)
            if isinstance(node, ast.Global)
        ]
        wrong += [f"{name_of(path)}:{line} {name}" for line, name in _changeable(tree)]
    assert not wrong


def _changeable(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Names of the module that hold what can be changed; a constant in capitals is none."""
    for node in tree.body:
        if not isinstance(node, (ast.Assign, ast.AnnAssign)):
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        called = node.value.func if isinstance(node.value, ast.Call) else None
        made = getattr(called, "attr", getattr(called, "id", ""))
        for target in targets:
            name = target.id if isinstance(target, ast.Name) else ""
            constant = name.lstrip("_").isupper() or name.startswith("__")
            lock = made in ("Event", "Lock", "local", "defaultdict", "deque")
            if lock or (not constant and (isinstance(node.value, CHANGEABLE) or made in MAKERS)):
                yield node.lineno, name


def test_nothing_changes_the_whole_process_or_goes_by_who_runs_it() -> None:
    wrong = [
        f"{name_of(path)}:{node.lineno}"
        for path in files(*OURS, suffix=".py")
        if not name_of(path).startswith("osdrivers/conformance/")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Attribute)
        if isinstance(node.value, ast.Name) and f"{node.value.id}.{node.attr}" in PROCESS_WIDE
    ]
    assert not wrong


def test_there_is_one_thread() -> None:
    """Nothing is shared, so nothing is locked; what takes long is another process."""
    wrong = [
        f"{name_of(path)}:{node.lineno}"
        for path in files(*OURS, suffix=".py")
        if not name_of(path).startswith("osdrivers/conformance/")
        for node in ast.walk(parsed(path))
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in ([getattr(node, "module", None)] + [alias.name for alias in node.names])
        if name in ("threading", "_thread", "concurrent.futures", "multiprocessing")
    ]
    assert not wrong


def test_nothing_is_drawn_from_a_weak_source() -> None:
    """What a password's salt or a key is made of comes from the kernel."""
    drawn = [str(each) for each in imports(*OURS) if each.within("random")]
    assert [each for each in drawn if not each.startswith("osdrivers/conformance/")] == []


def test_no_command_is_a_text_that_a_shell_takes_apart() -> None:
    """Of handlers alone the line is a shell's, behind the quoted directory; it is a fixed word."""
    wrong = []
    for path in files(*OURS, suffix=".py"):
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.keyword) and node.arg == "shell":
                wrong.append(f"{name_of(path)}: {ast.unparse(node)}")
            if isinstance(node, ast.Tuple):
                wrong += [f"{name_of(path)}:{node.lineno} {each}" for each in _shell_lines(node)]
    known = (
        "agentcore/extensions/commandline.py", "osdrivers/host/jobs.py", "osdrivers/conformance/",
    )  # fmt: skip
    assert not [each for each in wrong if not each.startswith(known)]


def _shell_lines(node: ast.Tuple) -> list[str]:
    words = [getattr(each, "value", None) for each in node.elts]
    shells = ("sh", "bash", "/bin/sh", "/bin/bash")
    return [ast.unparse(node)] if len(words) > 1 and words[0] in shells and "-c" in words else []
