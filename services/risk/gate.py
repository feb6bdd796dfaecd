"""The one gate: every order of every origin passes one of these functions (SEMANTICS 3).

Pure and synchronous: a context and an order go in, an answer with every check comes out; a refusal is a value
with all its reasons, never an exception. What passes is reserved by the desk, which keeps it in
`GateContext.working` until it is denied, rejected, expired or booked; so two questions asked one after the
other can never both take the same head-room.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from msgspec import structs

from services.domain.enums import Side, TradingState
from services.domain.money import ZERO
from services.domain.orders import OrderRequest
from services.risk.admission import count_checks, order_checks, other_leg_checks, state_check
from services.risk.context import Check, GateAnswer, GateContext, OpenOrder, Stage
from services.risk.limits import portfolio_limits
from services.risk.lines import Claim, positive
from services.risk.reducing import (
    band_check,
    is_reducing,
    opposing,
    reducing_checks,
)
from services.risk.reducing import (
    reducible as reducible_of,
)
from services.risk.worst import worst_fill

PAIR_ROUND_TRIPS = 2
"""A leg of a pair pays its costs twice in the worst case: in, and back by the one reversal."""


def check_order(ctx: GateContext, order: OrderRequest) -> GateAnswer:
    """Any single order. Reducing ones meet four checks; all others every check, after the worst fill."""
    if is_reducing(ctx, order):
        return _reducing_answer(ctx, order)
    return _order_answer(ctx, order, [])


def _order_answer(ctx: GateContext, order: OrderRequest, more: list[Check]) -> GateAnswer:
    working = others(ctx, (order,))
    checks = state_check(ctx, (order,)) + more
    checks += order_checks(ctx, order, working, None)
    checks += other_leg_checks(ctx, order, working)
    checks += count_checks(ctx, (order,), working)
    checks += _limits(ctx, working, (order,), 1)
    return _answer(checks, order.quantity, order.origin)


def check_pair(ctx: GateContext, orders: tuple[OrderRequest, OrderRequest]) -> GateAnswer:
    """Both legs of a pair as one unit: whole legs, before slicing; costs and one reversal counted.

    Each leg is sent in slices of `pair.slice_notional`, so that the order notional judged is a slice's. What
    is admitted the desk keeps in `working` as reservation rows (stage `reserved`, the pair's id), one per leg
    with what of it is not sent yet. The reversal needs no row: its costs are judged here, and as a reducing
    order it meets no count and no rate.
    """
    working = others(ctx, orders)
    checks = state_check(ctx, orders)
    for order in orders:
        checks += order_checks(ctx, order, working, ctx.settings.pair.slice_notional)
    checks += count_checks(ctx, orders, working)
    checks += _limits(ctx, working, orders, PAIR_ROUND_TRIPS)
    return _answer(checks, orders[0].quantity, orders[0].origin)


def check_hedge(ctx: GateContext, order: OrderRequest) -> GateAnswer:
    """A hedge inside its pair's reservation meets `check_reserved`; what exceeds the reservation meets every
    check of an order too."""
    if is_reducing(ctx, order):
        return _reducing_answer(ctx, order)
    answer = check_reserved(ctx, order)
    if answer is None:
        return _order_answer(ctx, order, [band_check(ctx, order, ctx.instruments.get(order.instrument))])
    return answer


def check_reserved(ctx: GateContext, order: OrderRequest) -> GateAnswer | None:
    """A hedge inside its pair's reservation is refused only by the trading state (the pair is then reversed),
    an unknown instrument, or its own band. None: it is not inside, and this is no answer.

    Looks at what `short_context` holds."""
    spec = ctx.instruments.get(order.instrument)
    quantity = positive(order.quantity)
    if spec is None or quantity is None or quantity > reserved(ctx, order):
        return None
    lot, tick, price = positive(spec.size_increment), positive(spec.price_increment), positive(order.price)
    on_grid = lot is not None and quantity % lot == ZERO
    on_grid = on_grid and tick is not None and (price is None or price % tick == ZERO)
    state = ctx.trading_state if ctx.trading_state is not None else TradingState.HALTED
    active = state is TradingState.ACTIVE
    text = "" if active else f"trading state {state.value}: a hedge would increase a position"
    off = "" if on_grid else f"{order.instrument} off its grid"
    checks = [
        Check(name="trading state", unit="state", passed=active, text=text),
        Check(name="instrument", subject=order.instrument, unit="state", passed=on_grid, text=off),
        band_check(ctx, order, spec),
    ]
    return _answer(checks, order.quantity, order.origin)


def refused_too(answer: GateAnswer, check: Check) -> GateAnswer:
    """An answer with one more failing check, found outside the account's figures."""
    return structs.replace(
        answer,
        allowed=False,
        checks=(*answer.checks, check),
        quantity=ZERO,
        binding=answer.binding if not answer.allowed else check.name,
    )


def limit_board(ctx: GateContext) -> tuple[Check, ...]:
    """Every limit as it stands with nothing asked, everything that may still fill counted."""
    worst = worst_fill(ctx, ctx.working, ())
    for account in worst.accounts.values():
        account.touched = True
    state = ctx.trading_state if ctx.trading_state is not None else TradingState.HALTED
    symbols = [
        line.instrument.symbol for account in worst.accounts.values() for line in account.lines.values()
    ]
    counted = sum(1 for row in ctx.working if not row.protective)
    gate, usage = ctx.settings.gate, ctx.usage
    checks = [
        Check(
            name="trading state",
            unit="state",
            passed=state is TradingState.ACTIVE,
            text=f"trading state {state.value}" + (f": {ctx.state_text}" if ctx.state_text else ""),
        ),
        *portfolio_limits(ctx, worst, symbols),
    ]
    for name, subject, value, limit, unit in (
        ("open orders", "all", counted, gate.max_open_orders, "count"),
        ("order rate", "per second", usage.last_second, gate.orders_per_second, "rate/s"),
        ("order rate", "per minute", usage.last_minute, gate.orders_per_minute, "rate/min"),
    ):
        checks.append(
            Check(
                name=name,
                subject=subject,
                value=Decimal(value),
                limit=Decimal(limit),
                head_room=Decimal(limit - value),
                unit=unit,
                passed=value < limit,
                text=f"{name} {subject} {value:,} of {limit:,}",
            )
        )
    return tuple(checks)


def reducible(ctx: GateContext, instrument: str, side: Side) -> Decimal:
    """Base quantity that an order of this side may still take off the position."""
    return reducible_of(ctx, instrument, side)


def reserved(ctx: GateContext, order: OrderRequest) -> Decimal:
    """What the order's pair still has reserved on its instrument and side."""
    if order.pair is None:
        return ZERO
    total = ZERO
    for row in ctx.working:
        if row.stage is Stage.RESERVED and row.pair == order.pair and row.instrument == order.instrument:
            total += (positive(row.leaves) or ZERO) if row.side is order.side else ZERO
    return total


def others(ctx: GateContext, orders: Sequence[OrderRequest]) -> tuple[OpenOrder, ...]:
    """Everything that may still fill, without the orders in question and what their own pair reserved for
    them: an order asked about a second time (on `IntentDurable`) is not counted twice."""
    return tuple(
        row
        for row in ctx.working
        if not any(
            row.client_order_id == order.client_order_id
            or (
                row.stage is Stage.RESERVED
                and order.pair is not None
                and row.pair == order.pair
                and row.instrument == order.instrument
                and row.side is order.side
            )
            for order in orders
        )
    )


def claims_for(
    ctx: GateContext, orders: Iterable[OrderRequest], round_trips: int, *, reduces: bool = False
) -> list[Claim]:
    """The orders in question as claims; what cannot be one fails in its own check. `reduces`: they only ever
    take off, which is the gate's own finding and never the order's word."""
    claims = []
    for order in orders:
        spec, quantity = ctx.instruments.get(order.instrument), positive(order.quantity)
        if spec is not None and quantity is not None:
            claims.append(Claim(spec, order.side, quantity, order.price, reduces, round_trips))
    return claims


def _limits(
    ctx: GateContext,
    working: tuple[OpenOrder, ...],
    orders: Sequence[OrderRequest],
    round_trips: int,
    *,
    reduces: bool = False,
) -> list[Check]:
    claims = claims_for(ctx, orders, round_trips, reduces=reduces)
    worst = worst_fill(ctx, working, claims)
    checks = portfolio_limits(ctx, worst, [claim.instrument.symbol for claim in claims])
    for claim in claims:
        if claim.instrument.venue not in worst.accounts:
            venue = claim.instrument.venue
            checks.append(
                Check(
                    name="account", subject=venue, unit="state", passed=False, text=f"no account on {venue}"
                )
            )
    return checks


def _reducing_answer(ctx: GateContext, order: OrderRequest) -> GateAnswer:
    answer = check_reducing(ctx, order)
    return structs.replace(answer, checks=(*answer.checks, *beside(ctx, order)))


def check_reducing(ctx: GateContext, order: OrderRequest) -> GateAnswer:
    """An order that says it reduces: the four checks that may refuse it, without the figures `beside` them.

    Looks at what `short_context` holds."""
    checks, quantity = reducing_checks(ctx, order)
    spec = ctx.instruments.get(order.instrument)
    failed = ""
    for check in checks:  # an exit or a hedge waits for this: a generator costs it more than its walk
        if check.binding and not check.passed:
            failed = check.name
            break
    return GateAnswer(
        allowed=not failed,
        checks=tuple(checks),
        quantity=quantity,
        binding=failed,
        reducing=True,
        reduce_only=spec is not None and spec.reduce_only_supported,
        cancel_first=() if failed else opposing(ctx, order),
    )


def beside(ctx: GateContext, order: OrderRequest) -> list[Check]:
    """The limits after a reducing order: for the journal, they refuse nothing, and neither does a figure
    they cannot be computed from."""
    try:
        found = _limits(ctx, others(ctx, (order,)), (order,), 1, reduces=True)
    except ArithmeticError as error:
        text = f"limits could not be computed: {type(error).__name__}"
        return [Check(name="limits", unit="state", passed=False, binding=False, text=text)]
    return [structs.replace(check, binding=False) for check in found]


def _answer(checks: Sequence[Check], quantity: Decimal, origin: str) -> GateAnswer:
    failed: list[str] = []
    room: Decimal | None = None
    tightest = ""
    for check in checks:
        if not check.passed:
            failed.append(check.name)
        if check.room is not None and (room is None or check.room < room):
            room, tightest = check.room, check.name
    repeats = "repeat throttle" in failed
    return GateAnswer(
        allowed=not failed,
        checks=tuple(checks),
        quantity=ZERO if failed else quantity,
        head_room=None if room is None else max(ZERO, room),
        binding=failed[0] if failed else tightest,
        disable_origin=f"repeat throttle: {origin} repeated the same entry" if repeats else "",
    )
