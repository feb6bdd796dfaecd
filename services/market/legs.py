"""What one perp brings into a pair, and what two perps are to each other (SEMANTICS 5.1, 5.2, 5.7).

`LegFacts` is read out of the market picture once per evaluation; the board and the strategy's exits see
nothing else of the market. Rates are hourly fractions, spreads of books bps of the mid, times ns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Protocol

from msgspec import Struct

from services.domain.events import QuoteRow, RateRow
from services.domain.instrument import Instrument
from services.market.feeds import Sides, sides_of
from services.market.funding import RATE_QUANTUM, SECOND_NS, hourly_rate, hours_ns, interval_of
from services.market.possible import two_sided
from services.settings.funding import Funding

_BPS = Decimal(10_000)


class BoardPicture(Protocol):
    """What the board asks of the market picture."""

    def rate(self, instrument: str, now: int | None = None) -> RateRow | None: ...
    def settlements(self, instrument: str) -> Sequence[RateRow]: ...
    def settled_ts(self, instrument: str) -> tuple[int, ...]: ...
    def smoothed_rate(self, instrument: str, half_life_h: Decimal) -> Decimal | None: ...
    def quote(self, instrument: str) -> QuoteRow | None: ...
    def sides(self, instrument: str) -> Sides | None: ...
    def mark(self, instrument: str) -> Decimal | None: ...
    def quote_usd(self, instrument: str) -> Decimal | None: ...
    def fresh_index(self, venue: str, coin: str, now: int) -> Decimal | None: ...
    def quote_fresh(self, instrument: str, now: int) -> bool: ...
    def mark_fresh(self, instrument: str, now: int) -> bool: ...
    def rate_fresh(self, instrument: str, now: int) -> bool: ...


class LegFacts(Struct, frozen=True, kw_only=True):
    """All that one perp brings into a pair. None = unknown, never harmless."""

    instrument: Instrument
    rate: RateRow | None
    """The current rate: predicted where the venue predicts, else the last settled (SEMANTICS 5.12)."""
    hourly: Decimal | None
    """Of `rate`, fraction per hour."""
    smoothed: Decimal | None
    """Of the settled rates, fraction per hour."""
    half_spread: Decimal | None
    """bps of the mid; None = no two-sided book."""
    mark_usd: Decimal | None
    """Mark x USD index of the quote coin; for the basis of an open pair."""
    stale: str = ""
    """What is not fresh: `quote`, `mark`, `rate`, `index` (of the quote coin); empty = all fresh."""
    settled_ts: tuple[int, ...] = ()
    """The last settlement instants known, oldest first."""
    sample: int = 0
    """Realised settlements known."""


def leg_facts(picture: BoardPicture, instrument: Instrument, params: Funding, now: int) -> LegFacts:
    """Read one perp's facts out of the picture."""
    name = instrument.id
    rate = picture.rate(name, now)
    smoothed = picture.smoothed_rate(name, params.smooth_half_life_h)
    mark, usd = picture.mark(name), picture.quote_usd(name)
    stale = ""
    if not picture.quote_fresh(name, now):
        stale = "quote"
    elif not picture.mark_fresh(name, now):
        stale = "mark"
    elif not picture.rate_fresh(name, now):
        stale = "rate"
    elif usd is not None and picture.fresh_index(instrument.venue, instrument.quote, now) is None:
        stale = "index"  # the basis of a pair over two coins is as old as the oldest of its indexes
    return LegFacts(
        instrument=instrument,
        rate=rate,
        hourly=None if rate is None else hourly_rate(rate),
        smoothed=None if smoothed is None else smoothed.quantize(RATE_QUANTUM),
        half_spread=_half_spread(picture.quote(name), picture.sides(name)),
        mark_usd=None if mark is None or usd is None else mark * usd,
        stale=stale,
        settled_ts=picture.settled_ts(name),
        sample=len(picture.settlements(name)),
    )


def half_spread(instrument: Instrument, quote: QuoteRow | None) -> Decimal | None:
    """Half the quoted spread, bps of the mid, from the prices on the instrument's grid.

    This is the book slippage of one taker fill of the cost estimate: (ask - bid) / (ask + bid). Depth beyond
    the top is the sizing's bound, the slippage *allowance* of `exec` belongs to the capital at risk: neither
    counts here. A one-sided, crossed or empty book has none.
    """
    if quote is None or not two_sided(quote):
        return None
    return _half_spread(quote, sides_of(instrument, quote))


