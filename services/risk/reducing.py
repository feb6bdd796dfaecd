"""Reducing orders: never in the way of getting out (SEMANTICS 3).

Four things only: instrument known and on its grid; provably reducing; trading state; price inside its own
outer band. Too large is cut. Limits, freshness, collar of entries, counts, rates and depeg are none of its
business. The reducible quantity is what stands in the account less everything that may already take it
off, so that two reducing orders can never flip a position.

A check that passes says so by its figures: words are for whoever is refused, and cost more than the check.
"""

from __future__ import annotations

from decimal import Decimal

from services.domain.enums import OrderType, Purpose, Side, TradingState
from services.domain.instrument import Instrument
from services.domain.money import ONE, ZERO
from services.domain.orders import OrderRequest
from services.risk.admission import position_size
from services.risk.context import FOREIGN, Check, GateContext, MarketFacts, Stage
from services.risk.inventory import done_alone
from services.risk.lines import positive


def is_reducing(ctx: GateContext, order: OrderRequest) -> bool:
    """Is it to be judged as a reducing order? One that says so, or an operator's ticket that fits wholly
    into what it takes off; a strategy's entry never is, though it may stand against a position."""
    if order.closing:
        return True
    quantity = positive(order.quantity)
    if order.purpose is not Purpose.TICKET or quantity is None:
        return False
    return quantity <= beside_pairs(
        ctx, order, reducible(ctx, order.instrument, order.side, order.client_order_id)
    )


def beside_pairs(ctx: GateContext, order: OrderRequest, room: Decimal) -> Decimal:
    """Of what may be taken off, a ticket's share: nothing of what pairs hold there. Their other leg would
    stand naked, and no pair would know."""
    return room if order.purpose is not Purpose.TICKET else _beside(ctx, order.instrument, order.side, room)


def _beside(ctx: GateContext, instrument: str, side: Side, room: Decimal) -> Decimal:
    """What of `room` an order of this side takes off no pair's leg."""
    claimed = ctx.claimed.get(instrument, ZERO)
    return room if claimed * side.sign > ZERO else max(ZERO, room - abs(claimed))


def reducible(ctx: GateContext, instrument: str, side: Side, own_id: str = "") -> Decimal:
    """|position| less working, in-doubt and queued quantity of that side; in doubt twice where the venue has
    no reduce-only flag. 0 when the position is not known, or lies on the same side.

    Somebody else's resting order counts only where there is no such flag: with it the venue never lets ours
    take more than the position, and a foreign order far from the market must not keep a leg naked. Nor must a
    ticket of before what it was to close has gone: it counts for what stands beside the pairs' legs.
    """
    size = position_size(ctx, instrument)
    spec = ctx.instruments.get(instrument)
    if size is None or spec is None or size * side.sign >= ZERO:
        return ZERO
    left, tickets = abs(size), ZERO
    for row in ctx.working:
        if row.instrument != instrument or row.side is not side or row.client_order_id == own_id:
            continue
        if row.stage is Stage.RESERVED or (row.origin == FOREIGN and spec.reduce_only_supported):
            continue
        leaves = positive(row.leaves)
        if leaves is None:
            return ZERO
        if row.purpose is Purpose.TICKET and row.reduce_only and spec.reduce_only_supported:
            tickets += leaves
            continue
        twice = row.stage is Stage.IN_DOUBT and not spec.reduce_only_supported
        left -= leaves * 2 if twice else leaves
    if tickets:
        left -= min(tickets, _beside(ctx, instrument, side, abs(size)))
    return max(ZERO, left)


def _position_against(ctx: GateContext, order: OrderRequest) -> Decimal:
    """|position| that an order of this side takes off; 0 when it is not known or lies on the same side."""
    size = position_size(ctx, order.instrument)
    return abs(size) if size is not None and size * order.side.sign < ZERO else ZERO


def reducing_checks(ctx: GateContext, order: OrderRequest) -> tuple[list[Check], Decimal]:
    """The four checks, and the quantity after the cut (0 when it may not go out at all)."""
    spec = ctx.instruments.get(order.instrument)
    grid, quantity = _grid(order, spec)
    provable, quantity = _provable(ctx, order, spec, quantity)
    state, band = passing_state(ctx, order), band_check(ctx, order, spec)
    passed = grid.passed and provable.passed and state.passed and band.passed
    return [grid, provable, state, band], quantity if passed else ZERO


def passing_state(ctx: GateContext, order: OrderRequest) -> Check:
    """ACTIVE and REDUCING let every reducing order pass; HALTED the operator's and the protective ones."""
    state = ctx.trading_state if ctx.trading_state is not None else TradingState.HALTED
    passed = state is not TradingState.HALTED or order.origin == "operator" or order.purpose.protective
    text = "" if passed else f"{state.value} does not let {order.purpose.value} of {order.origin} pass"
    return Check(name="trading state", unit="state", passed=passed, text=text)


