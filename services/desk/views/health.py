"""The readings of SEMANTICS 13 as one view, and what is wrong with them. Unknown counts as degraded.

Venues come from the desk's own books; process, store and channels are measured by the shell and handed in.
One failing check never hides the others: each looks at its own reading alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, localcontext

from services.alerts.rules import rule_for
from services.desk import deadman, gatekeeping
from services.desk.core import BARRED, SECOND, DeskCore, cause_key
from services.desk.idle import NO_TRADE
from services.desk.views.figures import account_overdue, milliseconds
from services.desk.views.meta import Meta
from services.desk.views.tidy import tidy
from services.domain.money import DESK_CONTEXT
from services.views.health import (
    ChannelHealth,
    Finding,
    HealthView,
    ProcessHealth,
    StoreHealthView,
    VenueHealth,
)

MOST_CPU = 0.80
MOST_MEMORY = 0.85
MOST_DISK = 0.90
MOST_LATENCY_MS = 500
LEAST_BUDGET = Decimal("0.10")
"""Free share of a venue's rate limit: beneath it even cancels may have to wait."""
LEAST_REQUESTS = 20
OF_THE_DESK = {"missed settlement": "funding", NO_TRADE: "trading"}
"""Readings that the desk finds by its own events, each by the rule of its alert, and whom they are of."""


def health_view(
    core: DeskCore,
    meta: Meta,
    process: ProcessHealth,
    store: StoreHealthView,
    channels: tuple[ChannelHealth, ...] = (),
) -> HealthView:
    with localcontext(DESK_CONTEXT):
        venues = tuple(_venue(core, meta, venue) for venue in core.settings.venues)
        found = (
            *(one for venue in venues for one in _venue_findings(core, venue)),
            *_process_findings(core, process),
            *_store_findings(store),
            *_desk_findings(core),
            *(
                Finding(
                    subject=f"channel {one.name}",
                    severity="warning",
                    text="does not take messages",
                    do="check its settings",
                )
                for one in channels
                if one.state == "failed"
            ),
        )
        view = HealthView(
            ts=core.now,
            ok=not found,
            venues=venues,
            process=process,
            store=store,
            channels=channels,
            findings=found,
        )
        return tidy(view)


def _venue(core: DeskCore, meta: Meta, venue: str) -> VenueHealth:
    picture, now = core.picture, core.now
    median, tail = meta.latency.get(venue, (None, None))
    age = picture.venue_age(venue, now)
    late_after = picture.stretched(core.settings.fresh.heartbeat_s * SECOND)
    book = core.state.venues.get(venue)
    read = None if book is None or book.report_ts is None else max(0, now - book.report_ts)
    connected = picture.connected(venue, now)
    level = "unknown" if age is None else "ok"
    if age is not None and (age >= late_after or not connected):
        level = "bad"
    elif age is not None and age * 2 > late_after:
        level = "late"
    return VenueHealth(
        name=venue,
        connected=connected,
        data_age_ms=milliseconds(age),
        late_after_ms=late_after // 1_000_000,
        latency_ms_p50=median,
        latency_ms_p95=tail,
        clock_offset_ms=gatekeeping.account_facts(core, venue).clock_offset_ms,
        budget_free=meta.budget.get(venue),
        dead_man=deadman.state_of(core, venue),
        reconnects=meta.reconnects.get(venue),
        error_rate=_errors(core, venue),
        read_age_ms=milliseconds(read),
        level=level,
    )


def _errors(core: DeskCore, venue: str) -> Decimal | None:
    window = core.state.venue_errors.venues.get(venue)
    asked = 0 if window is None else len(window.asked)
    if window is None or asked < LEAST_REQUESTS:
        return None
    return Decimal(len(window.failed)) / asked


