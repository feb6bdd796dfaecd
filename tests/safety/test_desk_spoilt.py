"""A whole desk under one spoilt figure of what its venues send: nothing is allowed that was not before.

The desk stands a moment before a full restatement of a venue's market, or before a read of its account. The
event comes once sound and once with one figure spoilt, each time to a desk restored from the same state; then
the same questions are asked: orders at the gate, the trading states, and the entries of the board.
"""

from __future__ import annotations

import decimal
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

import msgspec
import pytest

from services.desk import gatekeeping
from services.domain.effects import Decision, ReadAccount, Send
from services.domain.enums import Purpose, Side, TradingState
from services.domain.events import Event, OrderFilled
from services.domain.money import DESK_CONTEXT
from services.domain.orders import OrderRequest
from services.market.board import BoardRules, board
from services.risk.gate import check_order
from tests.safety.moments import Moment, moments
from tests.safety.spoil import spoiled

D = Decimal


def probes(moment: Moment) -> list[OrderRequest]:
    """Small and large, both sides, both venues; strategy, operator and exits; at last good prices."""
    rows: list[OrderRequest] = []
    desk = moment.desk()
    for name in moment.names:
        spec = desk.core.instruments[name]
        mark = desk.core.picture.last_mark(name)
        assert mark is not None
        for side in Side:
            for usd, purpose, origin in (
                (2_000, Purpose.ENTRY, "strategy:funding_arb"),
                (24_000, Purpose.TICKET, "operator"),
                (90_000, Purpose.TICKET, "operator"),
                (2_000, Purpose.EXIT, "strategy:funding_arb"),
                (90_000, Purpose.FLATTEN, "desk"),
            ):
                rows.append(
                    OrderRequest(
                        client_order_id=f"probe{len(rows)}",
                        instrument=name,
                        side=side,
                        quantity=spec.round_size(D(usd) / mark),
                        price=spec.round_price(side, mark),
                        purpose=purpose,
                        origin=origin,
                    )
                )
    return rows


@dataclass(frozen=True)
class Verdict:
    quantities: tuple[Decimal, ...]
    states: tuple[int, ...]
    entries: frozenset[str]
    sends: int

    def allows_more_than(self, other: Verdict) -> bool:
        more = any(mine > theirs for mine, theirs in zip(self.quantities, other.quantities, strict=True))
        better = any(mine < theirs for mine, theirs in zip(self.states, other.states, strict=True))
        return more or better or not self.entries <= other.entries or self.sends > other.sends


def judged(moment: Moment, event: Event, asked: list[OrderRequest]) -> Verdict:
    desk = moment.desk()
    effects = desk.handle(event)
    core = desk.core
    with decimal.localcontext(DESK_CONTEXT):
        quantities = []
        for order in asked:
            answer = check_order(gatekeeping.order_context(core, order), order)
            quantities.append(answer.quantity if answer.allowed else D(0))
        states = tuple(core.causes.state_for(venue=venue).rank for venue in ("alpha", "beta"))
        settings = core.settings.strategies["funding_arb"]
        view = desk.strategies.view("funding_arb", settings)
        rules = BoardRules(params=settings.funding, depeg=view.depeg)
        rows = board(view.legs, rules, view.now)
    return Verdict(
        quantities=tuple(quantities),
        states=(core.causes.overall().rank, *states),
        entries=frozenset(row.key for row in rows if not row.refusals and row.rank is not None),
        sends=sum(1 for effect in effects if isinstance(effect, Send) and not effect.order.reduce_only),
    )


@cache
def walk(name: str) -> tuple[Verdict, dict[str, Verdict]]:
    """The sound verdict, and one for each figure spoilt. Infinite ones are left to the rooms' own tests."""
    moment = moments()[name]
    asked = probes(moment)
    sound = judged(moment, moment.event, asked)
    assert any(sound.quantities)
    assert not all(sound.quantities)
    found = {}
    for one in spoiled(moment.event):
        if one.how != "infinite":
            found[f"{one.path} {one.how}"] = judged(moment, one.value, asked)
    return sound, found


