"""One instrument with everything that may still fill on it: the rows that the worst fill is made of.

A claim is an order (or a reservation) that may still fill; a line gathers the claims of one instrument in one
account: quantities by side, what filling them costs, and the interval of exposure they can make.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from msgspec import Struct

from services.domain.enums import Side
from services.domain.instrument import Instrument
from services.domain.money import ONE, ZERO
from services.portfolio.inputs import UNKNOWN, USD
from services.risk.context import MarketFacts, OpenOrder

Range = tuple[Decimal, Decimal]
"""(lowest, highest)."""


class Claim(Struct, frozen=True):
    """An order, or part of one, that may still fill."""

    instrument: Instrument
    side: Side
    quantity: Decimal
    price: Decimal | None
    reduce_only: bool = False
    round_trips: int = 1
    """How often fee and adverse price are counted: 2 for a leg that may have to be reversed."""


@dataclass(slots=True)
class Line:
    """One instrument of one account, with all that may still fill on it."""

    instrument: Instrument
    size: Decimal
    mark: Decimal | None
    quote_usd: Decimal | None
    settle_usd: Decimal | None
    entry: Decimal | None
    buys: Decimal = ZERO
    sells: Decimal = ZERO
    buys_reduce: Decimal = ZERO
    """Reduce-only buys: never take the position past flat."""
    sells_reduce: Decimal = ZERO
    cost: Decimal | None = ZERO
    """Quote coin: fees and adverse price of everything that may fill; None = unknown."""
    drift: Decimal = ZERO
    """Quote coin: how far uPnL may stand from today's at unchanged marks, either way."""

    def high(self) -> Decimal:
        """The size with all buys filled."""
        return self.size + self.buys + min(self.buys_reduce, max(ZERO, -(self.size + self.buys)))

    def low(self) -> Decimal:
        """The size with all sells filled."""
        return self.size - self.sells - min(self.sells_reduce, max(ZERO, self.size - self.sells))

    def worst(self) -> Decimal:
        """The size of larger magnitude that can result; reduce-only orders left unfilled."""
        up, down = self.size + self.buys, self.size - self.sells
        return up if abs(up) >= abs(down) else down

    def usd_per_unit(self) -> Decimal | None:
        if self.mark is None or self.quote_usd is None:
            return None
        return self.mark * self.quote_usd


def positive(value: Decimal | None) -> Decimal | None:
    """A price, index or quantity that is a positive number, else None."""
    if value is None or not value.is_finite() or value <= ZERO:
        return None
    return value


def adverse_price(claim: Claim, mark: Decimal, band: Decimal) -> Decimal:
    """The worst price a claim may fill at: its limit, or the outermost band for a market order."""
    price = positive(claim.price)
    return price if price is not None else mark * (ONE + claim.side.sign * band)


def claims_of(
    working: Iterable[OpenOrder], instruments: Mapping[str, Instrument]
) -> tuple[list[Claim], list[str]]:
    """The claims of what is open, and the ids of rows whose instrument or quantity is not known."""
    claims: list[Claim] = []
    unknown: list[str] = []
    for row in working:
        instrument = instruments.get(row.instrument)
        leaves = positive(row.leaves)
        if instrument is None or leaves is None:
            unknown.append(row.instrument)
            continue
        claims.append(Claim(instrument, row.side, leaves, row.price, row.reduce_only))
    return claims, unknown


def line_of(lines: dict[str, Line], claim: Claim, markets: Mapping[str, MarketFacts]) -> Line:
    instrument = claim.instrument
    line = lines.get(instrument.id)
    if line is None:
        facts = markets.get(instrument.id, MarketFacts())
        line = lines[instrument.id] = Line(
            instrument,
            ZERO,
            positive(facts.mark) if facts.mark_fresh else None,
            positive(facts.quote_usd),
            positive(facts.settle_usd),
            None,
        )
    return line


def book(line: Line, claim: Claim, band: Decimal) -> None:
    """Count a claim on its line: quantity by side, and what filling it would cost."""
    quantity = claim.quantity
    if claim.side is Side.BUY:
        if claim.reduce_only:
            line.buys_reduce += quantity
        else:
            line.buys += quantity
    elif claim.reduce_only:
        line.sells_reduce += quantity
    else:
        line.sells += quantity
    fee, mark = line.instrument.taker_fee, line.mark
    if fee is None or not fee.is_finite() or mark is None or line.cost is None:
        line.cost = None
        return
    price = adverse_price(claim, mark, band)
    apart = price - mark
    adverse = max(ZERO, apart) if claim.side is Side.BUY else max(ZERO, -apart)
    line.cost += quantity * (adverse + price * max(ZERO, fee)) * claim.round_trips
    line.drift += quantity * abs(apart)


def pay(balances: dict[str, Decimal], line: Line) -> None:
    """Take the line's costs off its settle coin."""
    if line.cost == ZERO:
        return
    coin = line.instrument.settle
    cost = line.cost
    if cost is not None and line.instrument.quote != coin:
        if line.quote_usd is None or line.settle_usd is None:
            cost = None
        else:
            cost = cost * line.quote_usd / line.settle_usd
    balances[coin] = UNKNOWN if cost is None else balances.get(coin, ZERO) - cost


def exposure_ranges(lines: Mapping[str, Line]) -> dict[str, Range | None]:
    """Position-made exposure to each stablecoin as (lowest, highest): uPnL settled in it, less size x mark of
    perps quoted in it, plus size x mark of perps on it (SEMANTICS 2)."""
    found: dict[str, Range | None] = {}
    for line in lines.values():
        instrument = line.instrument
        ends = _line_ends(line)
        if instrument.quote != USD:
            widen(found, instrument.quote, None if ends is None else (-ends[1], -ends[0]))
        if instrument.pegged:
            widen(found, instrument.underlying, ends)
        if instrument.settle != USD:
            widen(found, instrument.settle, _gain_ends(line))
    return found


def _line_ends(line: Line) -> Range | None:
    unit = line.usd_per_unit()
    return None if unit is None else (line.low() * unit, line.high() * unit)


def _gain_ends(line: Line) -> Range | None:
    if line.mark is None or line.quote_usd is None:
        return None
    gain = ZERO if line.entry is None else line.size * (line.mark - line.entry)
    return (gain - line.drift) * line.quote_usd, (gain + line.drift) * line.quote_usd


def widen(found: dict[str, Range | None], coin: str, ends: Range | None) -> None:
    before = found.get(coin, (ZERO, ZERO))
    found[coin] = None if before is None or ends is None else (before[0] + ends[0], before[1] + ends[1])
