"""The fail-open cases of PARAMETERS that concern this room, one test by name for each."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from services.domain.enums import Purpose, Side, TradingState
from services.market.sources import Source
from services.portfolio.unit_value import UnitBook
from services.risk.breaker import Breaker, BreakerState
from services.risk.context import AccountFacts, Stage, Usage
from services.risk.depeg import DepegMonitor
from services.risk.gate import check_hedge, check_order, check_pair
from services.risk.kelly import NO_RECORD, TrackRecord, risk_share
from services.risk.ladder import MarginLadder
from services.risk.sizing import SizeLeg, size_pair
from services.settings.parameters import Breaker as BreakerParams
from services.settings.parameters import Depeg, Gate, Ladder, Settings, Sizing
from tests.risk.builders import (
    NOW,
    SECOND,
    D,
    account,
    context,
    failed,
    market,
    order,
    position,
    resting,
    world,
)

WORLD = world()
BTC = "BTC-USDT-PERP.alpha"
BTC_BETA = "BTC-USDT-PERP.beta"


@pytest.mark.parametrize("purpose", [Purpose.STOP, Purpose.UNWIND, Purpose.FLATTEN])
def test_halted_does_not_deny_stops(purpose: Purpose) -> None:
    ctx = context(account("alpha", position(WORLD[BTC], "1")), trading_state=TradingState.HALTED)
    answer = check_order(ctx, order(BTC, Side.SELL, "1", purpose=purpose))
    assert answer.allowed
    assert answer.reduce_only


def test_halted_denies_a_strategy_even_its_exit() -> None:
    held = account("alpha", position(WORLD[BTC], "1"))
    ask = order(BTC, Side.SELL, "1", purpose=Purpose.EXIT)
    assert check_order(context(held, trading_state=TradingState.REDUCING), ask).allowed
    denied = check_order(context(held, trading_state=TradingState.HALTED), ask)
    assert failed(denied) == ["trading state"]
    by_hand = msgspec.structs.replace(ask, origin="operator", purpose=Purpose.TICKET)
    assert check_order(context(held, trading_state=TradingState.HALTED), by_hand).allowed


def test_flatten_is_not_refused_by_own_collar_freshness_throttle() -> None:
    """The mark is stale and 8 % off the book, nothing else is known, every counter is over."""
    facts = market(WORLD[BTC], mark=D(18_400), mark_fresh=False, quote_fresh=False, quote_usd=None)
    ctx = context(
        account("alpha", position(WORLD[BTC], "1"), balances_known=False),
        markets={BTC: facts},
        account_facts={},
        depeg_levels={},
        usage=Usage(last_second=50, last_minute=500, repeats=50),
        disabled={"desk": "throttle"},
        trading_state=TradingState.HALTED,
    )
    answer = check_order(ctx, order(BTC, Side.SELL, "1", "19960", purpose=Purpose.FLATTEN, origin="desk"))
    assert answer.allowed, answer.refusal


def test_leg_two_is_not_refused() -> None:
    """All that could refuse it happens between the legs; inside its reservation it still goes."""
    reservation = resting(BTC_BETA, Side.BUY, "0.25", stage=Stage.RESERVED, pair="P-01")
    ctx = context(
        account("alpha", position(WORLD[BTC], "-0.25")),
        account("beta", balances={"USD": D(10)}),
        working=(reservation,),
        markets={BTC_BETA: market(WORLD[BTC_BETA], quote_fresh=False, mark_fresh=False, quote_usd=None)},
        account_facts={"beta": AccountFacts()},
        depeg_levels={"USDT": "block"},
        usage=Usage(last_second=50, last_minute=500, repeats=50),
        disabled={"strategy:funding_arb": "throttle"},
    )
    hedge = order(BTC_BETA, Side.BUY, "0.25", "20020", purpose=Purpose.HEDGE, pair="P-01", leg=2)
    answer = check_hedge(ctx, hedge)
    assert answer.allowed, answer.refusal
    assert not check_hedge(ctx, msgspec.structs.replace(hedge, quantity=D("0.251"))).allowed
    assert not check_hedge(ctx, msgspec.structs.replace(hedge, pair="P-02")).allowed


def test_a_hedge_is_refused_by_state_instrument_and_band_alone() -> None:
    reservation = resting(BTC_BETA, Side.BUY, "0.25", stage=Stage.RESERVED, pair="P-01")
    hedge = order(BTC_BETA, Side.BUY, "0.25", purpose=Purpose.HEDGE, pair="P-01", leg=2)
    ctx = context(working=(reservation,))
    assert check_hedge(ctx, hedge).allowed
    reducing = context(working=(reservation,), trading_state=TradingState.REDUCING)
    assert failed(check_hedge(reducing, hedge)) == ["trading state"]
    assert failed(check_hedge(ctx, msgspec.structs.replace(hedge, price=D(20_101)))) == ["outer band"]
    later = msgspec.structs.replace(hedge, price=D(20_101), attempt=2)
    assert check_hedge(ctx, later).allowed
    unknown = msgspec.structs.replace(hedge, instrument="DOGE-PERP.beta")
    assert "instrument" in failed(check_hedge(ctx, unknown))


def _source(name: str, value: str, age_s: int = 1) -> Source:
    return Source(name, D(value), age_s * SECOND)


def _run(monitor: DepegMonitor, sources: list[Source], seconds: int, ours: tuple[str, ...] = ()) -> str:
    for second in range(0, seconds + 1, 5):
        monitor.update("USDC", sources, NOW + second * SECOND, ours=ours)
    return monitor.level("USDC")


def test_depeg_with_zero_one_two_sources() -> None:
    assert DepegMonitor(Depeg()).level("USDC") == "unknown"
    assert _run(DepegMonitor(Depeg()), [], 60) == "unknown"
    assert _run(DepegMonitor(Depeg()), [_source("a", "1", 11)], 60) == "unknown"
    one = [_source("a", "0.95")]
    assert _run(DepegMonitor(Depeg()), one, 60) == "block"
    assert _run(DepegMonitor(Depeg()), one, 60, ours=("a",)) == "reduce"
    split = [_source("a", "0.95"), _source("b", "1")]
    assert _run(DepegMonitor(Depeg()), split, 60) == "block"
    assert _run(DepegMonitor(Depeg()), [_source("a", "0.95"), _source("b", "0.96")], 60) == "reduce"
    calm = DepegMonitor(Depeg())
    assert _run(calm, [_source("a", "1")], 60) == "ok"
    assert calm.sources("USDC") == 1


@pytest.mark.parametrize("level", ["block", "reduce", "unknown"])
def test_entries_are_refused_with_a_coin_off_its_peg(level: str) -> None:
    ctx = context(depeg_levels={"USDT": level, "USDC": "ok", "BUSD": "ok"})
    assert failed(check_order(ctx, order(BTC))) == ["depeg"]
    by_collateral = context(depeg_levels={"USDT": "ok", "USDC": level, "BUSD": "ok"})
    assert failed(check_order(by_collateral, order(BTC))) == ["depeg"]
    missing = context(depeg_levels={"USDT": "ok", "BUSD": "warn"})
    assert failed(check_order(missing, order(BTC))) == ["depeg"]
    assert check_order(
        context(depeg_levels={"USDT": "warn", "USDC": "ok", "BUSD": "warn"}), order(BTC)
    ).allowed


def _feed(breaker: Breaker, values: list[str | None], start: int, step_s: int = 30) -> list[str]:
    said = []
    for number, value in enumerate(values):
        now = start + number * step_s * SECOND
        figure = None if value is None else D(value)
        for event in breaker.on_equity(figure, stale=False, anything_open=True, now=now):
            said.append(f"{event.kind} {event.name}")
    return said


def _breaker(state: BreakerState | None = None) -> Breaker:
    return Breaker(BreakerParams(), 15, state)


def test_deposit_does_not_mask_drawdown() -> None:
    """Bug H5: transfers are no profit and no loss.

    Equity falls by 11 %, a deposit lifts it far above the peak: the unit value has still lost 11 %.
    """
    units, breaker = UnitBook(), _breaker()

    def see(equity: str, now: int) -> list[str]:
        value = units.value(D(equity), now)
        events = breaker.on_equity(value, stale=False, anything_open=True, now=now)
        return [f"{event.kind} {event.name}" for event in events]

    for number in range(4):
        assert see("100000", NOW + number * 30 * SECOND) == []
    units.transfer("USD", D(50_000), D(1), D(89_500))
    assert "trip drawdown" in see("139500", NOW + 200 * SECOND)
    withdrawn = UnitBook()
    calm = _breaker()
    calm.on_equity(withdrawn.value(D(100_000), NOW), stale=False, anything_open=True, now=NOW)
    withdrawn.transfer("USD", D(-50_000), D(1), D(100_000))
    value = withdrawn.value(D(50_000), NOW + SECOND)
    assert calm.on_equity(value, stale=False, anything_open=True, now=NOW + SECOND) == ()


def test_restart_does_not_rebase_the_day() -> None:
    """Down 4 % when the engine dies; after the restart 1.1 % more trips the day's limit."""
    breaker = _breaker()
    assert _feed(breaker, ["1", "1", "0.96"], NOW) == ["warn daily", "warn rolling"]
    packed = msgspec.msgpack.encode(breaker.state)
    restored = _breaker(msgspec.msgpack.decode(packed, type=BreakerState))
    assert "trip daily" in _feed(restored, ["0.949"], NOW + 3_600 * SECOND)


