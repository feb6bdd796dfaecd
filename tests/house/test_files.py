"""Files: one concept each, of a size that can be read; no loose ends."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from services.protocol.version import VERSION

ROOT = Path(__file__).resolve().parents[2]
MOST_LINES = 350
ALLOWED: dict[str, str] = {}
"""File -> why it is longer than `MOST_LINES`."""

SOURCES = sorted(
    path for top in ("console", "screens", "services", "themes") for path in (ROOT / top).rglob("*.py")
)
CATCHES_ALL = re.compile(r"except\s*:|except\b.*\b(Base)?Exception\b")
"""Only such files are read whole for what they do with it."""
LOOSE_ENDS = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|signatures first")


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_there_is_a_house() -> None:
    assert len(SOURCES) >= 100


def test_no_file_is_too_long_without_a_reason() -> None:
    long = {relative(path): len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}
    over = {name: lines for name, lines in long.items() if lines > MOST_LINES}
    assert over.keys() <= ALLOWED.keys(), over
    assert ALLOWED.keys() <= over.keys(), "a file on the allow list has become short: take it off"


def test_every_file_says_why_it_exists() -> None:
    for path in SOURCES:
        assert path.read_text(encoding="utf-8").lstrip().startswith('"""'), relative(path)


def test_no_loose_ends() -> None:
    for path in SOURCES:
        found = LOOSE_ENDS.search(path.read_text(encoding="utf-8"))
        assert not found, f"{relative(path)}: {found[0] if found else ''}"


def swallows(node: ast.ExceptHandler) -> bool:
    body = [
        item
        for item in node.body
        if not isinstance(item, ast.Expr) or not isinstance(item.value, ast.Constant)
    ]
    return all(isinstance(item, ast.Pass) for item in body) and (
        node.type is None
        or (isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException"))
    )


def test_no_failure_is_swallowed_whole() -> None:
    catching = [path for path in SOURCES if CATCHES_ALL.search(path.read_text(encoding="utf-8"))]
    assert len(catching) >= 5
    for path in catching:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ExceptHandler):
                assert not swallows(node), f"{relative(path)}:{node.lineno}"


def test_version_is_the_same_everywhere() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'version = "{VERSION}"' in project


def test_constraints_hold_names_and_versions_only() -> None:
    lines = (ROOT / ".ci" / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert len(lines) >= 30
    for line in lines:
        assert re.fullmatch(r"[A-Za-z0-9_.-]+==[A-Za-z0-9_.!+-]+", line), line


@pytest.mark.parametrize("name", ["LICENSE", "CHANGELOG.md", "README.md", "Makefile", ".ci/run"])
def test_house_has(name: str) -> None:
    assert (ROOT / name).stat().st_size > 0


def test_ci_run_can_be_run() -> None:
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


def test_nothing_ignored_belongs_into_the_wheel() -> None:
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    assert not [line for line in ignored if line.endswith((".tcss", ".yaml", ".toml", ".py", ".typed"))]
