"""Stops of what stands alone: unpaired positions, and legs naked beyond their time-out (SEMANTICS 8).

Locally by the stop book at every fresh mark, at the venue by a wider backstop that works without us. Both are
followed after every event; what is paired again, or flat, loses both. A pair's leg that is stopped takes its
whole pair: one leg alone would leave the other naked.
"""

from __future__ import annotations

from decimal import Decimal

from services.desk import gatekeeping
from services.desk.core import UNREAD, DeskCore
from services.desk.submit import Submitter
from services.domain.enums import PairState, Purpose
from services.domain.events import AccountReport, MarketFrame, OrderFilled, WorkingRow
from services.domain.money import ZERO
from services.domain.orders import OrderRequest
from services.execution.backstops import Want
from services.execution.pair_legs import excess
from services.execution.pair_requests import begin_anew
from services.execution.pair_state import Leg, Pair
from services.execution.stops import Stop
from services.execution.table import OrderEntry
from services.portfolio import average_cost

_LETTER_AT = 15
"""Place of the purpose's letter in a client order id (SEMANTICS 7)."""


# -- what stands alone ---------------------------------------------------------------------------------------


def on_back(core: DeskCore, submit: Submitter, venue: str) -> None:
    """A venue's line is up again, and what stands there has been read: what found no way is tried anew."""
    for pair in core.pairs.live():
        if begin_anew(pair, venue, core.instruments):
            submit.run(core.pairs.on_timer(pair.id, core.now, submit.prices))


def on_fill(core: DeskCore, submit: Submitter, fill: OrderFilled, entry: OrderEntry) -> None:
    """A fill of ours, just booked: of a released backstop, or one that changes an unpaired position.

    Unpaired are a ticket's, a stop's, and one that came after its pair was forgotten.
    """
    pair = core.pairs.get(entry.request.pair) if entry.request.pair is not None else None
    if pair is not None:
        if entry.request.trigger is not None:
            _leg_stopped(core, submit, pair, fill)
        return
    spec = core.instruments[fill.instrument]
    if not spec.is_perp:
        return
    state = core.state
    size = state.unpaired.get(fill.instrument, ZERO)
    average = state.unpaired_entry.get(fill.instrument, fill.price)
    step = average_cost.book(size, average, fill.quantity * fill.side.sign, fill.price)
    state.unpaired[fill.instrument] = step.size
    state.unpaired_entry[fill.instrument] = step.entry
    settle_unpaired(core, submit, fill.instrument, changed=True)


def settle_unpaired(core: DeskCore, submit: Submitter, instrument: str, *, changed: bool = False) -> None:
    """What we count as unpaired is never more than what is left of the position beside the pairs' legs.

    A foreign trade, a liquidation or an adopted difference may have taken it: a stop without a position
    would only stand in the way of the next one.
    """
    state = core.state
    size = state.unpaired.get(instrument, ZERO)
    free = core.ledger.size(core.instruments[instrument]) - core.pairs.size_on(instrument)
    free -= state.dust.get(instrument, ZERO)
    held = ZERO if size * free <= ZERO else min(abs(size), abs(free)).copy_sign(size)
    if held == size and not changed:
        return
    if held == ZERO:
        state.unpaired.pop(instrument, None)
        average = state.unpaired_entry.pop(instrument, None)
    else:
        state.unpaired[instrument] = held
        average = state.unpaired_entry.get(instrument)
    mark = core.picture.fresh_mark(instrument, core.now)
    submit.run(core.stops.on_position(instrument, held, average, mark, core.now))
    if held == ZERO:
        core.resolve(f"no stop:{instrument}")
        core.resolve(f"backstop:{instrument}")
        core.good_cause("stop", f"instrument:{instrument}")


def review(core: DeskCore, submit: Submitter) -> None:
    """The regular look: what was accepted or adopted meanwhile may have taken an unpaired position."""
    for instrument in list(core.state.unpaired):
        settle_unpaired(core, submit, instrument)


