"""A strategy that raises or overruns is dropped and the rest goes on; a store in trouble stops new risk."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, getcontext
from typing import Any

import pytest
from msgspec.structs import replace

from services.desk.desk import Desk
from services.domain.effects import Decision
from services.domain.enums import OrderState, PairState, TradingState
from services.domain.errors import StrategyOverran
from services.domain.events import MarketFrame, MarkRow, StoreHealth, StrategyOverrun, Timer
from services.settings.parameters import Settings, StrategySettings
from services.strategies.kinds import KINDS
from tests.desk.world import DeskWorld, S, quick


def _two() -> Settings:
    """Two strategies of one kind; only the first may open pairs in these tests."""
    return replace(
        quick(),
        strategies={
            "first": StrategySettings(kind="funding_arb"),
            "second": StrategySettings(kind="funding_arb"),
        },
    )


class Raising:
    """Wraps a kind: after `after` calls it raises."""

    def __init__(self, kind: Any, when: Callable[[], bool], error: BaseException) -> None:
        self._kind = kind
        self._when = when
        self._error = error
        self.calls = 0
        self.initial = kind.initial

    def decide(self, view: Any, params: Any, state: Any) -> Any:
        self.calls += 1
        if self._when():
            raise self._error
        return self._kind.decide(view, params, state)


def test_a_strategy_that_raises_is_dropped_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    world = DeskWorld(settings=_two())
    broken: list[bool] = []
    kind = Raising(KINDS["funding_arb"], lambda: bool(broken), ValueError("bad figure"))
    monkeypatch.setitem(KINDS, "funding_arb", kind)
    world.until(lambda w: PairState.OPENING in w.pair_states())
    pair = next(p for p in world.desk.core.pairs.live() if p.state is PairState.OPENING)
    owner, other = pair.strategy, {"first": "second", "second": "first"}[pair.strategy]
    broken.append(True)
    world.machine.feed(Timer(name=f"decide {owner}", ts=world.now))
    broken.clear()
    world.run(30)
    slot = world.desk.state.strategies[owner]
    assert "ValueError: bad figure" in slot.dropped
    assert world.desk.state.strategies[other].dropped == ""
    assert any(scope == f"strategy:{owner}" for _, scope, _, _ in world.causes())
    assert any("dropped" in note.text for note in world.told)
    # Its pair was opening: it ends matched, by reducing orders, and the other strategy is still called.
    assert all(size == 0 for size in world.naked().values())
    calls = kind.calls
    world.run(60)
    assert kind.calls > calls
    assert world.desk.state.strategies[other].last_ts is not None
    world.books_agree()
    assert world.answer("enable", name=owner, reason="fixed").ok
    assert slot.dropped == ""


class Coarse:
    """Wraps a kind: it leaves a context of three digits behind, or does so and raises."""

    def __init__(self, kind: Any, raises: bool) -> None:
        self._kind, self._raises = kind, raises
        self.initial = kind.initial

    def decide(self, view: Any, params: Any, state: Any) -> Any:
        answer = self._kind.decide(view, params, state)
        getcontext().prec = 3
        if self._raises and answer[0]:
            raise ValueError("and went")
        return answer


@pytest.mark.parametrize("raises", [False, True])
def test_the_digits_that_a_strategy_counts_with_are_its_own(
    monkeypatch: pytest.MonkeyPatch, raises: bool
) -> None:
    fine = DeskWorld(settings=quick()).run(25)
    monkeypatch.setitem(KINDS, "funding_arb", Coarse(KINDS["funding_arb"], raises))
    coarse = DeskWorld(settings=quick()).run(25)
    sent = [[(each.ts, each.order) for each in world.sent] for world in (fine, coarse)]
    assert len(sent[0]) >= 4
    assert sent[1] == ([] if raises else sent[0])
    coarse.books_agree()


def test_a_strategy_that_overruns_is_dropped_and_the_fact_is_the_next_input(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = DeskWorld(settings=quick())
    when: list[bool] = []
    kind = Raising(KINDS["funding_arb"], lambda: bool(when), StrategyOverran("too long"))
    monkeypatch.setitem(KINDS, "funding_arb", kind)
    world.until(lambda w: w.pair_states() == [PairState.HEDGED])
    calls = kind.calls
    assert calls > 0
    when.append(True)
    world.until(lambda w: kind.calls > calls, 120)
    overruns = [event for event in world.keeper.inputs if isinstance(event, StrategyOverrun)]
    assert [event.strategy for event in overruns] == ["funding_arb"]
    assert isinstance(world.keeper.inputs[-1], StrategyOverrun)
    assert world.desk.state.strategies["funding_arb"].dropped
    calls = kind.calls
    world.run(120)
    assert kind.calls == calls, "called after it was dropped"
    assert world.pair_states() == [PairState.HEDGED], "positions keep the desk's own exits"


def test_a_losing_streak_stops_that_strategy_only() -> None:
    world = DeskWorld(settings=_two()).until(lambda w: PairState.HEDGED in w.pair_states())
    trips = world.desk.core.trips
    found = [trips.episode("first", Decimal(-1)) for _ in range(8)]
    assert [trip is not None for trip in found] == [False] * 7 + [True]
    from services.desk.tripping import trip

    trip(world.desk.core, found[-1])
    causes = world.desk.core.causes
    assert causes.state_for(strategy="first") is not TradingState.ACTIVE
    assert causes.state_for(strategy="second") is TradingState.ACTIVE


# -- the store ----------------------------------------------------------------------------------------------


def test_store_trouble_denies_what_waits_and_it_is_never_sent_later() -> None:
    world = DeskWorld(settings=quick())
    world.keeper.hang = True
    while not world.machine.waiting:
        assert world.seconds < 300
        world.machine.step()
    assert world.machine.commit is not None
    (pair,) = world.desk.core.pairs.live()
    waiting = [entry.id for entry in world.desk.core.orders.open_orders()]
    assert len(waiting) == 1
    world.machine.give_up("the store has not answered for 5 s")
    assert world.trading_state is TradingState.REDUCING
    entry = world.desk.core.orders.get(waiting[0])
    assert entry is not None
    assert entry.state is OrderState.DENIED
    for late in world.keeper.hanging:
        late.set_result(None)
    world.keeper.hang = False
    world.run(120)
    assert world.sent == [], "an intent that never became durable went out"
    assert world.desk.core.pairs.get(pair.id) is None or pair.state is PairState.CLOSED
    # Good again: a minute later entries are welcome.
    world.machine.feed(StoreHealth(ok=True, text="", ts=world.now))
    world.until(lambda w: w.trading_state is TradingState.ACTIVE, 120)
    world.until(lambda w: bool(w.sent), 7200)


def test_a_commit_that_fails_denies_its_intent() -> None:
    world = DeskWorld(settings=quick())
    world.keeper.refuse = True
    while not world.machine.waiting:
        world.machine.step()
    with pytest.raises(OSError, match="disk full"):
        world.machine.settle_commits()
    world.machine.give_up("disk full")
    world.keeper.refuse = False
    world.run(60)
    assert world.sent == []
    assert world.trading_state is TradingState.REDUCING


@pytest.mark.parametrize("trouble", ["hang", "refuse"])
def test_flatten_and_halt_work_without_a_store(trouble: str) -> None:
    world = DeskWorld(settings=quick()).until(lambda w: w.pair_states() == [PairState.HEDGED])
    setattr(world.keeper, trouble, True)
    world.machine.feed(StoreHealth(ok=False, text="database is locked", ts=world.now))
    assert world.trading_state is TradingState.REDUCING
    assert world.answer("halt", reason="no store").ok
    identity = world.command("flatten")
    world.until(lambda w: identity in w.done, 60)
    assert world.done[identity].exit == 0, world.done[identity].text
    assert world.positions() == {}
    assert world.keeper.latches[-1].state is TradingState.HALTED


def test_a_failing_latch_is_an_alert_and_no_delay() -> None:
    world = DeskWorld(settings=quick()).until(lambda w: w.pair_states() == [PairState.OPENING])
    world.keeper.latch_error = "read-only file system"
    assert world.answer("halt", reason="x").ok
    world.run(10)
    assert any(note.key == "latch" for note in world.told)
    assert all(size == 0 for size in world.naked().values())


def test_nothing_is_denied_silently() -> None:
    """A limit that refuses the pair is a decision with figures, a counter and a note."""
    settings = quick()
    gate = replace(settings.gate, max_order_notional=Decimal(10))
    world = DeskWorld(settings=replace(settings, gate=gate))
    world.run(60)
    denied = [e for e in world.keeper.effects if isinstance(e, Decision) and e.kind == "denied"]
    assert len(denied) >= 1
    assert world.sent == []
    assert world.desk.state.counters.denied_today == len(denied)
    assert world.now > world.world.start + 30 * S


def _gap(world: DeskWorld, instrument: str, factor: float) -> None:
    """The mark of one leg jumps alone: the pair loses without its underlying having moved."""
    core = world.desk.core
    venue = instrument.rpartition(".")[2]
    feed = core.state.picture.feeds[venue]
    row = core.picture.mark_row(instrument)
    assert row is not None
    seq = (feed.seq or 0) + 1
    jumped = MarkRow(instrument, row.mark * factor, row.index)
    world.machine.feed(MarketFrame(venue=venue, ts_event=world.now, ts=world.now, seq=seq, marks=(jumped,)))
    world.machine.feed(Timer(name="risk", ts=world.now))


@pytest.mark.parametrize(("factor", "closed"), [(1.005, False), (1.02, True)])
def test_the_pair_stop_outlives_a_dropped_strategy(factor: float, closed: bool) -> None:
    world = DeskWorld(settings=quick()).until(lambda w: w.pair_states() == [PairState.HEDGED])
    pair = world.pair()
    assert pair is not None
    world.machine.feed(StrategyOverrun(strategy=pair.strategy, ts=world.now))
    assert world.desk.state.strategies[pair.strategy].dropped
    world.run(10)
    assert world.pair_states() == [PairState.HEDGED], "dropping it closes nothing by itself"
    _gap(world, pair.short.instrument, factor)
    world.run(20)
    assert (world.pair_states() == []) is closed
    stops = [note for note in world.decisions("close") if note.text == "pair stop"]
    assert len(stops) == (1 if closed else 0)
    world.books_agree()
    waits = [alert for alert in world.desk.core.alerts.open() if alert.key == f"pair ended:{pair.id}"]
    assert len(waits) == len(stops)
    if closed:
        net = world.desk.state.episodes[-1].net_pnl
        assert waits[0].text == f"{pair.id} was closed: pair stop; net {net:+,.2f} USD"
        assert world.answer("ack", key=waits[0].key).ok
        assert not world.desk.core.alerts.is_open(waits[0].key), "seen: there is nothing more to do about it"


def test_a_name_given_to_another_kind_starts_that_kind_anew() -> None:
    """It raised at every call of the next start: the new kind was asked by the old one's rules."""
    world = DeskWorld(settings=quick()).until(lambda w: w.pair_states() == [PairState.HEDGED])
    other = replace(quick(), strategies={"funding_arb": StrategySettings(kind="cross_exchange")})
    again = Desk(other, world.desk.core.instruments, Desk.restore(world.desk.export()))
    again.strategies.call("funding_arb")
    slot = again.core.state.strategies["funding_arb"]
    assert (slot.kind, slot.dropped) == ("cross_exchange", "")
    assert again.core.causes.disabled() == {}
