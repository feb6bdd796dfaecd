"""What must hold after every adversarial run (SEMANTICS 3, 7): each broken rule as one line of text."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from services.domain.enums import PairState, TradingState
from services.domain.money import ZERO
from services.execution.pair_legs import within_residual
from tests import books
from tests.adversary.arena import Arena
from tests.adversary.script import VENUES

QUIET = (PairState.HEDGED, PairState.CLOSED)


def broken(arena: Arena) -> list[str]:
    return [
        *arena.complaints,
        *_pairs(arena),
        *_alone(arena),
        *_doubts(arena),
        *_orders(arena),
        *_fills(arena),
        *_books(arena),
        *_alarms(arena),
    ]


def _pairs(arena: Arena) -> Iterator[str]:
    """Hedged or flat, and at rest but for what a script has just begun."""
    core = arena.desk.core
    for pair in core.pairs.live():
        within = within_residual(pair, core.instruments, core.settings.pair, arena.desk.submit.prices)
        age = (core.now - pair.naked.since) / 1e9 if pair.naked.since is not None else 0.0
        if not within and age > core.settings.pair.leg_timeout_ms / 1000:
            yield (
                f"{pair.id} {pair.state.value} is naked: short {pair.short.size}, long {pair.long.size} "
                f"for {age:.1f} s: {pair.text}"
            )
        old = (core.now - pair.state_ts) / 1e9
        # A leg 1 that rests post-only takes its time, with the legs matched.
        resting = "maker" in (arena.plan.entry_style, arena.plan.exit_style)
        if pair.state not in QUIET and old > (60 if resting and within else 20):
            yield f"{pair.id} is {pair.state.value} for {old:.0f} s: {pair.text}"


def _alone(arena: Arena) -> Iterator[str]:
    """What our own orders moved of a coin on one venue they moved back on the other, but for what no venue
    takes in one order: one such rest a pair at most."""
    core = arena.desk.core
    if not arena.spot:
        return
    moved, least = ZERO, ZERO
    for name in VENUES:
        for fill in arena.exchange.venues[name].state.account.fills:
            if fill.client_order_id:
                moved += fill.quantity * fill.side.sign
    for name in arena.legs:
        spec = core.instruments[name]
        least = max(least, spec.size_increment, spec.min_notional * 2)
    if abs(moved) > least * max(1, core.state.ids.pairs):
        yield f"{moved:+f} of the coin over both venues after {core.state.ids.pairs} pairs"
    if core.pairs.live() and not any(pair.doubtful for pair in core.pairs.live()):
        yield f"{core.pairs.live()[0].id} is not over: {core.pairs.live()[0].text}"


def _doubts(arena: Arena) -> Iterator[str]:
    core = arena.desk.core
    for entry in core.orders.open_orders():
        age = (core.now - entry.changed) / 1e9
        if entry.in_doubt:
            yield f"order {entry.id} is in doubt for {age:.1f} s: {entry.text}"
        elif age > 10 and (entry.immediate or entry.sent is None):
            yield f"order {entry.id} is {entry.state.value} for {age:.1f} s"


def _orders(arena: Arena) -> Iterator[str]:
    """Nothing doubled, nothing sent on a guess, nothing that increases outside ACTIVE."""
    seen: set[str] = set()
    for each in arena.sent:
        order = each.order
        at = f"{order.purpose.value} {order.side.value} {order.quantity} {order.instrument}"
        if order.client_order_id in seen:
            yield f"{order.client_order_id} was sent twice"
        seen.add(order.client_order_id)
        # A backstop rests far from the market for a leg that stays naked: it is no guess about the order.
        if each.doubtful and order.trigger is None:
            yield f"{at} went out while {', '.join(each.doubtful)} of its pair was in doubt"
        perp = arena.desk.core.instruments[order.instrument].is_perp
        takes_off = order.reduce_only if perp else order.closing
        if each.state is not TradingState.ACTIVE and not takes_off:
            yield f"{at} went out in {each.state.value} and could increase a position"
    wanted = {each.order.client_order_id: each.order.quantity for each in arena.sent}
    for name in VENUES:
        state = arena.exchange.venues[name].state
        for sim in state.orders.values():
            if not sim.client_order_id:
                continue
            if sim.client_order_id not in wanted:
                yield f"{name} has {sim.client_order_id}, which was never sent"
        filled: dict[str, Decimal] = {}
        for fill in state.account.fills:
            filled[fill.client_order_id] = filled.get(fill.client_order_id, ZERO) + fill.quantity
        for order_id, quantity in filled.items():
            if order_id and quantity > wanted.get(order_id, ZERO):
                yield f"{order_id} traded {quantity} of {wanted.get(order_id)}"


def _fills(arena: Arena) -> Iterator[str]:
    """By trade id: what the exchange traded is what the desk recorded, each once."""
    told = [(row.venue, row.instrument, row.trade_id) for row in arena.keeper.fills]
    true = {
        (name, fill.instrument, fill.trade_id)
        for name in VENUES
        for fill in arena.exchange.venues[name].state.account.fills
    }
    if len(told) != len(set(told)):
        yield f"fills counted twice: {sorted(each for each in told if told.count(each) > 1)}"
    # Somebody else's trades before our books were opened are part of the opening, and known by their ids.
    opening = {
        (name, fill.instrument, fill.trade_id)
        for name in VENUES
        for fill in arena.exchange.venues[name].state.account.fills
        if not fill.client_order_id
        and f"{fill.instrument}|{fill.trade_id}" in arena.desk.core.ledger.account(name).trades.ids
    }
    lost = true - set(told) - opening
    if lost or not set(told) <= true:
        yield f"fills lost {sorted(lost)}, invented {sorted(set(told) - true)}"


def _alarms(arena: Arena) -> Iterator[str]:
    """No false alarm that only a person could take back, and no turn that ran in circles."""
    core = arena.desk.core
    for cause in core.causes.causes():
        if cause.name in ("reconcile", "circle", "strategy dropped"):
            yield f"cause {cause.name} ({cause.scope}): {cause.text}"
    for name, book in core.state.venues.items():
        for line in book.differences:
            yield f"{name}: difference {line.text}"


def _books(arena: Arena) -> Iterator[str]:
    """Positions, entries and balances to the last digit; what no pair holds is somebody else's."""
    core = arena.desk.core
    for name in VENUES:
        report, account = arena.exchange.books(name), core.ledger.account(name)
        yield from books.unlike(name, account, report)
        for position in report.positions:
            held = account.positions.get(position.instrument)
            if held is not None and held.size and held.entry != position.entry_price:
                yield f"{position.instrument}: our entry {held.entry}, the venue's {position.entry_price}"
            loose = position.size - core.pairs.size_on(position.instrument) if position.size else ZERO
            if loose and not arena.foreign:
                yield f"{position.instrument}: {loose} belongs to no pair"
