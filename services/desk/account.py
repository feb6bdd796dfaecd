"""Fresh reads of the venues' accounts: when they are asked for, and what a report does to our books.

The venue is the truth (SEMANTICS 7). The first report of a venue opens its books; every later one is
reconciled: missing events are booked, small differences adopted, larger ones stop new risk until accepted.
"""

from __future__ import annotations

from decimal import Decimal

from services.desk import differences, direct, foreign, found, opening, protection, rebuilt, reconciling
from services.desk.core import BARRED, DOWN, SECOND, UNREAD, DeskCore
from services.desk.submit import Submitter
from services.domain.effects import ReadAccount
from services.domain.enums import Severity, TradingState
from services.domain.events import AccountReport, VenueLink
from services.execution.actions import REFUSED

PAYOUTS = "withdrawals"
READ_TIMEOUT_S = 10
"""A read that is not answered by then is asked again."""
_DOUBLINGS = 4
_ANY_WILL_DO = ("timer", REFUSED)
"""Reasons that a read which is under way serves as well as a new one."""

OVERLAP_S = 10
"""How far a read reaches back before the last one."""


def ask(core: DeskCore, venue: str, why: str) -> None:
    """Ask for a fresh read; one at a time per venue, again when it was not answered."""
    if venue not in core.account_venues():
        return
    book = core.state.venue(venue)
    if book.asked and core.now - book.asked_ts < READ_TIMEOUT_S * SECOND and why in _ANY_WILL_DO:
        # Looked at again when that question has had its time: an answer may be lost.
        core.set_timer(f"read {venue}", book.asked_ts + READ_TIMEOUT_S * SECOND)
        return
    book.request += 1
    book.asked = f"{venue}-{book.request}"
    book.asked_ts = core.now
    # An overlap, so that a fill on the boundary is seen twice rather than never, also when the venue's clock
    # has jumped back since; ids make that harmless. A venue's time ahead of ours would leave fills out.
    last = book.report_event if book.report_ts is None else min(book.report_event, book.report_ts)
    book.asked_since = max(0, last - OVERLAP_S * SECOND)
    core.emit(ReadAccount(venue=venue, request=book.asked, fills_since=book.asked_since))
    schedule(core, venue)


def schedule(core: DeskCore, venue: str) -> None:
    settings = core.settings
    seconds = min(settings.fresh.account_read_s, settings.reconcile.every_s)
    every = max(seconds * SECOND, settings.data_step_ns)
    core.set_timer(f"read {venue}", core.now + every)


def on_failed(core: DeskCore, venue: str, request: str, refusal: str = "") -> None:
    """A read brought an error: asked again after 1, 2, 4, 8, 16 s, then as often as any read. `refusal`: our
    key was refused; the second time in a row somebody is called, for no waiting brings that account back."""
    book = core.state.venue(venue)
    if book.asked != request:
        return
    if refusal and book.failed_reads:
        core.raise_cause(
            BARRED,
            f"venue:{venue}",
            TradingState.REDUCING,
            f"{venue} refuses our key: {refusal}; set it right, then restart",
            severity=Severity.ALARM,
        )
    book.asked = ""
    wait = SECOND * 2 ** min(book.failed_reads, _DOUBLINGS)
    book.failed_reads += 1
    due = core.state.timers.get(f"read {venue}")
    if due is None or core.now + wait < due:
        core.set_timer(f"read {venue}", core.now + wait)


