"""The whole desk on recorded funding: entries and exits as the oracle says, payments to the last digit.

Gate, sizing, pair machine and exchange stand between the strategy and its trades here. The oracle
(`tests/strategies/oracle.py`) knows none of them: with one pair at a time it must agree without a word; with
four pairs it is told which entries the gate refused, and each such refusal is proven beside it.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

import pytest

from services.settings.parameters import Settings
from tests.conftest import recorded_folder
from tests.history.engine import SECOND, SIX, Played, Trade, play, six_venues, three_venues
from tests.history.report import (
    PAGE,
    figures,
    opportunities,
    three_section,
    trade_lines,
    year_lines,
    years_of,
)
from tests.strategies import oracle

pytestmark = pytest.mark.recorded

ENTRY_WITHIN = 12
"""Seconds of virtual time from the oracle's instant to the first fill: one pair is built after the other."""
EXIT_WITHIN = 10
"""To the last fill: legs go out in slices of 2 500 USD, each hedged before the next."""

PRICE = Decimal(30_000)
CENT = Decimal("1e-8")
JUNE_2022 = int(datetime(2022, 6, 1, tzinfo=UTC).timestamp())
"""After the last entry of any kind."""


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """Three years, six venues, every default."""
    folder = tmp_path_factory.mktemp("six")
    return play(six_venues(recorded_folder() / "funding", folder), folder / "state")


def agree(trades: list[Trade], expected: list[oracle.Trade]) -> None:
    """Same legs, same settlement window, same exits by name, and in the same order."""
    told = [(each.short, each.long, each.episode.reason if each.episode else "") for each in trades]
    assert told == [(each.short, each.long, each.why) for each in expected]
    for ours, theirs in zip(trades, expected, strict=True):
        assert 0 <= ours.opened - theirs.opened * SECOND <= ENTRY_WITHIN * SECOND
        assert (ours.closed is None) == (theirs.closed is None)
        if ours.closed is not None and theirs.closed is not None:
            assert 0 <= ours.closed - theirs.closed * SECOND <= EXIT_WITHIN * SECOND


def recorded_rates(folder: Path, last: int = oracle.LAST) -> dict[tuple[str, int], Decimal]:
    """(venue, settlement in s) -> rate as the file says it."""
    return {(venue, instant): rate for venue in SIX for instant, _, rate in oracle.read(folder, venue, last)}


