# SPDX-License-Identifier: Apache-2.0
"""``waagent driver``: which drivers there are, which one serves a machine and why; a pretend
machine made of a real one, and a package for a driver of one's own."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

from osdrivers import identity, loader
from osdrivers.host import Host

from .arguments import Parser, configured, dispatch, machine, parse, parser


def run(name: str, words: Sequence[str]) -> int:
    """Dispatch the second word."""
    verbs = {
        "list": (_list, "the drivers that are installed"),
        "explain": (_explain, "which driver serves a machine, and why"),
        "capture": (_capture, "a pretend machine for the conformance kit, made of a real one"),
        "new": (_new, "a package for a driver of your own"),
    }
    return dispatch(name, words, verbs)


def _list(words: Sequence[str]) -> int:
    made = parser("driver list", "The drivers that are installed.")
    options = parse(made, words)
    for entry in loader.entries(Host("/")):
        if options.json:
            print(json.dumps({"group": entry.group, "name": entry.name, "target": entry.target}))
        else:
            print(f"{entry.group:20} {entry.name:24} {entry.target}")
    return 0


def _explain(words: Sequence[str]) -> int:
    made = parser("driver explain", "Which driver serves a machine, and why.")
    options = parse(made, words)
    host, found = configured(machine(options, shown=True), options)
    system = identity.detect(host)
    loaded = loader.load(host, system, override=found.settings.system.driver or "")
    choice = loaded.choice
    described = {
        "id": system.id,
        "version": system.version,
        "like": list(system.like),
        "variant": system.variant,
        "source": system.source,
        "driver": loaded.driver.name,
        "entry": choice.entry.name,
        "target": choice.entry.target,
        "reason": choice.reason,
        "candidates": [str(entry) for entry in choice.candidates],
        "rejected": [{"entry": str(each.entry), "why": each.why} for each in choice.rejected],
        "parts": dict(loaded.driver.parts()),
    }
    if options.json:
        print(json.dumps(described))
        return 0
    print(f"system     {system} (from {system.source or 'nothing: unknown'})")
    print(f"driver     {loaded.driver.name}: {choice.entry}")
    print(f"because    {choice.reason}")
    for entry in choice.candidates[1:]:
        print(f"also fits  {entry}")
    for each in choice.rejected:
        print(f"rejected   {each.entry}: {each.why}")
    for capability, part in loaded.driver.parts().items():
        print(f"  {capability:15} {part or '-'}")
    return 0


def _capture(words: Sequence[str]) -> int:
    from osdrivers import capture

    made = Parser(prog="waagent driver capture", description=_CAPTURE, allow_abbrev=False)
    made.add_argument("--root", default="/", metavar="DIR", help="the machine's tree (default: /)")
    made.add_argument("output", metavar="OUTPUT", help="a directory that is not there yet")
    options = parse(made, words)
    captured = capture.capture(machine(options))
    capture.write(captured, Host("/"), os.path.abspath(options.output))
    found = captured.description
    print(f"{options.output}: {len(captured.files)} files, {len(found['tools'])} tools")
    print("read it before you publish it; then run the conformance kit with --root on it")
    return 0


_CAPTURE = """Write a pretend machine for the conformance kit: what operations read of this machine,
or of a root tree, without secrets and without accounts of people."""


def _new(words: Sequence[str]) -> int:
    from osdrivers import skeleton

    made = Parser(prog="waagent driver new", description=_NEW, allow_abbrev=False)
    made.add_argument("--like", required=True, metavar="DRIVER", help="the driver it is made of")
    made.add_argument("name", metavar="NAME", help="ID of os-release, perhaps with -VERSION")
    made.add_argument("directory", nargs="?", default="", help="default: osdriver-ID")
    options = parse(made, words)
    known = loader.entries(Host("/"))
    like = loader.choose(identity.Identity(options.name), known, options.like).entry
    files = skeleton.skeleton(options.name, like)
    directory = options.directory or skeleton.Names(options.name, like).distribution
    skeleton.write(files, Host("/"), os.path.abspath(directory))
    print(f"{directory}: {len(files)} files; a driver like {like}")
    print("README.md there says how to install it and run the conformance kit over it")
    return 0


_NEW = """Write a package with a driver of your own: an entry point, one file that says what differs
from the driver it is like, and a test that runs the conformance kit."""
