"""Quiet quotes are asked for: what holds is told again, what does not shows that the stream has stopped."""

from __future__ import annotations

from decimal import Decimal

import pytest

from services.runtime.clock import boot_s
from services.settings.parameters import Freshness
from services.venues.wire.crosscheck import EVERY_S, LATE_S, QUIET_S, CrossCheck, Top

D = Decimal
OURS: Top = (D("1.0001"), D("1.0002"))
OTHER: Top = (D("1.0001"), D("1.0003"))


class Ears:
    def __init__(self) -> None:
        self.tops: dict[str, Top | None] = {"USDT-PERP": OURS, "BTC-PERP": (D(1), D(2))}
        self.said: list[tuple[str, str]] = []

    def top(self, market: str) -> Top | None:
        return self.tops[market]

    def confirm(self, market: str) -> None:
        self.said.append(("holds", market))

    def doubt(self, market: str) -> None:
        self.said.append(("stopped", market))
        self.tops[market] = None


class Venue:
    def __init__(self, *, whole: bool = True) -> None:
        self.now = 100.0
        self.takes_s = 0.0
        self.answer: dict[str, Top] = {"USDT-PERP": OURS}
        self.asked: list[tuple[str, ...]] = []
        self.ears = Ears()
        self.check = CrossCheck(self.ears, self.ask, whole=whole, clock=lambda: self.now)
        self.moves: Top | None = None
        """What the stream says while the question is under way."""

    async def ask(self, names: tuple[str, ...]) -> dict[str, Top]:
        self.asked.append(names)
        self.now += self.takes_s
        if self.moves is not None:
            self.ears.tops["USDT-PERP"] = self.moves
        return self.answer

    async def after(self, seconds: float) -> list[tuple[str, str]]:
        self.now += seconds
        await self.check.look()
        said, self.ears.said = self.ears.said, []
        return said


async def test_a_quote_that_nobody_has_changed_is_asked_for_and_told_again_in_time() -> None:
    venue = Venue()
    assert await venue.after(1_000) == [], "nothing was told yet"
    venue.check.told(["USDT-PERP", "BTC-PERP"])
    assert await venue.after(QUIET_S - 1) == []
    venue.check.told(["BTC-PERP"])
    assert await venue.after(1) == [("holds", "USDT-PERP")]
    assert venue.asked == [("USDT-PERP",)], "what moves is not asked for"
    fresh = Freshness()
    assert fresh.max_quiet_s >= 2 * (QUIET_S + EVERY_S), "one answer may be missed"


async def test_another_answer_twice_without_a_word_between_shows_that_the_stream_has_stopped() -> None:
    venue = Venue()
    venue.check.told(["USDT-PERP"])
    venue.answer = {"USDT-PERP": OTHER}
    assert await venue.after(QUIET_S) == [], "it may have moved just now"
    assert await venue.after(EVERY_S) == [("stopped", "USDT-PERP")]
    assert await venue.after(EVERY_S) == [], "no quote, nothing to be held against anything"


async def test_a_word_of_the_stream_between_takes_the_doubt_back() -> None:
    venue = Venue()
    venue.check.told(["USDT-PERP"])
    venue.answer = {"USDT-PERP": OTHER}
    assert await venue.after(QUIET_S) == []
    venue.ears.tops["USDT-PERP"] = OTHER
    venue.check.told(["USDT-PERP"])
    venue.answer = {"USDT-PERP": OURS}
    assert await venue.after(QUIET_S) == []
    assert await venue.after(EVERY_S) == [("stopped", "USDT-PERP")], "but it counts from there on"


@pytest.mark.parametrize("how", ["late", "moved", "missing"])
async def test_an_answer_of_another_moment_says_nothing(how: str) -> None:
    venue = Venue()
    venue.check.told(["USDT-PERP"])
    if how == "late":
        venue.takes_s = 1.1 * LATE_S
    elif how == "moved":
        venue.moves = OTHER
    else:
        venue.answer = {}
    assert await venue.after(QUIET_S) == []
    assert await venue.after(EVERY_S) == []


async def test_a_venue_that_shows_strangers_another_book_only_confirms() -> None:
    venue = Venue(whole=False)
    venue.check.told(["USDT-PERP"])
    venue.answer = {"USDT-PERP": OTHER}
    for _ in range(4):
        assert await venue.after(QUIET_S) == []
    venue.answer = {"USDT-PERP": OURS}
    assert await venue.after(QUIET_S) == [("holds", "USDT-PERP")]


def test_its_clock_counts_sleep() -> None:
    assert CrossCheck(Ears(), Venue().ask)._clock is boot_s
