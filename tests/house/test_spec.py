"""The pages of `docs/spec`: each rule of the correctness spec, where it is carried out, and what holds it.

A page is a table `| the rule | where | test |`. What it names must exist: files by their path, names by the
file's own syntax tree, nothing is imported.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs" / "spec").glob("*.md"))

_CELL = re.compile(r"(?<!\\)\|")
_NAMES = re.compile(r"`([^`]+)`(?:, `[^`]+`)*")
_HEAD = ("the rule", "where", "test")


def rows(text: str) -> list[tuple[str, ...]]:
    """The cells of every table row below a head `the rule | where | test`."""
    lines = [line.strip() for line in text.splitlines() if line.strip().startswith("|")]
    cells = [tuple(cell.strip() for cell in _CELL.split(line)[1:-1]) for line in lines]
    return [row for row in cells if not _is_head(row)]


def _is_head(row: tuple[str, ...]) -> bool:
    return all(re.fullmatch(r":?-+:?", cell) for cell in row) or (len(row) == 3 and row[1:] == _HEAD[1:])


def named(cell: str) -> list[str]:
    """The references of a cell: each in backticks, separated by `, `. A cell of another form has none."""
    return re.findall(r"`([^`]+)`", cell) if _NAMES.fullmatch(cell) else []


@cache
def names_of(path: Path) -> frozenset[str]:
    """What a file defines: functions, classes and constants, members as `Class.member`."""
    found: set[str] = set()

    def walk(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                found.add(prefix + node.name)
            if isinstance(node, ast.ClassDef):
                walk(node.body, f"{prefix}{node.name}.")
            targets = node.targets if isinstance(node, ast.Assign) else []
            if isinstance(node, ast.AnnAssign):
                targets = [node.target]
            found.update(prefix + each.id for each in targets if isinstance(each, ast.Name))

    walk(ast.parse(path.read_text(encoding="utf-8")).body, "")
    return frozenset(found)


def fault(reference: str, *, of_test: bool) -> str:
    """What is wrong with a reference; empty = nothing."""
    file, mark, name = reference.partition("::")
    path = ROOT / file
    if not path.is_file():
        return f"{file}: there is no such file"
    if of_test and not (file.startswith("tests/") and path.name.startswith("test_") and name):
        return f"{reference}: expected tests/ROOM/test_FILE.py::test_NAME"
    if mark and (path.suffix != ".py" or name not in names_of(path)):
        return f"{file} defines no {name!r}"
    return f"{name} is no test" if of_test and not name.startswith("test_") else ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_rule_names_where_it_is_carried_out_and_what_holds_it(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    found = rows(text)
    assert re.fullmatch(r"(\d\d|situations)\.md", page.name)
    assert text.startswith("# ")
    assert found, "no rows"
    wrong = []
    for row in found:
        if len(row) != 3 or not row[0] or not named(row[1]) or not named(row[2]):
            wrong.append(f"not of three filled cells of the form: {row}")
            continue
        faults = [fault(each, of_test=False) for each in named(row[1])]
        faults += [fault(each, of_test=True) for each in named(row[2])]
        wrong += [f"{row[0]}: {each}" for each in faults if each]
    assert not wrong, "\n".join(wrong)


def test_there_are_pages() -> None:
    assert PAGES


def test_a_page_that_is_wrong_is_found() -> None:
    """The reader itself: what it takes for a row, a reference, and a fault."""
    here = "tests/house/test_spec.py"
    text = "# 01\n\n| the rule | where | test |\n| --- | --- | --- |\n| a \\| b | `x.py`, `y.py::z` | |\n"
    assert rows(text) == [("a \\| b", "`x.py`, `y.py::z`", "")]
    assert named("`x.py`, `y.py::z`") == ["x.py", "y.py::z"]
    for loose in ("", "see `x.py`", "`x.py` `y.py`"):
        assert not named(loose)
    assert not fault(f"{here}::rows", of_test=False)
    assert not fault(f"{here}::test_there_are_pages", of_test=True)
    for wrong in (f"{here}::no_such", "services/none.py"):
        assert fault(wrong, of_test=False)
    for wrong in (f"{here}::rows", here, "services/risk/gate.py::test_x"):
        assert fault(wrong, of_test=True)
    assert not fault("services/domain/instrument.py::Instrument.round_price", of_test=False)
