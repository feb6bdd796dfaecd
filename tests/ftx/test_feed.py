"""What is asked for again when the connection is new."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from services.domain.events import MarketFrame, QuoteRow
from services.venues.ftx.feed import Feed
from services.venues.ftx.schemas import Coin
from services.venues.sim.facts import perp
from services.venues.wire.numbers import BadNumber
from tests.ftx.test_parse import future


def coin(name: str, index: str) -> Coin:
    return Coin(id=name, collateral=True, collateralWeight=Decimal(1), indexPrice=Decimal(index))


class Counting:
    """An API of a venue without markets that counts its questions."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def futures(self) -> list[Any]:
        self.asked.append("futures")
        return []

    async def coins(self) -> list[Any]:
        self.asked.append("coins")
        return []


class Deaf:
    def age(self) -> None:
        return None

    def ready(self) -> bool:
        return False


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_new_connection_asks_again_at_once_and_not_at_the_next_round() -> None:
    api, deaf = Counting(), Deaf()
    feed = Feed("alpha", api, {}, {}, deaf, deaf, lambda _: None, lambda: 0, turns)  # type: ignore[arg-type]
    running = asyncio.create_task(feed.run())
    await turns()
    assert sorted(api.asked) == ["coins", "futures"]
    feed.restate()
    await turns()
    assert sorted(api.asked) == ["coins", "coins", "futures", "futures"]
    feed.stop()
    await turns()
    assert running.done()
    assert len(api.asked) == 4


class Marks(Counting):
    async def futures(self) -> list[Any]:
        return [future(', "name": "BTC-PERP", "mark": 2, "index": 3')]


class Alive(Deaf):
    def age(self) -> float:  # type: ignore[override]
        return 0.0

    def ready(self) -> bool:
        return True

    def take_changed(self) -> tuple[QuoteRow, ...]:
        return (QuoteRow("BTC-PERP.alpha", 1.0, 1.0, 2.0, 1.0, 1.0, 1.0),)


async def test_what_was_asked_for_is_as_old_as_its_question() -> None:
    told: list[MarketFrame] = []
    now = 1_000
    specs = {"BTC-PERP": perp("alpha", "BTC-PERP", "BTC", "USD")}
    alive = Alive()
    feed = Feed("alpha", Marks(), specs, {}, alive, alive, told.append, lambda: now, turns)  # type: ignore[arg-type]
    await feed._ask_marks()
    now = 9_000
    feed._flush()
    assert [(each.ts, len(each.marks), len(each.quotes)) for each in told] == [(1_000, 1, 0), (9_000, 0, 1)]
    assert [each.seq for each in told] == [1, 2]
    await feed._ask_marks()
    feed._flush()
    assert [(each.ts, len(each.marks), len(each.quotes)) for each in told[2:]] == [(9_000, 1, 1)]


async def test_a_mark_or_an_index_that_cannot_be_read_keeps_no_other_from_being_told() -> None:
    """The venue goes on listing a market that has closed, with nothing in it."""

    class Odd(Marks):
        async def futures(self) -> list[Any]:
            return [future(', "name": "ETH-PERP", "mark": 0, "index": 3'), *await super().futures()]

        async def coins(self) -> list[Any]:
            return [coin("ETH", "0"), coin("BTC", "60000")]

    told: list[MarketFrame] = []
    specs = {f"{name}-PERP": perp("alpha", f"{name}-PERP", name, "USD") for name in ("ETH", "BTC")}
    alive = Alive()
    feed = Feed("alpha", Odd(), specs, {}, alive, alive, told.append, lambda: 1_000, turns)  # type: ignore[arg-type]
    with pytest.raises(BadNumber):
        await feed._ask_marks()
    await feed._ask_coins()
    feed._flush(always=True)
    assert [row.instrument for frame in told for row in frame.marks] == ["BTC-PERP.alpha"]
    assert [row.coin for frame in told for row in frame.indexes] == ["BTC"]
