"""The Makefile's choice of an interpreter: the first that runs, is new enough and can make environments.

And what `make test` leaves out: nothing that it takes in may be skipped where CI runs it.
"""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def chosen(tmp_path: Path, pythons: dict[str, str], preferred: str = "") -> subprocess.CompletedProcess[str]:
    """Runs the Makefile's search with a PATH of make-believe interpreters."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, body in pythons.items():
        program = folder / name
        program.write_text(f"#!/bin/sh\n{body}\n")
        program.chmod(0o755)
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    found = re.search(r"^define FIND_PYTHON\n(.*?)\nendef", text, re.MULTILINE | re.DOTALL)
    assert found
    search = found[1].replace("$(PYTHON)", preferred).replace("$$", "$")
    return subprocess.run(
        ["/bin/sh", "-c", search], env={"PATH": str(folder)}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("pythons", "preferred", "expected"),
    [
        ({"python3": "exit 0"}, "", "python3"),
        ({"python3.13": "exit 0", "python3": "exit 0"}, "", "python3.13"),
        ({"python3.13": "exit 127", "python3.12": "exit 0"}, "", "python3.12"),
        ({"python3.11": "exit 0", "mine": "exit 0"}, "mine", "mine"),
        ({"python3.11": "exit 0", "mine": "exit 1"}, "mine", "python3.11"),
    ],
)
def test_first_interpreter_that_serves(
    tmp_path: Path, pythons: dict[str, str], preferred: str, expected: str
) -> None:
    ran = chosen(tmp_path, pythons, preferred)
    assert (ran.returncode, ran.stdout.strip()) == (0, expected)


def test_none_that_serves_names_the_package_in_one_line(tmp_path: Path) -> None:
    ran = chosen(tmp_path, {"python3": "exit 1"})
    assert ran.returncode == 1
    assert "python3-venv" in ran.stderr
    assert ran.stderr.count("\n") == 1


def test_targets_are_phony_and_all_there() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    found = re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert found
    phony = found[1].split()
    for target in ("run", "test", "lint", "bench", "screens", "soak", "constraints"):
        assert target in phony
        assert re.search(rf"^{target}:", text, re.MULTILINE)
    assert re.search(r"^\$\(STAMP\): pyproject\.toml \.ci/constraints\.txt$", text, re.MULTILINE)


def test_what_a_test_skips_by_itself_is_not_in_the_run_that_forbids_skips() -> None:
    """CI counts every skip as a failure: a test that is there for another run has that run's marker."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    found = re.search(r'^test: .*\n.* -m "([^"]*)"', makefile, re.MULTILINE)
    assert found
    left_out = {f"pytest.mark.{name}" for name in re.findall(r"\bnot (\w+)", found[1])}
    assert left_out >= {"pytest.mark.bench", "pytest.mark.soak"}
    skipping = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        if "@pytest.mark.skip" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                marks = {ast.unparse(each).partition("(")[0] for each in node.decorator_list}
                if marks & {"pytest.mark.skip", "pytest.mark.skipif"}:
                    skipping.append(node.name)
                    assert marks & left_out, f"{path.name}: {node.name}"
    assert skipping, "none found: then this looks for them wrongly"
