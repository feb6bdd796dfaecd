"""The contract behind the kills: what outlives the process goes through these doors and no other.

The store is written by its writer, the venues are called by the machines of `drive`, the latch is a file of
its own; the simulated exchange keeps its books as a second party. So a run that marks the doors has met every
boundary there is.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from tests.kill.doors import PORT

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ROOT / "services"

WRITING_CALLS = {
    "write_text",
    "write_bytes",
    "pwrite",
    "ftruncate",
    "replace",
    "rename",
    "unlink",
    "fdatasync",
}

FILES_WRITTEN_BY = {
    "drive/latch.py": "the latch",
    "control/server.py": "the socket",
    "drive/lock.py": "who holds the folder",
    "drive/configuration.py": "ui.json, for consoles",
    "drive/choice.py": "an old world is moved aside",
    "drive/rebuild.py": "a damaged store is set aside, and which instances there were",
    "venues/sim/log.py": "the exchange's own books",
    "venues/sim/world.py": "world.json and the exchange's checkpoint",
    "venues/wire/bans.py": "bans that outlast a restart",
    "workers/simserver/triggers.py": "what waits at the served exchange, beside its books",
    "workers/simserver/former.py": "books of before, under the names of today",
    "workers/simserver/killed.py": "quotes that it took and closed at once, beside them",
    "workers/machine.py": "doctor measures a sync on a file of its own",
    "store/migrate.py": "the copy before a migration",
    "store/replay.py": "audit export, into a file that a person named",
}
"""Whoever writes a file by hand, and which one. Nothing else in `services` may, but the store's writer."""


EXCHANGE = ("venues/", "workers/simserver/")
"""The second party: the simulated exchange, in process and as a server of its own."""


Nodes = tuple[ast.AST, ...]
"""Of one file, all of them."""


@cache
def trees() -> tuple[tuple[str, Nodes], ...]:
    files = sorted(SERVICES.rglob("*.py"))
    return tuple(
        (path.relative_to(SERVICES).as_posix(), tuple(ast.walk(ast.parse(path.read_text("utf-8")))))
        for path in files
    )


@cache
def imported(tree: Nodes) -> set[str]:
    found: set[str] = set()
    for node in tree:
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def calls(tree: Nodes, names: set[str]) -> list[ast.Call]:
    return [
        node
        for node in tree
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in names
    ]


def test_only_the_writer_commits_to_the_store() -> None:
    committing = {name for name, tree in trees() if _says(tree, "COMMIT") or _says(tree, "BEGIN IMMEDIATE")}
    assert committing == {"store/disk.py", "store/migrate.py", "store/prune.py"}
    # What empties old blocks is the writer's own step, or a command beside it; it adds no row.
    emptying = {name for name, tree in trees() if "services.store.prune" in imported(tree)}
    assert emptying == {"store/disk.py", "drive/pruning.py"}
    hands = {name for name, tree in trees() if "services.store.disk.Disk" in imported(tree)}
    assert hands == {"store/writer.py"}


def test_only_keeper_and_session_hold_the_writer() -> None:
    holding = {name for name, tree in trees() if "services.store.writer.StoreWriter" in imported(tree)}
    assert "drive/keeper.py" in holding
    assert {name.partition("/")[0] for name in holding} == {"drive"}
    asking = {name for name, tree in trees() if calls(tree, {"commit_intent"})}
    assert asking == {"drive/keeper.py", "store/writer.py"}


def test_only_the_machines_of_drive_call_a_venue() -> None:
    assert {"submit", "cancel", "query", "read_account"} <= set(PORT)
    calling = {
        name
        for name, tree in trees()
        if not name.startswith(EXCHANGE) and any(_on_a_venue(call) for call in calls(tree, set(PORT)))
    }
    assert calling
    assert {name.partition("/")[0] for name in calling} == {"drive"}
    assert all("machine" in name or "live" in name for name in calling), calling


def test_no_other_room_but_drive_knows_the_venues_or_writes_files() -> None:
    knowing = {
        name.partition("/")[0]
        for name, tree in trees()
        if any(each.startswith("services.venues.") for each in imported(tree))
    }
    assert knowing <= {"venues", "drive", "workers", "engine.py"}
    writing = {name for name, tree in trees() if _writes(tree)}
    assert writing <= set(FILES_WRITTEN_BY), writing - set(FILES_WRITTEN_BY)


def _says(tree: Nodes, sql: str) -> bool:
    return any(isinstance(node, ast.Constant) and node.value == sql for node in tree)


def _on_a_venue(call: ast.Call) -> bool:
    """`self.venues[...].submit(...)`, `venue.cancel(...)`."""
    assert isinstance(call.func, ast.Attribute)
    return "venue" in ast.unparse(call.func.value)


def _mode(argument: ast.expr) -> bool:
    """Is it the mode of a file that is opened for writing?"""
    return isinstance(argument, ast.Constant) and argument.value in ("w", "wb", "a", "ab", "r+b", "xb")


def _writes(tree: Nodes) -> bool:
    for call in calls(tree, WRITING_CALLS | {"write", "open"}):
        assert isinstance(call.func, ast.Attribute)
        on = ast.unparse(call.func.value)
        if call.func.attr in ("write", "replace", "rename", "unlink") and on != "os" and "path" not in on:
            continue  # a stream, a string, a struct
        if call.func.attr == "open" and not any(_mode(each) for each in call.args):
            continue
        if on == "os" and call.func.attr == "write":
            continue  # a descriptor: what opened it counts
        return True
    return any(isinstance(node, ast.Attribute) and node.attr in ("O_CREAT", "O_WRONLY") for node in tree)
