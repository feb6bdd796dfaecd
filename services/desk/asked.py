"""Asks the gate. An order is asked about before its intent is written and again when that is on disk; where
nothing that the gate looks at has moved meanwhile, the first answer stands, to the last digit.

Everything that goes into an answer is compared, and every Decimal with its places: `1.0` and `1.00` are one
price and two texts in the journal. The time alone may differ: the gate looks at ages, and those only say
whether a figure is fresh.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from msgspec import Struct

from services.desk import blackout, gatekeeping, short
from services.desk.core import DeskCore
from services.domain.enums import Purpose
from services.domain.orders import OrderRequest
from services.portfolio.inputs import AccountInput
from services.risk.context import AccountFacts, GateAnswer, GateContext, MarketFacts, OpenOrder
from services.risk.gate import check_hedge, check_order, refused_too


class Asked(Struct, frozen=True):
    """A question to the gate and its answer."""

    order: OrderRequest
    ctx: GateContext | None
    """None: a short question, asked afresh each time."""
    answer: GateAnswer


def ask(core: DeskCore, order: OrderRequest, before: Asked | None = None) -> Asked:
    """The gate's answer at present figures. `before`: the same order was allowed before."""
    brief = short.answer(core, order)
    if brief is not None:
        return Asked(order, None, brief)
    core.books()
    ctx = gatekeeping.order_context(core, order)
    if before is not None and stands(before, order, ctx):
        answer = before.answer
    elif order.purpose is Purpose.HEDGE:
        answer = check_hedge(ctx, order)
    else:
        answer = check_order(ctx, order)
    timing = None if order.purpose is Purpose.HEDGE else blackout.entry_check(core, order)
    return Asked(order, ctx, answer if timing is None else refused_too(answer, timing))


def stands(before: Asked, order: OrderRequest, ctx: GateContext) -> bool:
    """Would the very same question come to the very same answer again?"""
    return (
        before.ctx is not None
        and same_order(before.order, order)
        and same(before.ctx, ctx, order.client_order_id)
    )


def same_order(one: OrderRequest, other: OrderRequest) -> bool:
    """Nothing of the order has been cut or changed since it was asked about."""
    return one is other or (
        alike(one.quantity, other.quantity)
        and one.reduce_only == other.reduce_only
        and one == other
        and alike(one.price, other.price)
        and alike(one.trigger, other.trigger)
    )


def same(one: GateContext, other: GateContext, own: str) -> bool:
    """Must both questions have the same answer? `own`: the order itself, never counted against it."""
    return (
        one.settings is other.settings
        and one.instruments is other.instruments
        and one.trading_state is other.trading_state
        and one.state_text == other.state_text
        and one.usage == other.usage
        and one.depeg_levels == other.depeg_levels
        and one.disabled == other.disabled
        and one.owners == other.owners
        and one.halts_venue == other.halts_venue
        and one.unproven == other.unproven
        and list(one.alone) == list(other.alone)
        and all(alike(size, other.alone[leg]) for leg, size in one.alone.items())
        and _figures(one.claimed, other.claimed)
        and list(one.accounts) == list(other.accounts)
        and all(_account(account, other.accounts[venue]) for venue, account in one.accounts.items())
        and one.account_facts.keys() == other.account_facts.keys()
        and all(_facts(facts, other.account_facts[venue]) for venue, facts in one.account_facts.items())
        and _working(one.working, other.working, own)
        and _markets(one.markets, other.markets)
    )


def alike(one: Decimal | None, other: Decimal | None) -> bool:
    """The same number with the same places, or both unknown."""
    if one is other:
        return True
    return one is not None and other is not None and not one.compare_total(other)


def _figures(one: Mapping[str, Decimal | None], other: Mapping[str, Decimal | None]) -> bool:
    """The same names in the same order, each with the same figure."""
    return list(one) == list(other) and all(alike(value, other[name]) for name, value in one.items())


def _account(one: AccountInput, other: AccountInput) -> bool:
    return (
        one.balances_known == other.balances_known
        and _figures(one.balances, other.balances)
        and _figures(one.indexes, other.indexes)
        and _figures(one.weights_total, other.weights_total)
        and _figures(one.weights_initial, other.weights_initial)
        and _figures(one.leverage_settings, other.leverage_settings)
        and len(one.positions) == len(other.positions)
        and all(
            held.instrument is now.instrument
            and alike(held.size, now.size)
            and alike(held.entry, now.entry)
            and alike(held.mark, now.mark)
            and alike(held.quote_usd, now.quote_usd)
            and alike(held.settle_usd, now.settle_usd)
            for held, now in zip(one.positions, other.positions, strict=True)
        )
    )


def _facts(one: AccountFacts, other: AccountFacts) -> bool:
    return (
        one.balances_fresh == other.balances_fresh
        and one.connected == other.connected
        and one.settled == other.settled
        and one.clock_offset_ms == other.clock_offset_ms
        and (one.balances_fresh or one.balance_age_ns == other.balance_age_ns)
    )


def _working(one: tuple[OpenOrder, ...], other: tuple[OpenOrder, ...], own: str) -> bool:
    before = [row for row in one if row.client_order_id != own]
    after = [row for row in other if row.client_order_id != own]
    return len(before) == len(after) and all(
        row.client_order_id == now.client_order_id
        and row.stage is now.stage
        and row.instrument == now.instrument
        and row.side is now.side
        and alike(row.leaves, now.leaves)
        and alike(row.price, now.price)
        and row.reduce_only == now.reduce_only
        and row.purpose is now.purpose
        and row.origin == now.origin
        and row.pair == now.pair
        for row, now in zip(before, after, strict=True)
    )


def _markets(one: Mapping[str, MarketFacts], other: Mapping[str, MarketFacts]) -> bool:
    return one.keys() == other.keys() and all(_market(row, other[name]) for name, row in one.items())


def _market(one: MarketFacts, other: MarketFacts) -> bool:
    return (
        one.quote_fresh == other.quote_fresh
        and one.mark_fresh == other.mark_fresh
        and one.close_only == other.close_only
        and alike(one.mark, other.mark)
        and alike(one.bid, other.bid)
        and alike(one.ask, other.ask)
        and alike(one.quote_usd, other.quote_usd)
        and alike(one.settle_usd, other.settle_usd)
        and (one.quote_fresh or one.quote_age_ns == other.quote_age_ns)
        and (one.mark_fresh or one.mark_age_ns == other.mark_age_ns)
    )