def payments_are_exact(played: Played, rates: dict[tuple[str, int], Decimal]) -> int:
    """Position x price x recorded rate, once for every settlement that found a position; how many."""
    due = set()
    for (venue, instant), rate in rates.items():
        size = played.size_before(f"BTC-USDT-PERP.{venue}", instant * SECOND)
        if size != 0:
            due.add((venue, instant, (-size * PRICE * rate).quantize(CENT, rounding=ROUND_HALF_EVEN)))
    paid = {(each.venue, each.ts // SECOND, each.amount) for each in played.payments}
    assert len(paid) == len(played.payments)
    assert paid == due
    for each in played.payments:
        assert each.rate == rates[each.venue, each.ts // SECOND]
        assert each.price == PRICE
    return len(due)


def balances_add_up(played: Played) -> None:
    """The exchange's own books at the end: price results + funding - fees, to the last digit."""
    for venue in SIX:
        instrument = f"BTC-USDT-PERP.{venue}"
        fills = [each for each in played.fills if each.instrument == instrument]
        cash = sum((-each.side.sign * each.size * each.price - each.fee for each in fills), Decimal(0))
        cash += sum((each.amount for each in played.payments if each.venue == venue), Decimal(0))
        books = {row.coin: row.total for row in played.session.exchange.books(venue).balances}
        assert played.size_before(instrument, 2**63) == 0
        assert books.get("USDT", Decimal(0)) == cash
        assert played.session.desk.core.ledger.state.accounts[venue].balances.get("USDT", 0) == cash


def test_one_pair_at_a_time(recorded: Path, tmp_path: Path, four: Played) -> None:
    """As far as anything is entered: with no pair in the way nothing is from June 2022, as `four` shows."""
    answer = oracle.run(recorded / "funding", 1, JUNE_2022)
    assert len(answer.trades) == 10
    path = six_venues(recorded / "funding", tmp_path, end="2022-06-01")
    played = play(path, tmp_path / "state", max_pairs=1)
    agree(played.trades(), answer.trades)
    assert not played.kept.decisions["denied"]
    assert played.told.seen == answer.opportunities
    assert payments_are_exact(played, recorded_rates(recorded / "funding", JUNE_2022)) > 900
    balances_add_up(played)
    assert played.left == ()
    page = PAGE.read_text()
    for name, figure in figures(played, years_of(four)):
        row = rf"^\| {re.escape(name)} \| [^|]+ \| {re.escape(figure)} \|$"
        assert re.search(row, page, re.MULTILINE), (name, figure)


def test_four_pairs_at_a_time_over_three_years(recorded: Path, four: Played) -> None:
    trades = four.trades()
    opened = {(each.short, each.long, each.opened // SECOND) for each in trades}
    refusals = four.kept.decisions["denied"]
    taken_back: list[tuple[int, str, str, str]] = []

    def refused(now: int, short: str, long: str) -> bool:
        """Not entered by the desk: then the gate must have said so, by name, at that moment."""
        if any((short, long, now + late) in opened for late in range(ENTRY_WITHIN + 1)):
            return False
        subject = f"pair BTC-USDT-PERP.{short}|BTC-USDT-PERP.{long}"
        said = [
            each.text
            for ts, each in refusals
            if each.subject == subject and 0 <= ts - now * SECOND <= ENTRY_WITHIN * SECOND
        ]
        assert said, f"{short}|{long} at {oracle.stamp(now)} neither entered nor refused"
        taken_back.append((now, short, long, said[-1]))
        return True

    answer = oracle.run(recorded / "funding", 4, refused=refused)
    agree(trades, answer.trades)
    assert len(trades) >= 30
    years = Counter(datetime.fromtimestamp(each.opened // SECOND, UTC).year for each in trades)
    assert years[2021] >= 25
    assert years[2022] >= 2
    assert years[2023] == 0
    assert max(each.opened for each in trades) < datetime(2022, 6, 1, tzinfo=UTC).timestamp() * SECOND
    assert 1 <= len(taken_back) <= 20
    for now, short, long, text in taken_back:
        assert "coin exposure USDT" in text
        assert room_is_gone(four, now, (short, long))


def room_is_gone(played: Played, now: int, venues: tuple[str, str]) -> bool:
    """Independent arithmetic: one account of the two holds USDT positions up to half of its capital.

    A lot more, at the dearest hedge price (0.5 % away), would reach it. Capital: 50 000 USD and the balance
    in USDT, weighed 0.975 when positive; the rest of its exposure (its balance, mark against entry) is small
    change that the bound of 100 USD covers.
    """
    until = (now + ENTRY_WITHIN) * SECOND
    limit = Settings().gate.max_coin_exposure
    for venue in venues:
        size = abs(played.size_before(f"BTC-USDT-PERP.{venue}", until))
        gained = sum(
            (each.amount for each in played.payments if each.venue == venue and each.ts < until), Decimal(0)
        )
        gained -= sum(
            (each.fee for each in played.fills if each.venue == venue and each.ts < until), Decimal(0)
        )
        capital = 50_000 + gained * (Decimal("0.975") if gained > 0 else 1)
        if size * PRICE + Decimal("0.001") * PRICE + 100 >= limit * capital:
            return True
    return False


def test_every_payment_is_position_times_price_times_recorded_rate(recorded: Path, four: Played) -> None:
    assert payments_are_exact(four, recorded_rates(recorded / "funding")) > 2_500
    assert {each.coin for each in four.payments} == {"USDT"}


def test_the_exchange_and_the_desk_end_with_the_same_money(four: Played) -> None:
    balances_add_up(four)
    assert four.left == ()
    core = four.session.desk.core
    earned = sum((each.net_pnl for each in four.episodes), Decimal(0))
    change = sum(
        (row.total for venue in SIX for row in four.session.exchange.books(venue).balances), Decimal(0)
    ) - 6 * Decimal(50_000)
    assert earned == change
    assert core.state.counters.trades == len(four.episodes) == len(four.trades())


def test_the_page_tells_what_was_earned(four: Played) -> None:
    """docs/recorded-history.md is written by `python -m tests.history.report`; the README repeats it, which
    tests/house/test_readme holds. Every figure of it is measured again here.
    """
    page = PAGE.read_text()
    assert years_of(four) > Decimal("2.99")
    rows = figures(four)
    assert len(rows) == 10
    for name, figure in rows:
        assert f"\n| {name} | {figure} | " in page
    assert len(four.episodes) >= 30
    assert "\n".join(trade_lines(four)) in page
    assert "\n".join(year_lines(four)) in page
    assert opportunities(four) in page
    assert four.choice.stamp in page


def test_what_was_assumed_is_stamped(four: Played) -> None:
    stamp = four.choice.stamp
    assert "par USDT" in stamp
    assert "taker 5 bps" in stamp
    assert "data good for 16 h" in stamp
    for venue in SIX:
        assert f"flat price 30000 declared for BTC-USDT-PERP.{venue}" in stamp


def test_three_large_venues_from_mid_2023_are_never_entered(recorded: Path, tmp_path: Path) -> None:
    path = three_venues(recorded / "funding", tmp_path)
    played = play(path, tmp_path / "state")
    told = played.told
    assert {each.symbol for each in played.choice.world.instruments} == {"BTC-USDT-PERP", "ETH-USDT-PERP"}
    assert played.fills == []
    assert played.kept.decisions["denied"] == []
    assert told.seen > 100
    assert sum(told.refused.values()) == told.seen
    assert told.best_refused is not None
    assert told.best_refused.rule == "edge < 0.5× cost"
    assert three_section(played) in PAGE.read_text()
