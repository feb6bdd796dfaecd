"""Where a stablecoin's dollar price can be read: the sources of the depeg monitor (SEMANTICS 5.11).

A source is the *mid of a two-sided quote*, narrow and young; never a trade, a candle close or a venue's own
index. Direct: spot COIN/USD. Implied: BTC or ETH quoted in USD and in the coin at one venue, the first
divided by the second (spot before perp; a perp's basis of a few bps is inside it). A cross of two stablecoins
has no dollar in it: it can alarm both coins, it cannot say which one slipped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import combinations

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


class Implied(Struct, frozen=True):
    """Two instruments of one thing: the upper one's price over the lower one's is a coin's price."""

    name: str
    upper: Instrument
    lower: Instrument


class SourcePlan:
    """Which instruments tell of which coin, of one list of instruments: worked out once."""

    __slots__ = ("crosses", "direct", "implied", "implied_crosses")

    def __init__(self, instruments: Mapping[str, Instrument]) -> None:
        listed = tuple(instruments.values())
        spot = [each for each in listed if each.kind is InstrumentKind.SPOT]
        self.direct: dict[str, list[Instrument]] = {}
        """By coin, its spot against the dollar."""
        for each in spot:
            if each.quote == USD:
                self.direct.setdefault(each.underlying, []).append(each)
        self.implied = {coin: _implied(listed, USD, coin) for coin in STABLECOINS}
        self.crosses = [each for each in spot if each.pegged and each.quote in STABLECOINS]
        self.implied_crosses = [
            (coin, other, implied)
            for coin, other in combinations(STABLECOINS, 2)
            for implied in _implied(listed, other, coin)
        ]


class Readings:
    """What the picture tells of the coins at one instant. Each quote is looked at once."""

    def __init__(
        self, picture: MarketPicture, now: int, depeg: Depeg = _DEFAULT, plan: SourcePlan | None = None
    ) -> None:
        """`plan`: of the picture's own instruments, where it is known already."""
        self._picture, self._now = picture, now
        self._plan = plan if plan is not None else SourcePlan(picture.instruments)
        self._oldest = picture.stretched(depeg.source_age_s * _SECOND)
        self._widest = depeg.max_source_spread * BPS
        self._read: dict[str, tuple[Decimal, int] | None] = {}

    def of(self, coin: str) -> tuple[Source, ...]:
        """Every usable dollar reading of a coin, in the order of the instrument list."""
        if coin in self._picture.assume_par:
            return (Source("assumed par", ONE, 0),)
        found = []
        for spec in self._plan.direct.get(coin, ()):
            read = self._reading(spec)
            if read is not None:
                found.append(Source(spec.id, read[0], read[1]))
        for implied in self._plan.implied.get(coin, ()):
            ratio = self._ratio(implied)
            if ratio is not None:
                found.append(Source(implied.name, ratio[0], ratio[1]))
        return tuple(found)

    def crosses(self) -> tuple[Cross, ...]:
        """Every usable reading of one stablecoin in another: spot crosses, and those BTC and ETH imply."""
        found = []
        for spec in self._plan.crosses:
            read = self._reading(spec)
            if read is not None:
                found.append(Cross(spec.id, spec.underlying, spec.quote, read[0], read[1]))
        for coin, other, implied in self._plan.implied_crosses:
            ratio = self._ratio(implied)
            if ratio is not None:
                found.append(Cross(implied.name, coin, other, ratio[0], ratio[1]))
        return tuple(found)

    def _ratio(self, implied: Implied) -> tuple[Decimal, int] | None:
        """(value, age) of what two quotes of one thing imply."""
        above, below = self._reading(implied.upper), self._reading(implied.lower)
        if above is None or below is None:
            return None
        value = DESK_CONTEXT.divide(above[0], below[0]).quantize(INDEX_INCREMENT)
        return value, max(above[1], below[1])

    def _reading(self, spec: Instrument) -> tuple[Decimal, int] | None:
        """(mid, age) of a quote that may serve as a source; None when wide, old, one-sided or missing."""
        name, read = spec.id, self._read
        if name not in read:
            read[name] = self._look(name)
        return read[name]

    def _look(self, name: str) -> tuple[Decimal, int] | None:
        age = self._picture.quote_age(name, self._now)
        if age is None or age > self._oldest:
            return None
        sides = self._picture.sides(name)
        if sides is None or sides.mid <= 0 or sides.ask - sides.bid > sides.mid * self._widest:
            return None
        return sides.mid, age


def _implied(instruments: Sequence[Instrument], first_quote: str, second_quote: str) -> list[Implied]:
    """At each venue, for BTC and ETH: the instrument quoted in the one coin, and in the other; spot first."""
    chosen: dict[tuple[str, str, str], Instrument] = {}
    for spec in instruments:
        if spec.underlying in IMPLIED_BY and not spec.inverse and spec.quote in (first_quote, second_quote):
            key = (spec.venue, spec.underlying, spec.quote)
            known = chosen.get(key)
            if known is None or (known.is_perp and not spec.is_perp):
                chosen[key] = spec
    return [
        Implied(f"{spec.symbol} / {other.id}", spec, other)
        for (venue, underlying, quote), spec in chosen.items()
        if quote == first_quote and (other := chosen.get((venue, underlying, second_quote))) is not None
    ]
