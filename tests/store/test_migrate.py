"""Opening a store: made once, migrated forward after a copy, refused by name when it cannot be ours."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from services.store import migrate
from services.store.journal import ChainRow, JournalWriter
from services.store.migrate import StoreError, open_store
from services.store.reader import StoreReader
from services.store.replay import verify
from services.store.schema import SCHEMA_VERSION
from tests.store.builders import INSTANCE, feed, history, session, written_store


def test_a_new_store_keeps_its_first_instance(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    first = open_store(path, INSTANCE)
    assert (first.created, first.instance, first.schema) == (True, INSTANCE, SCHEMA_VERSION)
    second = open_store(path, "zzzzzz")
    assert (second.created, second.instance) == (False, INSTANCE)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_store_whose_making_was_cut_short_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    assert path.stat().st_size > 0
    assert open_store(path, INSTANCE).created


@pytest.mark.parametrize("instance", ["", "ABC123", "abc12", "abc1234", "abc 12"])
def test_an_instance_is_six_characters(tmp_path: Path, instance: str) -> None:
    with pytest.raises(StoreError, match="six characters"):
        open_store(tmp_path / "store.sqlite", instance)


def test_an_unknown_newer_version_is_refused_by_name(tmp_path: Path) -> None:
    path = written_store(tmp_path, 10)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE meta SET value = '999' WHERE key = 'schema'")
    connection.commit()
    connection.close()
    for opening in (lambda: open_store(path, INSTANCE), lambda: StoreReader(path)):
        with pytest.raises(StoreError, match=r"schema 999.*upgrade"):
            opening()


def _schema_1(folder: Path) -> Path:
    """A store as the first program wrote it, with a journal and a fill."""
    path = folder / "store.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.executescript(Path(__file__).with_name("schema_1.sql").read_text())
    connection.executemany("INSERT INTO meta VALUES (?, ?)", [("schema", "1"), ("instance", INSTANCE)])
    connection.commit()
    rows: list[ChainRow] = []
    journal = JournalWriter(rows.append)
    journal.session(session())
    feed(journal, history(20))
    journal.seal()
    for row in rows:
        connection.execute(
            "INSERT INTO journal VALUES (?, ?, ?, ?, 0, ?, ?, ?, '')",
            (row.seq, row.kind, row.ts, row.count, row.payload, row.digest, row.hash),
        )
    connection.execute(
        "INSERT INTO trades VALUES (1, 5, 'BTC', 'buy', '0.1', '20000', '1', '0', 's', '', 'alpha', 'alpha', "
        "'BTC-USDT-PERP.alpha', 't1', 'c1', 'USDT', 'e1', 0)"
    )
    connection.commit()
    connection.close()
    return path


def _tables_of(path: Path) -> list[tuple[str, str]]:
    connection = sqlite3.connect(path)
    found = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name")
    rows = [(name, sql) for name, sql in found]
    connection.close()
    return rows


def test_a_store_of_the_first_schema_becomes_one_of_today_and_loses_nothing(tmp_path: Path) -> None:
    path = _schema_1(tmp_path)
    rows = verify(path).rows
    assert rows > 10
    meta = open_store(path, "zzzzzz")
    assert (meta.schema, meta.instance, meta.created) == (SCHEMA_VERSION, INSTANCE, False)
    (tmp_path / "new").mkdir()
    new = written_store(tmp_path / "new", 1)
    assert _tables_of(path) == _tables_of(new)
    assert verify(path).rows == rows
    store = StoreReader(path)
    assert [fill.trade_id for fill in store.fills()] == ["t1"]
    assert store.daily() == []
    store.close()
    backup = path.with_name("store.sqlite.schema-1.bak")
    assert verify(backup).rows == rows
    assert "daily" not in [name for name, _ in _tables_of(backup)]
    assert backup.stat().st_mode & 0o777 == 0o600


def test_a_disk_too_full_for_the_backup_leaves_the_old_store_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _schema_1(tmp_path)
    before = _tables_of(path)

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(migrate, "_backup", full)
    with pytest.raises(StoreError, match="free some space"):
        open_store(path, INSTANCE)
    assert _tables_of(path) == before


def _add_column(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE trades ADD COLUMN colour TEXT NOT NULL DEFAULT 'red'")


def _fail(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE trades ADD COLUMN half TEXT")
    raise sqlite3.OperationalError("disk I/O error")


def test_an_older_store_is_migrated_after_a_backup_copy(tmp_path: Path) -> None:
    path = written_store(tmp_path, 50)
    rows = verify(path).rows
    meta = open_store(path, INSTANCE, migrations={SCHEMA_VERSION: _add_column}, version=SCHEMA_VERSION + 1)
    assert (meta.schema, meta.created, meta.instance) == (SCHEMA_VERSION + 1, False, INSTANCE)
    connection = sqlite3.connect(path)
    columns = [row[1] for row in connection.execute("PRAGMA table_info(trades)")]
    connection.close()
    assert "colour" in columns
    backup = path.with_name(f"store.sqlite.schema-{SCHEMA_VERSION}.bak")
    assert verify(backup).rows == rows
    copy = sqlite3.connect(backup)
    assert "colour" not in [row[1] for row in copy.execute("PRAGMA table_info(trades)")]
    copy.close()


def test_a_failed_migration_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    path = written_store(tmp_path, 10)
    with pytest.raises(StoreError):
        open_store(path, INSTANCE, migrations={SCHEMA_VERSION: _fail}, version=SCHEMA_VERSION + 1)
    assert open_store(path, INSTANCE).schema == SCHEMA_VERSION
    connection = sqlite3.connect(path)
    assert "half" not in [row[1] for row in connection.execute("PRAGMA table_info(trades)")]
    connection.close()


def test_a_missing_step_is_named(tmp_path: Path) -> None:
    path = written_store(tmp_path, 10)
    with pytest.raises(StoreError, match=f"no way from schema {SCHEMA_VERSION} to"):
        open_store(path, INSTANCE, migrations={}, version=SCHEMA_VERSION + 1)


def test_every_known_step_exists() -> None:
    assert sorted(migrate.MIGRATIONS) == list(range(1, SCHEMA_VERSION))


def test_damage_and_foreign_files_are_refused_in_one_line(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.sqlite"
    damaged.write_bytes(b"SQLite format 3\0" + b"\xff" * 5_000)
    foreign = tmp_path / "foreign.sqlite"
    connection = sqlite3.connect(foreign)
    connection.execute("CREATE TABLE other (a)")
    connection.commit()
    connection.close()
    for path, said in (
        (damaged, "damaged"),
        (foreign, "another program"),
        (tmp_path / "no" / "s", "--state-dir"),
    ):
        with pytest.raises(StoreError, match=said) as caught:
            open_store(path, INSTANCE)
        assert "\n" not in str(caught.value)
        assert str(path) in str(caught.value)


def test_a_locked_store_is_refused_at_start(tmp_path: Path) -> None:
    path = written_store(tmp_path, 10)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    other.execute("UPDATE meta SET value = value")
    with pytest.raises(StoreError, match="locked"):
        open_store(path, INSTANCE, busy_s=0.1)
    other.execute("ROLLBACK")
    other.close()


def test_reading_where_there_is_no_store_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="none yet"):
        StoreReader(tmp_path / "store.sqlite")
