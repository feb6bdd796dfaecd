"""Words of a venue on orders, and its payments, into the books: table, ledger, pairs, records."""

from __future__ import annotations

from decimal import Decimal
from functools import partial

import msgspec

from services.desk import attributing, error_rate, figures, foreign, holdings, measuring, protection
from services.desk.core import DeskCore
from services.desk.fills import book_fill, book_later, may_wait
from services.desk.pair_books import keep_episodes, keep_settled
from services.desk.state import Instant
from services.desk.submit import Submitter
from services.desk.tripping import trip
from services.domain.effects import CancelTimer
from services.domain.enums import Severity
from services.domain.events import (
    FundingSettled,
    OrderAccepted,
    OrderFilled,
    OrderRejected,
    OrderUnknown,
)
from services.domain.money import ZERO
from services.domain.records import FundingRecord
from services.execution.actions import REFUSED, Ask
from services.execution.flatten_read import taken_over
from services.execution.table import OrderEntry, OrderEvent


def on_order_event(core: DeskCore, submit: Submitter, event: OrderEvent, *, alone: bool = False) -> None:
    """Any word of a venue on one order: table first, then the ledger, then the machine it belongs to.

    `alone`: nothing else is heard in this turn, as there is in a read, whose figures are compared with the
    ledger next. Then the ledger may take a fill behind the hedge that it asks for.
    """
    applied = core.orders.apply(event, core.now)
    if applied.entry is None and not foreign.is_ours(core, event.client_order_id):
        # Somebody else's order: what it is stands in a read, what it has traded is booked now.
        foreign.heard(core, event.venue)
        if isinstance(event, OrderFilled) and not applied.duplicate:
            _foreign_fill(core, submit, event)
        return
    if applied.anomaly:
        core.alert(
            f"impossible transition:{event.client_order_id}",
            Severity.WARNING,
            f"order {event.client_order_id}: {applied.anomaly}",
        )
        core.decide("anomaly", event.client_order_id, applied.anomaly)
    if applied.entry is None:
        if isinstance(event, OrderFilled):
            _foreign_fill(core, submit, event)
        return
    late = isinstance(event, OrderFilled) and not event.liquidation
    for fill in applied.fills:
        if late and alone and may_wait(core, applied.entry):
            book_later(core, fill, applied.entry)
            continue
        book_fill(core, fill, applied.entry, late=late)
        protection.on_fill(core, submit, fill, applied.entry)
    if not isinstance(event, OrderFilled):
        _venue_verdict(core, submit, event, applied.entry)
    if applied.entry.rests_since is not None:
        _say_rests(core, applied.entry)
    if late and applied.fills:
        core.later.append(partial(submit.keep, applied.entry))
    elif applied.fills or applied.ended or isinstance(event, OrderAccepted | OrderUnknown):
        submit.keep(applied.entry)
    if not applied.duplicate:
        submit.tell(applied.entry)


def _say_rests(core: DeskCore, entry: OrderEntry) -> None:
    """Its venue keeps it working though it was to end: told until it is gone."""
    key = f"order rests:{entry.id}"
    if entry.settled:
        core.resolve(key)
    elif not core.alerts.is_open(key):
        what = f"{entry.request.side.value} {entry.leaves:f} {entry.request.instrument}"
        why = "was to end at once" if entry.immediate else "was canceled"
        text = f"{entry.venue} keeps {what} working that {why}: its cancel is asked for until it is gone"
        core.alert(key, None, text)
        core.decide("rests", entry.id, text)


def _venue_verdict(core: DeskCore, submit: Submitter, event: OrderEvent, entry: OrderEntry) -> None:
    """Of any word but a fill. Rejects and errors of a venue feed its breaker and its error rate; a quote
    that the market overtook on its way is neither."""
    venue = event.venue
    match event:
        case OrderRejected():
            core.decide("rejected", event.client_order_id, event.reason)
            if event.would_cross and entry.request.post_only:
                measuring.on_refused(core, event, entry)
            else:
                if not event.unsent:
                    trip(core, core.trips.rejected(venue, core.now))
                if entry.request.closing:
                    # What it was to reduce may be gone already: looked at before others are refused.
                    submit.asks.append(Ask(venue, REFUSED))
            note = None if event.unsent else core.venue_errors.request(venue, True, core.now)
        case OrderUnknown():
            note = core.venue_errors.request(venue, False, core.now)
        case OrderAccepted():
            core.trips.accepted(venue)
            note = core.venue_errors.request(venue, True, core.now)
        case _:
            note = None
    error_rate.note(core, note)


def _foreign_fill(core: DeskCore, submit: Submitter, fill: OrderFilled) -> None:
    """Somebody else's trade on our account: booked, shown, and a missing leg if it took from a pair's."""
    if fill.instrument not in core.instruments:
        _unknown_instrument(core, fill)
        return
    if book_fill(core, fill, None).duplicate:
        return
    if fill.ts_event <= core.state.venue(fill.venue).report_event:
        taken_over(core.flattens.running(), fill.instrument, fill.quantity * fill.side.sign)
    what = f"{fill.side.value} {fill.quantity:,f} {fill.instrument} at {fill.price:,f}"
    core.decide("foreign fill", fill.instrument, what, {"trade": fill.trade_id, "adl": fill.adl})
    hit = check_legs(core, submit, fill.instrument, foreign.missing(fill))
    protection.settle_unpaired(core, submit, fill.instrument)
    if fill.adl and not hit:
        core.alert(f"deleveraged:{fill.instrument}", Severity.WARNING, f"{fill.venue} deleveraged us: {what}")
    elif not fill.adl and not fill.liquidation:
        core.alert(
            f"foreign:{fill.instrument}",
            Severity.WARNING,
            f"{fill.instrument}: {fill.side.value} {fill.quantity:,f} that is not ours",
            do="check who else trades on this account",
        )


