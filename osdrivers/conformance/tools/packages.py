# SPDX-License-Identifier: Apache-2.0
"""Package managers: what is installed, and a repository with one version of each package.

Both are tables of name and version; no package has files.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...host import Completed
from ..box import Box, Tool, UnknownUse, done, refused

_FETCHED = "package-lists"


def _install(box: Box, names: Sequence[str]) -> list[str]:
    """Install what the repository has; what it lacks, and then nothing is installed."""
    repository, present = box.remembered("repository"), box.remembered("packages")
    unknown = [name for name in names if name not in repository and name not in present]
    if not unknown:
        box.remember("packages", {**{name: repository.get(name) for name in names}, **present})
    return unknown


def dpkg_query(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    if argv[1:4] != ("-W", "-f", "${Status} ${Version}\\n") or len(argv) != 5:
        raise UnknownUse(argv, "format")
    version = box.remembered("packages").get(argv[4])
    if version is None:
        return refused(1, f"dpkg-query: no packages found matching {argv[4]}")
    return done(f"install ok installed {version}\n")


def apt_get(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    words = list(argv[1:])
    while "-o" in words:
        at = words.index("-o")
        del words[at : at + 2]
    words = [word for word in words if word not in ("-y", "-q")]
    if words == ["update"]:
        box.remember(_FETCHED, {"fetched": True})
        return done()
    if words[:1] != ["install"]:
        raise UnknownUse(argv, "verb")
    if not box.remembered(_FETCHED):
        return refused(100, f"E: Unable to locate package {words[1]}")
    unknown = _install(box, words[1:])
    return refused(100, f"E: Unable to locate package {unknown[0]}") if unknown else done()


def apt_cache(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    if argv[1:2] != ("policy",):
        raise UnknownUse(argv, "only policy")
    said = ""
    installed = box.remembered("packages")
    known = {**(box.remembered("repository") if box.remembered(_FETCHED) else {}), **installed}
    for name in argv[2:]:
        if name in known:
            there = installed.get(name, "(none)")
            said += f"{name}:\n  Installed: {there}\n  Candidate: {known[name]}\n"
    return done(said)


def rpm(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    if argv[1:4] != ("-q", "--qf", "%{VERSION}-%{RELEASE}\\n") or len(argv) != 5:
        raise UnknownUse(argv, "format")
    version = box.remembered("packages").get(argv[4])
    if version is None:
        return Completed(1, f"package {argv[4]} is not installed\n")
    return done(f"{version}\n")


def _installer(*before: str, status: int, said: str) -> Tool:
    """A tool whose argv begins with these words; ``said`` has a place for a package's name."""

    def tool(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
        if argv[1 : len(before) + 1] != before:
            raise UnknownUse(argv, "words before the packages")
        unknown = _install(box, argv[len(before) + 1 :])
        return refused(status, said.format(unknown[0])) if unknown else done()

    return tool


def apk(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    if argv[1:4] == ("info", "-e", "-v") and len(argv) == 5:
        version = box.remembered("packages").get(argv[4])
        return done(f"{argv[4]}-{version}\n") if version else Completed(1)
    missing = "ERROR: unable to select packages:\n  {0} (no such package)"
    return _installer("add", "--update-cache", status=1, said=missing)(box, argv, stdin)


def pacman(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    if argv[1:2] == ("-Q",) and len(argv) == 3:
        version = box.remembered("packages").get(argv[2])
        missing = f"error: package '{argv[2]}' was not found"
        return done(f"{argv[2]} {version}\n") if version else refused(1, missing)
    before = ("-S", "--noconfirm", "--needed")
    return _installer(*before, status=1, said="error: target not found: {0}")(box, argv, stdin)


def pkg(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    if argv[1:3] == ("query", "%v") and len(argv) == 4:
        version = box.remembered("packages").get(argv[3])
        return done(f"{version}\n") if version else Completed(1)
    missing = "pkg: No packages available to install matching '{0}' have been found"
    return _installer("install", "-y", status=70, said=missing)(box, argv, stdin)


def zypper(box: Box, argv: tuple[str, ...], stdin: bytes) -> Completed:
    verb, names = argv[2] if len(argv) > 2 else "", list(argv[3:])
    if argv[1] != "--non-interactive" or not names:
        raise UnknownUse(argv, "words before the packages")
    if verb == "search" and names[0] == "-s" and len(names) == 2:
        return _search(box, names[1])
    if verb in ("addlock", "removelock"):
        return _lock(box, names[0], verb == "addlock")
    if verb == "remove":
        present = box.remembered("packages")
        if not {*names} & {*present}:
            return refused(104, f"No provider of '{names[0]}' found.")
        box.remember("packages", {each: present[each] for each in present if each not in names})
        return done()
    if verb != "install":
        raise UnknownUse(argv, verb)
    repository = {f"{name}={version}": name for name, version in _repository(box).items()}
    unknown = _install(box, [repository.get(name, name) for name in names])
    return refused(104, f"No provider of '{unknown[0]}' found.") if unknown else done()


def _repository(box: Box) -> dict[str, str]:
    return {name: str(version) for name, version in box.remembered("repository").items()}


def _search(box: Box, name: str) -> Completed:
    """The columns of its table; a name is also found inside of another."""
    present = box.remembered("packages")
    rows = [
        f"{'i+' if each in present else 'v '} | {each} | package | {version} | x86_64 | tried"
        for each, version in _repository(box).items()
        if name in each
    ]
    if not rows:
        return Completed(104, "No matching items found.\n")
    return done("\n".join(("S  | Name | Type | Version | Arch | Repository", *rows, "")))


def _lock(box: Box, name: str, locked: bool) -> Completed:
    """A block for each name, sorted, between empty lines."""
    path, mark = "/etc/zypp/locks", "solvable_name: "
    names = {line[len(mark) :] for line in box.lines(path) if line.startswith(mark)}
    names = {*names, name} if locked else names - {name}
    head = "\ntype: package\nmatch_type: glob\ncase_sensitive: on\n"
    text = "".join(f"{head}{mark}{each}\n\n" for each in sorted(names))
    if not box.exists(path) or text != box.read(path):
        box.write(path, text)
    return done()


_YUM = ("-y", "--setopt=exit_on_lock=1", "install")
_NO_PACKAGE = "{0} package not found or not installed\nError(1011) : No matching packages"
_NO_MATCH = "Error: Unable to find a match: {0}"

TOOLS: dict[str, Tool] = {
    "dpkg-query": dpkg_query,
    "apt-get": apt_get,
    "apt-cache": apt_cache,
    "rpm": rpm,
    "zypper": zypper,
    "dnf": _installer(*_YUM, status=1, said=_NO_MATCH),
    "yum": _installer(*_YUM, status=1, said=_NO_MATCH),
    "tdnf": _installer("-y", "install", status=243, said=_NO_PACKAGE),
    "apk": apk,
    "pacman": pacman,
}