def _half_spread(quote: QuoteRow | None, sides: Sides | None) -> Decimal | None:
    """The same, of a quote whose prices are on the grid already; None: they are no two sane ones."""
    if quote is None or sides is None or not (quote.bid_size > 0 and quote.ask_size > 0) or sides.bid <= 0:
        return None
    bid, ask = sides.bid, sides.ask
    return (ask - bid) / (ask + bid) * _BPS


def may_pair(first: Instrument, second: Instrument) -> bool:
    """Two perps track the same underlying, or are both perps on stablecoins (the group `peg`)."""
    if not (first.is_perp and second.is_perp) or first.id == second.id:
        return False
    return first.hedge_group == second.hedge_group


def group_of(first: Instrument, second: Instrument) -> tuple[str, str]:
    """(group, kind): one underlying is a hedge of that name, two stablecoins are a bet on the peg."""
    if first.underlying == second.underlying:
        return first.underlying, "hedge"
    return "peg", "peg"


def same_coin(first: Instrument, second: Instrument) -> bool:
    """No hidden currency position: same underlying, quote and settle coin."""
    return (
        first.underlying == second.underlying
        and first.quote == second.quote
        and first.settle == second.settle
    )


def coins_of(first: Instrument, second: Instrument) -> tuple[str, ...]:
    """The coins whose depeg touches the pair."""
    return tuple(dict.fromkeys((*leg_coins(first), *leg_coins(second))))


def leg_coins(leg: Instrument) -> tuple[str, ...]:
    """The coins whose depeg touches a leg: quote, settle coin, a pegged underlying; never USD."""
    coins = dict.fromkeys((leg.quote, leg.settle, leg.underlying if leg.pegged else "USD"))
    coins.pop("USD", None)
    return tuple(coins)


EntryRates = tuple[Decimal | None, Decimal | None]
"""(what a short here receives, what a long here pays), per hour."""


def leads(first: LegFacts, ours: EntryRates, second: LegFacts, theirs: EntryRates) -> bool:
    """The first leg is the short one: the higher hourly rate is short, the lower long (SEMANTICS 5.2).

    By the entry rates `ours` and `theirs`, each direction's cautious reading; at most one direction can have
    a positive spread. Equal spreads fall back on the current rates, then on the ids, so that the answer does
    not depend on the order of the arguments.
    """
    forth, back = _gap(ours[0], theirs[1]), _gap(theirs[0], ours[1])
    if forth is not None and back is not None and forth != back:
        return forth > back
    one, other = first.hourly, second.hourly
    if one is not None and other is not None and one.is_finite() and other.is_finite() and one != other:
        return one > other
    return first.instrument.id <= second.instrument.id


def _gap(receives: Decimal | None, pays: Decimal | None) -> Decimal | None:
    return None if receives is None or pays is None else receives - pays


def entry_rates(leg: LegFacts) -> EntryRates:
    """Min and max of smoothed and current: each direction's cautious reading."""
    if leg.hourly is None or leg.smoothed is None:
        return None, None
    if not leg.hourly.is_finite() or not leg.smoothed.is_finite():
        return None, None
    return min(leg.smoothed, leg.hourly), max(leg.smoothed, leg.hourly)


def in_blackout(row: RateRow, now: int, before_s: int, after_s: int) -> bool:
    """Within `before_s` ahead of, or `after_s` behind, a settlement of this rate's schedule (both inclusive).

    An unknown schedule is no blackout: other rules refuse it.
    """
    if row.next_ts is None:
        return False
    ahead = row.next_ts - now
    if -after_s * SECOND_NS <= ahead <= before_s * SECOND_NS:
        return True
    interval = interval_of(row)
    if interval is None:
        return False
    behind = now - (row.next_ts - hours_ns(interval))
    return 0 <= behind <= after_s * SECOND_NS


def perp_legs(
    picture: BoardPicture, instruments: Mapping[str, Instrument], params: Funding, now: int
) -> tuple[LegFacts, ...]:
    """The facts of every perp, in the order of `instruments`."""
    return tuple(leg_facts(picture, each, params, now) for each in instruments.values() if each.is_perp)
