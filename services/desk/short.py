"""The gate's short question: what a reducing order and a hedge inside its reservation are checked for.

They meet four checks at most (SEMANTICS 3), and those look at one instrument: its position, its market, what
may still fill on it, and the trading state. The limits of the accounts refuse neither, so no account is
valued before such an order goes out; for a reducing order they are figures of the journal, worked out after.
"""

from __future__ import annotations

from services.desk import gatekeeping, proofs
from services.desk.core import DeskCore
from services.domain.enums import Purpose
from services.domain.money import ZERO
from services.domain.orders import OrderRequest
from services.portfolio.inputs import AccountInput, PositionInput
from services.risk.context import GateAnswer, GateContext, MarketFacts, OpenOrder
from services.risk.gate import check_reducing, check_reserved


def answer(core: DeskCore, order: OrderRequest) -> GateAnswer | None:
    """Without the figures that refuse nothing. None: this order needs the whole question."""
    if order.closing:
        return check_reducing(context(core, order), order)
    if order.purpose is Purpose.HEDGE:
        return check_reserved(hedge_context(core, order), order)
    return None


def hedge_context(core: DeskCore, order: OrderRequest) -> GateContext:
    """What `check_reserved` looks at, and no more: no account, and of all that may fill its own pair's
    reservation alone. Every hedge waits for this."""
    name = order.instrument
    state, text = gatekeeping.state_of(core, name, order.origin, order.pair)
    return GateContext(
        now=core.now,
        settings=core.settings,
        instruments=core.instruments,
        accounts={},
        account_facts={},
        markets={} if name not in core.instruments else {name: _last_good(core, name)},
        working=_own_reservation(core, order),
        trading_state=state,
        state_text=text,
    )


def _own_reservation(core: DeskCore, order: OrderRequest) -> tuple[OpenOrder, ...]:
    """Of `gatekeeping.open_orders` what the order's own pair has reserved on its instrument."""
    name, pair = order.instrument, order.pair
    if pair is None:
        return ()
    leaves = ZERO
    for entry in core.orders.open_orders(name):
        request = entry.request
        if request.pair == pair and not request.reduce_only and entry.id != order.client_order_id:
            leaves += max(entry.leaves, ZERO)
    return tuple(gatekeeping.reservations(core, {(pair, name): leaves}, name, pair))


def context(core: DeskCore, order: OrderRequest) -> GateContext:
    """Of a reducing order: as `gatekeeping.order_context`, cut to its own instrument, and to what its checks
    look at: what was done alone and what is reserved is its own pair's alone. Nothing in it is valued."""
    name = order.instrument
    spec = core.instruments.get(name)
    state, text = gatekeeping.state_of(core, name, order.origin, order.pair)
    pair = core.pairs.get(order.pair) if order.pair is not None else None
    accounts: dict[str, AccountInput] = {}
    if spec is not None and spec.venue in core.settings.venues:
        if core.unbooked_on and (core.unbooked_on == name or not spec.is_perp):
            core.books()  # what may be taken off here hangs on it; the position on another perp does not
        book = core.ledger.account(spec.venue)
        held = book.positions.get(name)
        positions = () if held is None or held.size == ZERO else (
            PositionInput(spec, held.size, held.entry, None, None, None),
        )  # fmt: skip
        accounts[spec.venue] = AccountInput(
            spec.venue, book.balances, {}, {}, {}, positions, balances_known=False
        )
    working = gatekeeping.open_orders(core, order.client_order_id, name, of=order.pair or "")
    return GateContext(
        now=core.now,
        settings=core.settings,
        instruments=core.instruments,
        accounts=accounts,
        account_facts={},
        markets={} if spec is None else {name: _last_good(core, name)},
        working=working,
        trading_state=state,
        state_text=text,
        alone=gatekeeping.alone(core) if pair is not None and pair.one_shot else {},
        claimed=core.pairs.claimed() if claims_count(order, working) else {},
        unproven=proofs.unproven(core, name),
    )


def claims_count(order: OrderRequest, working: tuple[OpenOrder, ...]) -> bool:
    """Does it matter what pairs hold? To a ticket, which takes nothing of theirs; and to whatever reduces
    beside one that rests: its room is what stands beside the pairs' legs, and none of theirs."""
    if order.purpose is Purpose.TICKET:
        return True
    for row in working:  # noqa: SIM110 - a hedge waits for this
        if row.purpose is Purpose.TICKET and row.reduce_only:
            return True
    return False


def _last_good(core: DeskCore, name: str) -> MarketFacts:
    """What a band is measured from: mark and book as `gatekeeping.market_facts` has them, of any age."""
    picture = core.picture
    bid, ask = gatekeeping.book_of(core, name)
    mark = picture.mid(name) if gatekeeping.marked_by_quote(core, name) else picture.last_mark(name)
    return MarketFacts(mark=mark, bid=bid, ask=ask)
