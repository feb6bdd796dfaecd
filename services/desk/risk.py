"""The desk's regular look at its own safety: freshness, depeg, margin ladder, breakers, clearing of causes.

Run at least every 5 s of the desk's time, after whatever event comes then, and by the timer `risk` when none
does. Everything it finds becomes a cause of the trading state or an alert; it sends no order but through the
pair machine's protective exits.
"""

from __future__ import annotations

from decimal import Decimal

from services.desk import (
    account,
    booking,
    controls,
    gatekeeping,
    holdings,
    idle,
    ladder,
    looks,
    pegs,
    protection,
    revaluation,
    samples,
    tickets,
    watches,
)
from services.desk.core import BARRED, DOWN, MINUTE, SECOND, DeskCore
from services.desk.pair_books import value_waiting
from services.desk.submit import Submitter
from services.desk.tripping import STALE, breaker_events
from services.domain.enums import PairState, Severity, TradingState
from services.domain.money import ZERO
from services.portfolio.inputs import AccountInput
from services.portfolio.margin import Margin, account_margin, merge_margins

EVERY_S = 5
START_PATIENCE_S = 30
"""So long a start may be without a venue's first data or first read before somebody is called."""

FORGET_AFTER_S = 10
"""A closed pair is kept so long, for fills that come late."""


def tick(core: DeskCore, submit: Submitter) -> None:
    """One look at everything."""
    core.state.next_risk = core.now + min(EVERY_S, core.settings.breaker.evaluate_s) * SECOND
    books = gatekeeping.accounts(core, marks_of_all=False)
    margins = {venue: account_margin(book) for venue, book in books.items()}
    stale = _freshness(core, books, margins)
    pegs.watch(core, books)
    ladder.climb(core, submit, books, margins)
    total = merge_margins(margins.values())
    _breaker(core, submit, total, stale)
    _short_legs(core, submit)
    _naked(core)
    _doubts(core)
    _clocks(core)
    protection.review(core, submit)
    tickets.review(core, submit)
    value_waiting(core)
    account.settle_outages(core)
    _overdue_starts(core)
    core.tick_causes()
    core.out.extend(core.alerts.tick(core.now))
    for note in [core.venue_errors.tick(venue, core.now) for venue in core.settings.venues]:
        if note is not None and not note.blocked:
            core.resolve(f"venue errors:{note.venue}")
    for venue in core.venue_errors.blocked():
        core.alerts.retell(f"venue errors:{venue}", core.venue_errors.told(venue))
    stalled = core.state.trips.stalled
    if stalled is not None and core.now - stalled >= MINUTE:
        core.state.trips.stalled = None
        core.resolve("loop stall:all")
    core.orders.prune(core.now)
    _forget_pairs(core, submit)
    holdings.review(core)
    looks.watch(core)
    watches.watch(core, books)
    idle.watch(core)
    if samples.due(core):
        samples.take(core, books, margins, total)


def equity(core: DeskCore) -> Decimal | None:
    """Equity of all accounts at fresh figures, USD; None = unknown."""
    books = gatekeeping.accounts(core, marks_of_all=False)
    return merge_margins(account_margin(book) for book in books.values()).equity


# -- freshness -------------------------------------------------------------------------------------------


def _freshness(core: DeskCore, books: dict[str, AccountInput], margins: dict[str, Margin]) -> bool:
    """A venue whose account cannot be valued at fresh figures takes no new risk.

    True = equity is unknown because data are stale, and for no other reason: with fresh data it is worse
    (SEMANTICS 9), also while another account's are stale.
    """
    any_stale = unexplained = False
    for venue, book in books.items():
        age = core.picture.venue_age(venue, core.now)
        limit = core.picture.stretched(core.settings.fresh.heartbeat_s * SECOND)
        margin = margins[venue]
        # A requirement that cannot be told is as good as an unknown C: no usage, no rung of the ladder.
        unvalued = margin.collateral is None or (margin.anything_open and margin.maintenance is None)
        scope = f"venue:{venue}"
        if age is None or age >= limit or unvalued:
            silent = age is None or age >= limit
            stale = silent or _overdue(core, book)
            any_stale = any_stale or stale
            unexplained = unexplained or (margin.equity is None and not stale)
            text = f"{venue}: " + (
                "no data yet"
                if age is None
                else f"data are {age // SECOND} s old"
                if age >= limit
                else "a figure is stale or unknown"
            )
            severity = Severity.INFO if age is None else Severity.WARNING
            core.raise_cause(STALE, scope, TradingState.REDUCING, text, severity=severity)
        else:
            core.good_cause(STALE, scope)
    return any_stale and not unexplained


