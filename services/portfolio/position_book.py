"""One instrument's position, booked in the venue's order whatever the order in which its fills reach us.

Average cost depends on the order: what a stranger traded while nobody listened is told after fills of ours
that came later, and booked behind them it would leave another average entry than the venue's, and another
profit with the next close. So the last fills are kept with what stood before each; a late one is put in its
place and those behind it are booked again.
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct, field

from services.domain.instrument import Instrument
from services.domain.money import ZERO, round_coin
from services.portfolio.average_cost import Step, book

KEPT_FILLS = 32
"""Fills an instrument remembers; a later word on one older than all of them is booked as it comes."""


class Booked(Struct):
    """A fill that is in the position, and what stood before it."""

    trade_id: str
    ts: int
    """By the venue."""
    change: Decimal
    """Signed, base units."""
    price: Decimal
    fee: Decimal
    """Paid > 0, settle coin; 0 when it was paid in another."""
    quote_usd: Decimal | None
    settle_usd: Decimal | None
    size: Decimal
    entry: Decimal
    opened_ts: int
    realised_before: Decimal
    fees_before: Decimal
    episode: int
    realised: Decimal = ZERO
    """Settle coin, price only, rounded once: what this fill itself brought."""


class PositionBook(Struct):
    """One instrument's position and what its present episode brought so far."""

    instrument: str
    size: Decimal = ZERO
    """Signed, base units."""
    entry: Decimal = ZERO
    """Average entry price, unrounded; 0 when flat."""
    opened_ts: int = 0
    """When it left flat; 0 = flat."""
    changed_ts: int = 0
    realised: Decimal = ZERO
    """Settle coin, price only, of the present episode."""
    fees: Decimal = ZERO
    """Paid > 0, settle coin."""
    funding: Decimal = ZERO
    """Received > 0, settle coin."""
    funding_usd: Decimal = ZERO
    """The same at each payment's index; one without an index is left out and sets `funding_unpriced`."""
    funding_unpriced: bool = False
    payments: int = 0
    episode: int = 0
    """Counts this instrument's episodes."""
    fills: list[Booked] = field(default_factory=list)
    """The last ones, in the venue's order; empty again when a figure of the venue was adopted."""


class Moved(Struct, frozen=True):
    """What a fill did to a position: `step` by itself, `realised` with all that was booked anew behind it."""

    step: Step
    realised: Decimal


def take(
    held: PositionBook,
    instrument: Instrument,
    trade_id: str,
    ts: int,
    change: Decimal,
    price: Decimal,
    fee: Decimal,
    quote_usd: Decimal | None,
    settle_usd: Decimal | None,
) -> Moved:
    """Book a fill in its place. Raises ValueError when its profit cannot be brought into the settle coin."""
    behind = _behind(held.fills, trade_id, ts)
    before = sum((each.realised for each in behind), ZERO)
    paid = (held.funding, held.funding_usd, held.funding_unpriced, held.payments)
    if behind:
        _rewind(held, behind[0])
    step, realised = _book(held, instrument, trade_id, ts, change, price, fee, quote_usd, settle_usd)
    for each in behind:
        # Where an index was unknown then, today's is nearer than nothing: what only opened may close now.
        quote = quote_usd if each.quote_usd is None else each.quote_usd
        settle = settle_usd if each.settle_usd is None else each.settle_usd
        _, again = _book(
            held, instrument, each.trade_id, each.ts, each.change, each.price, each.fee, quote, settle
        )
        realised += again
    if behind and held.size != ZERO:
        held.funding, held.funding_usd, held.funding_unpriced, held.payments = paid
    return Moved(step, realised - before)


def adopt(held: PositionBook, size: Decimal, entry: Decimal, ts: int) -> None:
    """The venue's figure stands from here on: nothing is realised, and nothing before it is booked anew."""
    if size != ZERO and (held.size == ZERO or (held.size > ZERO) != (size > ZERO)):
        _open_episode(held, ts)
    held.size, held.entry, held.changed_ts = size, entry if size != ZERO else ZERO, ts
    held.fills = []
    if size == ZERO:
        held.opened_ts = 0


def _behind(fills: list[Booked], trade_id: str, ts: int) -> list[Booked]:
    """The fills at the end of the list that the venue made after this one, taken off it."""
    at = len(fills)
    while at and _later(fills[at - 1], trade_id, ts):
        at -= 1
    found = fills[at:]
    if at == 0 and len(fills) >= KEPT_FILLS:
        # Where among the forgotten ones it belongs cannot be told: what stood before each is a guess now.
        fills.clear()
        return []
    del fills[at:]
    return found


def _later(known: Booked, trade_id: str, ts: int) -> bool:
    """Did the venue make `known` after the other? By the numbers of the trades where they are of one series,
    for its clock may jump; else by time. What nothing tells apart stays as it came."""
    series, number = _number(known.trade_id)
    other_series, other = _number(trade_id)
    if number and other and series == other_series:
        return int(number) > int(other)
    return known.ts > ts


def _number(trade_id: str) -> tuple[str, str]:
    """What stands before the digits at the end, and those digits."""
    series = trade_id.rstrip("0123456789")
    return series, trade_id[len(series) :]


def _rewind(held: PositionBook, to: Booked) -> None:
    """As it stood before that fill, but for what funding brought: payments have no place among the fills."""
    held.size, held.entry, held.opened_ts = to.size, to.entry, to.opened_ts
    held.realised, held.fees, held.episode = to.realised_before, to.fees_before, to.episode


def _book(
    held: PositionBook,
    instrument: Instrument,
    trade_id: str,
    ts: int,
    change: Decimal,
    price: Decimal,
    fee: Decimal,
    quote_usd: Decimal | None,
    settle_usd: Decimal | None,
) -> tuple[Step, Decimal]:
    before = held.size
    row = Booked(
        trade_id,
        ts,
        change,
        price,
        fee,
        quote_usd,
        settle_usd,
        before,
        held.entry,
        held.opened_ts,
        held.realised,
        held.fees,
        held.episode,
    )
    step = book(before, held.entry, change, price)
    row.realised = round_coin(_in_settle(step.realised, instrument, quote_usd, settle_usd))
    if before == ZERO or (step.closed > ZERO and step.opened > ZERO):
        _open_episode(held, ts)
    held.size, held.entry, held.changed_ts = step.size, step.entry, max(held.changed_ts, ts)
    held.realised += row.realised
    held.fees += fee
    if step.size == ZERO:
        held.opened_ts = 0
    held.fills.append(row)
    del held.fills[:-KEPT_FILLS]
    return step, row.realised


def _open_episode(held: PositionBook, ts: int) -> None:
    held.opened_ts = ts
    held.realised = held.fees = held.funding = held.funding_usd = ZERO
    held.funding_unpriced = False
    held.payments = 0
    held.episode += 1


def _in_settle(
    amount: Decimal, instrument: Instrument, quote_usd: Decimal | None, settle_usd: Decimal | None
) -> Decimal:
    if amount == ZERO or instrument.quote == instrument.settle:
        return amount
    if quote_usd is None or settle_usd is None:
        raise ValueError(f"{instrument.id}: profit in {instrument.quote} needs both indexes to be booked")
    return amount * quote_usd / settle_usd
