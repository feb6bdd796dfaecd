"""Fresh reads of the venues' accounts: when they are asked for, and what a report does to our books.

The venue is the truth (SEMANTICS 7). The first report of a venue opens its books; every later one is
reconciled: missing events are booked, small differences adopted, larger ones stop new risk until accepted.
"""

from __future__ import annotations

from decimal import Decimal

from services.desk import booking, protection
from services.desk.core import SECOND, UNREAD, DeskCore
from services.desk.state import VenueDesk
from services.desk.submit import Submitter
from services.domain.effects import ReadAccount
from services.domain.enums import InstrumentKind, Severity, TradingState
from services.domain.events import (
    AccountReport,
    FundingSettled,
    TransferBooked,
    VenueLink,
)
from services.domain.money import ZERO
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
READ_TIMEOUT_S = 10
"""A read that is not answered by then is asked again."""


def book_of(core: DeskCore, venue: str) -> VenueDesk:
    book = core.state.venues.get(venue)
    if book is None:
        book = core.state.venues[venue] = VenueDesk()
    return book


def ask(core: DeskCore, venue: str, why: str) -> None:
    """Ask for a fresh read; one at a time per venue, again when it was not answered."""
    book = book_of(core, venue)
    if book.asked and core.now - book.asked_ts < READ_TIMEOUT_S * SECOND and why == "timer":
        # Looked at again when that question has had its time: an answer may be lost.
        core.set_timer(f"read {venue}", book.asked_ts + READ_TIMEOUT_S * SECOND)
        return
    book.request += 1
    book.asked = f"{venue}-{book.request}"
    book.asked_ts = core.now
    # An overlap, so that a fill on the boundary is seen twice rather than never; ids make that harmless.
    book.asked_since = max(0, book.report_event - SECOND)
    core.emit(ReadAccount(venue=venue, request=book.asked, fills_since=book.asked_since))
    schedule(core, venue)


def schedule(core: DeskCore, venue: str) -> None:
    every = max(core.settings.fresh.account_read_s * SECOND, core.settings.data_step_ns)
    core.set_timer(f"read {venue}", core.now + every)


def on_report(core: DeskCore, submit: Submitter, report: AccountReport, equity: Decimal | None) -> None:
    """Take a fresh read. `equity` is the one before it, for transfers."""
    book = book_of(core, report.venue)
    awaited = report.request == book.asked
    if awaited:
        book.asked = ""
    if report.ts_event < book.report_event or (not awaited and report.ts_event == book.report_event):
        # Answers that overtook each other, or came twice: the newer read stands.
        return
    protection.adopt(core, report)
    if not book.opened:
        _open(core, report)
    else:
        _reconcile(core, submit, report, equity)
    core.ledger.read(report)
    book.report_ts, book.report_event = report.ts, report.ts_event
    core.good_cause(UNREAD, f"venue:{report.venue}")
    submit.run(core.flattens.on_report(report, core.now, submit.prices))


def _open(core: DeskCore, report: AccountReport) -> None:
    """The first read of a new desk: its balances, positions and orders are where the books begin."""
    book = book_of(core, report.venue)
    for balance in report.balances:
        core.ledger.adopt_balance(report.venue, balance.coin, balance.total)
    for row in report.positions:
        if row.instrument in core.instruments:
            core.ledger.adopt_position(
                report.venue, row.instrument, row.size, row.entry_price, report.ts_event
            )
        if row.size != ZERO:
            core.alert(
                f"foreign:{row.instrument}",
                Severity.WARNING,
                f"{row.instrument}: {row.size} was open before this desk began",
                do="flatten it, or close it at the venue",
            )
    core.ledger.note_opening(report)
    book.foreign_orders = report.orders
    book.opened = True
    book.agreed_ts = report.ts
    core.decide("opened", report.venue, f"{len(report.balances)} balances, {len(report.positions)} positions")


