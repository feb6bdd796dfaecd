"""Where a stablecoin's dollar price can be read: the sources of the depeg monitor (SEMANTICS 5.11).

A source is the *mid of a two-sided quote*, narrow and young; never a trade, a candle close or a venue's own
index. Direct: spot COIN/USD. Implied: BTC or ETH quoted in USD and in the coin at one venue, the first
divided by the second (spot before perp; a perp's basis of a few bps is inside it). A cross of two stablecoins
has no dollar in it: it can alarm both coins, it cannot say which one slipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from msgspec import Struct

from services.domain.enums import InstrumentKind
from services.domain.instrument import Instrument
from services.domain.money import BPS, DESK_CONTEXT, INDEX_INCREMENT, ONE, STABLECOINS
from services.market.picture import USD, MarketPicture
from services.settings.parameters import Depeg

IMPLIED_BY: tuple[str, ...] = ("BTC", "ETH")
_SECOND = 1_000_000_000
_DEFAULT = Depeg()


class Source(Struct, frozen=True):
    """One reading of a coin."""

    name: str
    value: Decimal
    """USD per coin."""
    age: int
    """ns."""


class Cross(Struct, frozen=True):
    """One reading of a stablecoin in another, with no dollar in it."""

    name: str
    coin: str
    other: str
    value: Decimal
    """`other` per `coin`."""
    age: int


def coin_sources(picture: MarketPicture, coin: str, now: int, depeg: Depeg = _DEFAULT) -> tuple[Source, ...]:
    """Every usable dollar reading of `coin`, in the order of the instrument list."""
    if coin in picture.assume_par:
        return (Source("assumed par", ONE, 0),)
    found = []
    for spec in picture.instruments.values():
        if spec.kind is InstrumentKind.SPOT and spec.underlying == coin and spec.quote == USD:
            read = _reading(picture, spec, now, depeg)
            if read is not None:
                found.append(Source(spec.id, read[0], read[1]))
    for anchor, other in _implied_pairs(picture, USD, coin):
        in_usd = _reading(picture, anchor, now, depeg)
        in_coin = _reading(picture, other, now, depeg)
        if in_usd is not None and in_coin is not None:
            value = DESK_CONTEXT.divide(in_usd[0], in_coin[0]).quantize(INDEX_INCREMENT)
            found.append(Source(f"{anchor.symbol} / {other.id}", value, max(in_usd[1], in_coin[1])))
    return tuple(found)


def coin_crosses(picture: MarketPicture, now: int, depeg: Depeg = _DEFAULT) -> tuple[Cross, ...]:
    """Every usable reading of one stablecoin in another: direct spot crosses, and those BTC and ETH imply."""
    found = []
    for spec in picture.instruments.values():
        if spec.kind is InstrumentKind.SPOT and spec.pegged and spec.quote in STABLECOINS:
            read = _reading(picture, spec, now, depeg)
            if read is not None:
                found.append(Cross(spec.id, spec.underlying, spec.quote, read[0], read[1]))
    for position, coin in enumerate(STABLECOINS):
        for other in STABLECOINS[position + 1 :]:
            for in_other, in_coin in _implied_pairs(picture, other, coin):
                upper = _reading(picture, in_other, now, depeg)
                lower = _reading(picture, in_coin, now, depeg)
                if upper is not None and lower is not None:
                    value = DESK_CONTEXT.divide(upper[0], lower[0]).quantize(INDEX_INCREMENT)
                    name = f"{in_other.symbol} / {in_coin.id}"
                    found.append(Cross(name, coin, other, value, max(upper[1], lower[1])))
    return tuple(found)


def _implied_pairs(
    picture: MarketPicture, first_quote: str, second_quote: str
) -> Iterator[tuple[Instrument, Instrument]]:
    """At each venue, for BTC and ETH: the instrument quoted in the one coin, and in the other; spot first."""
    chosen: dict[tuple[str, str, str], Instrument] = {}
    for spec in picture.instruments.values():
        if spec.underlying in IMPLIED_BY and not spec.inverse and spec.quote in (first_quote, second_quote):
            key = (spec.venue, spec.underlying, spec.quote)
            known = chosen.get(key)
            if known is None or (known.is_perp and not spec.is_perp):
                chosen[key] = spec
    for (venue, underlying, quote), spec in chosen.items():
        if quote == first_quote:
            other = chosen.get((venue, underlying, second_quote))
            if other is not None:
                yield spec, other


def _reading(picture: MarketPicture, spec: Instrument, now: int, depeg: Depeg) -> tuple[Decimal, int] | None:
    """(mid, age) of a quote that may serve as a source; None when wide, old, one-sided or missing."""
    age = picture.quote_age(spec.id, now)
    if age is None or age > picture.stretched(depeg.source_age_s * _SECOND):
        return None
    sides = picture.sides(spec.id)
    if sides is None or sides.mid <= 0:
        return None
    if sides.ask - sides.bid > sides.mid * depeg.max_source_spread * BPS:
        return None
    return sides.mid, age