def _unknown_instrument(core: DeskCore, fill: OrderFilled) -> None:
    """A trade in something we know no facts of cannot be booked. It is noted once, so that no read brings it
    again; what it did to balances and positions the reconciliation shows, and takes new risk off the venue.
    """
    if not core.ledger.note_trade(fill):
        return
    text = f"{fill.instrument}: {fill.side.value} {fill.quantity:,f} in an instrument this desk does not know"
    core.alert(f"foreign:{fill.instrument}", Severity.ALARM, text, do="close it at the venue")
    core.decide("foreign", fill.instrument, text)


def check_legs(
    core: DeskCore, submit: Submitter, instrument: str, reason: str, size: Decimal | None = None
) -> tuple[str, ...]:
    """A venue event took from a position: the pairs on it must not believe in more than is there.

    The position (by the ledger, or `size` by the venue's reads) below the pairs' own sum, in their direction,
    is a missing leg; the oldest pairs keep theirs. What of ours stands against them outside the pairs only
    hides in the venue's net figure. Returns the pairs that were hit.
    """
    spec = core.instruments.get(instrument)
    if spec is None or not spec.is_perp:
        return ()  # the pairs' spot legs are no positions: what is there of a coin says nothing of them
    if size is None:
        size = core.ledger.size(spec)
    hit: list[str] = []
    for pair, leg, held in list(holdings.short_legs(core, instrument, size)):
        hit.append(pair.id)
        text = f"{instrument} holds {held:,f} of {leg.size:,f}: the other leg is cut to match, then exit"
        core.decide("leg missing", pair.id, reason, {"leg": instrument, "held": held, "of": leg.size})
        core.alert(f"leg missing:{pair.id}", Severity.ALARM, f"{pair.id} {reason}: {text}")
        submit.run(core.pairs.leg_changed(pair.id, instrument, held, reason, core.now, submit.prices))
    return tuple(hit)


def on_funding(core: DeskCore, payment: FundingSettled) -> None:
    """One row of the venue's settlement ledger; shared by the sizes of its instant, however late it is told:
    among the pairs, and what is no pair's to the position."""
    coin_usd = core.picture.index(payment.venue, payment.coin)
    with attributing.booking(core, payment.venue, "funding"):
        new = core.ledger.apply_funding(payment, coin_usd)
    if not new:
        return
    held = figures.paid(core, payment, coin_usd)
    usd = None if coin_usd is None else payment.amount * coin_usd
    counters = core.state.counters
    counters.unpriced_funding += usd is None
    if usd is not None and usd >= ZERO:
        counters.received += usd
    elif usd is not None:
        counters.paid -= usd
    key = f"{payment.instrument}|{payment.ts_event}"
    expected = core.state.expected.pop(key, None)
    shares, unpaired = _shares(core, payment, held)
    if unpaired != ZERO:
        core.episodes.funding(msgspec.structs.replace(payment, amount=payment.amount * unpaired), coin_usd)
    for pair, share in shares:
        part = msgspec.structs.replace(payment, amount=payment.amount * share)
        core.episodes.funding(part, coin_usd, pair)
        admitted = core.state.admitted.get(pair)
        if admitted is None:
            continue
        admitted.intervals += 1
        due = None if expected is None or coin_usd is None else expected * coin_usd * share
        if due is not None:
            admitted.expected += due
        keep_settled(admitted, payment.ts_event, due, None if usd is None else usd * share)
    keep_episodes(core, core.episodes.told(key))
    core.record(
        FundingRecord(
            ts=payment.ts_event,
            venue=payment.venue,
            payment_id=payment.payment_id,
            instrument=payment.instrument,
            size=payment.size,
            price=payment.price,
            rate=payment.rate,
            amount=payment.amount,
            coin=payment.coin,
            usd=usd,
            pair=shares[0][0] if len(shares) == 1 else None,
            expected=expected,
        )
    )
    core.resolve(f"missed settlement:{payment.instrument}")
    core.out.append(CancelTimer(name=f"settled {payment.instrument} {payment.ts_event}"))
    core.state.timers.pop(f"settled {payment.instrument} {payment.ts_event}", None)


def _shares(
    core: DeskCore, payment: FundingSettled, held: Instant | None
) -> tuple[list[tuple[str, Decimal]], Decimal]:
    """((pair, its share of the payment), the share that is no pair's).

    By what was held at the instant, where that is what the venue counts; else by what is held now of pairs
    that were there then.
    """
    total = payment.size
    if total == ZERO and held is not None:
        total = held.size  # the venue does not say of which position
    if total == ZERO:
        return [], ZERO
    if held is not None and held.size == total:
        sizes = list(held.shares.items())
    else:
        sizes = [
            (pair.id, leg.size * leg.side.sign)
            for pair in core.pairs.live()
            for leg in pair.legs
            if leg.instrument == payment.instrument and leg.size > ZERO
            if (pair.opened_ts or 0) <= payment.ts_event
        ]
    unpaired = total - sum((size for _, size in sizes), ZERO)
    return [(pair, size / total) for pair, size in sizes], unpaired / total