def test_a_night_away_does_not_rebase_the_day() -> None:
    """The last value persisted before midnight is the day's start, not the first after the restart."""
    day = 86_400 * SECOND
    breaker = _breaker()
    _feed(breaker, ["1", "1", "1"], NOW + day - 7_200 * SECOND)
    said = _feed(_breaker(breaker.state), ["0.945"], NOW + day + 9 * 3_600 * SECOND)
    assert "trip daily" in said


def test_a_short_restart_over_midnight_does_not_rebase_the_day() -> None:
    """Killed a minute before midnight and back a minute after: that is no first equity of the day."""
    day = 86_400 * SECOND
    breaker = _breaker()
    _feed(breaker, ["1", "1", "1"], NOW + day - 120 * SECOND)
    restored = _breaker(breaker.state)
    restored.restarted()
    assert "trip daily" in _feed(restored, ["0.949"], NOW + day + 60 * SECOND)
    # Without a restart it is: nothing was missed.
    running = _breaker()
    _feed(running, ["1", "1", "1"], NOW + day - 120 * SECOND)
    assert "trip daily" not in _feed(running, ["0.949"], NOW + day + 60 * SECOND)


def test_one_bad_mark_is_not_a_peak() -> None:
    breaker = _breaker()
    _feed(breaker, ["1", "1", "1", "1.5", "1", "1", "1"], NOW)
    assert breaker.state.peak == D(1)
    assert breaker.loss("drawdown") == 0
    held = _breaker()
    _feed(held, ["1", "1", "1", "1.04", "1.05", "1.06"], NOW)
    assert held.state.peak == D("1.04")


