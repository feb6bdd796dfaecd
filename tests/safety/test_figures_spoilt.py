"""The other decisions under spoilt inputs: sizing, breaker, depeg monitor, margin ladder, entries, adoption.

The same sentence of SEMANTICS 3 as in `test_gate_spoilt`: what was denied stays denied, nothing gets larger,
no verdict gets milder, and no input whatever raises.
"""

from __future__ import annotations

import decimal
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.enums import TradingState
from services.domain.money import DESK_CONTEXT
from services.domain.records import EpisodeRecord
from services.execution.reconcile import AdoptionDay, reconcile
from services.market.board import evaluate
from services.market.sources import Source
from services.risk.breaker import Breaker
from services.risk.depeg import DepegMonitor
from services.risk.kelly import track_record
from services.risk.ladder import MarginLadder
from services.risk.sizing import SizeAnswer, SizeLeg, funding_strength, size_pair, size_position
from services.settings.parameters import Breaker as BreakerParams
from services.settings.parameters import Depeg, Gate, Ladder, Reconcile, Settings
from services.strategies.funding_arb import FundingArbState, decide
from tests.execution import test_reconcile as books
from tests.risk.builders import NOW, SECOND, D, world
from tests.safety.spoil import fields_of, spoiled
from tests.strategies import legs as funding

WORLD = world()
BTC, BTC_B = WORLD["BTC-USDT-PERP.alpha"], WORLD["BTC-USDT-PERP.beta"]
NO_NUMBERS = (D("NaN"), D("Infinity"), D("-Infinity"))


@pytest.fixture(autouse=True)
def _desk_arithmetic() -> Iterator[None]:
    with decimal.localcontext(DESK_CONTEXT):
        yield


# -- sizing ------------------------------------------------------------------------------------------------


