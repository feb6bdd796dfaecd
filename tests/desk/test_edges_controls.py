"""What the end of ACTIVE asks of a pair: the whole table, state by state (SEMANTICS 3; docs/mutants.md)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from services.desk import controls, exits, strategy
from services.desk.core import SECOND
from services.desk.desk import Desk
from services.desk.hand import OPERATOR
from services.desk.prices import DeskPrices
from services.domain.effects import Cancel, Notify, Record
from services.domain.enums import PairState, Purpose, Side, TradingState
from services.domain.events import Command, StopRequested, StrategyOverrun
from services.domain.money import ZERO
from services.domain.orders import OrderRequest
from services.domain.records import RiskRecord
from services.execution.actions import Actions
from services.execution.flatten import Scope
from services.execution.pair_state import Pair
from services.settings.parameters import Settings
from services.strategies.base import ThawPair

S = PairState
EXIT, STOP = Purpose.EXIT, Purpose.STOP
REDUCING, HALTED = TradingState.REDUCING, TradingState.HALTED


class Asked:
    """Records what is asked of the pair machine instead of doing it."""

    def __init__(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        self.unwinds: list[tuple[str, bool]] = []

        def unwind(pair: str, *_: object, exits_pass: bool = False) -> Actions:
            self.unwinds.append((pair, exits_pass))
            return ()

        monkeypatch.setattr(desk.core.pairs, "request_unwind", unwind)


def put(desk: Desk, state: PairState, **facts: Any) -> Pair:
    (pair,) = desk.core.pairs.live()
    pair.state, pair.close_reason, pair.close_origin = state, "x", "operator"
    for name, value in facts.items():
        setattr(pair, name, value)
    return pair


def with_pair_stop(desk: Desk, bps: str) -> Settings:
    """Of whoever has no strategy: the first funding strategy's."""
    settings = desk.core.settings
    kinds = {
        name: replace(each, funding=replace(each.funding, pair_stop=Decimal(bps)))
        for name, each in settings.strategies.items()
    }
    return replace(settings, strategies=kinds)


def turn(desk: Desk, state: TradingState, scope: str = "all") -> list[str]:
    """The cause comes and is looked at; the kinds of what was decided."""
    desk.core.out = []
    desk.core.raise_cause("test", scope, state, "t")
    controls.react(desk.core, desk.submit)
    return [each.kind for each in desk.core.out if getattr(each, "kind", "")]


@pytest.mark.parametrize(
    ("state", "facts", "cause", "asks"),
    [
        (S.OPENING, {"close_reason": ""}, REDUCING, True),
        (S.OPENING, {"close_reason": ""}, HALTED, True),
        (S.HEDGED, {}, HALTED, False),
        (S.HEDGED, {"then_close": True}, HALTED, False),
        (S.CLOSING, {}, REDUCING, True),
        (S.CLOSING, {"resume": S.HEDGED}, HALTED, True),
        (S.CLOSING, {"close_purpose": STOP}, HALTED, False),
        (S.UNWINDING, {}, HALTED, False),
        (S.UNWINDING, {"then_close": True}, HALTED, True),
        (S.UNWINDING, {"then_close": True, "close_purpose": STOP}, HALTED, False),
        (S.FROZEN, {"resume": S.HEDGED}, HALTED, False),
        (S.FROZEN, {"resume": S.CLOSING}, HALTED, True),
        (S.FROZEN, {"resume": S.UNWINDING, "then_close": True}, REDUCING, False),
        (S.FROZEN, {"resume": S.UNWINDING, "then_close": True}, HALTED, True),
        (S.IN_DOUBT, {"resume": S.OPENING}, REDUCING, True),
        (S.IN_DOUBT, {"resume": S.CLOSING}, HALTED, True),
        (S.IN_DOUBT, {"resume": S.HEDGED}, HALTED, False),
        (S.IN_DOUBT, {"resume": S.FROZEN, "then_close": True}, REDUCING, False),
        (S.IN_DOUBT, {"resume": S.FROZEN, "then_close": True}, HALTED, True),
    ],
)
def test_what_a_worse_state_asks_of_a_pair(
    desk: Desk, monkeypatch: pytest.MonkeyPatch,
    state: PairState, facts: dict[str, Any], cause: TradingState, asks: bool,
) -> None:  # fmt: skip
    pair, asked = put(desk, state, **facts), Asked(desk, monkeypatch)
    said = turn(desk, cause)
    assert asked.unwinds == ([(pair.id, cause is REDUCING)] if asks else [])
    assert ("unwind" in said) is asks
    told = asks and cause is HALTED and bool(pair.close_reason)
    assert desk.core.alerts.is_open(f"exit dropped:{pair.id}") is told
    rows = [each.row for each in desk.core.out if isinstance(each, Record)]
    assert ("exit dropped" in [row.kind for row in rows if isinstance(row, RiskRecord)]) is told
    asked.unwinds.clear()
    controls.react(desk.core, desk.submit)
    again = pair.stopped and cause is HALTED
    assert asked.unwinds == ([(pair.id, False)] if again else []), "a halt takes what stands, too"


