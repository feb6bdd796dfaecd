"""Checks on a risk-increasing order by itself: state, instrument, freshness, price, size, counts, depeg.

What the order does to the accounts stands in `limits`. Every check is computed even when an earlier one
failed, so that a refusal names all its reasons. Value limits are reached at >=; count limits refuse only
what would exceed them.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import structs

from services.domain.enums import OrderType, Purpose, Side, TradingState
from services.domain.instrument import Instrument
from services.domain.money import ONE, ZERO
from services.domain.orders import OrderRequest
from services.risk.coins import depeg_checks
from services.risk.context import FOREIGN, AccountFacts, Check, GateContext, MarketFacts, OpenOrder, Stage
from services.risk.inventory import inventory_checks
from services.risk.limits import unknown_check, usd_check
from services.risk.lines import positive


def state_check(ctx: GateContext, orders: tuple[OrderRequest, ...]) -> list[Check]:
    """Only ACTIVE lets anything increase a position; a disabled origin sends nothing new."""
    state = ctx.trading_state if ctx.trading_state is not None else TradingState.HALTED
    said = state.value if ctx.trading_state is not None else "unknown (as HALTED)"
    causes = f": {ctx.state_text}" if ctx.state_text else ""
    checks = [
        Check(
            name="trading state",
            unit="state",
            passed=state is TradingState.ACTIVE,
            text=f"trading state {said}{causes}",
        )
    ]
    for origin in dict.fromkeys(order.origin for order in orders):
        why = ctx.disabled.get(origin)
        checks.append(
            Check(
                name="origin",
                subject=origin,
                unit="state",
                passed=why is None,
                text=f"{origin} is enabled" if why is None else f"{origin} is disabled: {why}",
            )
        )
    return checks


def order_checks(
    ctx: GateContext, order: OrderRequest, working: tuple[OpenOrder, ...], slice_notional: Decimal | None
) -> list[Check]:
    """Everything about one risk-increasing order. `slice_notional`: it is sent in slices of that much."""
    instrument = ctx.instruments.get(order.instrument)
    if instrument is None:
        return [_fact("instrument", order.instrument, f"{order.instrument} is not a known instrument")]
    if order.trigger is not None:
        return [_fact("instrument", instrument.id, "a conditional order may only reduce")]
    facts = ctx.markets.get(order.instrument, MarketFacts())
    return [
        _instrument(ctx, instrument, facts),
        _quantity(order, instrument),
        _fresh(ctx, instrument, facts),
        _collar(ctx, order, instrument, facts),
        _order_notional(ctx, order, facts, slice_notional),
        _minimum_notional(order, instrument, facts, slice_notional),
        _conflict(ctx, order, working),
        _self_trade(order, working),
        *depeg_checks(ctx, instrument),
        *inventory_checks(ctx, order, working, instrument),
    ]


def other_leg_checks(ctx: GateContext, order: OrderRequest, working: tuple[OpenOrder, ...]) -> list[Check]:
    """An entry slice will want its hedge, which nothing but the state then refuses: so what new risk on the
    other leg needs has to hold before the slice goes out, not only when the pair was admitted."""
    if order.purpose is not Purpose.ENTRY or order.pair is None:
        return []
    checks: list[Check] = []
    for row in working:
        spec = ctx.instruments.get(row.instrument)
        waits = row.stage is Stage.RESERVED and row.pair == order.pair
        if spec is None or not waits or row.instrument == order.instrument:
            continue
        facts = ctx.markets.get(spec.id, MarketFacts())
        checks += [_instrument(ctx, spec, facts), _fresh(ctx, spec, facts), *depeg_checks(ctx, spec)]
    return checks


def _instrument(ctx: GateContext, instrument: Instrument, facts: MarketFacts) -> Check:
    """Tradable, and everything known that a limit or a cost is computed from."""
    name, subject = "instrument", instrument.id
    if instrument.inverse:
        return _fact(name, subject, f"{subject} is inverse (coin-margined): read only")
    missing = [
        what
        for what, known in (
            ("taker fee", instrument.taker_fee is not None and instrument.taker_fee.is_finite()),
            ("margin tiers", bool(instrument.tiers) or not instrument.is_perp),
            ("price increment", positive(instrument.price_increment) is not None),
            ("size increment", positive(instrument.size_increment) is not None),
            ("least size", instrument.min_size.is_finite() and instrument.min_size >= ZERO),
            ("least notional", instrument.min_notional.is_finite() and instrument.min_notional >= ZERO),
        )
        if not known
    ]
    if missing:
        return _fact(name, subject, f"{subject} is untradable: {', '.join(missing)} unknown")
    if facts.close_only:
        return _fact(name, subject, f"{subject} is close-only at its venue")
    if instrument.delisting_ts is not None:
        return _fact(name, subject, f"{subject} has a delisting date: no entries")
    halted = ctx.halts_venue.get(instrument.venue)
    if halted is not None:
        return _fact(name, subject, f"no new risk on {instrument.venue}: {halted}")
    return Check(name=name, subject=subject, unit="state", passed=True, text=f"{subject} is tradable")


def _quantity(order: OrderRequest, instrument: Instrument) -> Check:
    """On the lot grid and not below the venue's least size; never rounded up."""
    name, subject = "order quantity", order.instrument
    quantity, lot = positive(order.quantity), positive(instrument.size_increment)
    if quantity is None or lot is None:
        return _fact(name, subject, f"order quantity {order.quantity} is not a positive number")
    if quantity % lot != ZERO:
        return _fact(name, subject, f"order quantity {quantity:,f} is off the lot grid {lot:f}")
    least = max(lot, positive(instrument.min_size) or lot)
    return Check(
        name=name,
        subject=subject,
        value=quantity,
        limit=least,
        unit="base",
        passed=quantity >= least,
        text=f"order quantity {quantity:,f} against the venue's minimum {least:,f}",
    )


