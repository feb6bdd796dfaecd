"""Opening a store: create it, migrate it forward after a backup copy, refuse what a newer program wrote.

The writer and the readers expect a store that went through `open_store`.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import cache
from pathlib import Path

from msgspec import Struct
from peewee import SqliteDatabase

from services.store import health
from services.store.schema import MODELS, SCHEMA_VERSION

CORRUPT = "corrupt"
"""Kind of trouble that only a new store ends."""

_INSTANCE = re.compile(r"[0-9a-z]{6}")

Migration = Callable[[sqlite3.Connection], None]

_DAILY = (
    'CREATE TABLE "daily" ("day" TEXT NOT NULL PRIMARY KEY, "ts" INTEGER NOT NULL, "seq" INTEGER NOT NULL, '
    '"head" TEXT NOT NULL, "equity" TEXT, "day_pnl" TEXT, "fees" TEXT NOT NULL, "funding" TEXT NOT NULL, '
    '"trades" INTEGER NOT NULL, "fills" INTEGER NOT NULL, "fees_sum" TEXT NOT NULL, '
    '"funding_sum" TEXT NOT NULL, "transfers_sum" TEXT NOT NULL, "trades_sum" INTEGER NOT NULL, '
    '"fills_sum" INTEGER NOT NULL)'
)


def _add_daily(connection: sqlite3.Connection) -> None:
    connection.execute(_DAILY)


_COUNTED = (
    "begun",
    "equity",
    "price",
    "funding",
    "currency",
    "fees",
    "slippage",
    "interest",
    "conversion",
    "liquidation",
    "adjustments",
    "transfers",
)


def _add_waterfall(connection: sqlite3.Connection) -> None:
    sums = ", ".join(f'"{name}" TEXT NOT NULL' for name in _COUNTED)
    connection.execute(
        f'CREATE TABLE "waterfall" ("account" TEXT NOT NULL, "ts" INTEGER NOT NULL, {sums}, '
        '"unmeasured" INTEGER NOT NULL, PRIMARY KEY ("account", "ts"))'
    )
    connection.execute('CREATE INDEX "waterfall_ts" ON "waterfall" ("ts")')
    for column in ("notional_usd", "fee_usd", "slippage_usd"):
        connection.execute(f'ALTER TABLE "trades" ADD COLUMN "{column}" TEXT')


def _add_rates_and_coins(connection: sqlite3.Connection) -> None:
    connection.execute(
        'CREATE TABLE "equity_coins" ("account" TEXT NOT NULL, "coin" TEXT NOT NULL, "ts" INTEGER NOT NULL, '
        '"balance" TEXT, "upnl" TEXT, "index" TEXT, PRIMARY KEY ("account", "coin", "ts"))'
    )
    connection.execute('CREATE INDEX "coinequity_ts" ON "equity_coins" ("ts")')
    connection.execute(
        'CREATE TABLE "funding_rates" ("instrument" TEXT NOT NULL, "ts" INTEGER NOT NULL, '
        '"rate" TEXT NOT NULL, "interval_h" TEXT, PRIMARY KEY ("instrument", "ts"))'
    )
    connection.execute('CREATE INDEX "fundingrate_ts" ON "funding_rates" ("ts")')


MIGRATIONS: Mapping[int, Migration] = {1: _add_daily, 2: _add_waterfall, 3: _add_rates_and_coins}
"""`MIGRATIONS[n]` takes a store of schema n to n + 1, inside one transaction."""


class StoreError(Exception):
    """One line: what is wrong with the store and what to do."""


class CorruptStore(StoreError):
    """The file is damaged: it is set aside and the books are rebuilt from the venues (SEMANTICS 14)."""


UNREADABLE = (StoreError, ValueError, sqlite3.Error)
"""What reading a journal raises where it is damaged, cannot be decoded or is locked."""


class StoreMeta(Struct, frozen=True):
    schema: int
    instance: str
    """First six characters of every client order id of this store."""
    created: bool
    """True = a new store was made by this call."""


def open_store(
    path: Path,
    new_instance: str,
    *,
    migrations: Mapping[int, Migration] = MIGRATIONS,
    version: int = SCHEMA_VERSION,
    busy_s: float = 2.0,
) -> StoreMeta:
    """Create the store (with `new_instance`, six of `[0-9a-z]`) or bring it to this program's schema.

    Raises StoreError when it is locked, read-only, or of an unknown newer schema, CorruptStore when it is
    damaged; a damaged one is left as it was found.
    """
    if not _INSTANCE.fullmatch(new_instance):
        raise StoreError(f"instance {new_instance!r}: expected six characters of 0-9 and a-z")
    try:
        return _open(path, new_instance, migrations, version, busy_s)
    except sqlite3.Error as error:
        raise trouble(path, error) from error
    except OSError as error:
        raise StoreError(
            f"store {path}: {error.strerror or error}; make it writable or name another with --state-dir"
        ) from error


def trouble(path: Path, error: sqlite3.Error) -> StoreError:
    """What SQLite said about the store as one line, of the class that says what is done about it."""
    kind, text = explain(error)
    return (CorruptStore if kind == CORRUPT else StoreError)(f"store {path}: {text}")


def explain(error: BaseException) -> tuple[str, str]:
    """Kind of trouble (`locked`, `full`, `corrupt`, `failed`) and one line with the remedy."""
    text = str(error)
    low = text.lower()
    if "locked" in low or "busy" in low:
        return "locked", "another program holds the database locked; close it"
    if "full" in low:
        return "full", "the disk is full; free some space"
    if "malformed" in low or "not a database" in low or "corrupt" in low:
        return CORRUPT, f"the file is damaged ({text})"
    if "readonly" in low or "read-only" in low:
        return "failed", "the file cannot be written; check its owner and mode"
    if "unable to open" in low:
        return "failed", "the file cannot be opened; check the folder's owner and mode"
    return "failed", text


def _open(
    path: Path, new_instance: str, migrations: Mapping[int, Migration], version: int, busy_s: float
) -> StoreMeta:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    empty = os.fstat(fd).st_size == 0
    os.close(fd)
    with closing(sqlite3.connect(path, timeout=busy_s, isolation_level=None)) as connection:
        # Before anything is written: what a damaged log held would be overwritten by the first commit.
        damage = health.lost_log(connection, path)
        if damage is None and not empty:
            damage = health.quick_check(connection)
        if damage is not None:
            health.keep_log(path)
            raise CorruptStore(f"store {path}: {damage}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        if empty or not _has_meta(connection):
            if not empty and _tables(connection):
                raise StoreError(f"store {path}: the database of another program; name another folder")
            _create(connection, new_instance, version)
            return StoreMeta(version, new_instance, True)
        found, instance = _meta(connection, path)
        if found > version:
            raise StoreError(
                f"store {path}: written by a newer program (schema {found}, this one knows {version}); "
                "upgrade stableconsole"
            )
        if found < version:
            _backup(connection, path, found)
            _migrate(connection, path, found, version, migrations)
        held = _tables(connection)
        for model in MODELS:
            name = model._meta.table_name
            if name not in held:
                raise CorruptStore(f"store {path}: its table {name} is gone")
        return StoreMeta(version, instance, False)


def _tables(connection: sqlite3.Connection) -> list[str]:
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    return [name for (name,) in rows]


def _has_meta(connection: sqlite3.Connection) -> bool:
    return "meta" in _tables(connection)


def _meta(connection: sqlite3.Connection, path: Path) -> tuple[int, str]:
    facts = dict(connection.execute("SELECT key, value FROM meta"))
    try:
        return int(facts["schema"]), facts["instance"]
    except (KeyError, ValueError) as error:
        raise CorruptStore(f"store {path}: its meta table names no schema and instance") from error


def _create(connection: sqlite3.Connection, instance: str, version: int) -> None:
    """All tables in one transaction: a kill in the middle leaves an empty file, which is created again."""
    connection.execute("BEGIN IMMEDIATE")
    for statement in create_statements():
        connection.execute(statement)
    connection.executemany(
        "INSERT INTO meta (key, value) VALUES (?, ?)", [("schema", str(version)), ("instance", instance)]
    )
    connection.execute("COMMIT")


@cache
def create_statements() -> tuple[str, ...]:
    """The SQL that makes every table and index, from the peewee models."""
    database = SqliteDatabase(":memory:")
    statements: list[str] = []
    with database.bind_ctx(MODELS):
        for model in MODELS:
            manager = model._schema  # type: ignore[attr-defined]
            statements.append(manager._create_table(safe=False).query()[0])
            statements.extend(context.query()[0] for context in manager._create_indexes(safe=False))
    return tuple(statements)


def _backup(connection: sqlite3.Connection, path: Path, found: int) -> None:
    target = path.with_name(f"{path.name}.schema-{found}.bak")
    with closing(sqlite3.connect(target)) as copy:
        connection.backup(copy)
    os.chmod(target, 0o600)


def _migrate(
    connection: sqlite3.Connection, path: Path, found: int, version: int, migrations: Mapping[int, Migration]
) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        for step in range(found, version):
            if step not in migrations:
                raise StoreError(
                    f"store {path}: no way from schema {step} to {step + 1}; use an older program"
                )
            migrations[step](connection)
        connection.execute("UPDATE meta SET value = ? WHERE key = 'schema'", (str(version),))
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