def _reconcile(core: DeskCore, submit: Submitter, report: AccountReport, equity: Decimal | None) -> None:
    book = book_of(core, report.venue)
    result = _compare(core, report)
    if result.events:
        core.decide("reconcile", report.venue, f"{len(result.events)} missing events from the report")
    for event in result.events:
        match event:
            case FundingSettled():
                booking.on_funding(core, event)
            case TransferBooked():
                booking.on_transfer(core, event, equity)
                usd = core.usd_of(event.venue, event.coin, event.amount)
                # The next transfer of the same read comes to an equity that holds this one.
                equity = None if equity is None or usd is None else equity + usd
            case _:
                booking.on_order_event(core, submit, event)
    if result.events:
        # Booked now: what is left after them is the difference, whatever word could not be taken.
        result = _compare(core, report, last=True)
    core.state.adoption = count_adopted(core.state.adoption, result, core.now)
    for line in result.differences:
        core.decide("difference", f"{line.venue} {line.subject}", line.text, {"adopted": str(line.adopted)})
        if line.adopted:
            _adopt(core, report, line)
    book.foreign_orders = result.foreign_orders
    agreed = _agreeing(book, report, result.unexplained)
    book.differences = result.unexplained
    for line in agreed:
        _missing_leg(core, submit, line)
    if result.unexplained:
        if len(agreed) < len(result.unexplained):
            core.set_timer(f"read {report.venue}", core.now + 2 * SECOND)
        text = f"{len(result.unexplained)} differences on {report.venue}: {result.unexplained[0].text}"
        core.raise_cause(
            RECONCILE,
            f"account:{report.venue}",
            TradingState.REDUCING,
            text,
            severity=Severity.ALARM,
            latched=True,
            conditional=True,
        )
    elif not result.undecided:
        book.agreed_ts = report.ts
        core.good_cause(RECONCILE, f"account:{report.venue}")
    if result.undecided:
        core.set_timer(f"read {report.venue}", core.now + 2 * SECOND)


def _agreeing(
    book: VenueDesk, report: AccountReport, lines: tuple[Difference, ...]
) -> tuple[Difference, ...]:
    """Of these differences those that the read before, at least a second older, showed just so."""
    if report.ts_event - book.report_event < SECOND:
        return ()
    before = {(line.kind, line.subject, _beyond(line)) for line in book.differences}
    return tuple(line for line in lines if (line.kind, line.subject, _beyond(line)) in before)


def _beyond(line: Difference) -> Decimal | None:
    return None if line.theirs is None or line.ours is None else line.theirs - line.ours


def _missing_leg(core: DeskCore, submit: Submitter, line: Difference) -> None:
    """Two agreeing reads show a position other than our books (SEMANTICS 5.6): what a pair believes to hold
    and the venue does not is a missing leg. Only a running flatten takes the figure into our books, so that
    it can be closed; else it waits for `reconcile accept`.
    """
    beyond, spec = _beyond(line), core.instruments.get(line.subject)
    if line.kind is not DifferenceKind.POSITION or beyond is None or spec is None:
        return
    if core.orders.open_orders(instrument=line.subject):
        # A fill of ours that we have not heard of yet may be all of it: its order's last word comes first.
        return
    if core.flattens.running():
        take_positions(core, submit)
        return
    size = core.ledger.size(spec) + beyond
    booking.check_legs(core, submit, line.subject, "leg missing: two reads agree", size)


def _compare(core: DeskCore, report: AccountReport, *, last: bool = False) -> Reconciled:
    # The moment asked for only grows, so an answer to an earlier question lists at least the fills since it.
    since = book_of(core, report.venue).asked_since
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
        recent_fills=core.orders.recent_fills(report.venue, since),
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
    """Set our book to the venue's figure."""
    if line.theirs is None:
        return
    if line.kind is DifferenceKind.BALANCE:
        core.ledger.adopt_balance(line.venue, line.subject, line.theirs)
    elif line.kind is DifferenceKind.POSITION:
        entries = {row.instrument: row.entry_price for row in report.positions}
        mark = core.picture.mark(line.subject)
        entry = entries.get(line.subject, mark if mark is not None else ZERO)
        core.ledger.adopt_position(line.venue, line.subject, line.theirs, entry, report.ts_event)
    core.risk_event("adopted", f"{line.venue} {line.subject}", line.text)


