"""Edges of the position book and of margin tables (docs/mutants.md)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from services.domain.instrument import Instrument, MarginTier
from services.portfolio.position_book import PositionBook, adopt, take
from services.portfolio.tables import Table, table_of
from tests.portfolio.builders import TIERS, d, perp

BTC = perp("BTC", "USDT")
S = 10**9


def fill(
    held: PositionBook,
    change: str,
    price: str = "100",
    *,
    trade: str = "t1",
    ts: int = S,
    spec: Instrument = BTC,
    quote: Decimal | None = Decimal(1),
    settle: Decimal | None = Decimal(1),
) -> Decimal:
    return take(held, spec, trade, ts, d(change), d(price), d("0.1"), quote, settle).realised


@pytest.mark.parametrize("sign", [1, -1])
def test_a_figure_that_is_adopted_opens_an_episode_where_there_was_none_or_another_side(sign: int) -> None:
    held = PositionBook(BTC.id)
    adopt(held, d(2 * sign), d(90), 5)
    assert (held.episode, held.opened_ts, held.size, held.entry) == (1, 5, 2 * sign, 90)
    held.funding = d(3)
    adopt(held, d(5 * sign), d(95), 6)
    assert (held.episode, held.opened_ts, held.changed_ts, held.funding) == (1, 5, 6, 3)
    adopt(held, d(-1 * sign), d(97), 7)
    assert (held.episode, held.opened_ts, held.funding) == (2, 7, 0)
    adopt(held, d(0), d(97), 8)
    assert (held.episode, held.opened_ts, held.entry, held.size) == (2, 0, 0, 0)
    adopt(held, d(0), d(97), 9)
    assert (held.episode, held.opened_ts) == (2, 0)


def test_a_flip_begins_with_no_funding_and_a_close_with_no_time() -> None:
    held = PositionBook(BTC.id)
    fill(held, "2", trade="t1", ts=S)
    held.funding, held.funding_unpriced, held.payments = d(4), True, 2
    assert fill(held, "-3", "110", trade="t2", ts=2 * S) == 20
    assert (held.size, held.funding, held.funding_unpriced, held.payments) == (-1, 0, False, 0)
    assert (held.episode, held.opened_ts, held.changed_ts) == (2, 2 * S, 2 * S)
    fill(held, "1", "110", trade="t3", ts=3 * S)
    assert (held.size, held.opened_ts, held.changed_ts) == (0, 0, 3 * S)


def test_one_that_is_told_late_keeps_what_funding_brought_and_the_newest_time() -> None:
    held = PositionBook(BTC.id)
    fill(held, "2", trade="t1", ts=S)
    fill(held, "1", "130", trade="t3", ts=3 * S)
    held.funding, held.payments = d(4), 1
    assert fill(held, "-1", "120", trade="t2", ts=2 * S) == 20
    assert (held.size, held.entry, held.funding, held.payments, held.changed_ts) == (2, 115, 4, 1, 3 * S)


@pytest.mark.parametrize(
    ("first", "second", "told_late"),
    [
        ("t2", "t10", False),
        ("t10", "t2", True),
        ("t1.5", "t1.10", False),
        ("t1.10", "t1.5", True),
        # Of no series by their numbers: by time.
        ("t", "t1", True),
        ("t1", "t", True),
        ("a2", "b1", True),
    ],
)
def test_which_trade_came_first_is_told_by_numbers_of_one_series_else_by_time(
    first: str, second: str, told_late: bool
) -> None:
    """The second one has the older time. The entry says whether it was put before the other."""
    held = PositionBook(BTC.id)
    fill(held, "1", "100", trade=first, ts=2 * S)
    fill(held, "-1", "120", trade=second, ts=S)
    assert [each.trade_id for each in held.fills] == ([second, first] if told_late else [first, second])


def test_a_profit_in_another_coin_is_brought_into_the_settle_coin_or_refused() -> None:
    mixed = perp("BTC", "USDT", settle="USDC")
    held = PositionBook(mixed.id)
    fill(held, "1", "100", trade="t1", spec=mixed)
    got = fill(held, "-1", "120", trade="t2", ts=2 * S, spec=mixed, quote=d("0.8"), settle=d("0.5"))
    assert got == 20 * d("0.8") / d("0.5")
    fill(held, "1", "100", trade="t3", ts=3 * S, spec=mixed)
    for quote, settle in ((None, d(1)), (d(1), None)):
        with pytest.raises(ValueError, match="needs both indexes"):
            fill(held, "-1", "120", trade="t4", ts=4 * S, spec=mixed, quote=quote, settle=settle)


def test_a_table_is_joined_only_where_it_is_sound_and_goes_on_where_it_ended() -> None:
    whole = Table(TIERS)
    assert (whole.sound, whole.joined) == (True, True)
    assert (whole.steepest_initial, whole.steepest_maintenance) == (d("0.10"), d("0.05"))
    spoilt = Table((*TIERS[:1], MarginTier(cap=None, initial=d("NaN"), maintenance=d("0.05"), cum=d(5_000))))
    assert (spoilt.sound, spoilt.joined, spoilt.steepest_maintenance) == (False, False, 0)
    apart = Table((*TIERS[:1], MarginTier(cap=None, initial=d("0.10"), maintenance=d("0.05"), cum=d(4_000))))
    assert (apart.sound, apart.joined) == (True, False)
    endless = Table((MarginTier(cap=None, initial=d("0.1"), maintenance=d("0.03")), *TIERS))
    assert (endless.sound, endless.joined) == (True, False)
    low = TIERS[0]
    narrow = MarginTier(cap=d(250_000), initial=d("0.1"), maintenance=d("0.05"), cum=d(5_000))
    assert Table((low, narrow)).joined is False
    wide = MarginTier(cap=d(500_000), initial=d("0.1"), maintenance=d("0.05"), cum=d(5_000))
    milder = MarginTier(cap=None, initial=d("0.1"), maintenance=d("0.04"), cum=d(0))
    assert (Table((low, wide)).joined, Table((low, wide, milder)).joined) == (True, False)
    even = MarginTier(cap=d(300_000), initial=d("0.1"), maintenance=d("0.03"))
    assert Table((low, even)).joined is True, "as steep as the one below"
    new = perp("EDGE")
    assert table_of(new) is table_of(new), "worked out once"
    assert table_of(new).tiers is new.tiers