def _overdue(core: DeskCore, book: AccountInput) -> bool:
    """Is anything that an account is valued by older than its limit, or not there yet in a history run?"""
    fresh, picture, now = core.settings.fresh, core.picture, core.now
    read = core.ledger.account(book.venue).balance_ts
    if read is None or now - read >= picture.balance_limit_ns:
        return True
    coins = [coin for coin, amount in book.balances.items() if amount]
    coins += [coin for held in book.positions for coin in (held.instrument.quote, held.instrument.settle)]
    ages = [(picture.index_age(book.venue, coin, now), fresh.index_ms) for coin in dict.fromkeys(coins)]
    ages += [(picture.mark_age(held.instrument.id, now), fresh.mark_ms) for held in book.positions]
    return any(
        core.settings.data_step_ns > 0 if age is None else age >= picture.stretched(limit_ms * 1_000_000)
        for age, limit_ms in ages
    )


def _overdue_starts(core: DeskCore) -> None:
    """What belongs to any start and should have passed by now becomes a warning. Not of a venue that is down:
    that says why, and nobody is told a second time that it has not been read."""
    patience = core.picture.stretched(START_PATIENCE_S * SECOND)
    causes = core.causes.causes()
    down = [cause.scope for cause in causes if cause.name in (DOWN, BARRED) and cause.holds]
    for cause in causes:
        if cause.severity is not Severity.INFO or not cause.holds or cause.scope in down:
            continue
        if core.now - cause.since >= patience:
            core.raise_cause(
                cause.name,
                cause.scope,
                cause.state,
                cause.text,
                clear_after_s=cause.clear_after_ns // SECOND,
            )


# -- breakers --------------------------------------------------------------------------------------------


def _breaker(core: DeskCore, submit: Submitter, total: Margin, stale: bool) -> None:
    opened = [core.state.venue(venue).opened for venue in core.account_venues()]
    if not opened:
        return  # no account of ours anywhere: there is nothing to lose
    if not all(opened):
        # Books that have not begun hide a loss like stale ones, as soon as anything is open elsewhere.
        patience = core.picture.stretched(START_PATIENCE_S * SECOND)
        if total.anything_open and core.now - core.state.started >= patience:
            breaker_events(core, core.breaker.on_equity(None, stale=True, anything_open=True, now=core.now))
        return
    known = total.equity
    if known is not None and core.state.counters.equity_start is None:
        core.state.counters.equity_start = known
    indexes = {
        coin: core.picture.index(venue, coin)
        for venue, book in core.ledger.state.accounts.items()
        for coin in book.balances
    }
    value = core.units.value(known, core.now, indexes)
    core.state.counters.transfers += core.units.late()
    revaluation.follow(core)
    events = core.breaker.on_equity(value, stale=stale, anything_open=total.anything_open, now=core.now)
    breaker_events(core, events)
    for event in events:
        if event.kind == "trip" and revaluation.wants_flatten(core, event, known):
            controls.flatten(core, submit, f"breaker {event.name}: {event.text}")
    if known is not None and known < core.settings.gate.min_equity:
        core.hold(
            "minimum equity", Severity.WARNING, f"equity {known:,.0f} USD is under the minimum to trade"
        )
    else:
        core.resolve("minimum equity")


# -- watch -----------------------------------------------------------------------------------------------


def _short_legs(core: DeskCore, submit: Submitter) -> None:
    """No pair may believe in more than the position that our own books show, whatever made it smaller: what
    is not there can be reduced by no order."""
    names = dict.fromkeys(leg.instrument for pair in core.pairs.live() for leg in pair.legs if leg.size)
    for name in names:
        booking.check_legs(core, submit, name, "leg missing: the position is smaller than the pairs on it")


