"""`cross_exchange` by hand: the bug table's rows F1 to F6, A5 and A6, and the properties of SEMANTICS 6."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any, get_args

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from services.domain.effects import Effect
from services.domain.enums import PairState, Side
from services.domain.events import QuoteRow
from services.market.board import HeldPair
from services.market.crossing import SHOWN_ONLY, Discrepancy, Look, coin_key
from services.market.executable import average, coin_pair, side_of
from services.market.inventory import Stock, stocks, transfers
from services.strategies.base import ClosePair, Ended, FreezePair, OpenPair, PairFacts, StrategyView, ThawPair
from services.strategies.cross_exchange import MET, CrossState, decide, rows
from services.venues.sim.facts import spot, venue_instruments
from tests.strategies.crossing import (
    ALL_COINS,
    MS,
    NOON,
    PARAMS,
    D,
    btc,
    coin,
    coins,
    look,
    quote,
    rate,
    stock,
    view,
)
from tests.strategies.legs import HOUR, perp_of

APART = (btc("alpha", 30_000.0), btc("beta", 30_150.0))
"""Beta is 50 bps dear."""


def only(seen: StrategyView, **state: Any) -> Discrepancy:
    found = rows(seen, PARAMS, CrossState(**state))
    assert len(found) == 1
    return found[0]


def entered(seen: StrategyView, state: CrossState | None = None) -> list[OpenPair]:
    intents, _ = decide(seen, PARAMS, state or CrossState())
    return [each for each in intents if isinstance(each, OpenPair)]


# -- executable prices -----------------------------------------------------------------------------------


def test_bug_f1_executable_prices_keep_the_direction() -> None:
    """Bug F1: the bid of the dear venue against the ask of the cheap one, for the size; never last prices."""
    row = only(view(*APART))
    assert (row.sell, row.buy) == ("BTC-USDT-PERP.beta", "BTC-USDT-PERP.alpha")
    bid, ask = 30_150 * (1 - 0.5e-4), 30_000 * (1 + 0.5e-4)
    assert float(row.gross or 0) == pytest.approx((bid / ask - 1) * 1e4, abs=0.1)
    (entry,) = entered(view(*APART))
    assert (entry.short, entry.long) == (row.sell, row.buy), "direction is what an absolute difference loses"
    assert entry.most == row.quantity > 0


def test_the_price_is_weighted_over_the_known_book() -> None:
    spec = perp_of("alpha")
    book = side_of(spec, QuoteRow("", 29_998.5, 0.1, 30_001.5, 0.1, 0.5, 0.5), Side.BUY)
    assert book is not None
    assert (book.top, book.known) == (D("0.1"), D("0.5"))
    assert book.worst == D("30015.0"), "5 bps from the mid: no unit of the depth is dearer"
    assert average(book, D("0.1")) == D("30001.5")
    assert average(book, D("0.2")) == (D("30001.5") + book.worst) / 2
    assert average(book, D("0.501")) is None, "beyond what is known there is no price"
    assert average(book, D(0)) is None
    assert average(book, D("NaN")) is None


def test_the_size_is_bounded_by_what_is_known_of_both_books() -> None:
    thin = btc("beta", 30_150.0, row=quote(30_150.0, top=0.02, depth=0.05))
    row = only(view(APART[0], thin))
    assert row.quantity == D("0.05")
    (entry,) = entered(view(APART[0], thin))
    assert entry.most == D("0.05")


# -- costs -----------------------------------------------------------------------------------------------


def test_bug_f2_the_threshold_is_net_of_fees_and_costs() -> None:
    """Bug F2: 5 bps are over after four fees and what getting out costs, not before."""
    for bps, enters in ((6, False), (20, False), (26, False), (31, True)):
        seen = view(btc("alpha", 30_000.0), btc("beta", 30_000.0 * (1 + bps * 1e-4)))
        row = only(seen)
        assert (row.fees, row.costs) == (D(20), D(22)), "four times 5 bps, and 2 to get out"
        assert bool(entered(seen)) is enters, bps
        assert ("edge < threshold" in row.refusals) is not enters


def test_funding_that_would_be_paid_is_a_cost_and_income_is_none() -> None:
    pays = view(btc("alpha", 30_000.0, rate=rate("4")), btc("beta", 30_150.0, rate=rate("1")))
    gets = view(btc("alpha", 30_000.0, rate=rate("1")), btc("beta", 30_150.0, rate=rate("4")))
    assert only(pays).funding == D(3), "long 4, short 1 bps at the one settlement in eight hours"
    assert only(gets).funding == D(0)


def test_bug_f3_a_missing_fact_is_skipped_and_counted() -> None:
    """Bug F3: nothing missing becomes a 0; it is named, and every look that did without is counted."""
    seen = view(APART[0], btc("beta", 30_150.0, row=QuoteRow("", 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)))
    row = only(seen)
    assert row.net is None
    assert row.gross is None
    assert row.quantity == 0
    assert row.refusals[0] == "no quote: BTC-USDT-PERP.beta"
    _, once = decide(seen, PARAMS, CrossState())
    _, twice = decide(seen, PARAMS, once)
    assert (once.missing[row.refusals[0]], twice.missing[row.refusals[0]]) == (1, 2)


def test_bug_f4_ages_and_skew_of_both_quotes_are_bounded() -> None:
    """Bug F4: each quote younger than 1 000 ms and the two less than 500 ms apart; reached at the limit."""
    for ages, word in (
        ((999, 600), ""),
        ((1_000, 600), "quote too old"),
        ((600, 1_000), "quote too old"),
        ((600, 100), "quotes too far apart in time"),
        ((100, 600), "quotes too far apart in time"),
        ((-1, 100), "quote too old: age unknown"),
    ):
        pair = [replace(each, age_ns=age * MS) for each, age in zip(APART, ages, strict=True)]
        row = only(view(*pair))
        assert row.refusals[:1] == ((word,) if word else ()), ages
        assert bool(entered(view(*pair))) is not bool(word)


def test_quotes_out_of_step_ask_for_a_look_at_the_next_frame() -> None:
    _, state = decide(view(APART[0], replace(APART[1], age_ns=2_000 * MS)), PARAMS, CrossState())
    assert state.hurry
    _, state = decide(view(*APART), PARAMS, state)
    assert not state.hurry


def spots() -> list[Look]:
    return [
        look(spot(venue, "BTC/USD", "BTC", "USD"), quote(price))
        for venue, price in (("alpha", 30_000.0), ("beta", 30_150.0))
    ]


def coins_at(alpha: dict[str, str], beta: dict[str, str]) -> tuple[Stock, ...]:
    held = {name: {c: D(n) for c, n in each.items()} for name, each in (("alpha", alpha), ("beta", beta))}
    return stocks(held, tuple(dict.fromkeys((*alpha, *beta))), PARAMS.inventory_low)


RICH = coins_at({"USD": "50000", "BTC": "1"}, {"USD": "50000", "BTC": "1"})


def test_bug_f5_switched_off_spot_is_a_scanner_and_says_so() -> None:
    """Bug F5: spot pairs are judged with two fees, shown, and named as not traded."""
    off = replace(PARAMS, spot=False)
    (row,) = rows(view(*spots(), stocks=RICH), off, CrossState())
    assert row.fees == row.costs == D(10)
    assert row.net is not None
    assert row.net > PARAMS.threshold
    assert row.refusals == (SHOWN_ONLY,)
    intents, _ = decide(view(*spots(), stocks=RICH), off, CrossState())
    assert intents == ()


def test_spot_is_sold_dear_and_bought_cheap_out_of_what_lies_there() -> None:
    """Two fees, no funding, no way back to pay for: what is held after it is what was held before."""
    (intent,) = entered(view(*spots(), stocks=RICH))
    row = only(view(*spots(), stocks=RICH))
    assert (intent.kind, intent.short, intent.long) == ("spot", "BTC/USD.beta", "BTC/USD.alpha")
    assert (row.costs, row.funding, row.conversion) == (D(10), D(0), D(0))
    assert intent.most == row.quantity == D("0.166"), "5 000 USD at the ask, in lots"
    assert row.refusals == ()


@pytest.mark.parametrize(
    ("alpha_usd", "beta_btc", "most", "why"),
    [
        ("50000", "0.75", "0.166", ""),
        ("50000", "0.251", "0.11", ""),
        ("20000", "1", "0.156", ""),
        ("50000", "0.142", "0.013", "inventory low: BTC on beta"),
        ("50000", "0.1435", "0.014", ""),
        ("16500", "1", "0.053", "inventory low: USD on alpha"),
        ("16600", "1", "0.056", ""),
        ("50000", "0", "0.166", "inventory low: BTC on beta"),
    ],
)
def test_a_leg_is_bounded_by_what_its_venue_has_above_its_low_mark(
    alpha_usd: str, beta_btc: str, most: str, why: str
) -> None:
    """A quarter of an equal share is the mark, and a trade stops a tenth past it: of 1 + 0.251 BTC at
    0.1407, so 0.1102 may go; of 20 000 + 116 000 USD at 15 300, so 4 700 buy 0.1565 at the known worst,
    with the fee."""
    beta_usd = "50000" if alpha_usd == "50000" else "116000"
    held = coins_at({"USD": alpha_usd, "BTC": "1"}, {"USD": beta_usd, "BTC": beta_btc})
    row = only(view(*spots(), stocks=held))
    assert row.quantity == D(most)
    assert row.refusals == ((why,) if why else ())


def test_spot_without_its_coin_or_an_unread_venue_enters_nothing() -> None:
    usd = coins_at({"USD": "50000"}, {"USD": "50000"})
    assert only(view(*spots(), stocks=usd)).refusals == ("nothing held: BTC on beta",)
    poor = coins_at({"USD": "5000"}, {"USD": "95000"})
    assert only(view(*spots(), stocks=poor)).refusals == ("nothing held: BTC on beta",)
    unread = stocks({"alpha": {"USD": D(50_000), "BTC": D(1)}, "beta": None}, ("USD", "BTC"), D("0.25"))
    assert only(view(*spots(), stocks=unread)).refusals == (
        "inventory unknown: BTC on beta",
        "inventory unknown: USD on alpha",
    )
    assert entered(view(*spots(), stocks=unread)) == entered(view(*spots(), stocks=usd)) == []


def test_spot_of_a_coin_off_its_peg_waits() -> None:
    pair = [
        look(spot(venue, "USDC/USD", "USDC", "USD"), quote(price, top=9e5, depth=9e5))
        for venue, price in (("alpha", 0.9900), ("beta", 0.9950))
    ]
    held = coins_at({"USD": "50000", "USDC": "50000"}, {"USD": "50000", "USDC": "50000"})
    assert only(view(*pair, stocks=held)).refusals == ()
    blocked = view(*pair, stocks=held, depeg={"USDC": "block"})
    assert only(blocked).refusals == ("depeg: USDC",)
    assert only(view(*pair, stocks=held, depeg={})).refusals == ("depeg: USDC",)


def test_spot_that_changed_hands_waits_shortly_and_what_was_taken_back_longer() -> None:
    seen = view(*spots(), stocks=RICH)
    end = Ended(
        pair="P-01", group="BTC", ts=seen.now, failed=False, short="BTC/USD.beta", long="BTC/USD.alpha",
        exchanged=True,
    )  # fmt: skip
    failed = CrossState(failures={"BTC/USD.alpha|BTC/USD.beta": 3})
    _, state = decide(replace(seen, ended=(end,)), PARAMS, failed)
    assert state.cooldowns == {"BTC/USD.alpha|BTC/USD.beta": seen.now + 5 * 60 * 10**9}
    assert state.failures == {}
    _, state = decide(
        replace(seen, ended=(replace(end, failed=True, exchanged=False),)), PARAMS, CrossState()
    )
    assert state.cooldowns == {"BTC/USD.alpha|BTC/USD.beta": seen.now + 30 * 60 * 10**9}


def test_bug_f6_entries_come_out_of_inventory_and_nothing_is_transferred() -> None:
    """Bug F6: a side that runs low stops the entry; the transfer is told, and there is no effect for it."""
    low = stock(alpha="1000", beta="19000")
    row = only(view(*APART, stocks=low))
    assert row.refusals == ("inventory low: USDT on alpha",)
    assert entered(view(*APART, stocks=low)) == []
    (move,) = [each for each in transfers(low, {"USDT": D(1)}) if each.coin == "USDT"]
    assert (move.amount, move.source, move.to) == (D(9_000), "beta", "alpha")
    assert not [each for each in get_args(Effect) if "ransfer" in each.__name__ or "ithdraw" in each.__name__]


def test_unknown_inventory_is_no_inventory() -> None:
    unread = stocks({"alpha": {"USDT": D(5_000)}, "beta": None}, ("USDT",), D("0.25"))
    assert only(view(*APART, stocks=unread)).refusals[0] == "inventory unknown: USDT on beta"
    assert only(view(*APART, stocks=())).refusals[0] == "inventory unknown: USDT on beta"
    assert transfers(unread, {}) == ()
    broken = stocks({"alpha": {"USDT": D("NaN")}, "beta": {"USDT": D(5)}}, ("USDT",), D("0.25"))
    assert all(each.low is None for each in broken)


def test_the_low_mark_is_a_quarter_of_an_equal_share_and_reached_at_it() -> None:
    for alpha, beta, low in (("2500", "17500", True), ("2501", "17499", False), ("-10", "20010", True)):
        rows_ = stock(alpha, beta)
        assert rows_[0].low is low
        assert rows_[0].target == D(10_000)
        assert rows_[1].low is False
    nobody = stock("0", "0")
    assert all(each.low for each in nobody)
    assert transfers(nobody, {}) == ()


# -- coins and symbols -----------------------------------------------------------------------------------


def test_bug_a5_symbols_come_from_the_instrument_list() -> None:
    """Bug A5: no symbol is made up: a coin has no pair with itself, and one that is not listed is named."""
    listed = [*venue_instruments("alpha"), *venue_instruments("beta")]
    found = coin_pair(listed, "alpha", "USDT")
    assert found is not None
    assert found.id == "USDT/USD.alpha"
    assert coin_pair(listed, "alpha", "USD") is None, "USD needs no conversion"
    assert coin_pair(listed, "gamma", "USDT") is None
    assert coin_pair(listed, "alpha", "DAI") is None
    assert not [each.symbol for each in listed if each.symbol.replace("/", "") == "USDTUSDT"]
    known = coins(coin("USD", "alpha", None), coin("USDT", "alpha", 1.0))
    row = only(view(btc("alpha", 30_000.0), btc("beta", 30_300.0, "USDC"), coins=known))
    assert row.net is None
    assert "no USDC/USD on beta" in row.refusals, "missing is refused, it is not price 0"


def test_bug_a6_legs_in_different_coins_are_compared_in_usd_on_the_side_that_costs() -> None:
    """Bug A6: 30 000 USDT and 30 000 USD are no equal prices when USDT trades at 0.98."""
    usdt, usd = btc("alpha", 30_000.0), look(perp_of("beta", "BTC", "USD"), quote(30_000.0))
    books = coins(coin("USD", "beta", 1.0), coin("USDT", "alpha", 0.98))
    row = only(view(usdt, usd, coins=books))
    assert (row.sell, row.buy, row.unit) == (usd.instrument.id, usdt.instrument.id, "USD")
    ask = D("0.98") * (1 + D("0.0001"))
    paid = ask * (1 + D("0.0005"))
    assert row.gross is not None
    assert row.net is not None
    assert row.costs is not None
    assert row.gross == pytest.approx(D(203), abs=1)
    assert row.conversion == pytest.approx(
        (1 + row.gross / 10_000) * (1 - D("0.98") / paid) * 10_000, abs=D("0.2")
    )
    assert row.conversion > D(5), "the half-spread and the fee of the coin are in it"
    assert row.residue == "long USD, short USDT: not converted"


def test_legs_in_one_coin_are_compared_in_it_and_the_gain_stays_there() -> None:
    row = only(view(*APART, coins={}))
    assert (row.unit, row.conversion, row.residue) == ("USDT", D(0), "gain stays in USDT")
    assert row.refusals == ()


def test_a_depeg_of_a_coin_of_the_pair_stops_it() -> None:
    assert only(view(*APART, depeg={"USDT": "block"})).refusals == ("depeg: USDT",)
    assert only(view(*APART, depeg={})).refusals == ("depeg: USDT",)


def test_a_price_that_is_too_far_off_is_wrong_and_no_chance() -> None:
    row = only(view(btc("alpha", 30_000.0), btc("beta", 33_000.0)))
    assert row.refusals == ("implausible price",)


# -- our own book ----------------------------------------------------------------------------------------


def test_an_instrument_held_on_the_other_side_by_any_strategy_refuses() -> None:
    for short, long in (
        ("BTC-USDT-PERP.alpha", "ETH-USDT-PERP.alpha"),
        ("BTC-USDC-PERP.beta", "BTC-USDT-PERP.beta"),
    ):
        held = (HeldPair("P-07", "", short, long),)
        row = only(view(*APART, held=held))
        assert row.refusals == ("leg held on the other side: P-07",)
    same = (HeldPair("P-08", "", "BTC-USDT-PERP.beta", "ETH-USDT-PERP.beta"),)
    assert only(view(*APART, held=same)).refusals == ()


def test_max_pairs_cooldown_blackout_and_state_refuse_by_name() -> None:
    key = "BTC-USDT-PERP.alpha|BTC-USDT-PERP.beta"
    assert only(view(*APART), cooldowns={key: NOON + 1}).refusals == ("cooldown",)
    assert only(view(*APART, blocked="REDUCING")).refusals == ("REDUCING",)
    near = [replace(each, rate=replace(rate(), next_ts=NOON + 120 * 10**9)) for each in APART]
    assert only(view(*near)).refusals == ("blackout",)
    mine = tuple(facts(f"P-{at}", short=f"X{at}.alpha", long=f"X{at}.beta") for at in range(2))
    assert only(view(*APART, pairs=mine)).refusals == ("max pairs",)


def test_one_instrument_is_not_proposed_on_two_sides_at_once() -> None:
    triple = [
        *APART,
        btc("gamma", 30_320.0),
    ]
    known = {**ALL_COINS}
    held = stocks({name: {"USDT": D(9_000)} for name in ("alpha", "beta", "gamma")}, ("USDT",), D("0.25"))
    seen = view(*triple, coins=known, stocks=held)
    proposals = entered(seen)
    shorts, longs = {each.short for each in proposals}, {each.long for each in proposals}
    assert proposals
    assert not shorts & longs


# -- exits -----------------------------------------------------------------------------------------------


def facts(name: str = "P-01", **changed: Any) -> PairFacts:
    base = PairFacts(
        id=name,
        group="BTC",
        short="BTC-USDT-PERP.beta",
        long="BTC-USDT-PERP.alpha",
        state=PairState.HEDGED,
        opened_ts=NOON - HOUR,
        leg_notional=D(5_000),
        price_pnl=D(0),
        quantity=D("0.16"),
    )
    return replace(base, **changed)


def exits(seen: StrategyView, state: CrossState | None = None) -> tuple[list[Any], CrossState]:
    intents, after = decide(seen, PARAMS, state or CrossState())
    return [each for each in intents if not isinstance(each, OpenPair)], after


MET_BOOKS = (btc("alpha", 30_000.0), btc("beta", 30_001.0))


def test_prices_that_met_close_the_pair_and_it_waits_minutes() -> None:
    said, state = exits(view(*MET_BOOKS, pairs=(facts(),)))
    assert said == [ClosePair(pair="P-01", reason=MET, discretionary=True)]
    assert exits(view(*APART, pairs=(facts(),)))[0] == []
    done = ended(failed=False)
    _, after = exits(view(*MET_BOOKS, ended=(done,)), state)
    assert list(after.cooldowns.values()) == [NOON + 5 * 60 * 10**9]


def test_a_pair_closed_before_its_prices_met_waits_a_day() -> None:
    late = facts(opened_ts=NOON - 8 * HOUR)
    said, state = exits(view(*APART, pairs=(late,)))
    assert said == [ClosePair(pair="P-01", reason="max hold", discretionary=True)]
    _, after = exits(view(*APART, ended=(ended(failed=False),)), state)
    assert list(after.cooldowns.values()) == [NOON + 24 * HOUR]
    assert only(view(*APART), cooldowns=after.cooldowns).refusals == ("cooldown",)


def test_failed_attempts_double_their_wait() -> None:
    state, waits = CrossState(), []
    for _ in range(8):
        _, state = exits(view(*APART, ended=(ended(failed=True),)), state)
        waits.append(max(state.cooldowns.values()) - NOON)
        state.cooldowns = {}
    assert waits[:3] == [HOUR // 2, HOUR, 2 * HOUR]
    assert waits[-1] == 24 * HOUR


def test_stale_data_freeze_and_are_no_exit() -> None:
    stale = (APART[0], replace(MET_BOOKS[1], stale="quote"))
    said, state = exits(view(*stale, pairs=(facts(price_pnl=D(-500)),)))
    assert said == [FreezePair(pair="P-01", reason="BTC-USDT-PERP.beta: quote stale", since=NOON)]
    said, state = exits(view(*APART, pairs=(facts(state=PairState.FROZEN),)), state)
    assert said == [ThawPair(pair="P-01")]
    assert not state.frozen
    said, _ = exits(view(APART[0], pairs=(facts(),)))
    assert said == [FreezePair(pair="P-01", reason="BTC-USDT-PERP.beta: no data", since=NOON)]


def test_the_pair_stop_and_a_demand_are_protective() -> None:
    said, _ = exits(view(*APART, pairs=(facts(price_pnl=D(-30)),)))
    assert said == [ClosePair(pair="P-01", reason="pair stop", discretionary=False)]
    assert exits(view(*APART, pairs=(facts(price_pnl=D("-29.9")),)))[0] == []
    assert exits(view(*APART, pairs=(facts(price_pnl=None),)))[0] == [], "a stop never fires on a guess"
    said, _ = exits(view(*APART, pairs=(facts(demand="leg missing"),)))
    assert said == [ClosePair(pair="P-01", reason="leg missing", discretionary=False)]


def test_quotes_out_of_step_do_not_close_a_pair_as_met() -> None:
    askew = (MET_BOOKS[0], replace(MET_BOOKS[1], age_ns=700 * MS))
    assert exits(view(*askew, pairs=(facts(),)))[0] == []


def ended(*, failed: bool) -> Ended:
    return Ended(
        pair="P-01",
        group="BTC",
        ts=NOON,
        failed=failed,
        short="BTC-USDT-PERP.beta",
        long="BTC-USDT-PERP.alpha",
    )


# -- properties ------------------------------------------------------------------------------------------

PRICES = st.floats(29_700, 30_300).map(lambda price: round(price, 1))
FEES = st.decimals(D("-0.0001"), D("0.002"), places=5)
COINS = st.sampled_from(["USDT", "USDC"])


@settings(max_examples=60, deadline=None)
@given(one=PRICES, other=PRICES, same=st.booleans(), tops=st.tuples(*[st.floats(0.001, 2)] * 2))
@example(one=30_000.0, other=30_000.0, same=True, tops=(1.0, 1.0))
def test_swapping_the_venues_quotes_swaps_the_legs(
    one: float, other: float, same: bool, tops: tuple[float, float]
) -> None:
    def at(first: QuoteRow, second: QuoteRow, coin_: str) -> Discrepancy:
        return only(view(btc("alpha", 0, coin_, first), btc("beta", 0, coin_, second)))

    books = quote(one, top=tops[0]), quote(other, top=tops[1])
    coin_ = "USDT" if same else "USDC"
    plain, swapped = at(*books, coin_), at(books[1], books[0], coin_)
    if abs(one - other) >= 0.3:  # nearer, both mids may meet on the grid, and neither venue is the dear one
        assert (plain.gross, plain.net, plain.quantity) == (swapped.gross, swapped.net, swapped.quantity)
        assert (plain.sell.split(".")[1], plain.buy.split(".")[1]) == (
            swapped.buy.split(".")[1],
            swapped.sell.split(".")[1],
        )


@settings(max_examples=60, deadline=None)
@given(
    one=PRICES,
    other=PRICES,
    fees=st.tuples(*[FEES] * 4),
    more=st.tuples(*[st.decimals(0, D("0.002"), places=5)] * 4),
    legs=st.tuples(COINS, COINS),
)
def test_adding_fees_never_turns_a_refusal_into_an_entry(
    one: float,
    other: float,
    fees: tuple[Decimal, ...],
    more: tuple[Decimal, ...],
    legs: tuple[str, str],
) -> None:
    def enters(rates: tuple[Decimal, ...]) -> bool:
        pair = [
            replace(each, instrument=replace(each.instrument, taker_fee=fee))
            for each, fee in zip(
                (btc("alpha", one, legs[0]), btc("beta", other, legs[1])), rates, strict=False
            )
        ]
        books = {
            key: replace(book, fee=max(D(0), rates[2 if book.venue == "alpha" else 3]))
            for key, book in ALL_COINS.items()
        }
        return bool(entered(view(*pair, coins=books)))

    if enters(tuple(a + b for a, b in zip(fees, more, strict=True))):
        assert enters(fees)


def spoilt(pair: list[Look], which: int, how: str) -> list[Look]:
    """One leg with one input made unknown, impossible or old."""
    leg = pair[which]
    spec = leg.instrument
    price = 30_150.0 if which else 30_000.0
    nan = math.nan
    changed = {
        "no quote": replace(leg, bid=None, ask=None),
        "no age": replace(leg, age_ns=None),
        "old": replace(leg, age_ns=10**12),
        "negative age": replace(leg, age_ns=-1),
        "stale": replace(leg, stale="mark"),
        "no rate": replace(leg, rate=None),
        "no interval": replace(leg, rate=replace(rate(), interval_h=None)),
        "nan rate": replace(leg, rate=replace(rate(), rate=D("NaN"))),
        "no usd": replace(leg, quote_usd=None),
        "nan usd": replace(leg, quote_usd=D("NaN")),
        "no fee": replace(leg, instrument=replace(spec, taker_fee=None)),
        "nan fee": replace(leg, instrument=replace(spec, taker_fee=D("NaN"))),
        "no tiers": replace(leg, instrument=replace(spec, tiers=None)),
        "inverse": replace(leg, instrument=replace(spec, inverse=True)),
        "delisting": replace(leg, instrument=replace(spec, delisting_ts=NOON + HOUR)),
        "nan bid": look(spec, QuoteRow("", nan, 1.0, price, 1.0, 5.0, 5.0)),
        "nan size": look(spec, QuoteRow("", price, nan, price + 1, nan, nan, nan)),
        "negative": look(spec, QuoteRow("", -price, 1.0, price, 1.0, 5.0, 5.0)),
        "crossed": look(spec, QuoteRow("", price, 1.0, price - 9, 1.0, 5.0, 5.0)),
        "infinite": look(spec, QuoteRow("", price, 1.0, math.inf, 1.0, 5.0, 5.0)),
        "empty": look(spec, QuoteRow("", price, 0.0, price + 1, 0.0, 0.0, 0.0)),
    }[how]
    return [changed if at == which else each for at, each in enumerate(pair)]


HOWS = [
    "no quote",
    "no age",
    "old",
    "negative age",
    "stale",
    "no rate",
    "no interval",
    "nan rate",
    "no usd",
    "nan usd",
    "no fee",
    "nan fee",
    "no tiers",
    "inverse",
    "delisting",
    "nan bid",
    "nan size",
    "negative",
    "crossed",
    "infinite",
    "empty",
]


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("which", [0, 1])
def test_unknown_stale_or_no_number_never_allows_what_was_denied(how: str, which: int) -> None:
    """Whatever is spoilt, of a chance and of none: there is no entry, and it says why."""
    assert entered(view(*APART))
    for pair in (list(APART), [btc("alpha", 30_000.0), btc("beta", 30_010.0)]):
        seen = view(*spoilt(pair, which, how))
        if how in ("no usd", "nan usd") and which == 1 and pair[0] is APART[0]:
            continue  # the dear side's index sizes nothing: the gate asks for it itself
        assert entered(seen) == [], how
        assert all(row.refusals for row in rows(seen, PARAMS, CrossState()))


@pytest.mark.parametrize("age_ms", [None, 1_000, 5_000])
@pytest.mark.parametrize("side", ["USDT alpha", "USDC beta"])
def test_a_coin_without_a_young_quote_converts_nothing(side: str, age_ms: int | None) -> None:
    pair = btc("alpha", 30_000.0), btc("beta", 30_300.0, "USDC")
    assert entered(view(*pair))
    name, venue = side.split()
    bad = coin(name, venue, None) if age_ms is None else coin(name, venue, 1.0, age_ms)
    seen = view(*pair, coins={**ALL_COINS, coin_key(name, venue): bad})
    assert entered(seen) == []
    assert only(seen).refusals


def test_the_view_and_the_state_given_are_left_as_they_are() -> None:
    state = CrossState()
    seen = view(*APART, pairs=(facts(),))
    decide(seen, PARAMS, state)
    assert state == CrossState()
    assert seen == view(*APART, pairs=(facts(),))
