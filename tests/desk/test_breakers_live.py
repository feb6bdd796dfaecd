"""The loss breakers through the whole desk: what trips, what must not, and that a trip outlives a restart."""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from services.desk import tripping
from services.desk.desk import Desk
from services.domain.effects import Send, WriteLatch
from services.domain.enums import PairState, Side, TradingState
from services.domain.events import Event, IndexRow, MarketFrame, TransferBooked
from services.risk.breaker import BreakerEvent
from services.settings.parameters import Breaker
from tests.desk.world import DeskWorld, quick

PERP = "BTC-USDT-PERP.alpha"


def lose(world: DeskWorld, usd: str, coin: str = "USD") -> None:
    """A loss that no event explains: the venue's balance falls, and a person accepts the difference."""
    world.exchange.venues["alpha"].state.account.add(coin, -Decimal(usd))
    world.until(lambda w: any(name == "reconcile" for name, *_ in w.causes()), 60)
    assert world.answer("reconcile accept").ok
    world.run(10)


def breakers(world: DeskWorld) -> list[str]:
    return [name for name, *_ in world.causes() if name.startswith("breaker")]


def test_a_crash_trips_and_the_latch_comes_before_any_order() -> None:
    """Bug H7: a trip acts."""
    world = DeskWorld("flash-crash", settings=quick())
    world.run(20)
    world.foreign(PERP, Side.BUY, "3")
    world.run(60)
    assert world.positions() == {PERP: Decimal(3)}
    assert world.trading_state is TradingState.ACTIVE, world.causes()
    world.until(lambda w: bool(breakers(w)), 3600)
    assert "breaker daily" in breakers(world)
    assert world.trading_state is TradingState.HALTED
    kinds = [each for each in world.keeper.effects if isinstance(each, WriteLatch | Send)]
    assert isinstance(kinds[0], WriteLatch)
    assert kinds[0].state is TradingState.HALTED
    # The default action is halt: nothing is sold at the low.
    world.run(120)
    assert world.sent == []
    assert world.positions() == {PERP: Decimal(3)}


def test_the_action_flatten_closes_everything_after_the_latch() -> None:
    settings = replace(quick(), breaker=Breaker(flatten=True))
    world = DeskWorld("flash-crash", settings=settings)
    world.run(20)
    world.foreign(PERP, Side.BUY, "3")
    world.until(lambda w: bool(breakers(w)), 3600)
    world.run(120)
    kinds = [each for each in world.keeper.effects if isinstance(each, WriteLatch | Send)]
    assert isinstance(kinds[0], WriteLatch)
    assert len(world.sent) >= 1
    assert not any(each.increasing for each in world.sent)
    assert world.positions() == {}
    assert world.trading_state is TradingState.HALTED


def test_a_loss_that_is_mostly_currency_is_never_flattened() -> None:
    """USDC leaves its peg while a small position is open: the breaker trips and halts, and sells nothing."""
    settings = replace(quick(), breaker=Breaker(flatten=True))
    world = DeskWorld("calm", settings=settings)
    world.run(20)
    world.foreign(PERP, Side.BUY, "0.05")
    fallen: list[float] = [1.0]

    def fall(due: int, event: Event) -> tuple[tuple[int, Event], ...]:
        if not isinstance(event, MarketFrame):
            return ((due, event),)
        rows = tuple(
            IndexRow(row.coin, row.index * fallen[0]) if row.coin == "USDC" else row for row in event.indexes
        )
        return ((due, replace(event, indexes=rows)),)

    world.wire.hook = fall
    world.run(30)
    for _ in range(12):
        fallen[0] -= 0.02
        world.run(35)
    assert "breaker daily" in breakers(world)
    assert world.desk.state.revaluation.usd < Decimal(-4000)
    assert world.sent == []
    assert PERP in world.positions()


def test_a_restart_stays_halted_and_keeps_the_days_start() -> None:
    world = DeskWorld(settings=quick()).until(lambda w: w.pair_states() == [PairState.HEDGED])
    lose(world, "6000")
    assert "breaker daily" in breakers(world)
    start = world.desk.core.breaker.state.day_start
    assert start is not None
    again = Desk(world.settings, world.desk.core.instruments, Desk.restore(world.desk.export()))
    assert again.core.causes.overall() is TradingState.HALTED
    assert again.core.breaker.state.day_start == start
    assert again.core.breaker.state.peak == world.desk.core.breaker.state.peak


