"""The door for what venues say of money: a figure that is no number, or no possible one, books nothing.

One NaN in a balance makes all that is computed from it unknown for good, and a comparison with it raises; one
of thirty digits cannot be rounded to a cent, and ended the engine, at each start anew. So such a word is not
taken: it counts as a failed request, is journaled, and the account is read afresh, which brings what it would
have said. A venue that goes on so has stale balances, and with them no new risk.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from services.desk import account, error_rate
from services.desk.core import DeskCore
from services.domain.events import (
    AccountReport,
    Event,
    FundingSettled,
    OrderCanceled,
    OrderFilled,
    OrderReport,
    TransferBooked,
)
from services.domain.money import ZERO

MOST = Decimal(10) ** 15
"""No balance, size, price, payment or worth of a trade is as large, in whatever coin."""

_MONEY = (OrderFilled, OrderCanceled, OrderReport, FundingSettled, TransferBooked, AccountReport)


def keeps_out(core: DeskCore, event: Event) -> bool:
    """True = the event is no sense, has been noted, and must go no further."""
    if not isinstance(event, _MONEY):
        return False
    text = _fill(event) if isinstance(event, OrderFilled) else nonsense(event)
    if not text:
        return False
    core.decide("nonsense", event.venue, text)
    core.risk_event("nonsense", event.venue, text)
    error_rate.note(core, core.venue_errors.request(event.venue, False, core.now))
    if isinstance(event, AccountReport):
        account.on_failed(core, event.venue, event.request)
    else:
        account.ask(core, event.venue, "nonsense")
    return True


def nonsense(event: Event) -> str:
    """What is no possible figure in it, in words; empty = it makes sense."""
    match event:
        case OrderFilled():
            return _fill(event)
        case OrderCanceled():
            return _of(event.client_order_id, ("filled", event.filled, True))
        case OrderReport():
            known = _of(event.client_order_id, ("filled", event.filled, True))
            return known or _first(_fill(fill) for fill in event.fills)
        case FundingSettled():
            return _payment(event)
        case TransferBooked():
            return _of(event.transfer_id, ("amount", event.amount, False))
        case AccountReport():
            return _report(event)
        case _:
            return ""


def _fill(fill: OrderFilled) -> str:
    quantity, price = fill.quantity, fill.price
    # Nearly every fill makes sense, and a hedge may wait for it: the words are for the others.
    known = quantity.is_finite() and price.is_finite() and fill.fee.is_finite()
    known = known and ZERO < quantity < MOST and ZERO <= price < MOST and abs(fill.fee) < MOST
    if known and quantity * price < MOST:
        return ""
    what = f"{fill.instrument} {fill.trade_id}"
    said = _of(what, ("quantity", quantity, True), ("price", price, True), ("fee", fill.fee, False))
    return said or f"{what}: quantity {quantity} at {price}"


def _payment(payment: FundingSettled) -> str:
    return _of(
        f"{payment.instrument} {payment.payment_id}",
        ("size", payment.size, False),
        ("price", payment.price, True),
        ("rate", payment.rate, False),
        ("amount", payment.amount, False),
    )


def _report(report: AccountReport) -> str:
    for balance in report.balances:
        text = _of(balance.coin, ("balance", balance.total, False))
        if text:
            return text
    for row in report.positions:
        text = _of(row.instrument, ("size", row.size, False), ("entry price", row.entry_price, True))
        if text:
            return text
        if abs(row.size) * row.entry_price >= MOST:
            return f"{row.instrument}: size {row.size} at {row.entry_price}"
    for order in report.orders:
        text = _of(
            order.client_order_id or order.venue_order_id,
            ("quantity", order.quantity, True),
            ("filled", order.filled, True),
        )
        if text:
            return text
    return (
        _first(_fill(fill) for fill in report.fills)
        or _first(_payment(payment) for payment in report.payments)
        or _first(nonsense(transfer) for transfer in report.transfers)
    )


def _first(texts: Iterable[str]) -> str:
    return next((text for text in texts if text), "")


def _of(subject: str, *figures: tuple[str, Decimal, bool]) -> str:
    """The first (name, figure, never negative) that is no number, too large for any, or negative where it
    cannot be."""
    for name, figure, positive in figures:
        if not figure.is_finite() or abs(figure) >= MOST or (positive and figure < ZERO):
            return f"{subject}: {name} {figure}"
    return ""
