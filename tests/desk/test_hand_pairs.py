"""Pairs by hand: the preview, the same sizing, gate and machine as a strategy's, and who cares for them."""

from __future__ import annotations

import decimal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from decimal import Decimal

import msgspec
import pytest
from msgspec.structs import replace

from services.desk import hand_care
from services.desk.core import SECOND, DeskCore
from services.desk.desk import Desk
from services.desk.hand import OPERATOR
from services.desk.hand_pairs import judge, read
from services.desk.tickets import TicketError
from services.desk.views.pair_ticket import preview_pair
from services.domain.effects import Decision, Done, Effect
from services.domain.enums import PairState, Purpose
from services.domain.money import DESK_CONTEXT
from services.execution.pair_state import Pair
from services.strategies.exits import MAX_HOLD, PAIR_STOP
from services.views.pair_ticket import PairTicketView
from tests.desk.test_tickets import Played

SHORT, LONG = "BTC-USDT-PERP.alpha", "BTC-USDC-PERP.beta"
LEGS = {"short": SHORT, "long": LONG}


class Hand(Played):
    def __init__(self) -> None:
        super().__init__()
        self.before: PairTicketView | None = None
        self.decided: list[Decision] = []
        self.machine.on_effect = self._hear

    def _hear(self, effect: Effect, _ts: int) -> None:
        if isinstance(effect, Decision):
            self.decided.append(effect)

    def preview(self, notional: str = "4000", **more: str) -> PairTicketView:
        return preview_pair(self.desk.core, self.desk.submit, LEGS | {"notional": notional} | more)

    def open(self, notional: str = "4000", **more: str) -> Done:
        return self.say("pair open", **(LEGS | {"notional": notional} | more))

    @property
    def pair(self) -> Pair:
        (pair,) = self.desk.core.pairs.live()
        return pair


@pytest.fixture(scope="module")
def _world() -> Hand:
    with decimal.localcontext(DESK_CONTEXT):
        return Hand()


@pytest.fixture
def calm(_world: Hand) -> Iterator[Hand]:
    """One world for all who leave it as it was: nothing is open in it."""
    with decimal.localcontext(DESK_CONTEXT):
        yield _world
        assert _world.desk.core.pairs.live() == ()
        assert _world.preview().allowed, "left as it was"


@pytest.fixture
def hand() -> Iterator[Hand]:
    """A world of its own with a pair in it, opened by hand and hedged."""
    with decimal.localcontext(DESK_CONTEXT):
        made = Hand()
        made.before = made.preview()
        done = made.open(reason="the spread is wide")
        assert done.ok, done.text
        assert made.pair.state is PairState.OPENING
        made.wait(1)
        yield made


def test_a_preview_tells_legs_costs_coins_and_stress_and_changes_nothing(calm: Hand) -> None:
    before = calm.state()
    said = calm.preview()
    assert calm.state() == before
    assert (said.short.side, said.long.side) == ("sell", "buy")
    assert said.short.quantity == said.long.quantity
    assert said.notional is not None
    assert said.notional <= said.asked == Decimal(4000)
    parts = [said.short.fee, said.long.fee, said.short.slippage, said.long.slippage]
    assert said.costs == sum(part for part in parts if part is not None)
    assert None not in parts
    # Long BTC margined in USDC against short BTC margined in USDT: short USDC, long USDT (SEMANTICS 5.10).
    coins = {row.coin: row for row in said.coins}
    usdt, usdc = coins["USDT"].pair, coins["USDC"].pair
    assert usdt is not None
    assert usdc is not None
    assert usdt == pytest.approx(said.notional, rel=Decimal("0.01"))
    assert usdc == pytest.approx(-said.notional, rel=Decimal("0.01"))
    names = [row.name for row in said.stress]
    assert names[0].startswith("worst")
    assert {"USDT −10 %", "USDC −10 %", "every perp +5 %", "funding flipped 24 h"} <= set(names)
    depeg = next(row for row in said.stress if row.name == "USDC −10 %")
    assert depeg.change_before is not None
    assert depeg.change_after is not None
    assert depeg.change_after > depeg.change_before, "it is short USDC: the fall hurts less"
    lever = said.changes[0]
    assert lever.before == 0
    assert lever.after is not None
    assert lever.after > 0


