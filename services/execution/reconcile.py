"""Our books against the venue's, line by line (SEMANTICS 7): a pure function.

The venue is the truth. How the desk calls it when an `AccountReport` arrives:

1. `result = reconcile(held, report, …)`. `result.events` are missing venue events rebuilt from the report
   (fills by trade id, funding payments, transfers, order outcomes). Put each through the ordinary handling;
   ids make a repetition harmless. Fills are never invented: what no fill explains is a difference.
2. If there were events, call it a second time with the books as they are now and `last=True`. Differences are
   looked for only in a call without missing events, or in the last one.
3. Each of `result.differences` is `adopted` (small: at most one lot and 10 USD a symbol or coin, 50 USD a day
   in sum; set the book to `theirs` and record it under the line's id) or not: `result.unexplained` raises the
   latched REDUCING cause until `reconcile --accept`, which adopts the same lines by hand.
   Then `state = count_adopted(state, result, now)`.

Fills of ours that are newer than the report are taken out before comparing; balances are then left for the
next report.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct, field, structs

from services.domain.events import (
    AccountReport,
    FundingSettled,
    OrderCanceled,
    OrderFilled,
    OrderReport,
    TransferBooked,
    WorkingRow,
)
from services.domain.instrument import Instrument
from services.domain.money import ZERO
from services.execution.entries import OrderEntry
from services.execution.outcomes import NEVER, order_outcomes
from services.settings.parameters import Reconcile

MissingEvent = OrderFilled | OrderCanceled | OrderReport | FundingSettled | TransferBooked

_DAY = 86_400 * 10**9


class DifferenceKind(StrEnum):
    POSITION = "position"
    BALANCE = "balance"
    GHOST_FILL = "ghost_fill"
    """A fill we booked that the venue does not list."""


class Difference(Struct, frozen=True, kw_only=True):
    id: str
    """Repeatable: venue, kind, subject and by how much. The same report against the same books gives the same
    id in any order of rows, and so does the next read of the same difference: what was shown is what an
    acceptance names."""
    venue: str
    kind: DifferenceKind
    subject: str
    """Instrument, coin or `instrument|trade id`."""
    ours: Decimal | None
    theirs: Decimal | None
    usd: Decimal | None
    """Size of the difference; None = cannot be valued, so never adopted."""
    adopted: bool
    text: str
    since: int = 0
    """When the desk first saw it; kept by the desk over reads that show the same line."""

    @property
    def beyond(self) -> Decimal | None:
        """What the venue has beyond our book: by so much an acceptance moves it."""
        return None if self.theirs is None or self.ours is None else self.theirs - self.ours


class Held(Struct, frozen=True, kw_only=True):
    """What the desk holds of one venue at the moment the report arrives."""

    positions: Mapping[str, Decimal]
    """Signed, perps only."""
    balances: Mapping[str, Decimal]
    orders: tuple[OrderEntry, ...]
    """`OrderTable.open_orders(venue=…)`."""
    fills_since: int = 0
    """As asked for in the `ReadAccount` of this report."""
    asked_ts: int = NEVER
    """Our time of that question: what was heard since need not be in the answer. 0 = the answer to an earlier
    question, of a time that is not known any more."""
    moved_ts: int = -1
    """When a payment or transfer was heard last, other than by a read."""
    recent_fills: tuple[OrderFilled, ...] = ()
    """`OrderTable.recent_fills(venue, fills_since)`."""
    known_trades: frozenset[tuple[str, str]] = frozenset()
    """(instrument, trade id) booked already, at least since `fills_since`."""
    known_orders: Mapping[str, int] = {}
    """Every order id of ours the table knows, with the time of its last change."""
    payments: frozenset[str] = frozenset()
    """Payment ids booked already."""
    transfers: frozenset[str] = frozenset()


class Reconciled(Struct, frozen=True, kw_only=True):
    events: tuple[MissingEvent, ...]
    differences: tuple[Difference, ...]
    undecided: tuple[str, ...]
    """Instruments with fills of ours newer than the report, or what else it may not hold yet; balances were
    not compared."""
    foreign_orders: tuple[WorkingRow, ...]
    adopted_usd: Decimal
    """Added to the day's sum by this report."""

    @property
    def unexplained(self) -> tuple[Difference, ...]:
        return tuple(line for line in self.differences if not line.adopted)


