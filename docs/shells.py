# SPDX-License-Identifier: Apache-2.0
"""Completions of the command for bash, zsh and fish, from the table of commands."""

from __future__ import annotations

from agentcore import cli

HEAD = "# SPDX-License-Identifier: Apache-2.0\n# Written by docs/generate.py.\n"
OPTIONS = {
    "--root": "the machine's tree",
    "--driver": "driver NAME or module:function",
    "--conf": "instead of the machine's waagent.conf",
    "--json": "one JSON object a line",
    "--help": "the options of a command",
}


def _words() -> dict[str, str]:
    return {word: text.replace("'", "") for word, (_, text) in cli.COMMANDS.items()}


def bash() -> str:
    """conf/completions/waagent.bash"""
    words = "\n".join(f"        {word}" for word in _words())
    return f"""{HEAD}# shellcheck shell=bash
_waagent() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}}
    COMPREPLY=()
    case $before in
        --root) mapfile -t COMPREPLY < <(compgen -d -- "$word"); return ;;
        --conf | --ovf) mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
    esac
    local words="{" ".join(OPTIONS)}"
    [ "$COMP_CWORD" -gt 1 ] || words="
{words}"
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}}
complete -F _waagent waagent
"""


def zsh() -> str:
    """conf/completions/_waagent"""
    commands = "\n".join(f"    '{word}:{text}'" for word, text in _words().items())
    options = "\n".join(
        f"    '{option}[{text}]{':value:_files' if option in ('--root', '--conf') else ''}' \\"
        for option, text in ((o, t.replace("'", "")) for o, t in OPTIONS.items())
    )
    return f"""#compdef waagent
{HEAD}local -a commands
commands=(
{commands}
)
_arguments \\
    '1:command:{{_describe command commands}}' \\
{options}
    '*::'
"""


def fish() -> str:
    """conf/completions/waagent.fish"""
    lines = [HEAD.rstrip(), "complete -c waagent -f"]
    for word, text in _words().items():
        lines.append(f"complete -c waagent -n __fish_use_subcommand -a '{word}' -d '{text}'")
    for option, text in OPTIONS.items():
        needs = " -r" if option in ("--root", "--driver", "--conf") else ""
        lines.append(f'complete -c waagent -l {option[2:]}{needs} -d "{text}"')
    return "\n".join(lines) + "\n"
