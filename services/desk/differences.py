"""Our books against a fresh read: what is booked, adopted by itself, shown until accepted, or a missing leg.

The comparison is `execution.reconcile`, pure; here stands what the desk does with its lines (SEMANTICS 7).
"""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct, structs

from services.desk import attributing, belief, booking, figures, flows, foreign, holdings
from services.desk.core import SECOND, DeskCore
from services.desk.submit import Submitter
from services.desk.whole_read import whole
from services.domain.enums import InstrumentKind, Severity, TradingState
from services.domain.events import AccountReport, FundingSettled, TransferBooked
from services.domain.money import ZERO
from services.execution.actions import Ask
from services.execution.flatten_read import taken_over
from services.execution.reconcile import (
    Difference,
    DifferenceKind,
    Held,
    Reconciled,
    count_adopted,
    reconcile,
)
from services.portfolio import average_cost

RECONCILE = "reconcile"
ADOPTED_KEPT = 20


def compare(
    core: DeskCore, submit: Submitter, report: AccountReport, equity: Decimal | None, asked_ts: int
) -> None:
    """`asked_ts`: our time of the question, 0 = it answers an earlier one."""
    book = core.state.venue(report.venue)
    result = _compare(core, report, asked_ts)
    if result.events:
        core.decide("reconcile", report.venue, f"{len(result.events)} missing events from the report")
    with whole(core, submit):
        for event in result.events:
            match event:
                case FundingSettled():
                    booking.on_funding(core, event)
                case TransferBooked():
                    flows.on_flow(core, event, equity)
                    usd = core.usd_of(event.venue, event.coin, event.amount)
                    # The next transfer of the same read comes to an equity that holds this one.
                    equity = None if equity is None or usd is None else equity + usd
                case _:
                    booking.on_order_event(core, submit, event)
    if result.events:
        # Booked now: what is left after them is the difference, whatever word could not be taken.
        result = _compare(core, report, asked_ts, last=True)
    core.state.adoption = count_adopted(core.state.adoption, result, core.now)
    since = {line.id: line.since for line in book.differences}
    shown = tuple(structs.replace(line, since=since.get(line.id, core.now)) for line in result.differences)
    for line in shown:
        if line.adopted or line.id not in since:
            told = {"id": line.id, "adopted": line.adopted, "usd": line.usd}
            core.decide("difference", f"{line.venue} {line.subject}", line.text, told)
        if line.adopted:
            _adopt(core, report, line)
    book.adopted = (*book.adopted, *(line for line in shown if line.adopted))[-ADOPTED_KEPT:]
    book.foreign_orders = result.foreign_orders
    foreign.watch_orders(core, report.venue)
    book.undecided = bool(result.undecided)
    waiting = tuple(line for line in shown if not line.adopted)
    taken = [line for line in shown if line.adopted]
    figures.read(core, report.venue, taken, agrees=not shown and not book.undecided)
    agreed = tuple(
        line
        for line in belief.agreeing(book, report, waiting)
        if belief.believed(core, report.ts_event, line)
    )
    book.differences = waiting
    for line in agreed:
        _missing_leg(core, submit, line)
    if waiting:
        if len(agreed) < len(waiting):
            core.set_timer(f"read {report.venue}", core.now + 2 * SECOND)
        count = f"{len(waiting)} difference{'' if len(waiting) == 1 else 's'}"
        core.raise_cause(
            RECONCILE,
            f"account:{report.venue}",
            TradingState.REDUCING,
            f"{count} on {report.venue}: {waiting[0].text}",
            severity=Severity.ALARM,
            latched=True,
            conditional=True,
        )
    elif not result.undecided:
        book.agreed_ts = report.ts
        core.good_cause(RECONCILE, f"account:{report.venue}")
    if result.undecided:
        core.set_timer(f"read {report.venue}", core.now + 2 * SECOND)


def _missing_leg(core: DeskCore, submit: Submitter, line: Difference) -> None:
    """Two agreeing reads show a position other than our books (SEMANTICS 5.6): what a pair believes to hold
    and the venue does not is a missing leg. Only a running flatten takes the figure into our books, so that
    it can be closed; else it waits for `reconcile accept`.
    """
    beyond, spec = line.beyond, core.instruments.get(line.subject)
    if line.kind is not DifferenceKind.POSITION or beyond is None or spec is None:
        return
    if belief.may_explain(core, line.subject):
        return
    if core.flattens.running():
        take_positions(core, submit, line)
        return
    size = core.ledger.size(spec) + beyond
    taken = holdings.taken_from_legs(core, line.subject, size)
    booking.check_legs(core, submit, line.subject, "leg missing: two reads agree", size)
    holdings.keep_alone(core, submit, line.subject, taken)


