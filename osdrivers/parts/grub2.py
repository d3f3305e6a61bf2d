# SPDX-License-Identifier: Apache-2.0
"""GRUB 2: /etc/default/grub, fragments where the script reads them, and the grub.cfg made of both.

GRUB_CMDLINE_LINUX is on every command line, GRUB_CMDLINE_LINUX_DEFAULT behind it on the ordinary
ones.  Where fragments are read, what is added is one of ours, so that nobody's file is edited
for it; what is removed is removed where it stands.  Source: info grub, Simple configuration.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..host import Host
from . import shell_assignments
from .boot_documents import Document, Setting, text_of
from .kernel_arguments import Span

DEFAULTS, FRAGMENTS = "/etc/default/grub", "/etc/default/grub.d"
FRAGMENT = f"{FRAGMENTS}/90-kernel-arguments.cfg"
CONFIGURATIONS = ("/boot/grub2/grub.cfg", "/boot/grub/grub.cfg", "/boot/efi/EFI/*/grub.cfg")
MAKERS = ("grub2-mkconfig", "grub-mkconfig")
ALL, ORDINARY = "GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT"
_MADE = "### BEGIN /etc/grub.d/"
_SECTION = re.compile(r"^### BEGIN (\S+/10_linux\S*) ###$(.*?)^### END \1 ###$", re.M | re.S)
_LINUX = re.compile(r"^[ \t]*linux(?:16|efi)?[ \t]+(\S+)([^\n]*)", re.MULTILINE)
_OURS = (
    "# kernel arguments that were added; later assignments change them\n"
    f'{ALL}="${ALL}"\n{ORDINARY}="${ORDINARY}"\n'
)


class Grub2:
    def __init__(self, host: Host) -> None:
        self._host = host

    def documents(self) -> Sequence[Document]:
        made = [Document(path, _made_lines, generated=True) for path in self._made()]
        return (*self.defaults(), *made)

    def defaults(self) -> Sequence[Document]:
        """What future kernels get."""
        if not self._reads_fragments:
            return [Document(DEFAULTS, _own_lines, prepare=_with_variable)]
        others = [DEFAULTS, *self._host.glob(f"{FRAGMENTS}/*.cfg")]
        others = [path for path in others if path != FRAGMENT and self._host.exists(path)]
        return (*(Document(path, _removals) for path in others), self._fragment(others))

    def _fragment(self, others: Sequence[str]) -> Document:
        def lines(text: str) -> Sequence[Span]:
            earlier = shell_assignments.values(text_of(self._host, path) for path in others)
            spans = []
            for name, part in ((ALL, "all"), (ORDINARY, "consoles")):
                found = shell_assignments.last(text, name)
                if found is not None and found.raw.startswith(f'"${name}'):
                    start = found.start + len(name) + 2
                    spans.append(Span("", start, found.end - 1, earlier.get(name, ""), part))
            return spans

        return Document(FRAGMENT, lines, prepare=lambda text: text or _OURS, finish=_spaced)

    @property
    def _reads_fragments(self) -> bool:
        """Whether the script that makes grub.cfg reads the directory: not every GRUB does."""
        scripts = (text_of(self._host, f"/usr/sbin/{maker}") for maker in MAKERS)
        return any("default/grub.d" in script for script in scripts)

    def _made(self) -> Sequence[str]:
        """Configurations that the scripts make; another only leads to one of them."""
        found = [path for pattern in CONFIGURATIONS for path in self._host.glob(pattern)]
        made = [path for path in found if _MADE in text_of(self._host, path)]
        where = "/boot/grub2" if self._host.is_directory("/boot/grub2") else "/boot/grub"
        return made or [f"{where}/grub.cfg"]

    def commands(self) -> Sequence[tuple[str, ...]]:
        made = self._made()
        if list(made) == ["/boot/grub/grub.cfg"] and self._host.has("update-grub"):
            return [("update-grub",)]
        maker = next((each for each in MAKERS if self._host.has(each)), MAKERS[0])
        return [(maker, "-o", path) for path in made]

    def terminal(self, speed_baud: int) -> Sequence[Setting]:
        serial = f"serial --speed={speed_baud} --unit=0"
        path = FRAGMENT if self._reads_fragments else DEFAULTS

        def change(text: str) -> str:
            text = text or (_OURS if path == FRAGMENT else "")
            text = shell_assignments.assigned(text, "GRUB_TERMINAL", "console serial")
            return shell_assignments.assigned(text, "GRUB_SERIAL_COMMAND", serial)

        return [Setting(path, change, f"serial console {speed_baud}")]


def _spaced(text: str) -> str:
    """A blank between the variable and the first token behind it."""
    return re.sub(rf'^({ALL}|{ORDINARY})="\$\1(?=[^\s"])', r'\1="$\1 ', text, flags=re.MULTILINE)


def _removals(text: str) -> Sequence[Span]:
    """Every value of both variables that is one quoted text or bare."""
    spans = []
    for each in shell_assignments.assignments(text):
        if each.name in (ALL, ORDINARY):
            quoted = each.raw[:1] in ("'", '"')
            start, end = each.last_quoted if quoted else (each.start, each.end)
            spans.append(Span("", start, end, part="removals"))
    return [span for span in spans if span.start >= 0]


def _own_lines(text: str) -> Sequence[Span]:
    spans = {span.start: span for span in _removals(text)}
    for name, part in ((ALL, "all"), (ORDINARY, "consoles")):
        found = shell_assignments.last(text, name)
        if found is not None and found.last_quoted != (-1, -1):
            start, end = found.last_quoted
            earlier = shell_assignments.values([text[: found.start].rpartition("\n")[0] + "\n"])
            refers = found.appends or re.search(rf"\$\{{?{name}\b(?!_)", found.raw)
            before = earlier.get(name, "") if refers else ""
            spans[start] = Span("", start, end, before, part)
    return list(spans.values())


def _with_variable(text: str) -> str:
    text = shell_assignments.with_quotes(text, ALL)
    ordinary = shell_assignments.last(text, ORDINARY)
    return text if ordinary is None else shell_assignments.with_quotes(text, ORDINARY)


def _made_lines(text: str) -> Sequence[Span]:
    """Command lines of this system's kernels, not those of others that were found beside it."""
    sections = [(found.start(2), found.end(2)) for found in _SECTION.finditer(text)]
    return [
        Span(found[1], found.start(2), found.end(2))
        for start, end in sections or [(0, len(text))]
        for found in _LINUX.finditer(text, start, end)
    ]
