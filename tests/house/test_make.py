"""The Makefile's choice of an interpreter: the first that runs, is new enough and can make environments."""

from __future__ import annotations

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