def opposing(ctx: GateContext, order: OrderRequest) -> tuple[str, ...]:
    """Our own orders against it on the same instrument: canceled before it goes out."""
    if order.trigger is not None:
        return ()  # it goes nowhere near the book before its trigger
    against = [
        row.client_order_id
        for row in ctx.working
        if row.instrument == order.instrument
        and row.side is not order.side
        and row.stage is not Stage.RESERVED
    ]
    return tuple(against)


def band_check(ctx: GateContext, order: OrderRequest, spec: Instrument | None) -> Check:
    """Inside the outer band around the last good mark or the book: stale figures still serve here, because
    staying in is the greater risk. An exit or a ticket has the collar, protective attempt n >= 1 the n-th."""
    gate = ctx.settings.gate
    protective = order.purpose.protective or order.purpose is Purpose.HEDGE
    if protective:
        band = gate.protective_bands[min(max(order.attempt, 1), len(gate.protective_bands)) - 1]
    else:
        band = gate.price_collar_pegged if spec is not None and spec.pegged else gate.price_collar
    price = positive(order.price)
    if order.type is OrderType.MARKET:
        last = order.attempt > len(gate.protective_bands)
        passed = protective and last and ctx.settings.exec.allow_market
        text = "market order after the last band" if passed else "market orders are not allowed here"
        return Check(
            name="outer band", subject=order.instrument, limit=band, unit="fraction", passed=passed, text=text
        )
    facts = ctx.markets.get(order.instrument, MarketFacts())
    nearest: Decimal | None = None
    references = (positive(facts.mark), positive(facts.bid), positive(facts.ask))
    if order.trigger is not None:
        # It is released at its trigger: from there its limit may be as far as any protective one.
        band, references = gate.protective_bands[-1], (positive(order.trigger), None, None)
    for reference in references:
        if price is None or reference is None:
            continue
        away = abs(price / reference - ONE)
        nearest = away if nearest is None else min(nearest, away)
    passed, text = nearest is not None and nearest < band, ""
    if nearest is None:
        known = "no limit price" if price is None else "neither mark nor book was ever seen"
        text = f"{known} on {order.instrument}"
    elif not passed:
        text = f"price {price:,f} is {nearest:.2%} from mark or book, outer band {band:.2%}"
    return Check(
        name="outer band",
        subject=order.instrument,
        value=nearest,
        limit=band,
        head_room=None if nearest is None else band - nearest,
        unit="fraction",
        passed=passed,
        text=text,
    )


def _grid(order: OrderRequest, spec: Instrument | None) -> tuple[Check, Decimal]:
    """Known, quantity rounded down to the lot, price on the tick."""
    name, subject = "instrument", order.instrument
    quantity = positive(order.quantity)
    if spec is None:
        text = f"{subject} is not a known instrument"
        return Check(name=name, subject=subject, unit="state", passed=False, text=text), ZERO
    lot, tick = positive(spec.size_increment), positive(spec.price_increment)
    if quantity is None or lot is None or tick is None:
        text = f"quantity {order.quantity} of {subject} cannot be put on its grid"
        return Check(name=name, subject=subject, unit="state", passed=False, text=text), ZERO
    for price in (positive(order.price), positive(order.trigger)):
        if price is not None and price % tick != ZERO:
            text = f"price {price:,f} is off the grid {tick}"
            return Check(name=name, subject=subject, unit="state", passed=False, text=text), ZERO
    if order.trigger is not None and (positive(order.trigger) is None or not spec.reduce_only_supported):
        text = f"a conditional order of {subject} could open a position"
        return Check(name=name, subject=subject, unit="state", passed=False, text=text), ZERO
    return (
        Check(name=name, subject=subject, unit="state", passed=True),
        spec.round_size(quantity),
    )


def _provable(
    ctx: GateContext, order: OrderRequest, spec: Instrument | None, quantity: Decimal
) -> tuple[Check, Decimal]:
    """Cut to what is left to reduce; nothing left, or less than a lot (dust), is refused."""
    room = reducible(ctx, order.instrument, order.side, order.client_order_id)
    alone = done_alone(ctx, order)
    if alone is not None:
        room = alone if order.side is Side.BUY else min(alone, room)
    room = beside_pairs(ctx, order, room)
    unproven = ctx.unproven.get(order.instrument, "")
    if unproven:
        room = ZERO
    if order.trigger is not None:
        # It waits while others reduce, and the venue trims it to what is left then.
        room = _position_against(ctx, order)
    cut = ZERO
    if spec is not None and positive(spec.size_increment) is not None:
        cut = spec.round_size(min(quantity, room))
    text = ""
    if cut <= ZERO < room:
        text = f"dust: {room} left on {order.instrument}, less than a lot"
    elif cut <= ZERO and unproven:
        text = f"not provably reducing: {unproven}"
    elif cut <= ZERO:
        text = f"does not reduce: nothing left to take off on {order.instrument}"
        if order.purpose is Purpose.TICKET and ctx.claimed.get(order.instrument):
            text += ", a pair's leg is closed with its pair"
    return (
        Check(
            name="provably reducing",
            subject=order.instrument,
            value=quantity,
            limit=room,
            unit="base",
            passed=cut > ZERO,
            text=text,
        ),
        cut,
    )
