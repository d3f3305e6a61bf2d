# SPDX-License-Identifier: Apache-2.0
"""The command line of the lab."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import signal
import sys
from collections.abc import Sequence
from typing import Optional

from osdrivers.errors import AgentError

_COMMANDS = {
    "serve": ("lab.platform.serve", "main", "the platform alone, for any client"),
    "dvd": ("lab.platform.serve", "make_dvd", "write a provisioning DVD"),
    "play": ("lab.platform.script", "main", "a script of such commands"),
    "ask": ("lab.platform.control", "main", "a command to a running platform: faults, goals"),
    "demo": ("lab.demo", "main", "provision a disposable copy of this machine, and prove it"),
    "scenario": ("lab.scenario", "main", "a machine's life: extensions, accounts, restarts"),
    "vm": ("lab.vm", "main", "the same in a virtual machine"),
    "beds": ("lab.beds", "main", "root trees that look like other systems"),
    "peers": ("lab.peers", "main", "other agents against the platform"),
    "samples": ("lab.peers.samples", "main", "this agent on documents and trees of others"),
}
_UNAVAILABLE = 13
_INTERRUPTED = 128 + signal.SIGINT
_CLOSED_PIPE = 128 + signal.SIGPIPE


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run one command of the lab and return its exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(
        prog="python -m lab",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="A small Azure on one machine.",
        epilog="\n".join(f"  {name:9}{text}" for name, (_, _, text) in _COMMANDS.items()),
    )
    parser.add_argument("command", choices=tuple(_COMMANDS), metavar="COMMAND")
    wanted = parser.parse_args(words[:1])
    module_name, function, _ = _COMMANDS[wanted.command]
    if importlib.util.find_spec(module_name) is None:
        print(f"lab: {wanted.command} is not there: no module {module_name}", file=sys.stderr)
        return _UNAVAILABLE
    module = importlib.import_module(module_name)
    if not hasattr(module, function):
        print(f"lab: {wanted.command}: {module_name} has no {function}()", file=sys.stderr)
        return _UNAVAILABLE
    try:
        return int(getattr(module, function)(words[1:]))
    except AgentError as error:
        print(f"lab {wanted.command}: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:  # `| head`: the interpreter's last flush must not raise it again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _CLOSED_PIPE
