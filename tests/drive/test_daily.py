"""The summary of a day: what lies between two midnights, the head of the chain, and nothing counted twice."""

from __future__ import annotations

import json
import logging
from decimal import Decimal
from pathlib import Path

import pytest

from console.headless import JsonFormatter
from services.desk.core import DAY
from services.domain.money import ZERO
from services.store.reader import StoreReader
from services.store.replay import JournalReader
from tests.desk.world import S, quick
from tests.drive.engines import engine


def _to_midnight(folder: Path, seconds: int) -> tuple[list[str], int]:
    """Run on; then the store's days and their heads, each compared with the chain."""
    session, machine = engine(folder, quick())
    daily = session._daily
    assert daily is not None
    # The scenario begins at 13:50; its first midnight is brought near.
    daily.due = min(daily.due, session.queue.now + 30 * S)
    machine.run_until(session.queue.now + seconds * S)
    ended = session.queue.now
    assert session.close()
    reader = StoreReader(folder / "store.sqlite")
    rows = reader.daily()
    reader.close()
    journal = JournalReader(folder / "store.sqlite")
    for row in rows:
        (at,) = journal.rows(after=row.seq - 1, upto=row.seq)
        assert at.hash.hex() == row.head
        assert at.ts <= row.ts
    journal.close()
    return [row.day for row in rows], ended


def test_the_summary_names_the_head_and_is_logged_as_text_and_as_json(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "stableconsole.daily"):
        days, _ = _to_midnight(tmp_path, 60)
    assert days == ["2023-03-01"]
    reader = StoreReader(tmp_path / "store.sqlite")
    (row,) = reader.daily()
    reader.close()
    assert row.fills >= 4
    assert row.fees > ZERO
    assert row.equity is not None
    (record,) = [each for each in caplog.records if each.name == "stableconsole.daily"]
    assert f"journal head {row.head} at row {row.seq}" in record.getMessage()
    line = json.loads(JsonFormatter().format(record))
    assert line["daily"]["head"] == row.head
    assert Decimal(line["daily"]["fees"]) == row.fees


def test_the_days_after_start_from_the_sums_of_the_day_before_over_a_restart(tmp_path: Path) -> None:
    _to_midnight(tmp_path, 60)
    session, machine = engine(tmp_path, quick())
    daily = session._daily
    assert daily is not None
    assert daily._last is None, "the day that a summary was made of early is the present one still"
    reader = StoreReader(tmp_path / "store.sqlite")
    (first,) = reader.daily()
    reader.close()
    daily._last = first
    daily._day += 1
    daily.due = session.queue.now + 5 * S
    machine.run_until(session.queue.now + 10 * S)
    assert daily._last.day == "2023-03-02"
    second = daily._last
    assert second.fills == second.fills_sum - first.fills_sum
    assert second.fees == second.fees_sum - first.fees_sum
    assert first.equity is not None
    assert second.equity is not None
    assert second.day_pnl == second.equity - first.equity
    assert second.seq > first.seq
    session.close()


def test_unknown_equity_is_no_profit(tmp_path: Path) -> None:
    session, machine = engine(tmp_path, quick())
    daily = session._daily
    assert daily is not None
    daily.close_day(session.queue.now)  # before anything was heard of the venues
    assert daily._last is not None
    assert daily._last.equity is None
    assert daily._last.day_pnl is None
    assert daily.due % DAY == 0
    machine.run_until(session.queue.now + S)
    session.close()