def test_one_bad_low_counts_at_once() -> None:
    assert "trip drawdown" in _feed(_breaker(), ["1", "1", "1", "0.89"], NOW)


@pytest.mark.parametrize(
    ("field", "value"), [("taker_fee", None), ("taker_fee", D("NaN")), ("tiers", None), ("tiers", ())]
)
def test_unknown_fee_or_weight_is_not_harmless(field: str, value: object) -> None:
    spec = msgspec.structs.replace(WORLD[BTC], **{field: value})
    ctx = context(instruments={**WORLD, BTC: spec})
    assert "instrument" in failed(check_order(ctx, order(BTC)))
    share = size_pair(
        Settings(),
        capital=D(48_000),
        strength=D(1),
        record=NO_RECORD,
        stop=D("0.01"),
        short=SizeLeg(instrument=spec, price=D(20_000), quote_usd=D(1), available=D(10**6)),
        long=SizeLeg(instrument=WORLD[BTC_BETA], price=D(20_000), quote_usd=D(1), available=D(10**6)),
        slippage_bps=D(2),
        head_rooms=(),
    )
    assert (share.quantity == 0) is (field == "taker_fee")


def test_unknown_weight_counts_nothing() -> None:
    blind = account("alpha", weights_total={}, weights_initial={})
    answer = check_order(context(blind, account("beta")), order(BTC))
    assert {"portfolio leverage", "margin usage", "initial usage"} <= set(failed(answer))


def test_two_reducing_orders_do_not_flip() -> None:
    held = account("alpha", position(WORLD[BTC], "1"))
    ask = order(BTC, Side.SELL, "1", purpose=Purpose.EXIT)
    on_its_way = resting(BTC, Side.SELL, "0.7", reduce_only=True)
    second = check_order(context(held, working=(on_its_way,)), ask)
    assert second.allowed
    assert second.quantity == D("0.3")
    full = resting(BTC, Side.SELL, "1", reduce_only=True)
    assert failed(check_order(context(held, working=(full,)), ask)) == ["provably reducing"]


