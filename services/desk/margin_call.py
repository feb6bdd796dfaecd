"""A venue's own call for margin: no new risk on that account until its figures are healthy again.

The ladder rests on our reckoning of the margin; a venue that warns reckons otherwise, and liquidates by its
own figures. So its word counts until an account read later than it shows a usage below the ladder's first
rung, and for five minutes more. A call that is repeated begins them anew.
"""

from __future__ import annotations

from services.desk import account
from services.desk.core import DeskCore
from services.domain.enums import Severity, TradingState
from services.domain.venue_events import MarginCalled
from services.portfolio.margin import Margin

CALL = "margin call"
CLEAR_S = 300


def on_call(core: DeskCore, event: MarginCalled) -> None:
    book = core.state.venue(event.venue)
    first, book.margin_call = book.margin_call is None, core.now
    named = f" for {', '.join(event.instruments)}" if event.instruments else ""
    core.raise_cause(
        CALL,
        _scope(event.venue),
        TradingState.REDUCING,
        f"{event.venue} calls for margin{named}: it liquidates by its own figures",
        severity=Severity.ALARM,
        clear_after_s=CLEAR_S,
    )
    if first:
        # One venue's call is part of its answer: to ask at each would never end.
        account.ask(core, event.venue, CALL)


def watch(core: DeskCore, venue: str, margin: Margin) -> None:
    """At each look at the account: is what the venue called for there?"""
    book = core.state.venues.get(venue)
    if book is None or book.margin_call is None:
        return
    scope = _scope(venue)
    if not core.causes.has(CALL, scope):
        book.margin_call = None
        return
    read = core.ledger.account(venue).balance_ts
    later = read is not None and read > book.margin_call
    usage = margin.usage
    calm = not margin.anything_open or (usage is not None and usage < core.settings.ladder.no_new_risk)
    if later and calm:
        core.good_cause(CALL, scope)
    else:
        core.bad_cause(CALL, scope)


def _scope(venue: str) -> str:
    return f"account:{venue}"
