"""The gate's parameters and the margin ladder's (SEMANTICS 2 and 3; defaults: PARAMETERS).

C is an account's collateral as the venue counts it: each coin by its price and its weight.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct, field


def _d(text: str) -> Decimal:
    return Decimal(text)


class InstrumentLimit(Struct, frozen=True, kw_only=True):
    """A limit row: USD notional of the position that would result, summed over venues; symbol leverage."""

    max_position: Decimal
    """USD: the largest position in it that an order may lead to, all venues together."""
    max_leverage: Decimal
    """The larger of the venue's leverage setting and the position's size over the collateral, at most."""


DEFAULT_LIMIT_ROWS: dict[str, InstrumentLimit] = {
    "USDT-PERP": InstrumentLimit(max_position=_d("100000"), max_leverage=_d("10")),
    "USDC-PERP": InstrumentLimit(max_position=_d("100000"), max_leverage=_d("10")),
    "BUSD-PERP": InstrumentLimit(max_position=_d("50000"), max_leverage=_d("8")),
    "BTC-USDT-PERP": InstrumentLimit(max_position=_d("100000"), max_leverage=_d("5")),
    "BTC-USDC-PERP": InstrumentLimit(max_position=_d("100000"), max_leverage=_d("5")),
    "ETH-USDT-PERP": InstrumentLimit(max_position=_d("100000"), max_leverage=_d("5")),
    "ETH-USDC-PERP": InstrumentLimit(max_position=_d("100000"), max_leverage=_d("5")),
}
"""The article's three rows and the majors; everything else takes `Gate.default_limit`."""


class Gate(Struct, frozen=True, kw_only=True):
    """The one gate (SEMANTICS 3)."""

    default_limit: InstrumentLimit = InstrumentLimit(max_position=_d("50000"), max_leverage=_d("5"))
    """What an instrument without a row of its own may have."""
    limits: dict[str, InstrumentLimit] = field(default_factory=lambda: dict(DEFAULT_LIMIT_ROWS))
    """By symbol, or by `SYMBOL.VENUE` for one venue alone."""
    max_order_notional: Decimal = _d("25000")
    """USD: the largest single order that may increase risk; 5 000 in live."""
    portfolio_leverage: Decimal = _d("5")
    """All positions over the collateral, per account and over all accounts, at most."""
    max_initial_usage: Decimal = _d("0.80")
    """Margin that the venue wants for opening, as a share of the collateral, after the order, at most."""
    max_margin_usage: Decimal = _d("0.50")
    """Margin that the venue wants for keeping, as a share of the collateral, at most (100 %: liquidation)."""
    min_joint_distance: Decimal = _d("0.15")
    """How far all prices together may move against us before liquidation: closer than this, no new risk."""
    reducing_joint_distance: Decimal = _d("0.08")
    """Closer to liquidation than this the account is REDUCING: nothing may grow."""
    max_coin_exposure: Decimal = _d("0.50")
    """What positions alone make us hold or owe in one stablecoin, as a share of the collateral, at most."""
    max_venue_share: Decimal = _d("0.60")
    """Share of the equity on one venue, with two accounts or more, above which there is a warning."""
    max_open_orders_symbol: int = 10
    """Orders waiting in one symbol at a time; what protects does not count."""
    max_open_orders: int = 40
    """Orders waiting in all; what protects does not count."""
    orders_per_second: int = 5
    """Of every purpose, over all venues; only what increases risk is refused for it."""
    orders_per_minute: int = 120
    """The same over a minute."""
    venue_orders_per_second: int = 10
    """What the tightest venue takes (FTX: 2 in 200 ms)."""
    reserved_share: Decimal = _d("0.30")
    """Of the venue's budget, here and on the wire: never used up by entries and questions, so that cancels,
    hedges and closes find room."""
    repeat_count: int = 5
    """So many entries of one strategy in the same instrument and side are the most within the window."""
    repeat_window_s: int = 60
    """The window of `repeat_count`. One entry more disables the strategy until a person enables it."""
    price_collar: Decimal = _d("0.02")
    """How far an order's price may be from the mark; a typing error ends here."""
    price_collar_pegged: Decimal = _d("0.005")
    """The same for instruments on a stablecoin, which hardly move."""
    protective_bands: tuple[Decimal, ...] = (_d("0.005"), _d("0.01"), _d("0.02"), _d("0.05"), _d("0.10"))
    """How far from the mark the first, second and each further try of a protective order may be priced."""
    min_equity: Decimal = _d("1000")
    """USD: below this equity nothing is entered."""


class Ladder(Struct, frozen=True, kw_only=True):
    """Margin ladder per account, usage = maintenance / C: 100 % is liquidation."""

    no_new_risk: Decimal = _d("0.50")
    """Margin usage from which an account takes no new risk."""
    reducing: Decimal = _d("0.60")
    """Margin usage from which an account is REDUCING: nothing may grow."""
    cut: Decimal = _d("0.80")
    """Margin usage from which pairs are cut by themselves, both legs in step."""
    cut_to: Decimal = _d("0.60")
    """Margin usage down to which they are cut."""
