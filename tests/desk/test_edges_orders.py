"""Edges of how orders are decided: what goes before a reducing order, where an escalation holds, and what a
refused entry costs its strategy (docs/mutants.md)."""

from __future__ import annotations

from decimal import Decimal as D
from unittest import mock

import pytest
from msgspec.structs import replace

from services.desk import admission as module
from services.desk import admitting, gatekeeping
from services.desk.admission import Admission
from services.desk.admitting import Outcome
from services.desk.state import StrategySlot
from services.desk.views.summary import opportunities
from services.domain.effects import Cancel, SaveIntent, Send, SetTimer
from services.domain.enums import OrderState, PairState, Purpose, Side, TimeInForce, TradingState
from services.domain.orders import OrderRequest
from services.execution.actions import Escalate
from services.risk.context import Check, GateAnswer
from services.risk.kelly import NO_RECORD
from tests.adversary.script import LEGS, entry
from tests.desk.world import DeskWorld, S, quick

BTC = "BTC-USDT-PERP.alpha"
NAME = "funding_arb"


def test_our_own_order_on_the_other_side_is_cancelled_before_a_reducing_one_leaves() -> None:
    """Else the two would trade with each other, or the venue refuses the one that gets out."""
    world = DeskWorld(settings=replace(quick(), strategies={})).run(10)
    assert world.answer("buy", symbol=BTC, size="0.05").ok
    world.run(2)
    assert world.position(BTC) == D("0.05")
    bought = world.sent[0].order
    assert bought.price is not None
    low = world.desk.core.instruments[BTC].round_price(bought.side, bought.price * D("0.99"))
    assert world.answer("buy", symbol=BTC, size="0.01", terms=f"@ {low} post").ok
    world.run(2)
    (rests,) = [each.id for each in world.desk.core.orders.open_orders() if each.request.price == low]
    begin = len(world.keeper.effects)
    assert world.answer("sell", symbol=BTC, size="0.05", terms="reduce").ok
    world.run(2)
    assert world.position(BTC) == 0
    went = [each for each in world.keeper.effects[begin:] if isinstance(each, (Cancel, Send))]
    assert isinstance(went[0], Cancel)
    assert went[0].client_order_id == rests
    assert any(isinstance(each, Send) and each.order.purpose is Purpose.TICKET for each in went[1:])


def bare() -> tuple[DeskWorld, OrderRequest]:
    """0.05 held by hand, no strategy, and an order that would sell more and does not say that it reduces."""
    world = DeskWorld(settings=replace(quick(), strategies={})).run(10)
    assert world.answer("buy", symbol=BTC, size="0.05").ok
    world.run(2)
    mark = world.desk.core.picture.last_mark(BTC)
    assert mark is not None
    order = OrderRequest(
        client_order_id="abc123000000099u1000",
        instrument=BTC,
        side=Side.SELL,
        quantity=D("0.08"),
        price=world.desk.core.instruments[BTC].round_price(Side.SELL, mark * D("0.999")),
        tif=TimeInForce.IOC,
        purpose=Purpose.UNWIND,
        origin="desk",
    )
    return world, order


def test_a_protective_order_leaves_at_once_cut_to_the_position_with_the_venue_s_own_flag() -> None:
    world, order = bare()
    core = world.desk.core
    begin, seq = len(core.out), core.state.next_intent
    world.desk.submit.place(order)
    cut = replace(order, quantity=D("0.05"), reduce_only=True)
    told = [each for each in core.out[begin:] if isinstance(each, (Send, SaveIntent))]
    assert told == [Send(order=cut), SaveIntent(seq=seq, orders=(cut,), pair=None, text="")]
    assert core.state.next_intent == seq + 1
    entry = core.orders.get(order.client_order_id)
    assert entry is not None
    assert (entry.state, entry.request) == (OrderState.SUBMITTED, cut)


def test_any_other_order_waits_for_the_disk_and_leaves_once() -> None:
    world, order = bare()
    core = world.desk.core
    exits = replace(order, purpose=Purpose.EXIT)
    begin, seq = len(core.out), core.state.next_intent
    world.desk.submit.place(exits)
    told = [each for each in core.out[begin:] if isinstance(each, (Send, SaveIntent))]
    cut = replace(exits, quantity=D("0.05"), reduce_only=True)
    assert told == [SaveIntent(seq=seq, orders=(cut,), pair=None, text="")]
    assert core.state.intents == {str(seq): [exits.client_order_id]}
    for _ in range(2):
        world.desk.submit.on_durable(seq)
    assert [each for each in core.out[begin:] if isinstance(each, Send)] == [Send(order=cut)]
    assert core.state.intents == {}