def _compare(core: DeskCore, report: AccountReport, asked_ts: int, *, last: bool = False) -> Reconciled:
    # The moment asked for only grows, so an answer to an earlier question lists at least the fills since it.
    since = core.state.venue(report.venue).asked_since
    account = core.ledger.account(report.venue)
    instruments = [spec for spec in core.instruments.values() if spec.venue == report.venue]
    positions = {
        spec.id: account.positions[spec.id].size
        for spec in instruments
        if spec.kind is InstrumentKind.PERP and spec.id in account.positions
    }
    held = Held(
        positions=positions,
        balances=dict(account.balances),
        orders=core.orders.open_orders(venue=report.venue),
        fills_since=since,
        asked_ts=asked_ts,
        moved_ts=core.state.venue(report.venue).moved_ts,
        recent_fills=core.orders.recent_fills(report.venue, since),
        known_orders={
            entry.id: entry.changed
            for entry in core.orders.state.orders.values()
            if entry.venue == report.venue
        },
        payments=frozenset(account.payments.ids),
        transfers=frozenset(account.transfers.ids),
        known_trades=frozenset(_trade_key(key) for key in account.trades.ids),
    )
    prices = {}
    for spec in instruments:
        mark, usd = core.picture.mark(spec.id), core.picture.quote_usd(spec.id)
        prices[spec.id] = None if mark is None or usd is None else mark * usd
    coins = [row.coin for row in report.balances] + list(account.balances)
    return reconcile(
        held,
        report,
        core.instruments,
        core.settings.reconcile,
        core.state.adoption,
        prices,
        {coin: core.picture.index(report.venue, coin) for coin in dict.fromkeys(coins)},
        settling_ns=core.settings.exec.in_doubt_settling_s * SECOND,
        last=last,
    )


def _trade_key(key: str) -> tuple[str, str]:
    instrument, _, trade = key.partition("|")
    return instrument, trade


def _adopt(core: DeskCore, report: AccountReport, line: Difference) -> None:
    """Bring our book to the venue's figure: a position by the difference, for fills of ours that are newer
    than the read are in it already."""
    if line.theirs is None or line.beyond is None:
        return
    with attributing.booking(core, line.venue, "adjustments"):
        _bring(core, report, line, line.theirs, line.beyond)
    core.risk_event("adopted", f"{line.venue} {line.subject}", line.text)


def _bring(core: DeskCore, report: AccountReport, line: Difference, theirs: Decimal, beyond: Decimal) -> None:
    if line.kind is DifferenceKind.BALANCE:
        core.ledger.adopt_balance(line.venue, line.subject, theirs)
    elif line.kind is DifferenceKind.POSITION:
        entries = {row.instrument: row.entry_price for row in report.positions}
        mark = core.picture.mark(line.subject)
        entry = entries.get(line.subject, mark if mark is not None else ZERO)
        spec = core.instruments.get(line.subject)
        size = theirs if spec is None else core.ledger.size(spec) + beyond
        core.ledger.adopt_position(line.venue, line.subject, size, entry, report.ts_event)
        taken_over(core.flattens.running(), line.subject, beyond)
        if spec is not None:
            holdings.shrink_legs(core, line.subject)


def _take(core: DeskCore, venue: str, line: Difference) -> bool:
    """Move our book by what the venue held beyond it. False = nothing we could keep a book of.

    By the difference, not to the figure: fills of ours since that read are in our book already. What is added
    enters at the mark; what we held keeps its own entry.
    """
    beyond = line.beyond
    if beyond is None:
        return False
    if line.kind is DifferenceKind.BALANCE:
        balance = core.ledger.account(venue).balances.get(line.subject, ZERO)
        with attributing.booking(core, venue, "adjustments"):
            core.ledger.adopt_balance(venue, line.subject, balance + beyond)
        return True
    spec = core.instruments.get(line.subject)
    if line.kind is not DifferenceKind.POSITION or spec is None:
        return False
    held = core.ledger.position(spec)
    size, entry = (ZERO, ZERO) if held is None else (held.size, held.entry)
    mark = core.picture.mark(line.subject)
    step = average_cost.book(size, entry, beyond, mark if mark is not None else entry)
    with attributing.booking(core, venue, "adjustments"):
        core.ledger.adopt_position(venue, line.subject, step.size, step.entry, core.now)
    taken_over(core.flattens.running(), line.subject, beyond)
    return True