class SizeInput(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the sizing is told, in one struct, so that the walk finds it."""

    capital: Decimal | None
    strength: Decimal | None
    episodes: tuple[EpisodeRecord, ...]
    stop: Decimal | None
    short: SizeLeg
    long: SizeLeg
    slippage_bps: Decimal | None
    head_rooms: dict[str, Decimal]


def episode(number: int, net: str) -> EpisodeRecord:
    return EpisodeRecord(
        id=f"e{number}",
        strategy="x",
        hedge_group="BTC",
        kind="pair",
        instruments=(BTC.id, BTC_B.id),
        opened_ts=NOW,
        closed_ts=NOW,
        notional=D(10_000),
        capital_at_risk=D(100),
        price_pnl=D(net),
        funding=D(0),
        fees=D(0),
        net_pnl=D(net),
        reason="closed",
    )


def size_input(results: tuple[str, ...] = ()) -> SizeInput:
    leg = {"price": D(20_000), "quote_usd": D(1), "available": D(250_000)}
    return SizeInput(
        capital=D(48_000),
        strength=D("0.8"),
        episodes=tuple(episode(number, net) for number, net in enumerate(results)),
        stop=D("0.01"),
        short=SizeLeg(instrument=BTC, **leg),
        long=SizeLeg(instrument=BTC_B, **leg),
        slippage_bps=D(2),
        head_rooms={"order notional": D(11_000), "coin exposure alpha": D(14_000)},
    )


def sized(ask: SizeInput, single: bool = False) -> SizeAnswer:
    common: dict[str, Any] = {
        "capital": ask.capital,
        "strength": ask.strength,
        "record": track_record(ask.episodes, "x", "BTC"),
        "stop": ask.stop,
        "slippage_bps": ask.slippage_bps,
        "head_rooms": tuple(ask.head_rooms.items()),
    }
    if single:
        return size_position(Settings(), leg=ask.short, **common)
    return size_pair(Settings(), short=ask.short, long=ask.long, **common)


RECORDS = {
    "no record": (),
    "good": ("40",) * 20 + ("-20",) * 12,
    "no edge": ("40",) * 5 + ("-60",) * 30,
    "one gap": ("40",) * 30 + ("-3000",),
    "five losses": ("-10",) * 5,
}
NOT_MISSED = {"head_rooms": "a limit not listed binds nothing; the gate lists them itself"}


@pytest.mark.parametrize("single", [False, True], ids=["pair", "position"])
@pytest.mark.parametrize("record", RECORDS)
def test_sizing_never_gives_more_for_an_input_spoilt(record: str, single: bool) -> None:
    sound = size_input(RECORDS[record])
    before = sized(sound, single)
    assert bool(before.quantity) is (record in ("no record", "good"))
    for one in spoiled(sound):
        name = one.path.partition("[")[0]
        if one.how in ("missing", "none") and name in NOT_MISSED:
            continue
        after = sized(one.value, single)
        assert after.quantity <= before.quantity, (one.path, one.how)
        assert after.capital_at_risk <= before.capital_at_risk, (one.path, one.how)
    assert len(fields_of(sound)) >= 18


@pytest.mark.parametrize("bad", [None, *NO_NUMBERS, D(0), D(-5)])
def test_no_signal_strength_comes_out_of_figures_that_are_none(bad: Decimal | None) -> None:
    assert funding_strength(bad, D(20)) is None
    assert funding_strength(D(20), bad) is None


# -- breaker, depeg, ladder --------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(85, 105), min_size=2, max_size=12),
    st.integers(0, 11),
    st.sampled_from([None, "stale", *NO_NUMBERS, D(-1)]),
)
def test_a_breaker_that_held_still_holds_at_an_equity_spoilt(
    values: list[int], spot: int, bad: Decimal | str | None
) -> None:
    """At the very reading: `resume` refuses while `holding` names something, and a trip stays a trip."""
    spot %= len(values)

    def run(spoil: bool) -> tuple[tuple[str, ...], dict[str, str]]:
        breaker = Breaker(BreakerParams(), 15)
        for number, value in enumerate(values[: spot + 1]):
            figure: Decimal | None = D(value) / 100
            stale = False
            if spoil and number == spot:
                stale = bad == "stale"
                figure = None if stale or bad is None else D(str(bad))
            breaker.on_equity(figure, stale=stale, anything_open=True, now=NOW + number * 30 * SECOND)
        return breaker.holding(), breaker.state.tripped

    sound, tripped = run(spoil=False)
    doubtful, still = run(spoil=True)
    assert doubtful
    assert len(doubtful) >= len(sound[:1])
    before = Breaker(BreakerParams(), 15)
    for number, value in enumerate(values[:spot]):
        before.on_equity(D(value) / 100, stale=False, anything_open=True, now=NOW + number * 30 * SECOND)
    assert set(before.state.tripped) <= set(still)
    assert tripped.keys() >= before.state.tripped.keys()


@pytest.mark.parametrize("bad", [None, *NO_NUMBERS, D(-1), D(0)])
def test_a_breaker_flattens_on_no_doubtful_loss(bad: Decimal | None) -> None:
    breaker = Breaker(msgspec.structs.replace(BreakerParams(), flatten=True), 15)
    assert breaker.action(D(100), D(10)) == "flatten"
    assert breaker.action(bad, D(10)) == "halt"
    if bad is None or not bad.is_finite():
        assert breaker.action(D(100), bad) == "halt"


OPEN = ("ok", "warn")


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.sampled_from(["0.95", "0.985", "0.998", "1", "1.02"]), min_size=1, max_size=3),
    st.integers(0, 2),
    st.sampled_from(["nan", "inf", "-1", "0", "stale", "from the future", "missing"]),
    st.booleans(),
)
def test_a_coin_that_was_blocked_stays_blocked_with_a_source_spoilt(
    values: list[str], spot: int, how: str, later: bool
) -> None:
    """With up to three sources, from the start or after the sound ones had spoken for a minute."""
    spot %= len(values)

    def sources(spoil: bool) -> list[Source]:
        found = []
        for number, value in enumerate(values):
            age, figure = SECOND, D(value)
            if spoil and number == spot:
                if how == "missing":
                    continue
                age = {"stale": 11 * SECOND, "from the future": -1}.get(how, age)
                figure = D(how) if how in ("nan", "inf", "-1", "0") else figure
            found.append(Source(f"s{number}", figure, age))
        return found

    def level(spoil: bool) -> str:
        monitor = DepegMonitor(Depeg())
        for second in range(0, 121, 10):
            monitor.update("USDC", sources(spoil and (not later or second > 60)), NOW + second * SECOND)
        return monitor.level("USDC")

    if level(spoil=False) not in OPEN:
        assert level(spoil=True) not in OPEN


STEPS = ("calm", "no new risk", "reducing", "cut")


@pytest.mark.parametrize("bad", [None, *NO_NUMBERS, D("-0.1")])
@pytest.mark.parametrize("before", ["0.3", "0.55", "0.65", "0.85"])
def test_the_margin_ladder_is_never_milder_for_a_usage_or_a_distance_spoilt(
    before: str, bad: Decimal | None
) -> None:
    """The step that stood before stays at least; new risk is refused; the danger is told."""

    def answer(**changes: Any) -> Any:
        ladder = MarginLadder(Ladder(), Gate())
        first = {"usage": D(before), "insolvent": False, "distance": D("0.3"), "holds": True}
        standing = ladder.evaluate("alpha", **first)
        return standing, ladder.evaluate("alpha", **{**first, **changes})

    standing, doubtful = answer(usage=bad)
    assert STEPS.index(doubtful.step) >= max(1, STEPS.index(standing.step))
    assert doubtful.near_liquidation
    assert doubtful.state.rank >= standing.state.rank
    if bad is not None:  # None says "no such move"
        standing, doubtful = answer(distance=bad)
        assert STEPS.index(doubtful.step) >= max(1, STEPS.index(standing.step))
        assert doubtful.near_liquidation
        assert doubtful.state.rank >= standing.state.rank
    fresh = MarginLadder(Ladder(), Gate())
    answer_now = fresh.evaluate("alpha", usage=bad, insolvent=False, distance=None, holds=True)
    assert answer_now.step != "calm"
    assert answer_now.state in (TradingState.ACTIVE, TradingState.REDUCING)


# -- entries of funding_arb --------------------------------------------------------------------------------


def entry_worlds() -> dict[str, tuple[Any, Any]]:
    good, poor = funding.leg("alpha", "40"), funding.leg("beta", "0")
    return {
        "enters": (good, poor),
        "small spread": (funding.leg("alpha", "0.5"), poor),
        "stale": (msgspec.structs.replace(good, stale="mark"), poor),
        "dear": (msgspec.structs.replace(good, half_spread=D(80)), poor),
        "few settlements": (msgspec.structs.replace(good, sample=10), poor),
        "overdue": (funding.leg("alpha", "40", next_ts=funding.WINDOW), poor),
        "no fee": (
            msgspec.structs.replace(
                good, instrument=msgspec.structs.replace(good.instrument, taker_fee=None)
            ),
            poor,
        ),
    }


@pytest.mark.parametrize("name", entry_worlds())
def test_no_entry_is_proposed_for_a_fact_spoilt_that_was_not_proposed_before(name: str) -> None:
    short, long = entry_worlds()[name]

    def enters(first: Any, second: Any) -> bool:
        intents, _ = decide(funding.view(first, second), funding.PARAMS, FundingArbState())
        return bool(intents)

    before = enters(short, long)
    assert before is (name == "enters")
    walked = 0
    for one in spoiled(short):
        walked += 1
        assert before or not enters(one.value, long), (one.path, one.how)
        if _is_needed(one.path) and one.how != "negative":
            assert not enters(one.value, long), (one.path, one.how)
    for one in spoiled(long):
        assert before or not enters(short, one.value), (one.path, one.how)
    assert walked >= 40
    spoilt_view = funding.view(short, long, depeg={"USDT": "?"})
    assert decide(spoilt_view, funding.PARAMS, FundingArbState())[0] == ()
    assert evaluate(short, long, funding.rules(depeg={}), funding.WINDOW).refusals


def _is_needed(path: str) -> bool:
    """What the edge rests on: without it there is no entry at all."""
    return path in (
        "rate",
        "hourly",
        "smoothed",
        "half_spread",
        "rate.next_ts",
        "rate.interval_h",
        "instrument.taker_fee",
    )


# -- adoption ----------------------------------------------------------------------------------------------


class Adoption(msgspec.Struct, frozen=True, kw_only=True):
    report: Any
    prices: dict[str, Decimal | None]
    indexes: dict[str, Decimal | None]


@pytest.mark.parametrize(("ours", "theirs"), [("0.01", "0"), ("0.002", "0"), ("5", "0.5"), ("1", "1.001")])
def test_reconciliation_adopts_nothing_more_for_a_figure_spoilt(ours: str, theirs: str) -> None:
    sound = Adoption(
        report=books.read(theirs, "1003"), prices=dict(books.PRICES), indexes=dict(books.INDEXES)
    )

    def adopted(case: Adoption) -> set[str]:
        result = reconcile(
            books.held(ours),
            case.report,
            books.INSTRUMENTS,
            Reconcile(),
            AdoptionDay(),
            case.prices,
            case.indexes,
            settling_ns=10 * SECOND,
        )
        assert result.adopted_usd >= 0
        return {line.subject for line in result.differences if line.adopted}

    before = adopted(sound)
    for one in spoiled(sound):
        assert adopted(one.value) <= before, (one.path, one.how)
    assert len(fields_of(sound)) >= 7
