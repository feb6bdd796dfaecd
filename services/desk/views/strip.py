"""The answer bar: five questions, always answered. Built up to ten times a second: it computes no table."""

from __future__ import annotations

from decimal import Decimal, localcontext

from services.alerts.book import ACKNOWLEDGED, RAISED, Alert
from services.desk.answers import cause_views
from services.desk.core import SECOND, DeskCore
from services.desk.views import hedge
from services.desk.views.cache import ViewCache
from services.desk.views.figures import (
    MILLISECOND,
    STALE,
    Figures,
    account_overdue,
    figures_of,
    held_sizes,
    is_open,
    level,
    mark_age,
    milliseconds,
    oldest,
    worst_level,
)
from services.desk.views.limits import limit_views, passing, tightest
from services.desk.views.meta import Meta
from services.desk.views.risk import denied_today
from services.desk.views.steps import next_steps
from services.domain.enums import Severity
from services.domain.instrument import venue_of
from services.domain.money import DESK_CONTEXT
from services.views.strip import StripView, VenueDot

EQUALLY_FAR, EQUALLY_FULL = Decimal("0.001"), Decimal("0.01")
"""Accounts nearer to one another than the bar tells them apart are one to the eye: which of them leads by a
breath changes from frame to frame."""


def strip(core: DeskCore, meta: Meta, cache: ViewCache | None = None) -> StripView:
    with localcontext(DESK_CONTEXT):
        return strip_of(figures_of(core, cache), meta)


def strip_of(figures: Figures, meta: Meta) -> StripView:
    core = figures.core
    limits = limit_views(figures)
    passed, total = passing(limits)
    name, used = tightest(limits)
    naked = hedge.naked(figures)
    held = hedge.holding(core)
    worst = figures.worst_account()
    unknown = figures.liquidation_unknown()
    distances = _dangers(figures) if unknown else figures.known_distances()
    least = min(distances.values(), default=None)
    near = [each for each, away in distances.items() if least is not None and away - least < EQUALLY_FAR]
    nearest = near[0] if near else ""
    if unknown and nearest:
        worst = nearest
    alerts = core.alerts.open()
    raised = sorted((alert for alert in alerts if alert.state == RAISED), key=_calls_first)
    # Where all are acknowledged the first of them is named: they are open still.
    first = next(iter(raised or sorted(alerts, key=_calls_first)), None)
    alarms = [alert for alert in raised if alert.severity is Severity.ALARM]
    equity = figures.equity
    gate = core.settings.gate
    usage = figures.last_margins[worst].usage if worst else figures.last_total.usage
    return StripView(
        ts=core.now,
        profile=meta.profile,
        mode=meta.mode,
        badge=meta.badge,
        stamp=meta.stamp,
        still_s=meta.still_s,
        trading_state=core.causes.worst(),
        causes=cause_views(core),
        checks_passing=passed,
        checks_total=total,
        tightest=name,
        tightest_used=used,
        denied_today=denied_today(core),
        naked_notional=naked.notional,
        naked_seconds=naked.seconds,
        naked_bound=naked.bound,
        naked_within_timeout=naked.within,
        worst_naked=naked.worst,
        worst_naked_seconds=naked.worst_seconds,
        naked_text=naked.text,
        in_doubt=len(core.orders.doubtful()),
        pairs_open=len(held),
        hedged_age_ms=milliseconds(hedge.desk_age(core)),
        residual=hedge.total_residual(figures),
        outright=hedge.outright(figures),
        positions_open=len(held_sizes(core)),
        liquidation_distance=least,
        liquidation_unknown=unknown,
        worst_account=nearest if nearest and _as_full(figures, nearest, usage) else worst,
        nearest_account=nearest,
        distance_limit=gate.min_joint_distance,
        distance_reducing=gate.reducing_joint_distance,
        leverage=figures.last_total.leverage,
        leverage_limit=gate.portfolio_leverage,
        margin_usage=usage,
        margin_usage_limit=min(gate.max_margin_usage, core.settings.ladder.no_new_risk),
        venues=tuple(dot(figures, venue) for venue in core.settings.venues),
        open_alarms=len(alarms),
        newest_alarm_ts=max((alert.since for alert in alarms), default=0),
        open_warnings=sum(1 for alert in raised if alert.severity is Severity.WARNING),
        acknowledged=sum(1 for alert in alerts if alert.state == ACKNOWLEDGED),
        top_alert=first.text if first is not None else "",
        top_alert_since=first.since if first is not None else None,
        next_steps=next_steps(figures, naked),
        equity=equity,
        equity_approximate=figures.approximate,
        day_pnl=figures.day_pnl(equity),
        day_pnl_fraction=figures.day_fraction(equity),
    )


def _dangers(figures: Figures) -> dict[str, Decimal]:
    """Where an account cannot be valued the others' distances say little, unless one is short by itself."""
    limit = figures.core.settings.gate.min_joint_distance
    return {
        venue: away
        for venue, away in figures.known_distances().items()
        if figures.margins[venue].usage is not None and away.is_finite() and away < limit
    }


def _calls_first(alert: Alert) -> tuple[bool, bool, int]:
    """The gravest, then the newest: as the pane of the alerts has them, and as `a` takes them."""
    return alert.severity is not Severity.ALARM, alert.severity is not Severity.WARNING, -alert.since


def _as_full(figures: Figures, venue: str, usage: Decimal | None) -> bool:
    """Of accounts that are equal to the eye one is named, and the same at every look."""
    own = figures.last_margins[venue].usage
    return own is not None and usage is not None and usage - own < EQUALLY_FULL


def stale_venues(figures: Figures) -> frozenset[str]:
    """Whose dot says that what is shown of them is old."""
    return frozenset(each for each in figures.core.settings.venues if dot(figures, each).level == STALE)


def dot(figures: Figures, venue: str) -> VenueDot:
    """One venue: its connection, and whether what we hold there rests on fresh data."""
    found = figures.dots.get(venue)
    if found is None:
        found = figures.dots[venue] = _dot(figures, venue)
    return found


def _dot(figures: Figures, venue: str) -> VenueDot:
    core, picture = figures.core, figures.core.picture
    age = picture.venue_age(venue, figures.now)
    found = level(age, picture.stretched(core.settings.fresh.heartbeat_s * SECOND))
    connected = picture.connected(venue, figures.now)
    text = ""
    for instrument in held_sizes(core):
        if instrument in core.instruments and venue_of(instrument) == venue:
            each = mark_age(core, instrument)[1]
            if each == STALE and not text:
                text = f"{instrument} is stale"
            found = worst_level(found, each)
    book = core.state.venues.get(venue)
    agreed = None if book is None or book.agreed_ts is None else figures.now - book.agreed_ts
    if is_open(core, venue) and level(agreed, picture.balance_limit_ns) == STALE:
        text = text or "the account was not read in time"
        found = STALE
    elif venue not in figures.books:
        text = text or "market data alone: no account of ours"
    elif not is_open(core, venue):
        found, text = STALE, "the account has not been read yet"
    elif figures.stale(venue):
        found, text = STALE, text or "a figure is stale"
    if not connected:
        found = STALE
        text = "no data yet" if age is None else f"no connection, data {age // MILLISECOND} ms old"
    holds = figures.holds(venue) or any(entry.venue == venue for entry in core.orders.open_orders())
    return VenueDot(
        name=venue,
        connected=connected,
        # STALE beside the age of a stream that runs would deny itself: it is the account's read that is old.
        data_age_ms=milliseconds(oldest(age, account_overdue(core, venue) or 0)),
        level=found,
        holds=holds,
        text=text,
    )
