"""The text of a configuration file: its content with exact decimals, and the line on which each key stands.

The standard library's parser keeps no lines, so a small scan finds them; it serves error messages only and
never decides what the file means.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from msgspec import Struct

from services.settings.errors import SettingsError

_HEADER = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]\s*(?:#.*)?")
_KEY = re.compile(
    r"""\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*="""
)
_PART = re.compile(r"""[A-Za-z0-9_-]+|"([^"]*)"|'([^']*)'""")
_AT_LINE = re.compile(r"\(at line (\d+), column \d+\)")


class Document(Struct, frozen=True):
    """What a configuration file says."""

    file: str
    data: dict[str, Any]
    lines: dict[tuple[str, ...], int]

    def line_of(self, path: tuple[str, ...]) -> int | None:
        """The line of a key, else of the nearest table around it."""
        while path:
            if path in self.lines:
                return self.lines[path]
            path = path[:-1]
        return None


def read_document(text: str, file: str) -> Document:
    """Raises SettingsError with the line when the text is not TOML."""
    try:
        data = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        found = _AT_LINE.search(str(error))
        line = int(found[1]) if found else text.count("\n") + 1
        said = _AT_LINE.sub("", str(error)).strip()
        raise SettingsError("the file", None, f"valid TOML ({said})", file=file, line=line) from None
    return Document(file, data, dict(_scan(text)))


def _scan(text: str) -> Iterator[tuple[tuple[str, ...], int]]:
    table: tuple[str, ...] = ()
    open_string = ""
    for number, line in enumerate(text.splitlines(), 1):
        if open_string:
            if open_string in line:
                open_string = ""
            continue
        header = _HEADER.fullmatch(line)
        if header:
            table = _path(header[1])
            yield table, number
            continue
        key = _KEY.match(line)
        if key:
            yield (*table, *_path(key[1])), number
            for quotes in ('"""', "'''"):
                if line.count(quotes) == 1:
                    open_string = quotes


def _path(dotted: str) -> tuple[str, ...]:
    parts = []
    for found in _PART.finditer(dotted):
        quoted = found[1] if found[1] is not None else found[2]
        parts.append(quoted if quoted is not None else found[0])
    return tuple(parts)
