"""Hypothesis strategies: accounts as a venue could really show them."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import strategies as st

from services.portfolio.inputs import AccountInput, PositionInput
from tests.decimals import decimals
from tests.portfolio.builders import WEIGHTS, account, perp, position

COINS = ("USD", "USDT", "USDC", "BUSD")
PERPS = (
    perp("BTC", "USDT"),
    perp("BTC", "USDC"),
    perp("ETH", "USDT"),
    perp("ETH", "USDC"),
    perp("USDT"),
    perp("USDC"),
    perp("BUSD"),
)


balances = st.fixed_dictionaries({coin: decimals("-20000", "60000", 4) for coin in COINS})
indexes = st.fixed_dictionaries({coin: decimals("0.80", "1.05", 6) for coin in COINS[1:]}).map(
    lambda found: {"USD": Decimal(1), "BTC": Decimal(20_000), **found}
)
weights = st.fixed_dictionaries({coin: decimals("0", "1", 3) for coin in COINS})


@st.composite
def positions(
    draw: st.DrawFn, found: dict[str, Decimal | None], max_count: int = 5
) -> tuple[PositionInput, ...]:
    chosen = draw(st.lists(st.sampled_from(PERPS), unique_by=lambda perp_: perp_.id, max_size=max_count))
    out = []
    for instrument in chosen:
        if instrument.pegged:
            size = Decimal(draw(st.integers(-60_000, 60_000)))
            entry, mark = draw(decimals("0.9", "1.1", 4)), draw(decimals("0.9", "1.1", 4))
        else:
            size = draw(decimals("-3", "3", 3))
            entry, mark = draw(decimals("15000", "30000", 1)), draw(decimals("15000", "30000", 1))
        out.append(position(instrument, size, entry, mark, found))
    return tuple(out)


@st.composite
def accounts(
    draw: st.DrawFn, max_count: int = 5, balance: st.SearchStrategy[dict[str, Decimal]] = balances
) -> AccountInput:
    found = draw(indexes)
    known: dict[str, Decimal | None] = dict(draw(weights)) if draw(st.booleans()) else dict(WEIGHTS)
    return account(
        draw(balance), draw(positions(found, max_count)), indexes=found, weights=known, venue="alpha"
    )


healthy_balances = st.fixed_dictionaries({coin: decimals("10000", "60000", 2) for coin in COINS})