def _clocks(core: DeskCore) -> None:
    """A venue whose stamps are not of our time: entries are refused from the block level on."""
    for venue in core.settings.venues:
        offset, fresh = gatekeeping.clock_offset(core, venue), core.settings.fresh
        if offset is None:
            if core.picture.connected(venue, core.now):
                core.hold(f"clock:{venue}", None, f"{venue}'s clock is not measured: no entries")
        elif abs(offset) >= fresh.clock_warn_ms:
            if abs(offset) >= fresh.clock_block_ms:
                core.state.venue(venue).clock_off_ts = core.now
            core.hold(f"clock:{venue}", None, f"{venue}'s clock is {offset} ms off ours")
        else:
            core.resolve(f"clock:{venue}")


def _naked(core: DeskCore) -> None:
    """The worst naked notional and time of the desk's life, from the pairs' own clocks."""
    counters = core.state.counters
    for pair in core.pairs.live():
        counters.worst_naked = max(counters.worst_naked, pair.naked.worst)
        counters.worst_naked_ns = max(counters.worst_naked_ns, pair.naked.worst_ns)
        scope = f"pair:{pair.id}"
        age = pair.naked.seconds_ns(core.now)
        bound = min(pair.naked_bound, core.settings.pair.naked_max)
        late = age >= core.settings.pair.leg_timeout_ms * 1_000_000
        # Worth nothing is worth nobody knows how much: no price was ever heard.
        over = pair.naked.notional >= bound or pair.naked.notional == ZERO
        if pair.naked.quantity > ZERO and late and over:
            text = f"{pair.id} naked {pair.naked.notional:,.0f} USD for {age // SECOND} s"
            core.raise_cause("naked", scope, TradingState.REDUCING, text, severity=Severity.ALARM)
        else:
            core.good_cause("naked", scope)


def _doubts(core: DeskCore) -> None:
    """A venue that has not said for `in_doubt_escalate_s` what became of an order, or does not end one that
    cannot rest, takes no new risk."""
    patience = core.settings.exec.in_doubt_escalate_s * SECOND
    doubtful = core.orders.doubtful()
    for venue in core.settings.venues:
        old = [
            entry.id
            for entry in doubtful
            if entry.venue == venue
            and entry.doubt_since is not None
            and core.now - entry.doubt_since >= patience
        ]
        scope = f"venue:{venue}"
        if old:
            text = f"{venue} does not say what became of {', '.join(old)}"
            core.raise_cause("in doubt", scope, TradingState.REDUCING, text, severity=Severity.ALARM)
        else:
            core.good_cause("in doubt", scope)
        late = [
            entry.id
            for entry in core.orders.open_orders(venue=venue)
            if entry.overstays and core.now - (entry.rests_since or 0) >= patience
        ]
        if late:
            text = f"{venue} does not cancel {', '.join(late)}"
            core.raise_cause("order rests", scope, TradingState.REDUCING, text, severity=Severity.ALARM)
        else:
            core.good_cause("order rests", scope)


def _forget_pairs(core: DeskCore, submit: Submitter) -> None:
    """A closed pair that its strategy has heard of is forgotten once all its orders are settled.

    A live one forgets the orders that the table has pruned: it may chase an exit for days. One that was never
    settled is not in the table because its turn was cut (`circle`): nothing of it lives, and the pair, which
    waits for its last word, is called again.
    """
    for live in core.pairs.live():
        gone = [order for order in live.orders if core.orders.get(order) is None]
        cut = [order for order in gone if not live.orders[order].settled]
        for order in gone:
            del live.orders[order]
        if cut:
            live.armed = core.now
            core.set_timer(f"pair:{live.id}", core.now)
    for name, admitted in list(core.state.admitted.items()):
        pair = core.pairs.get(name)
        if pair is None:
            del core.state.admitted[name]
        elif pair.state is PairState.CLOSED and admitted.notified and not pair.unsettled:
            if core.now - (pair.closed_ts or core.now) < FORGET_AFTER_S * SECOND:
                continue
            holdings.keep_dust(core, submit, pair)
            core.pairs.forget(name)
            del core.state.admitted[name]
            for cause in core.causes.causes():
                if cause.scope == f"pair:{name}" and core.causes.drop(cause.name, cause.scope) is not None:
                    core.cleared(cause.name, cause.scope)