def _take(core: DeskCore, venue: str, line: Difference) -> bool:
    """Move our book by what the venue held beyond it. False = nothing we could keep a book of.

    By the difference, not to the figure: fills of ours since that read are in our book already. What is added
    enters at the mark; what we held keeps its own entry.
    """
    if line.theirs is None or line.ours is None:
        return False
    beyond = line.theirs - line.ours
    if line.kind is DifferenceKind.BALANCE:
        balance = core.ledger.account(venue).balances.get(line.subject, ZERO)
        core.ledger.adopt_balance(venue, line.subject, balance + beyond)
        return True
    spec = core.instruments.get(line.subject)
    if line.kind is not DifferenceKind.POSITION or spec is None:
        return False
    held = core.ledger.position(spec)
    size, entry = (ZERO, ZERO) if held is None else (held.size, held.entry)
    mark = core.picture.mark(line.subject)
    step = average_cost.book(size, entry, beyond, mark if mark is not None else entry)
    core.ledger.adopt_position(venue, line.subject, step.size, step.entry, core.now)
    return True


def take_positions(core: DeskCore, submit: Submitter) -> None:
    """Before a flatten: what only the venue shows enters our books, so that it can be closed and proven."""
    for venue, book in core.state.venues.items():
        taken = [
            line
            for line in book.differences
            if line.kind is DifferenceKind.POSITION and _take(core, venue, line)
        ]
        book.differences = tuple(line for line in book.differences if line not in taken)
        for line in taken:
            booking.check_legs(core, submit, line.subject, "flatten")


def accept(core: DeskCore, submit: Submitter) -> tuple[str, ...]:
    """`reconcile accept`: every shown difference is adopted; the next read proves it."""
    lines: list[str] = []
    for venue, book in core.state.venues.items():
        shown, book.differences = book.differences, ()
        for line in shown:
            if _take(core, venue, line) and line.kind is DifferenceKind.POSITION:
                booking.check_legs(core, submit, line.subject, "reconcile accepted")
            core.risk_event("accepted", f"{venue} {line.subject}", line.text)
            lines.append(line.text)
        if core.causes.drop(RECONCILE, f"account:{venue}") is not None:
            core.cleared(RECONCILE, f"account:{venue}")
        ask(core, venue, "accepted")
    return tuple(lines)


def on_link(core: DeskCore, link: VenueLink) -> None:
    """A venue's connection went or came: an outage ends only after a read and fresh data for a while."""
    core.picture.link(link)
    book = book_of(core, link.venue)
    scope = f"venue:{link.venue}"
    if not link.up:
        if book.outage_since is None:
            book.outage_since = core.now
        book.fresh_since = None
        core.raise_cause(
            "venue down",
            scope,
            TradingState.REDUCING,
            f"{link.venue}: {link.reason or 'connection lost'}",
            severity=Severity.WARNING,
        )
        return
    core.good_cause("venue down", scope)
    ask(core, link.venue, "reconnected")


def settle_outages(core: DeskCore) -> None:
    """After an outage: reconciled and a minute of fresh data, then entries again."""
    for venue, book in core.state.venues.items():
        if book.outage_since is None:
            continue
        age = core.picture.venue_age(venue, core.now)
        limit = max(core.settings.fresh.heartbeat_s * SECOND, 2 * core.settings.data_step_ns)
        reconciled = book.agreed_ts is not None and book.agreed_ts >= book.outage_since
        if age is None or age >= limit or not reconciled:
            book.fresh_since = None
            continue
        if book.fresh_since is None:
            book.fresh_since = core.now
        if core.now - book.fresh_since >= core.settings.fresh.outage_settle_s * SECOND:
            book.outage_since = book.fresh_since = None
            core.decide("venue settled", venue, "reconciled and fresh")