def _fresh(ctx: GateContext, instrument: Instrument, facts: MarketFacts) -> Check:
    """Quote, mark, index, balances and clock of the order's venue."""
    account = ctx.account_facts.get(instrument.venue, AccountFacts())
    limit = Decimal(ctx.settings.fresh.clock_block_ms)
    offset = account.clock_offset_ms
    stale = [
        what
        for what, good in (
            (f"quote {_age(facts.quote_age_ns)}", facts.quote_fresh),
            (f"mark {_age(facts.mark_age_ns)}", facts.mark_fresh and positive(facts.mark) is not None),
            (f"{instrument.quote} index", positive(facts.quote_usd) is not None),
            (f"{instrument.settle} index", positive(facts.settle_usd) is not None),
            (f"balances {_age(account.balance_age_ns)}", account.balances_fresh),
            ("venue connection", account.connected),
            ("data since the venue's outage", account.settled),
            ("venue clock", offset is not None and abs(offset) < ctx.settings.fresh.clock_block_ms),
        )
        if not good
    ]
    return Check(
        name="data fresh",
        subject=instrument.id,
        value=None if offset is None else Decimal(abs(offset)),
        limit=limit,
        unit="ms",
        passed=not stale,
        text=f"data of {instrument.id} fresh" if not stale else f"stale or unknown: {', '.join(stale)}",
    )


def _collar(ctx: GateContext, order: OrderRequest, instrument: Instrument, facts: MarketFacts) -> Check:
    """Distance of the limit from the fresh mark; an entry without a limit has no worst fill."""
    gate = ctx.settings.gate
    limit = gate.price_collar_pegged if instrument.pegged else gate.price_collar
    name = "price collar"
    price, mark = positive(order.price), positive(facts.mark) if facts.mark_fresh else None
    if order.type is OrderType.MARKET or price is None:
        return _fact(name, order.instrument, "an entry needs a limit price: a market order has no worst fill")
    tick = positive(instrument.price_increment)
    if tick is None or price % tick != ZERO:
        return _fact(name, order.instrument, f"price {price:,f} is off the grid {tick}")
    if mark is None:
        return unknown_check(name, order.instrument, limit, "fraction")
    away = abs(price / mark - ONE)
    return Check(
        name=name,
        subject=order.instrument,
        value=away,
        limit=limit,
        head_room=limit - away,
        unit="fraction",
        passed=away < limit,
        text=f"price {price:,f} is {away:.2%} from the mark {mark:,f}, collar {limit:.2%}",
    )


def order_notional(order: OrderRequest, facts: MarketFacts) -> Decimal | None:
    """USD, at the dearer of limit and mark."""
    quantity, price = positive(order.quantity), positive(order.price)
    mark, usd = positive(facts.mark) if facts.mark_fresh else None, positive(facts.quote_usd)
    if quantity is None or price is None or mark is None or usd is None:
        return None
    return quantity * max(price, mark) * usd


def _order_notional(
    ctx: GateContext, order: OrderRequest, facts: MarketFacts, slice_notional: Decimal | None
) -> Check:
    notional, limit = order_notional(order, facts), ctx.settings.gate.max_order_notional
    if notional is not None and notional.is_finite() and slice_notional is not None:
        whole = usd_check("order notional", order.instrument, min(notional, slice_notional), limit)
        # Slices are rounded down onto the lots below their bound: by the bound alone they reach no limit. In
        # live both are 5 000 by default, and no larger pair could ever be entered.
        return structs.replace(whole, passed=whole.passed or notional >= slice_notional <= limit)
    return usd_check("order notional", order.instrument, notional, limit)


def _minimum_notional(
    order: OrderRequest, instrument: Instrument, facts: MarketFacts, slice_notional: Decimal | None
) -> Check:
    """Below the venue's minimum nothing is rounded up."""
    name, least = "minimum notional", positive(instrument.min_notional) or ZERO
    price, quantity = positive(order.price), positive(order.quantity)
    mark, usd = positive(facts.mark) if facts.mark_fresh else None, positive(facts.quote_usd)
    if price is None or quantity is None or mark is None or usd is None:
        return unknown_check(name, order.instrument, least, "usd")
    value = quantity * min(price, mark) * usd
    return Check(
        name=name,
        subject=order.instrument,
        value=value,
        limit=least,
        unit="usd",
        passed=value >= least,
        text=f"order of {value:,.2f} USD against the venue's minimum {least:,.2f} USD",
    )