class AdoptionDay(Struct):
    """How much was adopted today (UTC), so that small differences cannot creep."""

    day: int = -1
    usd: Decimal = field(default_factory=Decimal)


def reconcile(
    held: Held,
    report: AccountReport,
    instruments: Mapping[str, Instrument],
    settings: Reconcile,
    adopted: AdoptionDay,
    prices: Mapping[str, Decimal | None],
    indexes: Mapping[str, Decimal | None],
    *,
    settling_ns: int,
    last: bool = False,
) -> Reconciled:
    """`prices`: USD per base unit by instrument; `indexes`: USD per coin. Changes nothing: pure."""
    events = _missing(held, report)
    newer = newer_fills(held.recent_fills, report, held.asked_ts)
    events += order_outcomes(
        held.orders,
        report,
        held.known_trades,
        held.fills_since,
        settling_ns,
        held.asked_ts,
        _agreed(held, report, instruments, newer),
    )
    undecided = tuple(sorted({fill.instrument for fill in newer}))
    differences: list[Difference] = []
    moving = held.moved_ts >= held.asked_ts
    spent = adopted.usd if report.ts // _DAY == adopted.day else ZERO
    before = spent
    if last or not events:
        for line in _differences(held, report, instruments, settings, prices, indexes, newer):
            if moving and line.kind is DifferenceKind.BALANCE:
                undecided = (*undecided, line.subject)
                continue
            fits = line.adopted and line.usd is not None and spent + line.usd <= settings.daily_usd
            if fits and line.usd is not None:
                spent += line.usd
            differences.append(line if fits == line.adopted else _over_the_day(line))
    return Reconciled(
        events=tuple(events),
        differences=tuple(differences),
        undecided=undecided,
        foreign_orders=_foreign_orders(held, report),
        adopted_usd=spent - before,
    )


def count_adopted(adopted: AdoptionDay, result: Reconciled, now: int) -> AdoptionDay:
    """The day's sum after this result; a new UTC day starts at zero."""
    day = now // _DAY
    return AdoptionDay(day, (adopted.usd if day == adopted.day else ZERO) + result.adopted_usd)


def _missing(held: Held, report: AccountReport) -> list[MissingEvent]:
    """Venue events of the report that never reached us, oldest first."""
    found: list[tuple[int, int, str, MissingEvent]] = []
    for transfer in report.transfers:
        if transfer.transfer_id not in held.transfers:
            found.append((transfer.ts_event, 0, transfer.transfer_id, transfer))
    for fill in report.fills:
        if (fill.instrument, fill.trade_id) not in held.known_trades:
            found.append((fill.ts_event, 1, f"{fill.instrument}|{fill.trade_id}", fill))
    for payment in report.payments:
        if payment.payment_id not in held.payments:
            found.append((payment.ts_event, 2, payment.payment_id, payment))
    return [event for _, _, _, event in sorted(found, key=lambda row: row[:3])]


def newer_fills(
    recent: tuple[OrderFilled, ...], report: AccountReport, asked_ts: int
) -> tuple[OrderFilled, ...]:
    """Of the fills we have counted those that happened after the venue took its picture, or may have: it does
    not list them, and they were heard when the question was on its way."""
    listed = {(fill.instrument, fill.trade_id) for fill in report.fills}
    return tuple(
        fill
        for fill in recent
        if (fill.ts_event >= report.ts_event or fill.ts >= asked_ts)
        and (fill.instrument, fill.trade_id) not in listed
    )


def _agreed(
    held: Held, report: AccountReport, instruments: Mapping[str, Instrument], newer: tuple[OrderFilled, ...]
) -> frozenset[str]:
    """Instruments with an order of which the venue has counted more than our fills, where the report shows
    what our books do and no trade that they lack: of spot by the coin's balance."""
    owing = dict.fromkeys(each.request.instrument for each in held.orders if each.owed)
    if not owing:
        return frozenset()
    moved = {fill.instrument for fill in newer}
    moved |= {f.instrument for f in report.fills if (f.instrument, f.trade_id) not in held.known_trades}
    positions = {row.instrument: row.size for row in report.positions}
    totals = {row.coin: row.total for row in report.balances}
    found = set()
    for name in owing:
        spec = instruments.get(name)
        if spec is None or name in moved:
            continue
        if spec.is_perp:
            same = held.positions.get(name, ZERO) == positions.get(name, ZERO)
        else:
            coin = spec.underlying
            same = held.balances.get(coin, ZERO) == totals.get(coin, ZERO)
        if same:
            found.add(name)
    return frozenset(found)


