"""Books that are asked for: one whose answer hangs holds up no other, and is not asked for twice at once."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from services.domain.events import QuoteRow
from services.venues.ccxt_venue import facts
from services.venues.ccxt_venue.books import Books
from services.venues.ccxt_venue.line import MARKET
from services.venues.sim.facts import perp
from services.venues.wire.errors import ErrorKind, WireError

HANGS, QUICK = "ADA/USDT:USDT", "BTC/USDT:USDT"
S = 1_000_000_000
BOOK = {"bids": [[Decimal(99), Decimal(2)]], "asks": [[Decimal(101), Decimal(3)]]}


class Door:
    """Answers at once; for `HANGS` when it is told what."""

    streams = False

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.hang = False
        """All others with it."""
        self.answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    async def ask(self, name: str, symbol: str, levels: int) -> Any:
        self.asked.append(symbol)
        if self.hang:
            return await asyncio.shield(self.answer)
        return await self.answer if symbol == HANGS else BOOK


class NobodyFollows:
    """Streams that are all down at present."""

    def live(self, name: str) -> bool:
        return False


class Desk:
    """Books with one market that hangs, and what they have told."""

    def __init__(self) -> None:
        self.now = 10 * S
        self.door = Door()
        self.told: list[tuple[int, dict[str, float]]] = []
        self.good: list[str] = []
        self.unlisted = 0
        listed = {
            name: facts.Listed(
                symbol=name, id=name, contract=Decimal(1), spec=perp("any", name, name[:3], "USDT")
            )
            for name in (HANGS, QUICK)
        }
        self.books = Books(
            self.door, listed, self.good.append, self.frame, follow=None, spot=False,  # type: ignore[arg-type]
            venue_ms=lambda: self.now // 1_000_000, wall=lambda: self.now, say=lambda _: None,
            unlisted=self.gone, grace_s=0.0, first_s=0.0,
        )  # fmt: skip

    def frame(self, ts: int, *, quotes: tuple[QuoteRow, ...], marks: tuple[object, ...]) -> None:
        self.told.append((ts, {row.instrument.removesuffix(".any"): row.bid for row in quotes}))

    def gone(self) -> None:
        self.unlisted += 1

    async def round(self) -> None:
        async with asyncio.timeout(2):
            await self.books.ask()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_book_that_hangs_holds_up_no_other_and_is_told_by_its_own_answer() -> None:
    desk = Desk()
    await desk.round()
    assert desk.told == [(10 * S, {HANGS: 0.0, QUICK: 99.0})], "without a book, not vouched for"
    assert desk.books.levels(HANGS, 1) is None
    desk.now += S
    await desk.round()
    assert desk.told[1:] == [(11 * S, {QUICK: 99.0})]
    assert desk.door.asked == [HANGS, QUICK, QUICK], "never twice at once"
    desk.now += S // 2
    desk.door.answer.set_result(BOOK)
    await settle()
    assert desk.told[2:] == [(10 * S, {HANGS: 99.0})], "as old as its question"
    assert desk.books.levels(HANGS, 1) is not None
    desk.now += S
    await desk.round()
    assert desk.told[3:] == [(12 * S + S // 2, {HANGS: 99.0, QUICK: 99.0})]
    assert desk.good == [MARKET] * 3


@pytest.mark.parametrize("kind", [ErrorKind.REJECTED, ErrorKind.UNAVAILABLE, None])
async def test_an_answer_that_is_too_old_or_a_refusal_tells_no_book(kind: ErrorKind | None) -> None:
    desk = Desk()
    await desk.round()
    desk.now += 2 * S + 1
    if kind is None:
        desk.door.answer.set_result(BOOK)
    else:
        desk.door.answer.set_exception(WireError(kind, "no"))
    await settle()
    assert len(desk.told) == 1
    assert desk.books.levels(HANGS, 1) is None
    assert desk.unlisted == (kind is ErrorKind.REJECTED)
    desk.door.answer = asyncio.get_running_loop().create_future()
    desk.door.answer.set_result(BOOK)
    await desk.round()
    assert desk.door.asked.count(HANGS) == 2
    assert desk.told[1][1] == {HANGS: 99.0, QUICK: 99.0}


@pytest.mark.parametrize("streams", [True, False])
async def test_where_no_book_is_answered_the_last_ones_are_vouched_for_by_nobody(streams: bool) -> None:
    """A round that hung was waited for until its time-out, and then nothing was told: beside streams of other
    markets the last quote stood as fresh all the while."""
    desk = Desk()
    desk.door.answer.set_result(BOOK)
    await desk.round()
    if streams:
        desk.books.followed = NobodyFollows()  # type: ignore[assignment]
    desk.now += S
    for hangs in (True, False):
        desk.door.answer = asyncio.get_running_loop().create_future()
        desk.door.hang = True
        if not hangs:
            desk.door.answer.set_exception(WireError(ErrorKind.UNAVAILABLE, "no connection"))
        with pytest.raises(WireError, match="no book within" if hangs else "no connection"):
            await desk.round()
        # Where all is asked for a quote grows old by itself, from its question on.
        assert desk.told[1:] == ([(desk.now, {HANGS: 0.0, QUICK: 0.0})] if streams else [])
        assert desk.good == [MARKET]
        await desk.books.end()
        del desk.told[1:]


async def test_a_fault_of_ours_in_a_late_answer_is_raised_by_the_next_round() -> None:
    desk = Desk()
    await desk.round()
    desk.door.answer.set_exception(KeyError("ours"))
    await settle()
    with pytest.raises(KeyError, match="ours"):
        await desk.round()


async def test_at_the_end_nothing_is_waited_for() -> None:
    desk = Desk()
    await desk.round()
    await desk.books.end()
    assert desk.door.answer.cancelled()
    assert len(desk.told) == 1
