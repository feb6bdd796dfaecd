"""The keeper on a real store: what the driver hands over is on disk, in order, and the latch is written."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from services.domain.effects import SaveIntent, SetTimer, WriteLatch
from services.domain.enums import TradingState
from services.domain.events import Timer
from services.domain.records import TransferRecord
from services.drive.keeper import StoreKeeper
from services.drive.latch import Latch, read_latch
from services.drive.latch_sync import LatchWriter
from services.store.facts import StoreTrouble
from services.store.journal import JournalWriter
from services.store.migrate import open_store
from services.store.reader import StoreReader
from services.store.replay import JournalReader, verify
from services.store.writer import StoreWriter

WAIT_S = 30.0


def keeper_in(folder: Path) -> tuple[StoreKeeper, StoreWriter]:
    path = folder / "store.sqlite"
    open_store(path, "abc123")
    writer = StoreWriter(path, watch_slow=False)
    writer.start()
    return StoreKeeper(writer, JournalWriter(writer.journal), LatchWriter(Latch(folder / "latch"))), writer


def transfer(number: int) -> TransferRecord:
    return TransferRecord(ts=number, venue="alpha", transfer_id=f"t{number}", coin="USD", amount=Decimal("5"))


def test_inputs_effects_and_records_are_on_disk_when_the_commit_is_answered(tmp_path: Path) -> None:
    keeper, writer = keeper_in(tmp_path)
    keeper.input(Timer(name="a", ts=5))
    keeper.effect(SetTimer(name="a", due=9))
    keeper.record(transfer(1))
    keeper.effect(SaveIntent(seq=1, orders=(), pair=None, text="t"))
    keeper.commit().result(WAIT_S)
    reader = JournalReader(tmp_path / "store.sqlite")
    rows = list(reader.rows())
    reader.close()
    assert [(row.kind, row.ts) for row in rows] == [("block", 5), ("decision", 5), ("decision", 5)]
    store = StoreReader(tmp_path / "store.sqlite")
    assert store.transfers() == [transfer(1)]
    store.close()
    assert writer.close(WAIT_S)
    assert verify(tmp_path / "store.sqlite").rows == 3
    with pytest.raises(StoreTrouble):
        keeper.commit().result(WAIT_S)


def test_a_halt_reaches_the_latch_and_a_failing_latch_is_told(tmp_path: Path) -> None:
    keeper, writer = keeper_in(tmp_path)
    halt = WriteLatch(state=TradingState.HALTED, cause="operator", text="by hand", ts=5)
    assert keeper.latch(halt) is None
    found = read_latch(tmp_path / "latch")
    assert found is not None
    assert (found.state, found.cause, found.text, found.ts) == ("HALTED", "operator", "by hand", 5)
    keeper._latch._latch.close()
    assert keeper.latch(halt)
    assert writer.close(WAIT_S)
