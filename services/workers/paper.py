"""On what terms paper trades at each kind of venue: without a key nobody tells them.

Fees are those of an ordinary customer without discount (ftx.md 6, binance.md 9; spot: market.md F2), so paper
never pays less than the same trade would. A kind that is not listed trades only what its venue tells fees of.
"""

from __future__ import annotations

from decimal import Decimal

from services.venues.paper.account import PaperSettings

DOLLARS = {"USDT": Decimal(25_000), "USDC": Decimal(25_000)}
"""A new account where no other coin has a price: one that nobody prices would leave all of it unvalued."""

TERMS: dict[str, PaperSettings] = {
    "ftx": PaperSettings(maker_fee=Decimal("0.0002"), taker_fee=Decimal("0.0007")),
    "binance": PaperSettings(maker_fee=Decimal("0.0002"), taker_fee=Decimal("0.0005"), balances=DOLLARS),
    "binance_spot": PaperSettings(maker_fee=Decimal("0.001"), taker_fee=Decimal("0.001"), balances=DOLLARS),
}


_DEAR = Decimal("0.001")
OF_EXCHANGE: dict[str, PaperSettings] = {
    "okx": PaperSettings(maker_fee=Decimal("0.0002"), taker_fee=Decimal("0.0005"), balances=DOLLARS),
    "bybit": PaperSettings(maker_fee=Decimal("0.0002"), taker_fee=Decimal("0.00055"), balances=DOLLARS),
}
"""Of kind ccxt (other.md 3). Any other exchange takes what the dearest of that table takes."""


def terms_of(kind: str, exchange: str = "", *, spot: bool = False) -> PaperSettings:
    if kind == "ccxt":
        dear = PaperSettings(maker_fee=_DEAR, taker_fee=_DEAR, balances=DOLLARS)
        # Spot is dearer than perpetuals everywhere in the table.
        return dear if spot else OF_EXCHANGE.get(exchange, dear)
    return TERMS.get(kind, PaperSettings())