def _venue_findings(core: DeskCore, one: VenueHealth) -> Iterator[Finding]:
    def found(text: str, do: str, severity: str = "warning", alert: str = "") -> Finding:
        return Finding(subject=one.name, severity=severity, text=text, do=do, alert=alert)

    fresh = core.settings.fresh
    barred = core.barred(one.name)
    if barred:
        # What else is unknown there is so because of it: nothing of that comes by waiting.
        key = cause_key(BARRED, f"venue:{one.name}")
        yield found(barred.removeprefix(f"{one.name} "), rule_for(key).do, "alarm", key)
    elif one.data_age_ms is None:
        yield found("no data yet: unknown", "wait for its first frame; check its address in doctor")
    elif one.level == "bad":
        text = f"data are {one.data_age_ms // 1000} s old" if one.connected else "the connection is lost"
        yield found(text, "look at the venue's own site; flatten --direct works without the engine", "alarm")
    overdue = account_overdue(core, one.name)
    if overdue is not None and not barred:
        text = f"the account was last read {overdue // SECOND} s ago: what stands there is known as of then"
        yield found(text, "see its status page: it may answer no request while its stream runs", "alarm")
    if one.latency_ms_p95 is not None and one.latency_ms_p95 > MOST_LATENCY_MS:
        text = f"latency p95 {one.latency_ms_p95:.0f} ms > {MOST_LATENCY_MS} ms"
        yield found(text, "look at the network", alert=f"latency:{one.name}")
    if one.clock_offset_ms is None:
        if not barred:
            yield found("clock offset not measured: entries are blocked", "wait for its first answer")
    elif abs(one.clock_offset_ms) >= fresh.clock_warn_ms:
        blocked = abs(one.clock_offset_ms) >= fresh.clock_block_ms
        text = f"clocks are {one.clock_offset_ms:+d} ms apart{', entries are blocked' if blocked else ''}"
        yield found(text, "start time synchronisation here", "alarm" if blocked else "warning")
    if one.budget_free is not None and one.budget_free < LEAST_BUDGET:
        yield found(f"{one.budget_free * 100:.0f} % of the rate limit is left", "nothing; orders wait for it")
    if one.dead_man in ("late", "fired", "failed"):
        yield found(f"dead-man's switch {one.dead_man}", "see its alert", "alarm")
    if one.name in core.venue_errors.blocked():
        yield found("more than 20 % of its requests failed in 60 s", "see its status page")


def _process_findings(core: DeskCore, one: ProcessHealth) -> Iterator[Finding]:
    def found(text: str, do: str, subject: str = "machine", alert: str = "") -> Finding:
        return Finding(subject=subject, severity="warning", text=text, do=do, alert=alert)

    for share, most, what in (
        (one.machine_cpu, MOST_CPU, "CPU"),
        (one.machine_memory, MOST_MEMORY, "memory"),
    ):
        if share is None:
            yield found(f"{what} not measured", "look again in a few seconds")
        elif share > most:
            yield found(
                f"{what} {share * 100:.1f} % > {most * 100:.0f} %",
                "end other programs",
                alert=f"machine:{what}",
            )
    warn_ms = core.settings.breaker.stall_warn_ms
    if one.loop_lag_worst_ms is None:
        yield found("loop lag not measured", "look again in a few seconds", "process")
    elif one.loop_lag_worst_ms >= warn_ms:
        text = f"the loop lagged {one.loop_lag_worst_ms:.0f} ms in the last minute (limit {warn_ms} ms)"
        yield found(text, "look at the machine's load and disk", "process")
    if one.files is not None and one.files_most and one.files > one.files_most * 0.8:
        yield found(
            f"{one.files} of {one.files_most} files are open", "raise the limit (ulimit -n)", "process"
        )
    if one.watchdog_ended:
        text = f"the watchdog ended and was started again, {one.watchdog_ended} × since the start"
        yield found(text, "look at the log: who ends processes here?", "process", "machine:watchdog")


def _desk_findings(core: DeskCore) -> Iterator[Finding]:
    """As long as the alert is open, acknowledged or not: to have seen it mends nothing."""
    for one in core.alerts.open():
        subject = OF_THE_DESK.get(one.key.partition(":")[0])
        if subject is not None:
            yield Finding(subject=subject, severity=one.severity.value, text=one.text, do=one.do)


def _store_findings(one: StoreHealthView) -> Iterator[Finding]:
    if not one.ok:
        yield Finding(
            subject="store", severity="alarm", text=one.text, do="free the disk or end what holds it"
        )
    if one.gaps:
        text = f"{one.gaps} blocks of inputs were lost: a replay stops there"
        yield Finding(subject="store", severity="warning", text=text, do="look at the disk's speed")
    if one.disk is None:
        yield Finding(subject="disk", severity="warning", text="not measured", do="look at the state folder")
    elif one.disk > MOST_DISK:
        yield Finding(
            subject="disk",
            severity="warning",
            text=f"{one.disk * 100:.1f} % > {MOST_DISK * 100:.0f} % used",
            do="free space; stableconsole store prune --keep 2d empties old inputs",
            alert="machine:disk",
        )
