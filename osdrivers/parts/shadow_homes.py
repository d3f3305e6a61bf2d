# SPDX-License-Identifier: Apache-2.0
"""Homes: what useradd(8) leaves undone when it is killed, or when the directory is there (U2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Optional, Union

from ..actions import ChangeOwner, MakeDirectory, Remove, WriteFile
from ..api import Account
from ..errors import Conflict
from ..host import Host
from .passwd import Passwd

MODE = 0o750
#: What carries an account's name outside its home.
_BY_NAME = (
    "/var/mail",
    "/var/spool/mail",
    "/var/spool/cron",
    "/var/spool/cron/crontabs",
    "/var/spool/cron/tabs",
    "/var/lib/systemd/linger",
)

Filling = Iterator[Union[MakeDirectory, ChangeOwner, WriteFile]]


class Homes:
    """The directories of one machine's people."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._passwd = Passwd(host)

    def check(self, name: str, home: str, present: Optional[Account]) -> None:
        """:raises Conflict: what lies there is not a directory that the account can have.

        One that nobody owns any more may get its owner back by number: that is seen afterwards.
        """
        found = self._host.status(home)
        if found is None:
            return
        if found.kind != "directory":
            raise Conflict(f"home {home} of {name} is not a directory", hint="move it away")
        if present is not None and found.uid == present.uid:
            return
        if found.uid == 0 and not self._host.names(home):
            return
        if present is not None or found.uid == 0 or self._passwd.names_by_uid(found.uid):
            raise Conflict(
                f"home {home} of {name} belongs to uid {found.uid} and is not empty",
                hint="move it away or change its owner",
            )

    def owned(self, account: Account) -> bool:
        """Whether the account has a home of its own."""
        found = self._host.status(account.home)
        return found is not None and found.kind == "directory" and found.uid == account.uid

    def missing(self, account: Account) -> Filling:
        """Make the home of a present account, or give it the one that is empty and root's."""
        found = self._host.status(account.home)
        if found is None:
            yield from self.fresh(account.name, account.home)
        elif found.uid != account.uid:
            yield from self.adopted(account.name, account.home)

    def fresh(self, name: str, home: str) -> Filling:
        """Make a new home."""
        yield MakeDirectory(home, MODE, owner=name)
        yield from self.skeleton(name, home)

    def adopted(self, name: str, home: str) -> Filling:
        """Give a directory that is there to its account, with the files of a new home."""
        yield ChangeOwner(home, name, MODE)
        yield from self.skeleton(name, home)

    def skeleton(self, name: str, home: str) -> Filling:
        """The files a new home starts with."""
        top = self._host.places.skeleton
        todo = [top]
        while todo:
            directory = todo.pop()
            for entry in self._host.names(directory):
                source = f"{directory}/{entry}"
                target = home + source[len(top) :]
                found = self._host.status(source, follow=False)
                if found is not None and found.kind == "directory":
                    todo.append(source)
                    yield MakeDirectory(target, found.mode, owner=name, beneath=home)
                elif found is not None and found.kind == "file":
                    data = self._host.read_bytes(source)
                    yield WriteFile(target, data, found.mode, owner=name, beneath=home)

    def left_behind(self, account: Account) -> Iterator[Remove]:
        """The home and what else carries the name, never through a link.

        userdel -r is not used: it would follow one.  A home that others own stays.
        """
        found = self._host.status(account.home, follow=False)
        inner = account.home.strip("/").count("/") > 0
        if found is not None and (found.kind == "link" or found.uid == account.uid) and inner:
            yield Remove(account.home, recursive=True)
        for directory in _BY_NAME:
            own = self._host.status(directory, follow=False)
            if own is None or own.kind != "directory":  # /var/spool/mail is a link to /var/mail
                continue
            path = f"{directory}/{account.name}"
            there = self._host.status(path, follow=False)
            if there is not None and there.kind in ("file", "link"):
                yield Remove(path)
