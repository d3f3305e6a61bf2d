# SPDX-License-Identifier: Apache-2.0
"""What several commands have in common: their options, and the machine they mean."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Callable, NoReturn, Optional

from agentcore import configuration
from agentcore.configuration import Configuration
from agentcore.errors import UsageError
from osdrivers.errors import ConfigError, FileFailed, NotFound
from osdrivers.host import Host


def _narrow(prog: str) -> argparse.HelpFormatter:
    """Without a width argparse loads shutil, and with it bz2 and lzma, to ask for one."""
    return argparse.HelpFormatter(prog, width=78)


class Parser(argparse.ArgumentParser):
    """argparse with our exit status and one line instead of a usage text."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog}: {message}", hint=f"see {self.prog} --help")


def parser(name: str, about: str) -> Parser:
    """A parser with the options that every command about a machine has."""
    made = Parser(
        prog=f"waagent {name}", description=about, allow_abbrev=False, formatter_class=_narrow
    )
    made.add_argument("--root", default="/", metavar="DIR", help="the machine's tree (default: /)")
    made.add_argument("--driver", metavar="NAME", help="driver NAME or module:function")
    made.add_argument("--conf", metavar="FILE", help="instead of the machine's waagent.conf")
    made.add_argument("--json", action="store_true", help="one JSON object a line")
    return made


def parse(made: Parser, words: Sequence[str]) -> argparse.Namespace:
    """Parse; one dash before a long option is as good as two, and so is ``conf:FILE``.

    Options may stand between other words.
    """
    known = {text for action in made._actions for text in action.option_strings}
    return made.parse_intermixed_args([_doubled(word, known) for word in words])


def _doubled(word: str, known: set[str]) -> str:
    bare = word.lstrip("-")
    for prefix in ("conf:", "configuration-path:"):
        if bare.startswith(prefix) and "--conf" in known:
            return f"--conf={bare[len(prefix) :]}"
    single = word.startswith("-") and not word.startswith("--")
    return f"-{word}" if single and f"-{word.partition('=')[0]}" in known else word


#: The word after a command -> what carries it out, and one line of help.
Verbs = Mapping[str, tuple[Callable[[Sequence[str]], int], str]]


def dispatch(command: str, words: Sequence[str], verbs: Verbs) -> int:
    """Carry out the verb that comes first; ``--help`` in its place lists them.

    :raises UsageError: it is none of them.
    """
    verb = words[0] if words else ""
    if verb in verbs:
        return verbs[verb][0](words[1:])
    if verb.lstrip("-") not in ("h", "help"):
        raise UsageError(f"waagent {command} {verb}".rstrip(), hint=f"one of {' '.join(verbs)}")
    print(f"usage: waagent {command} VERB [OPTION ...]   (waagent {command} VERB --help)\n")
    for known, (_, text) in verbs.items():
        print(f"  {known:10} {text}")
    return 0


def machine(options: argparse.Namespace, *, shown: bool = False) -> Host:
    """The host a command is about.

    :param shown: only a plan is wanted, so an incomplete tree need not have the tools.
    """
    root = os.path.abspath(options.root)
    if not os.path.isdir(root):
        raise NotFound(f"no directory {root}", hint="--root takes an unpacked or mounted image")
    return Host(root, assume_tools=shown and os.path.realpath(root) != "/")


def configured(host: Host, options: argparse.Namespace) -> tuple[Host, Configuration]:
    """The machine's configuration, and the host with the places it names."""
    text: Optional[str] = None
    if options.conf:
        text = read_file(options.conf).decode("utf-8", errors="replace")
    found = configuration.read(host, options.conf, text)
    system, agent = found.settings.system, found.settings.agent
    placed = host.with_places(
        sshd=system.ssh_dir,
        sudoers_dir=system.sudoers_dir,
        shadow=system.password_path,
        home=system.home_dir,
        state=agent.state_dir,
    )
    if options.driver:
        chosen = replace(system, driver=options.driver)
        found = replace(found, settings=replace(found.settings, system=chosen))
    return placed, found


def read_file(path: str) -> bytes:
    """A file named on the command line: of the machine the command runs on.

    :raises FileFailed: it cannot be read.
    """
    try:
        return Host("/").read_bytes(os.path.abspath(path))
    except FileFailed as failure:
        raise ConfigError(
            f"cannot read {path}: {failure.message.partition(': ')[2]}", hint="check the name"
        ) from failure
