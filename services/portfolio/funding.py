"""The funding cash flow: one function, one rounding (SEMANTICS 1)."""

from __future__ import annotations

from decimal import Decimal

from services.domain.money import round_coin


def exact_funding(size: Decimal, price: Decimal, rate: Decimal) -> Decimal:
    """-size x price x rate in the settle coin before rounding; received > 0.

    Under a positive rate longs (size > 0) pay and shorts receive. `price` is the venue's funding price.
    """
    return -size * price * rate


def funding_cash_flow(size: Decimal, price: Decimal, rate: Decimal) -> Decimal:
    """`exact_funding`, rounded once, half-even, to the coin's increment."""
    return round_coin(exact_funding(size, price, rate))