def test_break_even_is_costs_over_the_believed_hourly_spread(calm: Hand) -> None:
    legs = {"short": "USDT-PERP.alpha", "long": "USDC-PERP.alpha", "notional": "4000"}
    wins = preview_pair(calm.desk.core, calm.desk.submit, legs)
    assert wins.spread is not None
    assert wins.spread > 0
    assert wins.costs_bps is not None
    assert wins.break_even_h == wins.costs_bps / (Decimal("0.5") * wins.spread / 8)
    legs |= {"short": legs["long"], "long": legs["short"]}
    loses = preview_pair(calm.desk.core, calm.desk.submit, legs)
    assert loses.break_even_h is None
    assert "spread < min" in loses.opinions
    assert loses.allowed, "an opinion refuses nothing"


def test_what_the_preview_allows_opens_through_gate_and_machine_and_is_cared_for(hand: Hand) -> None:
    core, said, pair = hand.desk.core, hand.before, hand.pair
    assert said is not None
    assert said.allowed, said.refusals
    assert (pair.strategy, pair.origin, pair.state) == (OPERATOR, OPERATOR, PairState.HEDGED)
    assert pair.reason == "by hand: the spread is wide"
    assert pair.short.size == pair.long.size == said.short.quantity
    kinds = [row.kind for row in hand.decided if row.subject == pair.id]
    assert {"evaluate", "size", "gate", "open"} <= set(kinds)
    orders = [entry for entry in core.orders.state.orders.values() if entry.request.pair == pair.id]
    assert {entry.request.purpose for entry in orders} == {Purpose.ENTRY, Purpose.HEDGE}
    # One pair on these legs, whoever opens it.
    assert f"{pair.id} is open on this underlying and these venues" in hand.preview().refusals
    assert not hand.open().ok
    view = hand.desk.strategies.view("funding_arb", core.settings.strategies["funding_arb"])
    assert [(held.short, held.long) for held in view.held] == [(SHORT, LONG)]
    assert list(core.state.hand_tracks) == [pair.id]
    assert msgspec.msgpack.encode(Desk.restore(hand.desk.export())) == hand.state(), "a checkpoint keeps it"
    # Stale data freeze it, and it thaws.
    with stale(core, SHORT):
        hand_care.look(core, hand.desk.submit)
        assert pair.state is PairState.FROZEN
    hand.wait(0.3)
    assert pair.state is PairState.HEDGED
    # The pair stop protects it.
    pair.short.entry_cost *= Decimal("0.98")
    hand.wait(1)
    assert (pair.close_reason, pair.close_purpose) == (PAIR_STOP, Purpose.STOP)
    assert pair.state is PairState.CLOSED
    assert core.state.episodes[-1].strategy == OPERATOR
    # The strategies hear of its end once, and its group waits for them as after a pair of theirs.
    hand.wait(0.3)
    state = hand.desk.strategies.states["funding_arb"]
    assert state.cooldowns["BTC"] == (pair.closed_ts or 0) + 8 * 3_600_000_000_000
    assert pair.closed_ts is not None
    pair.closed_ts -= hand_care.TOLD_S * SECOND
    hand.wait(0.3)
    assert core.pairs.get(pair.id) is None, "and then it is forgotten"
    assert core.state.hand_tracks == {}


def test_the_named_exits_hold_for_a_pair_by_hand(hand: Hand) -> None:
    pair = hand.pair
    assert pair.hedged_ts is not None
    pair.hedged_ts -= 720 * 3_600_000_000_000
    hand.wait(0.3)
    assert pair.close_reason == MAX_HOLD
    assert pair.close_origin == f"strategy:{OPERATOR}", "no person asked for it: a halt stops it"


def test_a_bound_of_the_sizing_refuses_and_never_cuts(calm: Hand) -> None:
    tight = calm.preview().bounds[0]
    over = calm.preview(f"{tight.notional * Decimal('1.05'):.0f}")
    assert not over.allowed
    assert any(text.startswith(f"size: {tight.name} leaves") for text in over.refusals)
    assert over.notional is not None
    assert over.notional > tight.notional, "told for what was typed, not for what would pass"
    under = calm.preview(f"{tight.notional * Decimal('0.95'):.0f}")
    assert under.allowed, under.refusals