def take_positions(core: DeskCore, submit: Submitter, only: Difference | None = None) -> None:
    """For a flatten: what only the venue shows enters our books, so that it can be closed and proven.

    `only`: this line alone; of what waits, what more than one read has shown. What an order without its last
    word may explain is left: booked now, its fill would count twice. The next reads bring all that is left
    again, and the flatten goes on until then.
    """
    for venue, book in core.state.venues.items():
        taken = [
            line
            for line in book.differences
            if line.kind is DifferenceKind.POSITION
            and (belief.confirmed(core, book, line) if only is None else line == only)
            and not belief.may_explain(core, line.subject)
            and _take(core, venue, line)
        ]
        book.differences = tuple(line for line in book.differences if line not in taken)
        for line in taken:
            booking.check_legs(core, submit, line.subject, "leg missing: flatten took the venue's figure")


class Accepted(Struct, frozen=True):
    """What an acceptance did, line by line."""

    lines: tuple[str, ...]
    refused: tuple[tuple[str, str], ...]
    """(id, why): not adopted."""


def accept(core: DeskCore, submit: Submitter, ids: tuple[str, ...] | None) -> Accepted:
    """`reconcile accept`: exactly the lines named are adopted (None = all that wait); a read proves it.

    A line that is no longer there as it was shown is left alone: nobody has accepted what it says now.
    """
    lines: list[str] = []
    refused: list[tuple[str, str]] = []
    left = list(dict.fromkeys(ids or ()))
    for venue, book in core.state.venues.items():
        kept: list[Difference] = []
        taken = False
        for line in book.differences:
            if ids is not None and line.id not in left:
                kept.append(line)
                continue
            if ids is not None:
                left.remove(line.id)
            why = cannot_accept(core, line)
            if why:
                kept.append(line)
                refused.append((line.id, why))
                continue
            taken = True
            if _take(core, venue, line) and line.kind is DifferenceKind.POSITION:
                booking.check_legs(core, submit, line.subject, "leg missing: reconcile accepted")
            core.decide("accepted", f"{venue} {line.subject}", line.text, {"id": line.id})
            core.risk_event("accepted", f"{venue} {line.subject}", line.text)
            lines.append(line.text)
        book.differences = tuple(kept)
        if not kept and core.causes.drop(RECONCILE, f"account:{venue}") is not None:
            core.cleared(RECONCILE, f"account:{venue}")
        if taken:
            submit.asks.append(Ask(venue, "accepted"))
    refused += [(name, "no longer there as it was shown: not adopted") for name in left]
    return Accepted(tuple(lines), tuple(refused))


def cannot_accept(core: DeskCore, line: Difference) -> str:
    """Why a line cannot be adopted; empty = it can."""
    if line.kind is DifferenceKind.POSITION and line.subject not in core.instruments:
        return "the desk knows no facts of this instrument and keeps no book of it: close it at the venue"
    waiting = _unheard(core, line)
    if waiting:
        return f"order {waiting} has no last word yet, and its fill would count twice: accept after it"
    return ""


def _unheard(core: DeskCore, line: Difference) -> str:
    """An order of ours whose fill, unheard so far, may be what the line shows; empty = there is none."""
    if line.kind not in (DifferenceKind.POSITION, DifferenceKind.BALANCE):
        return ""
    for entry in core.orders.open_orders(venue=line.venue):
        spec = core.instruments[entry.request.instrument]
        touched = (spec.settle,) if spec.is_perp else (spec.underlying, spec.quote)
        if line.kind is DifferenceKind.POSITION:
            touched = (spec.id,)
        if line.subject in touched and (entry.in_doubt or (entry.immediate and entry.sent is not None)):
            return entry.id
    return ""


def accepting(core: DeskCore, line: Difference) -> str:
    """What an acceptance of this line would do, in words."""
    cannot = cannot_accept(core, line)
    if cannot or line.adopted or line.beyond is None:
        return cannot
    if line.kind is DifferenceKind.GHOST_FILL:
        return "takes the line off; the fill stays booked, and a position line corrects what it did"
    moved = f"moves our book by {line.beyond.normalize():+f}"
    if line.kind is DifferenceKind.BALANCE:
        return f"{moved} {line.subject}; it counts as profit or loss, not as a transfer"
    spec = core.instruments[line.subject]
    size = core.ledger.size(spec) + line.beyond
    short = [
        pair.id
        for pair in core.pairs.live()
        for leg in pair.legs
        if leg.instrument == spec.id and leg.size > max(ZERO, size * leg.side.sign)
    ]
    if short:
        return f"{moved}; a leg of {', '.join(short)} is then missing: its other leg is cut, then closed"
    return f"{moved}; what belongs to no pair of ours is foreign: shown, counted, not managed"