@pytest.mark.parametrize("back", [True, False])
def test_what_a_halt_took_back_before_the_disk_answered_never_leaves_resumed_or_not(back: bool) -> None:
    """The gate would let it pass again once a person has resumed: it was told as denied."""
    world, _ = bare()
    core = world.desk.core
    seq, begin = core.state.next_intent, len(world.keeper.effects)
    world.keeper.hang = True
    assert world.answer("buy", symbol=BTC, size="0.01").ok
    (waits,) = [each for each in core.orders.open_orders() if each.state is OrderState.INITIALIZED]
    assert core.state.intents == {str(seq): [waits.id]}
    assert world.answer("halt", reason="look").ok
    assert waits.state is OrderState.DENIED
    if back:
        assert world.answer("resume", reason="looked").ok
        assert world.trading_state is TradingState.ACTIVE
    world.keeper.hang = False
    for each in world.keeper.hanging:
        each.set_result(None)
    world.run(2)
    sent = [each for each in world.keeper.effects[begin:] if isinstance(each, Send)]
    assert [each for each in sent if each.order.client_order_id == waits.id] == []
    assert waits.state is OrderState.DENIED
    assert world.position(BTC) == D("0.05")


@pytest.mark.parametrize(
    ("subject", "scope"), [("P-01", "pair:P-01"), (BTC, f"instrument:{BTC}"), ("somebody", "all")]
)
def test_an_escalation_makes_what_it_is_about_reduce_until_a_person_resumes(subject: str, scope: str) -> None:
    world = DeskWorld(settings=quick()).until(lambda w: w.pair_states() == [PairState.HEDGED])
    core, before = world.desk.core, len(world.desk.core.out)
    world.desk.submit.run((Escalate(subject, "told", name="held up"),))
    assert world.causes() == []
    assert core.alerts.is_open(f"held up:{subject}"), "one that only pages is an alert alone"
    world.desk.submit.run((Escalate(subject, "for a test", reducing=True, name="stays"),))
    assert world.causes() == [("stays", scope, TradingState.REDUCING, True)]
    said = [each for each in core.out[before:] if getattr(each, "kind", "") == "escalate"]
    assert [each.text for each in said] == ["told", "for a test"]  # type: ignore[attr-defined]


@pytest.mark.parametrize("scope", [
    "all", "venue:alpha", "account:alpha", "strategy:x", "coin:USDC", "pair:P-01",
    "instrument:BTC-USDC-PERP.alpha", "symbol:BTC-USDC-PERP",
])  # fmt: skip
def test_an_order_meets_the_causes_of_each_of_its_scopes_and_no_others(scope: str) -> None:
    core = DeskWorld(settings=quick()).desk.core
    mine = ("BTC-USDC-PERP.alpha", "strategy:x", "P-01")
    others = [("ETH-USDT-PERP.beta", "strategy:y", "P-02"), ("NO-SUCH-PERP.gamma", "operator", None)]
    core.raise_cause("for a test", scope, TradingState.REDUCING, "why", latched=True)
    assert gatekeeping.state_of(core, *mine) == (TradingState.REDUCING, "for a test: why")
    want = TradingState.REDUCING if scope == "all" else TradingState.ACTIVE
    assert [gatekeeping.state_of(core, *each)[0] for each in others] == [want, want]
    if scope == "coin:USDC":
        on_the_coin = gatekeeping.state_of(core, "USDC-PERP.beta", "operator", None)[0]
        assert on_the_coin is TradingState.REDUCING


@pytest.mark.parametrize(
    ("left_ns", "closes"), [(None, False), (3600 * S + 1, False), (3600 * S, True), (-1, True)]
)
def test_a_market_is_only_closed_from_an_hour_before_it_goes(left_ns: int | None, closes: bool) -> None:
    core = DeskWorld(settings=quick()).run(1).desk.core
    goes = None if left_ns is None else core.now + left_ns
    core.instruments = {**core.instruments, BTC: replace(core.instruments[BTC], delisting_ts=goes)}
    assert gatekeeping.market_facts(core, BTC).close_only is closes


# -- a strategy's entry --


def paused() -> tuple[Admission, StrategySlot, DeskWorld]:
    """Ready to be asked by hand: every datum is there, and the strategy itself is paused."""
    world = DeskWorld(settings=quick()).run(1)
    world.command("pause", name=NAME)
    world.run(20)
    assert world.trading_state is TradingState.ACTIVE
    return world.desk.strategies.admission, world.desk.core.state.strategies[NAME], world