def _leg_stopped(core: DeskCore, submit: Submitter, pair: Pair, fill: OrderFilled) -> None:
    """The venue has stopped a naked leg: what is left of the pair is cut to match, then closed."""
    for leg in pair.legs:
        if leg.instrument == fill.instrument and leg.size > ZERO:
            text = f"the backstop of {leg.instrument} was released"
            left = max(leg.size - fill.quantity, ZERO)
            core.decide("stop", pair.id, text, {"filled": fill.quantity})
            submit.run(core.pairs.leg_changed(pair.id, leg.instrument, left, text, core.now, submit.prices))


def naked_leg(core: DeskCore, pair: Pair) -> tuple[Leg, Decimal] | None:
    """(leg, what of it stands alone) once that lasts beyond the time-out; None = nothing does."""
    since = pair.naked.since
    if since is None or core.now - since < core.settings.pair.leg_timeout_ms * 1_000_000:
        return None
    number, quantity = excess(pair)
    if number == 0:
        return None
    leg = pair.leg(number)
    quantity = core.instruments[leg.instrument].round_size(min(quantity, leg.size))
    return None if quantity <= ZERO else (leg, quantity)


# -- at every mark -------------------------------------------------------------------------------------------


def on_marks(core: DeskCore, submit: Submitter, frame: MarketFrame) -> None:
    """Local stops look at fresh marks only: a stop never fires on a stale one. A spot leg whose venue states
    none is looked at by its quote."""
    stops = core.stops
    if not stops.state.stops and not stops.state.naked:
        return
    for row in frame.marks:
        mark = core.picture.fresh_mark(row.instrument, core.now)
        if mark is None:
            continue
        if row.instrument in stops.state.stops:
            submit.run(stops.on_mark(row.instrument, mark, core.now, submit.prices))
        for pair, stop in list(stops.state.naked.items()):
            if stop.instrument == row.instrument:
                _naked_stop(core, submit, pair, stop, mark)
    for pair, stop in list(stops.state.naked.items()):
        if gatekeeping.marked_by_quote(core, stop.instrument):
            middle = gatekeeping.fresh_mark(core, stop.instrument)
            if middle is not None:
                _naked_stop(core, submit, pair, stop, middle)


def _naked_stop(core: DeskCore, submit: Submitter, pair: str, stop: Stop, mark: Decimal) -> None:
    """A naked leg whose level is crossed takes its whole pair."""
    if core.stops.naked_crossed(pair, mark, core.now):
        text = f"stop of the naked leg {stop.instrument} at {stop.level}"
        core.decide("stop", pair, text)
        submit.run(
            core.pairs.request_close(pair, text, core.now, submit.prices, purpose=Purpose.STOP, origin="desk")
        )


# -- after every event ---------------------------------------------------------------------------------------


def follow(core: DeskCore, submit: Submitter) -> None:
    """Bring local stops of naked legs and the venues' backstops to what stands alone now."""
    state = core.state
    naked = [pair for pair in core.pairs.live() if pair.naked.since is not None]
    if not (naked or state.unpaired or state.stops.naked or state.backstops.stops):
        # Nothing stands alone, and nothing is left of what did.
        state.protect = []
        return
    wants = _wants(core)
    state.protect = list(wants)
    if not wants and not state.backstops.stops:
        return
    paused = [want.instrument for want in wants.values() if _paused(core, want.instrument)]
    able = {key: want for key, want in wants.items() if _able(core, want.instrument)}
    submit.run(core.backstops.sync(able, core.now, paused))
    for instrument in list(core.state.stops.stops):
        released = core.backstops.released(instrument)
        submit.run(core.stops.stand_down(instrument, released, core.now, submit.prices))
    for key, want in able.items():
        if core.backstops.level(key) is not None:
            core.resolve(f"backstop:{want.instrument}")


