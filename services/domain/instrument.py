"""What is known of an instrument, and rounding onto its grid toward less risk."""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from msgspec import UNSET, Struct, UnsetType

from services.domain.enums import InstrumentKind, Side
from services.domain.money import DOLLARS, floor_to, grid_decimal

_PERP = InstrumentKind.PERP
_DOLLARS = frozenset(DOLLARS)


class MarginTier(Struct, frozen=True):
    """One bracket of a venue's margin table. Requirement = notional x ratio - `cum` (Binance's form)."""

    cap: Decimal | None
    """Upper bound of the bracket, USD notional; None = no bound."""
    initial: Decimal
    maintenance: Decimal
    cum: Decimal = Decimal(0)
    """Maintenance amount already paid for by lower brackets, USD."""


class Instrument(Struct, frozen=True, kw_only=True):
    """Static facts. `None` = unknown, which makes it untradable for whatever needs the fact."""

    id: str
    """`SYMBOL.VENUE`, the venue after the last dot."""
    venue: str
    symbol: str
    kind: InstrumentKind
    underlying: str
    """What the price is the price of: BTC, ETH, USDT, ..."""
    quote: str
    settle: str
    """The coin that PnL, fees and funding are paid in."""
    price_increment: Decimal
    size_increment: Decimal
    min_size: Decimal
    min_notional: Decimal = Decimal(0)
    """USD."""
    maker_fee: Decimal | None = None
    """Fraction of notional."""
    taker_fee: Decimal | None = None
    tiers: tuple[MarginTier, ...] | None = None
    funding_interval_h: Decimal | None = None
    delisting_ts: int | None = None
    inverse: bool = False
    reduce_only_supported: bool = True
    reduces_any_notional: bool | UnsetType = UNSET
    """The venue takes a reduce-only order below `min_notional`, too. Unset where nobody has read so."""
    max_size: Decimal | UnsetType = UNSET
    """The most that one order may be, whatever its type. Unset where nobody has read of a bound."""

    @property
    def reducing_notional(self) -> Decimal:
        """USD: the least of an order that only reduces."""
        return Decimal(0) if self.reduces_any_notional is True else self.min_notional

    def one_order(self, quantity: Decimal) -> Decimal:
        """What of it one order may be; the rest is another's."""
        return quantity if self.max_size is UNSET else min(quantity, self.max_size)

    @property
    def pegged(self) -> bool:
        """A perp or spot pair on a stablecoin: its price hugs one."""
        return self.underlying in _DOLLARS

    @property
    def is_perp(self) -> bool:
        return self.kind is _PERP

    @property
    def hedge_group(self) -> str:
        """Perps of one group may hedge each other; stablecoin perps form the labelled group `peg`."""
        return "peg" if self.pegged else self.underlying

    def price_of(self, market_price: float) -> Decimal:
        """A float market price on this instrument's grid: the named crossing of SEMANTICS 1."""
        return grid_decimal(market_price, self.price_increment)

    def size_of(self, market_size: float) -> Decimal:
        """A float book quantity on the lot grid."""
        return grid_decimal(market_size, self.size_increment)

    def round_price(self, side: Side, price: Decimal) -> Decimal:
        """Onto the grid toward less risk: a buy's limit down, a sell's limit up."""
        rounding = ROUND_FLOOR if side is Side.BUY else ROUND_CEILING
        ticks = (price / self.price_increment).to_integral_value(rounding=rounding)
        return ticks * self.price_increment

    def round_size(self, quantity: Decimal) -> Decimal:
        """Onto the lot grid toward less risk: down. Zero means: too small to send."""
        return floor_to(quantity, self.size_increment)


def venue_of(instrument_id: str) -> str:
    """The venue of `SYMBOL.VENUE`. Raises ValueError when there is no dot."""
    symbol, dot, venue = instrument_id.rpartition(".")
    if not dot or not symbol or not venue:
        raise ValueError(
            f"instrument {instrument_id!r}: expected SYMBOL.VENUE, for example BTC-USDT-PERP.alpha"
        )
    return venue


def joint_lot(first: Instrument, second: Instrument) -> Decimal:
    """The grid on which both legs of a pair are sized (SEMANTICS 5.5): the coarser lot, or, where neither lot
    is a multiple of the other, the smallest quantity that is on both grids."""
    fine, coarse = first.size_increment, second.size_increment
    if fine == coarse:
        return coarse
    if fine > coarse:
        fine, coarse = coarse, fine
    if fine <= 0 or coarse % fine == 0:
        return coarse
    places = min(_exponent(fine), _exponent(coarse))
    units = math.lcm(int(fine.scaleb(-places)), int(coarse.scaleb(-places)))
    return Decimal(units).scaleb(places)


def _exponent(lot: Decimal) -> int:
    exponent = lot.as_tuple().exponent
    if not isinstance(exponent, int):
        raise ValueError(f"lot {lot} is no number")
    return exponent