def timers(world: DeskWorld, begin: int) -> list[tuple[str, int]]:
    out = world.desk.core.out[begin:]
    return [(each.name, each.due) for each in out if isinstance(each, SetTimer)]


def refused(*names: str) -> Outcome:
    checks = tuple(Check(name=name, passed=False, text=f"no {name}") for name in names)
    return Outcome(why=f"no {names[0]}", gate=GateAnswer(allowed=False, checks=checks, quantity=D(0)))


@pytest.mark.parametrize("how", ["opposed", "size", "gate"])
def test_a_refused_pair_is_asked_about_again_after_a_minute_and_not_before(how: str) -> None:
    admission, slot, world = paused()
    core = world.desk.core
    patches = {
        "opposed": mock.patch.object(admitting, "opposed", return_value="somebody holds it"),
        "size": mock.patch.object(
            core,
            "settings",
            replace(core.settings, size=replace(core.settings.size, max_pair_fraction=D("1e-9"))),
        ),
        "gate": mock.patch.object(admitting, "admit", return_value=refused("minimum equity", "order rate")),
    }
    rules = {
        "opposed": "a loose position against a leg",
        "size": "size: max pair fraction",
        "gate": "gate: minimum equity",
    }
    with patches[how]:
        assert admission.open(NAME, slot, entry()) == rules[how]
        assert not core.pairs.live()
        (first,) = denied(world)
        assert slot.last_reason == first != ""
        core.state.now += 60 * S - 1
        assert admission.open(NAME, slot, entry()) == rules[how]
        assert len(denied(world)) == 1
        core.state.now += 1
        admission.open(NAME, slot, entry())
        assert len(denied(world)) == 2
        admission.open(NAME, slot, entry(LEGS[::-1]))
        assert len(denied(world)) == 3, "another pair is another question"


def test_what_the_gate_refuses_is_no_entry_in_the_summary() -> None:
    """Three opportunities, no trade and nothing refused: the summary left it to the reader why."""
    world = DeskWorld(settings=quick())
    answer = refused("account leverage")
    with mock.patch.object(admitting, "admit", return_value=answer):
        world.until(lambda w: any(getattr(e, "kind", "") == "denied" for e in w.keeper.effects))
        world.run(30)
    seen, told, best = opportunities(world.desk.strategies.states)
    assert told["gate: account leverage"] >= 1
    assert sum(told.values()) == seen, "none was entered"
    assert best is not None
    assert best.rule == "gate: account leverage"
    world.run(90)
    entered = len(world.desk.core.pairs.live())
    assert entered >= 1, "asked again, and let in"
    seen, told, _ = opportunities(world.desk.strategies.states)
    assert seen - sum(told.values()) == entered


def denied(world: DeskWorld) -> list[str]:
    return [each.text for each in world.desk.core.out if getattr(each, "kind", "") == "denied"]


def test_what_a_moment_cures_is_asked_about_again_in_a_second() -> None:
    admission, slot, world = paused()
    core, begin = world.desk.core, len(world.desk.core.out)
    with mock.patch.object(admitting, "admit", return_value=refused("open orders", "order rate")):
        admission.open(NAME, slot, entry())
        assert timers(world, begin) == [(f"again {NAME}", core.now + S)]
        admission.open(NAME, slot, entry())
    assert len(denied(world)) == 2


def test_a_pair_waits_a_second_while_another_is_being_built() -> None:
    world = DeskWorld(settings=quick()).until(lambda w: w.pair_states() == [PairState.OPENING])
    core, begin = world.desk.core, len(world.desk.core.out)
    admission, slot = world.desk.strategies.admission, core.state.strategies[NAME]
    (building,) = core.pairs.live()
    assert admission.open(NAME, slot, entry()) == "another pair was being built"
    assert slot.last_reason == f"waits until {building.id} stands"
    assert (f"again {NAME}", core.now + S) in timers(world, begin)
    assert denied(world) == []
    assert list(core.pairs.live()) == [building]


def test_a_strategy_whose_record_stops_it_opens_nothing_until_it_is_enabled() -> None:
    admission, slot, world = paused()
    core = world.desk.core
    lost = replace(NO_RECORD, trades=5, losses=5, average_loss=D("0.1"))
    with mock.patch.object(module, "track_record", return_value=lost):
        assert admission.open(NAME, slot, entry()) == "no edge by its record"
    assert slot.stopped == slot.last_reason == "stopped: 5 losses with no win"
    assert core.alerts.is_open(f"no edge:{NAME}")
    assert not core.pairs.live()
    assert denied(world) == [], "it is stopped, not refused"
    assert [each for each in core.out if getattr(each, "kind", "") == "size"], "its bounds are journaled"