def _wants(core: DeskCore) -> dict[str, Want]:
    wants: dict[str, Want] = {}
    for instrument, size in core.state.unpaired.items():
        spec, entry = core.instruments[instrument], core.state.unpaired_entry.get(instrument)
        quantity = spec.round_size(abs(size))
        if entry is not None and entry > ZERO and quantity >= spec.min_size and quantity > ZERO:
            wants[instrument] = Want(instrument=instrument, size=quantity.copy_sign(size), entry=entry)
    late: list[str] = []
    for pair in core.pairs.live():
        found = naked_leg(core, pair) if pair.naked.since is not None else None
        if found is None:
            continue
        leg, quantity = found
        entry = leg.entry_price
        if entry is None or entry <= ZERO or pair.state is PairState.CLOSED:
            continue
        late.append(pair.id)
        size = quantity * leg.side.sign
        mark = gatekeeping.fresh_mark(core, leg.instrument)
        core.stops.on_naked(pair.id, leg.instrument, size, entry, mark)
        if quantity >= core.instruments[leg.instrument].min_size and not pair.one_shot:
            # For spot nothing can rest that only ever takes back: its local stop is all there is.
            want = Want(instrument=leg.instrument, size=size, entry=entry, pair=pair.id, leg=leg.number)
            wants[want.key] = want
    for name in [name for name in core.state.stops.naked if name not in late]:
        core.stops.hedged(name)
    return wants


def _able(core: DeskCore, instrument: str) -> bool:
    """Can anything rest there that only ever reduces? What a venue has not said it can, it cannot."""
    spec = core.instruments[instrument]
    book = core.state.venues.get(spec.venue)
    return (
        spec.reduce_only_supported and book is not None and book.facts is not None and book.facts.conditional
    )


def _paused(core: DeskCore, instrument: str) -> bool:
    """Nothing new where a flatten is at work, on a venue that has not been read or is not heard, or for a
    position that its reads do not show as we do."""
    spec = core.instruments[instrument]
    if any(line.subject == instrument for line in core.state.venue(spec.venue).differences):
        return True
    if core.causes.has(UNREAD, f"venue:{spec.venue}") or not core.picture.connected(spec.venue, core.now):
        return True
    return any(
        run.scope.covers(spec) or any(instrument in _instruments(core, name) for name in run.pairs)
        for run in core.flattens.running()
    )


def _instruments(core: DeskCore, pair: str) -> tuple[str, ...]:
    found = core.pairs.get(pair)
    return tuple(leg.instrument for leg in found.legs) if found is not None else ()


# -- the venue's read ----------------------------------------------------------------------------------------


def adopt(core: DeskCore, report: AccountReport) -> None:
    """Conditional orders in a fresh read: one of ours that our books lost is ours again (by its client id);
    one that no longer waits for its trigger is at work."""
    for row in report.orders:
        spec = core.instruments.get(row.instrument)
        if spec is None or not row.client_order_id:
            continue
        if core.orders.get(row.client_order_id) is not None:
            if row.trigger is None and core.backstops.waiting(row.client_order_id):
                core.backstops.triggered(row.client_order_id)
        elif _ours(core, row):
            _adopt(core, row, report)


def _ours(core: DeskCore, row: WorkingRow) -> bool:
    name = row.client_order_id
    return (
        row.trigger is not None
        and row.reduce_only
        and len(name) > _LETTER_AT
        and name.startswith(core.state.ids.instance)
        and name[_LETTER_AT] == Purpose.STOP.letter
    )


def _adopt(core: DeskCore, row: WorkingRow, report: AccountReport) -> None:
    request = OrderRequest(
        client_order_id=row.client_order_id,
        instrument=row.instrument,
        side=row.side,
        quantity=row.quantity,
        price=row.price,
        reduce_only=True,
        trigger=row.trigger,
        purpose=Purpose.STOP,
        origin="desk",
        reason="backstop from before the start",
    )
    entry = core.orders.adopt(request, row.venue_order_id, row.filled, report.ts_event, core.now)
    size = core.state.unpaired.get(row.instrument, ZERO)
    average = core.state.unpaired_entry.get(row.instrument, row.price)
    # Nobody's any more when nothing stands alone there: `follow` then cancels it.
    wanted = size if size * row.side.sign < ZERO else -row.quantity * row.side.sign
    want = Want(instrument=row.instrument, size=wanted, entry=average or row.quantity)
    core.backstops.adopt(want, entry, core.now)
    core.decide("backstop", row.client_order_id, f"{row.instrument}: found at the venue, ours again")