def _differences(
    held: Held,
    report: AccountReport,
    instruments: Mapping[str, Instrument],
    settings: Reconcile,
    prices: Mapping[str, Decimal | None],
    indexes: Mapping[str, Decimal | None],
    newer: tuple[OrderFilled, ...],
) -> list[Difference]:
    lines: list[Difference] = []
    ours = dict(held.positions)
    for fill in newer:
        spec = instruments.get(fill.instrument)
        if spec is not None and not spec.is_perp:
            continue  # it moved balances, which wait for the next report
        ours[fill.instrument] = ours.get(fill.instrument, ZERO) - fill.quantity * fill.side.sign
    theirs = {row.instrument: row.size for row in report.positions}
    for name in sorted({**ours, **theirs}):
        mine, venue = ours.get(name, ZERO), theirs.get(name, ZERO)
        if mine == venue:
            continue
        instrument, price = instruments.get(name), prices.get(name)
        usd = _worth(venue - mine, price)
        small = (
            instrument is not None
            and usd is not None
            and abs(venue - mine) <= settings.epsilon_lots * instrument.size_increment
            and usd <= settings.epsilon_usd
        )
        lines.append(_line(report, DifferenceKind.POSITION, name, mine, venue, usd, small))
    lines.extend(_ghosts(held, report, newer))
    if newer:
        return lines
    totals = {row.coin: row.total for row in report.balances}
    for coin in sorted({**held.balances, **totals}):
        mine, venue = held.balances.get(coin, ZERO), totals.get(coin, ZERO)
        if mine == venue:
            continue
        index = indexes.get(coin)
        usd = _worth(venue - mine, index)
        small = usd is not None and usd <= settings.epsilon_usd
        lines.append(_line(report, DifferenceKind.BALANCE, coin, mine, venue, usd, small))
    return lines


def _worth(difference: Decimal, price: Decimal | None) -> Decimal | None:
    """USD of a difference; None when it cannot be told, and then nothing of it is small."""
    if price is None or not price.is_finite() or price <= ZERO or not difference.is_finite():
        return None
    return abs(difference) * price


def _ghosts(held: Held, report: AccountReport, newer: tuple[OrderFilled, ...]) -> list[Difference]:
    listed = {(fill.instrument, fill.trade_id) for fill in report.fills}
    fresh = {(fill.instrument, fill.trade_id) for fill in newer}
    lines = []
    for fill in held.recent_fills:
        key = (fill.instrument, fill.trade_id)
        if fill.ts_event >= held.fills_since and key not in listed and key not in fresh:
            subject = f"{fill.instrument}|{fill.trade_id}"
            lines.append(
                _line(report, DifferenceKind.GHOST_FILL, subject, fill.quantity, ZERO, None, small=False)
            )
    return lines


def _line(
    report: AccountReport,
    kind: DifferenceKind,
    subject: str,
    ours: Decimal,
    theirs: Decimal,
    usd: Decimal | None,
    small: bool,
) -> Difference:
    name = "_".join(f"{report.venue}:{kind}:{subject}".split())
    return Difference(
        id=f"{name}:{(theirs - ours).normalize():+f}",
        venue=report.venue,
        kind=kind,
        subject=subject,
        ours=ours,
        theirs=theirs,
        usd=usd,
        adopted=small,
        text=f"{kind} {subject} at {report.venue}: ours {ours}, the venue's {theirs}",
    )


def _over_the_day(line: Difference) -> Difference:
    text = f"{line.text}; small, but the day's sum of adopted differences is used up"
    return structs.replace(line, adopted=False, text=text)


def _foreign_orders(held: Held, report: AccountReport) -> tuple[WorkingRow, ...]:
    """Working orders by the venue that are not ours, or that our books say ended before the report."""
    ours = {entry.id for entry in held.orders}
    rows = []
    for row in report.orders:
        if row.client_order_id in ours:
            continue
        changed = held.known_orders.get(row.client_order_id) if row.client_order_id else None
        if changed is None or changed < report.ts_event:
            rows.append(row)
    return tuple(sorted(rows, key=lambda row: (row.instrument, row.venue_order_id, row.client_order_id)))
