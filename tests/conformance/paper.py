"""A paper venue under test: the served exchange's public market without a key, and books of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

from services.domain.events import AccountReport, MarketFrame
from services.venues.paper.account import PaperSettings
from services.venues.paper.venue import PaperVenue
from services.venues.sim.answers import account_report
from services.workers.simserver.house import House
from tests.conformance.ftx import WireSubject, wired
from tests.conformance.subject import Can, Entry, Subject
from tests.conformance.wire import Wire

FEES = PaperSettings(maker_fee=Decimal("0.0002"), taker_fee=Decimal("0.0005"), fresh_ms=60_000)
"""The market runs at several times the wall's pace, and so does the age of its data."""
WITHOUT = frozenset({Can.LOSE_REPLY, Can.FAIL_QUESTIONS, Can.UNHEARD, Can.DUPLICATE, Can.REORDER})
"""It answers in this process: no reply can be lost, and nothing happens in it unheard."""


class PaperSubject(WireSubject):
    def __init__(self, house: House, wire: Wire) -> None:
        super().__init__(house, wire)
        # Fundings lie on the market's clock: the paper account keeps the same.
        self.client = PaperVenue(
            lambda outbox: self.build(outbox, keyed=False, wall=self.now), FEES, None, self, wall=self.now
        )
        self.door = self.client

    def indexed(self) -> bool:
        """An order is refused before the market is whole."""
        coin = self.spec().quote
        frames = self.of(MarketFrame)
        return any(row.coin == coin for frame in frames for row in frame.indexes)

    def truth(self) -> AccountReport:
        floor = self.client._open.floor
        return account_report(floor, self.now(), self.now(), "truth", 0)

    def mark(self) -> Decimal:
        return self.client._open.floor.mark(self.perp)


@asynccontextmanager
async def opened() -> AsyncIterator[Subject]:
    async with wired() as (house, wire):
        subject = PaperSubject(house, wire)
        try:
            await subject.client.start()
            await subject.until(subject.indexed, "the index of the quote coin")
            yield subject
        finally:
            await subject.client.close()


PAPER = Entry("paper", opened, frozenset(Can) - WITHOUT, cases=29, without=WITHOUT)
