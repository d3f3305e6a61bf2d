# SPDX-License-Identifier: Apache-2.0
"""The ``waagent`` command: which word means what.  Each command's module is imported at need."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Optional

USAGE_STATUS = 64
BUG_STATUS = 70  # sysexits(3) EX_SOFTWARE

#: Word -> (module of this package, one line of help).
COMMANDS = {
    "plan": ("planning", "show every action of a provisioning; change nothing"),
    "provision": ("planning", "provision this machine, or an offline root"),
    "config": ("config", "show each option and where it comes from, or check a file"),
    "show-configuration": ("config", "show each option, as the classic agent does"),
    "deprovision": ("deprovisioning", "take from a machine what an image must not have"),
    "deprovision+user": ("deprovisioning", "the same, with the account that provisioning made"),
    "serialconsole": ("steps", "kernel, boot loader and a login on the serial port"),
    "setup-firewall": ("steps", "let only root connect to the platform's address"),
    "register-service": ("steps", "start the agent's service, now and at boot"),
    "uninstall": ("steps", "stop the agent, and start it no more at boot"),
    "driver": ("drivers", "drivers: list, explain the choice, capture a machine, new package"),
    "daemon": ("daemon", "follow the platform's goal states, in the foreground"),
    "start": ("daemon", "the same in the background"),
    "run-exthandlers": ("daemon", "the same as daemon: the classic agent has two processes"),
    "apply": ("daemon", "carry out one plan of the daemon: what it changes on the machine"),
    "status": ("status", "how the agent of this machine stands, and what to do"),
    "analyze": ("analyze", "where the time of this boot went, or of the last with work"),
    "collect-logs": ("collecting", "collect logs, status and configuration into one archive"),
    "telemetry": ("telemetry", "print what goes out beside the protocol's own reports"),
    "version": ("", "print the version"),
    "help": ("", "print this"),
}
#: Words that the classic agent takes before the command.
_FLAGS = ("force",)
_OTHER_NAMES = {"usage": "help", "?": "help", "h": "help", "V": "version"}


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run one command line and return its exit status.  No traceback ever reaches a user."""
    try:
        status = _run(argv)
        print(end="", flush=True)  # there may be no standard output at all
        return status
    except BrokenPipeError:  # the reader of our output has gone; there is nobody to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # flushed again at the end
        return 0


def _run(argv: Optional[Sequence[str]]) -> int:
    words = _ordered(list(sys.argv[1:] if argv is None else argv))
    name = _word(words[0]) if words else "help"
    if name == "version":
        return _version()
    if name == "help" and len(words) > 1 and _word(words[1]) not in ("help", "version"):
        return _guarded(_word(words[1]), ["--help"])
    if name == "help":
        return _help()
    return _guarded(name, words[1:])


def _ordered(words: list[str]) -> list[str]:
    """The command first: ``-force -deprovision`` and ``-setup-firewall=10.0.0.1`` are as good."""
    if len(words) > 1 and _word(words[0]) in _FLAGS:
        words = [words[1], f"--{_word(words[0])}", *words[2:]]
    if words and "=" in words[0]:
        name, _, value = words[0].partition("=")
        words = [name, value, *words[1:]]
    return words


def _word(text: str) -> str:
    """A command with no, one or two dashes before it is the same command."""
    bare = text[2:] if text.startswith("--") else text[1:] if text.startswith("-") else text
    return _OTHER_NAMES.get(bare, bare)


def _version() -> int:
    from agentcore.version import VERSION

    print(f"WALinuxAgent-{VERSION} (agentcore)")
    print(f"Python: {sys.version.split()[0]}")
    print(f"Goal state agent: {VERSION}")
    return 0


def _help() -> int:
    print("usage: waagent COMMAND [OPTION ...]   (waagent COMMAND --help for its options)\n")
    for word, (_, text) in COMMANDS.items():
        print(f"  {word:18} {text}")
    print("\nA command may have one or two dashes before it.")
    return 0


def _guarded(name: str, words: Sequence[str]) -> int:
    from osdrivers.errors import AgentError

    try:
        return _dispatch(name, words)
    except AgentError as failure:
        print(f"waagent: {' '.join(str(failure).split())}", file=sys.stderr)
        return failure.exit_status
    except BrokenPipeError:
        raise
    except KeyboardInterrupt:
        print("waagent: interrupted", file=sys.stderr)
        return 130
    except Exception as bug:
        where = bug.__traceback__
        while where is not None and where.tb_next is not None:
            where = where.tb_next
        at = f"{where.tb_frame.f_code.co_filename}:{where.tb_lineno}" if where else "?"
        print(f"waagent: internal error at {at}: {type(bug).__name__}", file=sys.stderr)
        return BUG_STATUS


def _dispatch(name: str, words: Sequence[str]) -> int:
    import importlib

    from agentcore.errors import UsageError

    if name not in COMMANDS:
        import difflib

        near = difflib.get_close_matches(name, COMMANDS, n=1)
        meant = f"did you mean {near[0]}?" if near else "see waagent help"
        raise UsageError(f"{name!r} is not a command", hint=meant)
    module = importlib.import_module(f"agentcore.cli.{COMMANDS[name][0]}")
    status: int = module.run(name, words)
    return status