def test_bug_h5_a_withdrawal_does_not_trip_and_a_deposit_does_not_mask() -> None:
    world = DeskWorld(settings=quick()).until(lambda w: w.pair_states() == [PairState.HEDGED])
    value = world.desk.core.units.state.last_value
    world.exchange.venues["alpha"].transfer(world.now, "USD", Decimal(-8000))
    world.run(60)
    assert len([each for each in world.keeper.inputs if isinstance(each, TransferBooked)]) == 1
    assert breakers(world) == []
    assert abs(world.desk.core.units.state.last_value - value) < Decimal("0.001")
    world.exchange.venues["alpha"].transfer(world.now, "USD", Decimal(58000))
    world.run(60)
    assert abs(world.desk.core.units.state.last_value - value) < Decimal("0.001")
    assert world.desk.state.counters.transfers == Decimal(50000)
    # 150 000 USD now: 4 % of it is no trip, a bit more than 5 % is.
    lose(world, "6000")
    assert breakers(world) == []
    lose(world, "2500")
    assert "breaker daily" in breakers(world)


def test_warnings_come_at_half_and_four_fifths() -> None:
    world = DeskWorld(settings=quick()).until(lambda w: w.pair_states() == [PairState.HEDGED])
    lose(world, "2800")
    assert any(note.key == "loss warning:daily" for note in world.told)
    assert world.trading_state is TradingState.ACTIVE
    core, opening = world.desk.core, world.desk.core.breaker.told("daily")
    lose(world, "700")
    assert core.alerts.state.alerts["loss warning:daily"].text == core.breaker.told("daily") != opening
    assert [note.key for note in world.told].count("loss warning:daily") == 1


def test_a_drawdown_is_measured_from_the_peak_and_rebased_alone() -> None:
    world = DeskWorld(settings=quick()).until(lambda w: w.pair_states() == [PairState.HEDGED])
    world.run(120)
    lose(world, "10500")
    assert set(breakers(world)) == {"breaker daily", "breaker rolling", "breaker drawdown"}
    text = world.desk.core.alerts.state.alerts["breaker drawdown"].text
    assert "at the trip; now 1" in text, "the loss goes on behind a trip"
    assert world.answer("resume", reason="x", rebase="drawdown").exit == 4, "the day still holds"
    answer = world.answer("resume", reason="x", rebase="drawdown", override="breaker daily,breaker rolling")
    assert answer.ok, answer.text
    world.run(120)
    assert breakers(world) == []


def test_equity_at_or_below_zero_trips_at_once() -> None:
    world = DeskWorld(settings=quick()).until(lambda w: w.pair_states() == [PairState.HEDGED])
    lose(world, "150000")
    assert "breaker unknown equity" in breakers(world)
    assert world.trading_state is TradingState.HALTED


def _silence(due: int, event: Event) -> tuple[tuple[int, Event], ...]:
    return () if isinstance(event, MarketFrame) else ((due, event),)


def test_stale_equity_reduces_clears_by_itself_and_latches_after_a_quarter_of_an_hour() -> None:
    world = DeskWorld(settings=quick()).until(lambda w: w.pair_states() == [PairState.HEDGED])
    sent = len(world.sent)
    talk = world.wire.hook
    world.wire.hook = _silence
    world.run(600)
    assert world.desk.core.causes.overall() is TradingState.REDUCING
    assert breakers(world) == []
    assert len(world.sent) == sent, "stale data is no exit"
    world.wire.hook = talk
    world.run(300)
    assert world.trading_state is TradingState.ACTIVE, world.causes()
    world.wire.hook = _silence
    world.run(14 * 60)
    assert breakers(world) == []
    world.run(2 * 60)
    assert breakers(world) == ["breaker unknown equity"]
    assert world.trading_state is TradingState.HALTED
    assert world.keeper.latches[-1].state is TradingState.HALTED
    assert len(world.sent) == sent
    assert world.answer("resume", reason="too soon").exit == 4
    world.wire.hook = talk
    world.run(120)
    assert world.trading_state is TradingState.HALTED, "known again does not un-halt"
    answer = world.answer("resume", reason="data are back")
    assert answer.ok, answer.text


def test_a_breaker_that_is_back_under_its_limit_needs_no_override_and_a_calm_loss_no_warning() -> None:
    core = (world := DeskWorld(settings=quick())).run(1).desk.core

    def told(kind: str, loss: str) -> None:
        core.breaker.state.losses["daily"] = Decimal(loss)
        event = BreakerEvent(
            kind=kind, name="daily", value=Decimal(loss), limit=Decimal("0.05"), text="a loss"
        )
        tripping.breaker_events(core, (event,) if kind else ())

    told("warn", "0.03")
    assert core.alerts.is_open("loss warning:daily")
    told("calm", "0.01")
    assert not core.alerts.is_open("loss warning:daily")
    told("trip", "0.06")
    assert not world.answer("resume", reason="looked").ok
    told("", "0.04")
    assert world.trading_state is TradingState.HALTED, "recovery does not un-halt"
    assert world.answer("resume", reason="looked").ok
