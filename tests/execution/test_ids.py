"""Order numbers and pair names over the end of an engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.domain.enums import PairState, Purpose
from services.domain.money import ZERO
from services.domain.orders import client_order_id, parse_client_order_id
from services.domain.records import PairRecord
from services.execution.ids import SKIPPED, IdCounter, IdState, restarted
from services.store.migrate import open_store
from services.store.reader import StoreReader
from services.store.writer import StoreWriter


def test_after_a_lost_block_a_pair_name_on_record_is_not_drawn_again(tmp_path: Path) -> None:
    """The desk comes back from before the block, in which P-02 to P-11 were named and traded."""
    path = tmp_path / "store.sqlite"
    open_store(path, "abc123")
    writer = StoreWriter(path)
    writer.start()
    for name in ("P-01", "P-11", "P-9", "S-77"):
        writer.record(
            PairRecord(
                ts=1, id=name, strategy="s", kind="hedge", state=PairState.CLOSED, short="a", long="b",
                target=ZERO, short_size=ZERO, long_size=ZERO, funding=ZERO, fees=ZERO, opened_ts=None,
                closed_ts=1, reason="",
            )
        )  # fmt: skip
    assert writer.close()
    reader = StoreReader(path)
    named = reader.pairs_named()
    reader.close()
    assert named == 11
    state = IdState("abc123", sequence=40, pairs=1)
    restarted(state, named)
    assert IdCounter("abc123", state).pair() == "P-12"
    assert state.sequence == 40 + SKIPPED


def test_a_desk_that_knows_more_pairs_than_the_store_keeps_its_own_count() -> None:
    state = IdState("abc123", pairs=7)
    restarted(state, 3)
    assert IdCounter("abc123", state).pair() == "P-08"


@pytest.mark.parametrize("purpose", Purpose)
def test_an_id_says_what_its_order_was_for(purpose: Purpose) -> None:
    text = client_order_id("abc123", 36**5, purpose, 2, 47)
    parts = parse_client_order_id(text)
    assert parts is not None
    assert (parts.purpose, parts.leg, parts.attempt) == (purpose, 2, 47)


@pytest.mark.parametrize("leg", [0, 1, 2])
@pytest.mark.parametrize(("pair", "place"), [("P-01", 0), ("P-02", 1), ("P-17", 16), ("P-18", 0), ("", 0)])
def test_an_id_says_where_its_pair_stands_in_the_place_of_its_leg(pair: str, place: int, leg: int) -> None:
    ids = IdCounter("abc123")
    text = ids.draw(Purpose.UNWIND, leg, 3, pair)
    parts = parse_client_order_id(text)
    assert parts is not None
    assert (len(text), parts.leg, parts.attempt) == (20, leg, 3)
    assert parts.place == (place if leg else 0)


@pytest.mark.parametrize("text", ["", "abc123", "A" * 20, "abc123000000001z1001", "é" * 20])
def test_other_ids_say_nothing(text: str) -> None:
    assert parse_client_order_id(text) is None
