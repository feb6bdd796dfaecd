"""Spot orders and what lies on the account: they are paid from what is there, and taken back to what it was.

A spot order gives one coin for another. An account that lends nothing must hold all that its orders may still
give away, fees included. A pair whose legs are spot holds no position that could be reduced; what one leg did
without the other is one in all but name, measured from the inventory it started with: an order of the pair
that takes it back reduces, and nothing else of it does.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from services.domain.enums import Side
from services.domain.instrument import Instrument
from services.domain.money import ONE, ZERO
from services.domain.orders import OrderRequest
from services.risk.context import Check, GateContext, MarketFacts, OpenOrder, Stage
from services.risk.lines import positive

NAME = "inventory"


def inventory_checks(
    ctx: GateContext, order: OrderRequest, working: Iterable[OpenOrder], spec: Instrument
) -> list[Check]:
    """The coin that a spot order gives away is there, beside what else may still take it. Perps: none."""
    if spec.is_perp:
        return []
    coin, venue = given(spec, order.side), spec.venue
    asked = amount(spec, order.side, order.quantity, order.price)
    held, promised = lies(ctx, spec, order.side, working)
    asked = None if asked is None or promised is None else asked + promised
    left = held - asked if asked is not None and held is not None and held.is_finite() else None
    said = "unknown" if left is None else f"{asked} of {held}"
    return [
        Check(
            name=NAME,
            subject=f"{coin} {venue}",
            value=asked,
            limit=held,
            head_room=left,
            room=_usd(ctx, spec, order.side, left),
            unit=coin,
            passed=left is not None and left >= ZERO,
            text=f"inventory {coin} {venue}: {said} would be given away",
        )
    ]


def _usd(ctx: GateContext, spec: Instrument, side: Side, left: Decimal | None) -> Decimal | None:
    """USD notional that so much of the coin given away still buys or sells, to first order."""
    facts = ctx.markets.get(spec.id, MarketFacts())
    mark, usd = positive(facts.mark), positive(facts.quote_usd)
    if left is None or mark is None or usd is None:
        return None
    return left * usd * (ONE if side is Side.BUY else mark)


def lies(
    ctx: GateContext, spec: Instrument, side: Side, working: Iterable[OpenOrder]
) -> tuple[Decimal | None, Decimal | None]:
    """(what the account holds of the coin that such an order gives away, what `working` may give away of it);
    None = not known."""
    coin, account = given(spec, side), ctx.accounts.get(spec.venue)
    held = account.balances.get(coin, ZERO) if account is not None and account.balances_known else None
    promised: Decimal | None = ZERO
    for row in working:
        other = ctx.instruments.get(row.instrument)
        if other is None or other.is_perp or other.venue != spec.venue or given(other, row.side) != coin:
            continue
        more = amount(other, row.side, row.leaves, row.price)
        promised = None if promised is None or more is None else promised + more
    return held, promised


def given(spec: Instrument, side: Side) -> str:
    """The coin that goes."""
    return spec.quote if side is Side.BUY else spec.underlying


def amount(spec: Instrument, side: Side, quantity: Decimal | None, price: Decimal | None) -> Decimal | None:
    """How much of it; a buyer's fee counts on top, whichever coin takes it. None = not known.

    A fee below zero counts as if it were asked: a wrong sign must not let more be given away than is there.
    """
    size, fee = positive(quantity), spec.taker_fee
    if side is Side.SELL or size is None:
        return size
    limit = positive(price)
    return None if limit is None or fee is None or not fee.is_finite() else size * limit * (ONE + abs(fee))


def done_alone(ctx: GateContext, order: OrderRequest) -> Decimal | None:
    """What an order of a spot pair may take back: what its leg did alone, less what may take it back already,
    in doubt twice, for no venue has a reduce-only flag on spot. None = no such pair's order."""
    alone = ctx.alone.get((order.pair, order.instrument)) if order.pair is not None else None
    if alone is None:
        return None
    if not alone.is_finite() or alone * order.side.sign >= ZERO:
        return ZERO
    left = abs(alone)
    for row in ctx.working:
        if row.pair != order.pair or row.instrument != order.instrument or row.side is not order.side:
            continue
        if row.client_order_id == order.client_order_id or row.stage is Stage.RESERVED:
            continue
        leaves = positive(row.leaves)
        if leaves is None:
            return ZERO
        left -= leaves * 2 if row.stage is Stage.IN_DOUBT else leaves
    return max(ZERO, left)