def test_one_that_is_being_flattened_goes_on_and_the_next_is_looked_at(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = put(desk, S.CLOSING)
    second = replace(first, id="P-02")
    desk.core.pairs.adopt(second)
    asked = Asked(desk, monkeypatch)
    desk.core.flattens.start(Scope(pair=first.id), "t", "t", desk.core.now, desk.submit.prices)
    first.close_purpose = EXIT
    turn(desk, REDUCING)
    assert asked.unwinds == [("P-02", True)], "it was never admitted: ACTIVE before"


@pytest.mark.parametrize(("origin", "told"), [("operator", True), ("strategy:funding_arb", False)])
def test_what_follows_a_cut_is_dropped_by_a_halt_alone_and_told_to_a_person(
    desk: Desk, origin: str, told: bool
) -> None:
    pair = put(desk, S.CLOSING, close_purpose=STOP, exit_after="y", exit_origin=origin)
    turn(desk, REDUCING)
    assert (pair.exit_after, desk.core.alerts.is_open(f"exit dropped:{pair.id}")) == ("y", False)
    turn(desk, HALTED, "venue:beta")
    assert (pair.exit_after, pair.state) == ("", S.CLOSING)
    assert desk.core.alerts.is_open(f"exit dropped:{pair.id}") is told
    texts = [each.text for each in desk.core.out if isinstance(each, Notify)]
    assert any("(y)" in text for text in texts) is told


@pytest.mark.parametrize(("state", "unwinds", "no_rest"), [(S.OPENING, True, ""), (S.CLOSING, False, "stop")])
def test_a_stop_ends_an_entry_and_lets_an_exit_take(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, state: PairState, unwinds: bool, no_rest: str
) -> None:
    pair, asked = put(desk, state), Asked(desk, monkeypatch)
    desk.core.out = []
    desk.life.stop(StopRequested(ts=desk.core.now, reason="r", deadline=desk.core.now + SECOND))
    assert asked.unwinds == ([(pair.id, False)] if unwinds else [])
    assert pair.no_rest == no_rest
    kinds = [getattr(each, "kind", "") for each in desk.core.out]
    assert kinds[0] == "stop"
    assert ("unwind" in kinds) is unwinds


def test_a_thaw_ends_the_freeze_that_was_said_and_no_other(desk: Desk) -> None:
    pair = put(desk, S.FROZEN, resume=S.HEDGED, frozen_by_desk=True)
    row = desk.state.admitted[pair.id]
    exits.thaw(desk.core, desk.submit, ThawPair(pair="P-77"))
    exits.thaw(desk.core, desk.submit, ThawPair(pair=pair.id))
    assert pair.state is S.FROZEN, "nobody has said that it froze"
    row.frozen_since, desk.core.out = desk.core.now - SECOND, []
    exits.thaw(desk.core, desk.submit, ThawPair(pair=pair.id))
    assert (pair.state, row.frozen_since) == (S.HEDGED, None)
    assert "thaw" in [getattr(each, "kind", "") for each in desk.core.out]


@pytest.mark.parametrize("whose", ["dropped", "disabled", "gone", "left", "its own", "by hand"])
def test_a_pair_without_a_strategy_that_looks_after_it_is_thawed_by_the_desk(desk: Desk, whose: str) -> None:
    pair = put(desk, S.FROZEN, resume=S.HEDGED, frozen_by_desk=True)
    desk.state.admitted[pair.id].frozen_since = desk.core.now - SECOND
    if whose == "dropped":
        desk.handle(StrategyOverrun(strategy="funding_arb", ts=desk.core.now))
    elif whose == "disabled":
        settings = desk.core.settings
        kinds = {name: replace(each, enabled=False) for name, each in settings.strategies.items()}
        desk.core.settings = replace(settings, strategies=kinds)
    elif whose == "left":
        desk.core.settings = replace(desk.core.settings, strategies={})
    elif whose in ("gone", "by hand"):
        pair.strategy = "of yesterday" if whose == "gone" else OPERATOR
    desk.strategies.guard_orphans()
    assert pair.state is (S.FROZEN if whose in ("its own", "by hand") else S.HEDGED)


@pytest.mark.parametrize("state", [S.OPENING, S.CLOSING, S.UNWINDING, S.IN_DOUBT])
def test_a_pair_on_its_way_is_left_to_its_machine(desk: Desk, state: S) -> None:
    pair = put(desk, state, frozen_by_desk=True)
    pair.strategy = "of yesterday"
    desk.state.admitted[pair.id].frozen_since = desk.core.now - SECOND
    desk.strategies.guard_orphans()
    assert (pair.state, pair.frozen_by_desk, pair.close_reason) == (state, True, "x")


@pytest.mark.parametrize("unknown", ["entry", "quote"])
def test_an_orphan_stays_frozen_while_what_it_is_judged_by_is_not_known(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, unknown: str
) -> None:
    pair = put(desk, S.FROZEN, resume=S.HEDGED, frozen_by_desk=True)
    pair.strategy = "of yesterday"
    desk.state.admitted[pair.id].frozen_since = desk.core.now - SECOND
    if unknown == "entry":
        pair.short.bought = ZERO
    else:
        monkeypatch.setattr(DeskPrices, "mid", lambda _prices, _instrument: None)
    desk.strategies.guard_orphans()
    assert pair.state is S.FROZEN


def test_an_orphan_that_nobody_froze_is_not_thawed(desk: Desk) -> None:
    """The policy `cancel` may have stopped it, or its exit waits: that ends otherwise."""
    pair = put(desk, S.FROZEN, resume=S.HEDGED)
    pair.strategy = "of yesterday"
    desk.state.admitted[pair.id].frozen_since = desk.core.now - SECOND
    desk.strategies.guard_orphans()
    assert pair.state is S.FROZEN


@pytest.mark.parametrize(("loss_bps", "closes"), [("99.9", False), ("100", True)])
def test_the_pair_stop_of_an_orphan_is_protection_and_is_reached_at_the_level(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, loss_bps: str, closes: bool
) -> None:
    pair = put(desk, S.HEDGED, close_reason="", close_origin="")
    pair.strategy = "of yesterday"
    desk.core.settings = with_pair_stop(desk, "100")
    monkeypatch.setattr(strategy, "pair_loss_bps", lambda _facts: Decimal(loss_bps))
    desk.strategies.guard_orphans()
    told = (pair.state, pair.close_purpose, pair.close_origin) == (S.CLOSING, STOP, "desk")
    assert told is closes


def resting_ticket(desk: Desk, instrument: str, *, reduce_only: bool = False) -> str:
    name = desk.core.ids.draw(Purpose.TICKET)
    order = OrderRequest(
        client_order_id=name, instrument=instrument, side=Side.BUY, quantity=Decimal("0.1"), price=Decimal(1),
        reduce_only=reduce_only, purpose=Purpose.TICKET, origin=OPERATOR,
    )  # fmt: skip
    desk.core.orders.add(order, desk.core.now)
    desk.core.orders.sent(name, desk.core.now)
    return name


@pytest.mark.parametrize("state", [REDUCING, HALTED])
@pytest.mark.parametrize("scope", ["all", "venue:alpha"])
def test_what_rests_by_hand_and_could_increase_goes_where_the_state_leaves_active(
    desk: Desk, state: TradingState, scope: str
) -> None:
    there = resting_ticket(desk, "BTC-USDT-PERP.alpha")
    elsewhere = resting_ticket(desk, "BTC-USDT-PERP.beta")
    resting_ticket(desk, "BTC-USDT-PERP.alpha", reduce_only=True)
    turn(desk, state, scope)
    gone = [each.client_order_id for each in desk.core.out if isinstance(each, Cancel)]
    assert gone == ([there, elsewhere] if scope == "all" else [there])


def test_a_pause_ends_what_its_strategy_opens_resting_and_nothing_else(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    def stop_resting(pair: str, reason: str, *_: object) -> Actions:
        told.append(reason)
        return ()

    monkeypatch.setattr(desk.core.pairs, "stop_resting", stop_resting)
    for state, owner in [(S.CLOSING, "funding_arb"), (S.OPENING, OPERATOR), (S.OPENING, "funding_arb")]:
        assert told == [], "its exit rests on, for who pauses is in no hurry, and others' pairs go on"
        put(desk, state, strategy=owner)
        desk.core.out = []
        desk.commands.handle(Command("c", "pause", {"name": "funding_arb"}, "operator", desk.core.now))
        rows = [each.row for each in desk.core.out if isinstance(each, Record)]
        assert [row.subject for row in rows if isinstance(row, RiskRecord)] == ["funding_arb"]
    assert told == ["paused"]