def on_report(core: DeskCore, submit: Submitter, report: AccountReport, equity: Decimal | None) -> None:
    """Take a fresh read. `equity` is the one before it, for transfers."""
    book = core.state.venue(report.venue)
    awaited = report.request == book.asked
    if awaited:
        book.asked = ""
    book.failed_reads = 0
    if not awaited and report.ts_event <= book.report_event:
        # Answers that overtook each other, or came twice: the newer read stands. The answer to the last
        # question is the newest, also when the venue's clock was set back in between.
        return
    protection.adopt(core, report)
    if not book.opened:
        if not opening.take(core, submit, report, book.asked_ts if awaited else 0):
            core.set_timer(f"read {report.venue}", core.now + SECOND)
            return
        direct.on_opened(core)
    else:
        found.adopt_fills(core, submit, report.venue, report.fills)
        differences.compare(core, submit, report, equity, book.asked_ts if awaited else 0)
    core.ledger.read(report)
    back = book.back_ts is not None and (book.report_ts or 0) <= book.back_ts
    book.report_ts, book.report_event = report.ts, report.ts_event
    core.good_cause(UNREAD, f"venue:{report.venue}")
    if core.picture.connected(report.venue, core.now):  # else the line's own word is awaited
        core.good_cause(BARRED, f"venue:{report.venue}")
    # What a lost store held is made again before a flatten looks: it would take the legs one by one.
    rebuilt.on_report(core, submit, report)
    asked_ts = book.asked_ts if awaited else None
    submit.run(core.flattens.on_report(report, core.now, submit.prices, asked_ts))
    foreign.take_back(core, report.venue)
    _payouts(core, report)
    reconciling.on_read(core, report)
    if back:
        protection.on_back(core, submit, report.venue)


def _payouts(core: DeskCore, report: AccountReport) -> None:
    """A venue that stops paying out may be in worse trouble than it says: no new risk there, and a person is
    called. It is no exit by itself (PARAMETERS, situations)."""
    held = {row.coin for row in report.balances if row.total}
    held |= {spec.settle for spec in core.instruments.values() if spec.venue == report.venue}
    stopped = [coin for coin in report.suspended if coin in held]
    scope = f"venue:{report.venue}"
    if not stopped:
        core.good_cause(PAYOUTS, scope)
        return
    text = f"{report.venue} has suspended withdrawals of {', '.join(stopped)}"
    core.raise_cause(PAYOUTS, scope, TradingState.REDUCING, text, severity=Severity.ALARM)


def on_link(core: DeskCore, link: VenueLink) -> None:
    """A venue's connection went or came: an outage ends only after a read and fresh data for a while."""
    core.picture.link(link)
    book = core.state.venue(link.venue)
    scope = f"venue:{link.venue}"
    if not link.up:
        if book.outage_since is None:
            book.outage_since = core.now
        book.fresh_since = None
        # Never both: one thing is wrong with its line, and the last word on it is the one that holds.
        name, other = (BARRED, DOWN) if link.refused else (DOWN, BARRED)
        why = f"{link.venue} is not used" if link.refused else link.venue
        if core.causes.drop(other, scope) is not None:
            core.cleared(other, scope)
        core.raise_cause(
            name,
            scope,
            TradingState.REDUCING,
            f"{why}: {link.reason or 'connection lost'}",
            severity=Severity.ALARM if link.refused else Severity.WARNING,
        )
        return
    for name in (DOWN, BARRED):
        core.good_cause(name, scope)
    book.back_ts = core.now
    ask(core, link.venue, "reconnected")


def settle_outages(core: DeskCore) -> None:
    """After an outage: reconciled and a minute of fresh data, then entries again."""
    for venue, book in core.state.venues.items():
        if book.outage_since is None:
            continue
        age = core.picture.venue_age(venue, core.now)
        limit = max(core.settings.fresh.heartbeat_s * SECOND, 2 * core.settings.data_step_ns)
        over = max(book.outage_since, book.back_ts or 0)
        reconciled = book.agreed_ts is not None and book.agreed_ts >= over
        if age is None or age >= limit or not reconciled:
            book.fresh_since = None
            continue
        if book.fresh_since is None:
            book.fresh_since = core.now
        if core.now - book.fresh_since >= core.settings.fresh.outage_settle_s * SECOND:
            book.outage_since = book.fresh_since = None
            core.decide("venue settled", venue, "reconciled and fresh")
