"""What is loaded when, and who imports whom where the contracts of pyproject cannot say it."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ROOT / "services"
PURE = ("desk", "strategies", "execution", "alerts", "risk", "portfolio", "market", "domain", "views")
"""Rooms without I/O, clock, threads or randomness."""

IMPURE_MODULES = {
    *("asyncio", "threading", "multiprocessing", "subprocess", "socket", "select", "signal"),
    *("time", "datetime", "random", "secrets", "uuid", "os", "io", "shutil", "tempfile", "pathlib"),
}
IMPURE_CALLS = {"hash", "id", "open", "input", "print", "vars", "globals"}
ORDERED_CALLS = {"list", "tuple", "enumerate", "iter", "next", "map", "zip", "reversed", "fromkeys", "join"}
"""What is made from a set by these hangs on the process's hash seed; `sorted`, `len`, `in` do not."""


def loaded_by(code: str, *, whole: bool = False) -> set[str]:
    """Top-level modules in a fresh process after this code; `whole`: those below them, too."""
    name = "m" if whole else "m.partition('.')[0]"
    program = f"{code}\nimport sys\nprint(' '.join(sorted({{{name} for m in sys.modules}})))"
    here = {**os.environ, "PYTHONPATH": str(ROOT)}  # this checkout, whichever the environment was made for
    ran = subprocess.run(
        [sys.executable, "-P", "-c", program], env=here, capture_output=True, text=True, check=True
    )
    return set(ran.stdout.split())


def test_engine_loads_no_screen_and_no_fetcher() -> None:
    loaded = loaded_by("import services.engine, console.headless")
    assert "msgspec" in loaded
    drawing = {"textual", "rich", "typer", "screens"}
    assert loaded.isdisjoint(drawing | {"httpx", "websockets", "starlette", "uvicorn", "ccxt", "aiohttp"})


def test_who_reads_a_state_folder_loads_no_desk() -> None:
    """`why`, `report` and `audit` answered a fifth of a second later, for a whole engine came with them."""
    loaded = loaded_by("import services.kept, console.headless", whole=True)
    assert {"services.kept", "services.store.why", "services.drive.reporting"} <= loaded
    rooms = ("desk", "execution", "risk", "strategies", "workers", "control", "engine", "running")
    assert [name for name in loaded for room in rooms if name.startswith(f"services.{room}")] == []
    assert "asyncio" not in loaded


def test_bare_start_loads_neither_command_library_nor_pydantic_nor_store() -> None:
    loaded = loaded_by("import console.cli, console.start, console.opening, console.app")
    assert "textual" in loaded
    assert loaded.isdisjoint({"typer", "click", "pydantic", "pydantic_settings", "peewee", "httpx"})


def test_help_and_commands_load_no_screen_library_and_no_loop() -> None:
    loaded = loaded_by("import console.shell")
    assert "typer" in loaded
    assert loaded.isdisjoint({"textual", "rich", "httpx", "peewee", "pydantic", "asyncio"})


def test_version_loads_next_to_nothing() -> None:
    for words in (["--version"], ["version"], ["version", "--json"]):
        loaded = loaded_by(f"import console.cli; console.cli.main({words})")
        assert loaded.isdisjoint({"textual", "rich", "typer", "asyncio", "msgspec"})


def imports_of(path: Path) -> set[str]:
    """Top-level names of every import in a file, type-only ones included."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def files_of(*rooms: str) -> list[Path]:
    return sorted(path for room in rooms for path in (SERVICES / room).rglob("*.py"))


def test_domain_imports_the_standard_library_and_msgspec_only() -> None:
    files = files_of("domain")
    assert len(files) >= 8
    allowed = sys.stdlib_module_names | {"msgspec", "services"}
    for path in files:
        assert imports_of(path) <= allowed, path.name
        text = path.read_text(encoding="utf-8")
        assert "from services." not in text.replace("from services.domain", ""), path.name


def test_pure_rooms_have_no_clock_no_randomness_and_no_door_outside() -> None:
    files = files_of(*PURE)
    assert len(files) >= 40
    for path in files:
        bad = imports_of(path) & IMPURE_MODULES
        assert not bad, f"{path.relative_to(ROOT)} imports {', '.join(sorted(bad))}"


def is_set(node: ast.expr) -> bool:
    called = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
    return isinstance(node, ast.Set | ast.SetComp) or called in ("set", "frozenset")


def name_of(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def impure_uses(path: Path) -> list[str]:
    """Builtins whose answer hangs on the process, and everything that takes the order of a set."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        taken: list[ast.expr] = [node.iter] if isinstance(node, ast.For | ast.comprehension) else []
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id in IMPURE_CALLS:
                found.append(f"{path.relative_to(ROOT)}:{line} calls {node.func.id}()")
            if name_of(node) in ORDERED_CALLS:
                taken = node.args
        found += [
            f"{path.relative_to(ROOT)}:{item.lineno} takes the order of a set"
            for item in taken
            if is_set(item)
        ]
    return found


def test_pure_rooms_depend_on_nothing_of_the_process() -> None:
    found = [use for path in files_of(*PURE) for use in impure_uses(path)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("folder", ["screens", "console"])
def test_screens_and_console_know_only_views_protocol_settings_and_domain(folder: str) -> None:
    """`console/headless` is the one file that may reach the engine, the exchange as a server, or a store."""
    allowed = {"views", "protocol", "settings", "domain"}
    files = sorted((ROOT / folder).rglob("*.py"))
    assert len(files) >= 10
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = (
                    [f"services.{alias.name}" for alias in node.names]
                    if node.module == "services"
                    else [node.module]
                )
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            for name in names:
                top, _, rest = name.partition(".")
                room = rest.partition(".")[0]
                if (
                    top == "services"
                    and room
                    and not (path.name == "headless.py" and room in ("engine", "kept", "simulator", "store"))
                ):
                    assert room in allowed, f"{path.relative_to(ROOT)} imports {name}"