def _conflict(ctx: GateContext, order: OrderRequest, working: tuple[OpenOrder, ...]) -> Check:
    """Two strategies on one instrument with opposite sides: the second is refused (no netting), and so is an
    order by hand against a pair's leg."""
    name, subject = "strategy conflict", order.instrument
    if order.purpose is Purpose.TICKET and ctx.claimed.get(subject, ZERO) * order.side.sign < ZERO:
        return _fact(name, subject, f"a pair holds {subject} on the other side: close the pair, not a leg")
    for row in working if order.pair is not None else ():
        by_hand = row.purpose is Purpose.TICKET and row.origin != FOREIGN
        if by_hand and row.instrument == subject and row.side is not order.side:
            return _fact(
                name, subject, f"an order by hand stands against the leg on {subject}: cancel it first"
            )
    if order.origin.startswith("strategy:"):
        owner = ctx.owners.get(order.instrument, order.origin)
        size = position_size(ctx, order.instrument)
        if owner != order.origin and (size is None or size * order.side.sign < ZERO):
            return _fact(name, subject, f"{owner} holds the opposite side of {subject}")
        for row in working:
            other = row.origin != order.origin and row.origin.startswith("strategy:")
            if other and row.instrument == order.instrument and row.side is not order.side:
                return _fact(name, subject, f"{row.origin} has an opposite order on {subject}")
    return Check(name=name, subject=subject, unit="state", passed=True, text="no other strategy against it")


def _self_trade(order: OrderRequest, working: tuple[OpenOrder, ...]) -> Check:
    """Would it meet an order of our own? An unknown price on either side crosses everything."""
    name = "self-trade"
    price = positive(order.price)
    for row in working:
        if row.instrument != order.instrument or row.side is order.side or row.stage is Stage.RESERVED:
            continue
        resting = positive(row.price)
        crosses = price is None or resting is None
        if price is not None and resting is not None:
            crosses = price >= resting if order.side is Side.BUY else price <= resting
        if crosses:
            at = "market" if row.price is None else f"{row.price:,f}"
            text = f"would trade with our own order {row.client_order_id} at {at}"
            return _fact(name, order.instrument, text)
    return Check(name=name, subject=order.instrument, unit="state", passed=True, text="meets no own order")


def count_checks(
    ctx: GateContext, orders: tuple[OrderRequest, ...], working: tuple[OpenOrder, ...]
) -> list[Check]:
    """Order slots, rate tokens and repeats. A pair takes slots and tokens for both legs and one reversal."""
    gate, usage = ctx.settings.gate, ctx.usage
    pair = len(orders) > 1
    reversal = 1 if pair else 0
    counted = [row for row in working if not row.protective]
    checks = []
    for symbol in dict.fromkeys(_symbol(ctx, order.instrument) for order in orders):
        own = sum(1 for order in orders if _symbol(ctx, order.instrument) == symbol)
        there = sum(1 for row in counted if _symbol(ctx, row.instrument) == symbol)
        checks.append(
            _count("open orders", symbol, there, own + reversal, gate.max_open_orders_symbol, "count")
        )
    tokens = len(orders) + reversal
    checks += [
        _count("open orders", "all", len(counted), tokens, gate.max_open_orders, "count"),
        _count("order rate", "per second", usage.last_second, tokens, gate.orders_per_second, "rate/s"),
        _count("order rate", "per minute", usage.last_minute, tokens, gate.orders_per_minute, "rate/min"),
        _count("repeat throttle", orders[0].origin, usage.repeats, 1, gate.repeat_count, "count"),
    ]
    return checks


def position_size(ctx: GateContext, instrument: str) -> Decimal | None:
    """Signed base units; 0 = flat; None = the account, or the size, is not known. Spot: the base balance."""
    spec = ctx.instruments.get(instrument)
    account = ctx.accounts.get(spec.venue) if spec is not None else None
    if spec is None or account is None:
        return None
    if not spec.is_perp:
        size = account.balances.get(spec.underlying, ZERO)
        return size if size.is_finite() else None
    for position in account.positions:
        if position.instrument.id == instrument:
            return position.size if position.size.is_finite() else None
    return ZERO


def _symbol(ctx: GateContext, instrument: str) -> str:
    spec = ctx.instruments.get(instrument)
    return spec.symbol if spec is not None else instrument.rpartition(".")[0]


def _count(name: str, subject: str, before: int, more: int, limit: int, unit: str) -> Check:
    """`before` is a counter's word; one below zero is no count, and nothing passes on it."""
    value = before + more
    return Check(
        name=name,
        subject=subject,
        value=Decimal(value),
        limit=Decimal(limit),
        head_room=Decimal(limit - value),
        unit=unit,
        passed=before >= 0 and value <= limit,
        text=f"{name} {subject} {value:,} of {limit:,}",
    )


def _fact(name: str, subject: str, text: str) -> Check:
    return Check(name=name, subject=subject, unit="state", passed=False, text=text)


def _age(age_ns: int | None) -> str:
    return "(never seen)" if age_ns is None else f"({age_ns // 1_000_000} ms old)"
