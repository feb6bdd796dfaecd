"""Files that a person saves from the console: private, named by what and when, never over one that exists."""

from __future__ import annotations

import errno
import os
from itertools import count
from pathlib import Path


class Files:
    """See `screens.saving.Files`. `folder` is where files without a name of their own go."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, name: str, kind: str, text: str, where: str) -> str:
        if where:
            return str(_written(_named(where), text))
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for number in count(1):
            extra = f"-{number}" if number > 1 else ""
            try:
                return str(_written(self._folder / f"{name}{extra}.{kind}", text))
            except FileExistsError:
                continue
        raise AssertionError("a count does not end")


def _named(where: str) -> Path:
    """Raises OSError for what can be no file's name, which the library answers with errors of other kinds."""
    if "\0" in where:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), where.replace("\0", "?"))
    try:
        return Path(where).expanduser().absolute()
    except RuntimeError:
        raise OSError(errno.ENOENT, "there is no such person's home", where) from None


def _written(path: Path, text: str) -> Path:
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(number, "w", encoding="utf-8") as file:
        file.write(text)
    return path