def test_what_is_refused_is_journaled_counted_and_sends_nothing(calm: Hand) -> None:
    core = calm.desk.core
    denied = core.state.counters.denied_today
    done = calm.open("9000000")
    assert (done.ok, done.exit) == (False, 4)
    assert "size: " in done.text
    assert core.pairs.live() == ()
    assert core.orders.open_orders() == ()
    assert core.state.denied[-1].origin == OPERATOR
    assert core.state.counters.denied_today == denied + 1


def test_halted_no_pair_opens(calm: Hand) -> None:
    calm.say("halt")
    assert any("HALTED" in text for text in calm.preview().refusals)
    assert not calm.open().ok
    assert calm.desk.core.pairs.live() == ()
    assert calm.say("resume", reason="seen").ok


@contextmanager
def stale(core: DeskCore, instrument: str) -> Iterator[None]:
    """The venue's line is cut and its last quote is from long ago."""
    feed = core.picture.state.feeds["alpha"]
    kept = feed.quotes[instrument]
    feed.up, feed.quotes[instrument] = False, (kept[0], 0)
    yield
    feed.up, feed.quotes[instrument] = True, kept


@contextmanager
def no_rate(core: DeskCore, instrument: str) -> Iterator[None]:
    kept = core.picture.state.rates.pop(instrument)
    yield
    core.picture.state.rates[instrument] = kept


@contextmanager
def no_fee(core: DeskCore, instrument: str) -> Iterator[None]:
    kept = core.instruments[instrument]
    core.instruments[instrument] = replace(kept, taker_fee=None)
    yield
    core.instruments[instrument] = kept


@pytest.mark.parametrize(
    ("spoil", "said"), [(stale, "quote stale"), (no_rate, "no rate"), (no_fee, "unknown fee")]
)
def test_an_unknown_or_stale_fact_never_lets_a_pair_open(
    calm: Hand, spoil: Callable[[DeskCore, str], AbstractContextManager[None]], said: str
) -> None:
    with spoil(calm.desk.core, SHORT):
        assert f"{SHORT}: {said}" in calm.preview().refusals
        assert not calm.open().ok
        assert calm.desk.core.pairs.live() == ()


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (LEGS | {"notional": "much"}, "is no number"),
        (LEGS | {"notional": "-1"}, "no possible figure"),
        (LEGS | {"notional": "NaN"}, "no possible figure"),
        ({"short": SHORT, "long": SHORT, "notional": "1"}, "the same instrument"),
        ({"short": SHORT, "long": "ETH-USDC-PERP.beta", "notional": "1"}, "do not hedge each other"),
        ({"short": "NOPE", "long": LONG, "notional": "1"}, "no instrument"),
    ],
)
def test_what_cannot_be_understood_is_said_in_one_line(calm: Hand, args: dict[str, str], said: str) -> None:
    with pytest.raises(TicketError, match=said):
        read(calm.desk.core, args)


def test_a_person_taken_out_by_the_throttle_is_let_in_again(calm: Hand) -> None:
    core = calm.desk.core
    core.causes.disable(OPERATOR, "repeats")
    assert any("operator is disabled" in text for text in calm.preview().refusals)
    assert not calm.command("enable", {"name": OPERATOR}).ok, "needs a reason"
    assert calm.command("enable", {"name": OPERATOR, "reason": "looked"}).ok
    assert calm.preview().allowed


def test_the_gate_is_asked_as_the_machine_will_ask_it(calm: Hand) -> None:
    core = calm.desk.core
    judged = judge(core, calm.desk.submit, read(core, LEGS | {"notional": "4000"}))
    assert judged.gate is not None
    assert judged.gate.allowed
    assert judged.legs is not None
    assert [leg.side.value for leg in judged.legs] == ["sell", "buy"]
    assert {leg.quantity for leg in judged.legs} == {judged.size.quantity}