@pytest.mark.parametrize("state", ["flat", "hedged"])
def test_a_market_figure_spoilt_allows_nothing_more(state: str) -> None:
    sound, spoilt = walk(f"{state}, market")
    assert not [name for name, verdict in spoilt.items() if verdict.allows_more_than(sound)]
    assert len(spoilt) >= 55
    assert sum(1 for verdict in spoilt.values() if verdict != sound) >= len(spoilt) / 3


def test_a_market_figure_spoilt_does_not_stop_a_flatten() -> None:
    """What gets us out passes on the last good figures (SEMANTICS 3)."""
    asked = probes(moments()["hedged, market"])
    sound, spoilt = walk("hedged, market")
    ways_out = [
        n for n, order in enumerate(asked) if order.purpose is Purpose.FLATTEN and sound.quantities[n]
    ]
    assert len(ways_out) == 2
    assert all(verdict.quantities[n] == sound.quantities[n] for verdict in spoilt.values() for n in ways_out)


@pytest.mark.parametrize("state", ["flat", "hedged"])
def test_an_account_figure_spoilt_allows_nothing_more(state: str) -> None:
    sound, spoilt = walk(f"{state}, account")
    assert not [name for name, verdict in spoilt.items() if verdict.allows_more_than(sound)]
    assert len(spoilt) >= (20 if state == "flat" else 22)


@pytest.mark.parametrize("missing", ["balances", "positions"])
def test_a_row_missing_from_an_account_allows_nothing_more(missing: str) -> None:
    moment = moments()["hedged, account"]
    asked = probes(moment)
    sound = judged(moment, moment.event, asked)
    rows = getattr(moment.event, missing)
    assert rows
    for place in range(len(rows)):
        short = msgspec.structs.replace(moment.event, **{missing: (*rows[:place], *rows[place + 1 :])})
        assert not judged(moment, short, asked).allows_more_than(sound), rows[place]


def test_a_held_position_without_margin_tiers_takes_no_new_risk_on_its_venue() -> None:
    """Its usage is unknown though its worth is known: REDUCING, not only refused by the gate's own check."""
    moment = moments()["hedged, market"]
    (leg,) = [name for name in moment.names[:2] if name.endswith(".alpha")]
    blind = msgspec.structs.replace(moment.instruments[leg], tiers=None)
    desk = Moment(moment.blob, {**moment.instruments, leg: blind}, moment.event, moment.names).desk()
    assert desk.core.causes.state_for(venue="alpha") is TradingState.ACTIVE
    desk.handle(moment.event)
    assert desk.core.causes.state_for(venue="alpha") is TradingState.REDUCING
    assert desk.core.causes.state_for(venue="beta") is TradingState.ACTIVE


def test_a_fill_that_is_no_number_books_nothing_and_the_account_is_read() -> None:
    """Bug D10: exceptions do not propagate; what makes no sense is asked for again."""
    moment = moments()["hedged, account"]
    for field, bad in (
        ("quantity", "NaN"),
        ("quantity", "-1"),
        ("quantity", "0"),
        ("price", "Infinity"),
        ("fee", "NaN"),
    ):
        desk = moment.desk()
        (pair,) = desk.core.pairs.live()
        fill = OrderFilled(
            venue="alpha",
            instrument=pair.long.instrument,
            client_order_id="",
            venue_order_id="v",
            trade_id="strange",
            side=Side.SELL,
            quantity=D("0.1"),
            price=D(20_000),
            fee=D(1),
            fee_coin="USDC",
            ts_event=desk.state.now,
            ts=desk.state.now,
        )
        before = desk.core.ledger.size(desk.core.instruments[pair.long.instrument])
        effects = desk.handle(msgspec.structs.replace(fill, **{field: D(bad)}))
        assert desk.core.ledger.size(desk.core.instruments[pair.long.instrument]) == before
        assert [each.kind for each in effects if isinstance(each, Decision)][:1] == ["nonsense"]
        assert any(isinstance(each, ReadAccount) for each in effects)
        assert desk.handle(fill)
        assert desk.core.ledger.size(desk.core.instruments[pair.long.instrument]) == before - D("0.1")