def test_in_doubt_counts_twice_without_a_reduce_only_flag() -> None:
    spec = msgspec.structs.replace(WORLD[BTC], reduce_only_supported=False)
    doubt = resting(BTC, Side.SELL, "0.3", stage=Stage.IN_DOUBT)
    ctx = context(account("alpha", position(spec, "1")), instruments={**WORLD, BTC: spec}, working=(doubt,))
    answer = check_order(ctx, order(BTC, Side.SELL, "1", purpose=Purpose.EXIT))
    assert answer.quantity == D("0.4")
    assert not answer.reduce_only


def test_fallback_is_not_full_budget() -> None:
    share = risk_share(NO_RECORD, D(1), Sizing())
    assert share.risk == D("0.005")
    assert share.risk < Sizing().risk_cap
    all_won = TrackRecord(trades=40, wins=40, losses=0, average_win=D("0.5"), average_loss=None)
    assert risk_share(all_won, D(1), Sizing()).risk == D("0.005")
    few = TrackRecord(trades=29, wins=28, losses=1, average_win=D("0.5"), average_loss=D("0.1"))
    assert risk_share(few, D(1), Sizing()).risk == D("0.005")


def test_initial_margin_is_checked_per_account() -> None:
    """Both accounts together have room for the order; the one that carries it has not."""
    gate = msgspec.structs.replace(
        Gate(),
        portfolio_leverage=D(50),
        max_coin_exposure=D(50),
        min_joint_distance=D(0),
        max_order_notional=D(10**6),
        limits={},
        default_limit=msgspec.structs.replace(
            Gate().default_limit, max_position=D(10**6), max_leverage=D(50)
        ),
    )
    poor = account("alpha", balances={"USD": D(10_000)})
    rich = account("beta", balances={"USD": D(500_000)})
    ctx = context(poor, rich, settings=Settings(gate=gate))
    answer = check_order(ctx, order(BTC, Side.BUY, "4.5"))
    assert [(check.name, check.subject) for check in answer.failed] == [("initial usage", "alpha")]
    assert check_order(ctx, order(BTC_BETA, Side.BUY, "4.5")).allowed


def test_every_limit_holds_per_account() -> None:
    """5x over all is far, 5x on one account is not."""
    poor = account("alpha", balances={"USD": D(2_000)})
    rich = account("beta", balances={"USD": D(500_000)})
    answer = check_order(context(poor, rich), order(BTC, Side.BUY, "0.5"))
    broken = [(check.name, check.subject) for check in answer.failed]
    assert ("portfolio leverage", "alpha") in broken
    assert ("portfolio leverage", "all") not in broken


def test_drift_towards_liquidation_is_acted_on() -> None:
    """No order is needed for the ladder to act: usage and distance alone move it."""
    ladder = MarginLadder(Ladder(), Gate())

    def step(usage: str | None, distance: str | None = None, insolvent: bool = False) -> tuple[str, Decimal]:
        answer = ladder.evaluate(
            "alpha",
            usage=None if usage is None else D(usage),
            insolvent=insolvent,
            distance=None if distance is None else D(distance),
            holds=True,
        )
        return answer.step, answer.cut_fraction

    assert step("0.3") == ("calm", 0)
    assert step("0.5") == ("no new risk", 0)
    assert step("0.6") == ("reducing", 0)
    assert step("0.8") == ("cut", D("0.27"))
    assert step("0.7")[0] == "cut"
    assert step("0.59")[0] == "no new risk"
    assert step(None)[0] == "no new risk"
    assert step("0.1", "0.079")[0] == "reducing"
    assert step("0.1", "0.149")[0] == "no new risk"
    assert step("0.1", insolvent=True) == ("cut", D(1))


def test_a_pair_is_refused_whole_or_not_at_all() -> None:
    """Bug E15: both legs are checked together, at their size.

    The long leg's venue has a stale quote: the short leg does not go out either.
    """
    facts = {name: market(spec) for name, spec in WORLD.items()}
    facts[BTC_BETA] = market(WORLD[BTC_BETA], quote_fresh=False)
    legs = (order(BTC, Side.SELL, "0.25"), order(BTC_BETA, Side.BUY, "0.25", client_order_id="c2"))
    assert check_pair(context(), legs).allowed
    assert failed(check_pair(context(markets=facts), legs)) == ["data fresh"]
