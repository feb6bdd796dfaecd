"""A pane's table as CSV. Made here, written by the console.

A table is taken from the view itself, so that it holds every column in full precision, also those that the
width of the terminal had to drop. Its rows are those that the pane shows, in its order: what a filter hides
is not written. Where a pane has no table its lines are taken as they stand.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Protocol, get_args, get_origin

from msgspec import Struct, structs

from screens.frame import Content
from screens.room import PaneSpec


class Files(Protocol):
    def write(self, name: str, kind: str, text: str, where: str) -> str:
        """A new file, never over one that exists; `where` = a name that a person gave, or empty. Gives its
        path. Raises OSError.
        """


def table(spec: PaneSpec, views: Mapping[str, object], shown: Sequence[str] | None = None) -> list[list[str]]:
    """Header and rows of a pane's table, the header alone when it has no row. Empty: no view has come yet,
    or the pane has no table. `shown`: the keys of the rows to write, in this order; None = all there are.
    """
    rows = list(_rows(spec, views))
    if shown is not None and spec.keyed is not None:
        found: dict[str, list[tuple[str, Struct]]] = {}
        for of, row in rows:
            found.setdefault(spec.keyed(of, row), []).append((of, row))
        rows = [each for key in dict.fromkeys(shown) for each in found.get(key, ())]
    whose = len(_paths(spec, views)) > 1
    flat = [({"of": of} if whose else {}) | dict(_flat(row)) for of, row in rows]
    header = list(dict.fromkeys([*_header(spec, views), *(key for row in flat for key in row)]))
    return [header, *([row.get(key, "") for key in header] for row in flat)] if header else []


def lines(content: Content) -> list[list[str]]:
    """A pane as it stands, one line a row."""
    drawn = [*content.head, *(line for row in content.rows for line in row.lines)]
    return [["text"], *([_safe(line.plain.rstrip())] for line in drawn if line.plain.strip())]


def csv_text(rows: Iterable[Sequence[str]]) -> str:
    out = io.StringIO()
    import csv  # noqa: PLC0415 - not before the first frame

    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def _paths(spec: PaneSpec, views: Mapping[str, object]) -> list[tuple[str, list[str]]]:
    """(kind of view, names on the way to a table) of its tables, without those of a part that the view has
    not."""
    out = []
    for path in spec.table.split():
        kind, *names = path.split(".")
        node = views.get(kind)
        for name in names[:-1]:
            node = getattr(node, name, None) if name != "*" and not isinstance(node, tuple | list) else node
        if node is not None:
            out.append((kind, names))
    return out


def _rows(spec: PaneSpec, views: Mapping[str, object]) -> Iterable[tuple[str, Struct]]:
    """The rows of the pane's tables, each with the name of its table."""
    for kind, names in _paths(spec, views):
        yield from ((names[-1], row) for row in _at(views.get(kind), names))
    if not spec.table:
        found = next(filter(None, (_structs(getattr(each, spec.name, None)) for each in views.values())), ())
        yield from ((spec.name, row) for row in found)


def _header(spec: PaneSpec, views: Mapping[str, object]) -> Iterable[str]:
    """The columns of all its tables, as the types of the rows name them. Of several tables each row says
    whose it is."""
    paths = _paths(spec, views)
    if len(paths) > 1:
        yield "of"
    for kind, names in paths:
        yield from _names(_row_type(type(views.get(kind)), [name for name in names if name != "*"]))
    if not spec.table:
        found = (_row_type(type(view), [spec.name]) for view in views.values())
        yield from _names(next(filter(None, found), None))


def _row_type(view: type, names: Sequence[str]) -> type[Struct] | None:
    """The type of a row at the end of a path; None = there is no table."""
    kind: type[Struct] | None = view if issubclass(view, Struct) else None
    for name in names:
        kind = None if kind is None else _types(kind).get(name)
    return kind


def _names(row: type[Struct] | None, prefix: str = "") -> Iterable[str]:
    if row is None:
        return
    inner = _types(row)
    for name in row.__struct_fields__:
        nested, many = inner.get(name), name in _many(row)
        if nested is None or many:
            yield f"{prefix}{name}"
        else:
            yield from _names(nested, f"{prefix}{name}.")


@cache
def _types(row: type[Struct]) -> dict[str, type[Struct]]:
    """Fields that hold a struct, or many of one."""
    found = {each.name: _struct_in(each.type) for each in structs.fields(row)}
    return {name: kind for name, kind in found.items() if kind is not None}


@cache
def _many(row: type[Struct]) -> frozenset[str]:
    return frozenset(each.name for each in structs.fields(row) if get_origin(each.type) is tuple)


def _struct_in(kind: object) -> type[Struct] | None:
    if isinstance(kind, type) and issubclass(kind, Struct):
        return kind
    return next(filter(None, map(_struct_in, get_args(kind))), None)


def _at(node: object, names: Sequence[str]) -> Sequence[Struct]:
    """What stands at the end of a path; a `*` on the way walks through a list."""
    for at, name in enumerate(names):
        if name == "*":
            return [found for each in _structs(node) for found in _at(each, names[at + 1 :])]
        node = getattr(node, name, None)
    return _structs(node)


def _structs(value: object) -> Sequence[Struct]:
    if isinstance(value, Struct):
        return [value]
    if not isinstance(value, tuple | list):
        return ()
    return [each for each in value if isinstance(each, Struct)]


def _flat(row: Struct, prefix: str = "") -> Iterable[tuple[str, str]]:
    for name in row.__struct_fields__:
        value = getattr(row, name)
        if isinstance(value, Struct):
            yield from _flat(value, f"{prefix}{name}.")
        elif value is not None or name not in _types(type(row)):
            yield f"{prefix}{name}", _text(value)


def _text(value: object) -> str:
    """One cell: numbers in full, nothing for what is not known."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, tuple | list):
        return " ".join(_text(each) for each in value)
    if isinstance(value, Struct):
        return " ".join(f"{key}={text}" for key, text in _flat(value))
    return str(value) if isinstance(value, int | float) else _safe(str(value))


def _safe(text: str) -> str:
    """Words stay words: a spreadsheet would run what begins like a formula."""
    clean = "".join(char if char.isprintable() else " " for char in text)
    return f"'{clean}" if clean[:1] in ("=", "+", "-", "@") else clean
