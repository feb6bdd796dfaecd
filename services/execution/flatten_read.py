"""What a fresh read of a venue says to a flatten: what it holds beyond our books, and whether it is proof."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from services.domain.events import AccountReport
from services.domain.instrument import Instrument
from services.domain.money import ZERO
from services.execution.flatten_left import beside, open_sizes, outer_legs
from services.execution.flatten_state import Flatten, FlattenView
from services.execution.pairs import PairMachine


def read(
    run: Flatten,
    report: AccountReport,
    view: FlattenView,
    instruments: Mapping[str, Instrument],
    pairs: PairMachine,
    others: Iterable[Flatten],
    asked_ts: int | None,
) -> None:
    """Compare a report with our books; nothing of ours may have moved since its picture was taken.

    Legs of the run's pairs outside its scope are compared too: a proof speaks of all that was to go.
    `asked_ts`: our time of the question, None = it answers none. The picture is later than that, whatever
    the venue's clock shows.
    """
    taken = max(report.ts_event, asked_ts or 0)
    sizes = {row.instrument: row.size for row in report.positions}
    ours = view.positions()
    moving = {order.instrument for order in view.resting() if not order.foreign and not order.reducing}
    moving |= {order.instrument for order in view.resting() if order.in_doubt or order.pair is not None}
    moving |= {name for each in (run, *others) for name, target in each.targets.items() if target.order}
    legs = outer_legs(run, instruments, pairs)
    settled = _read_unknown(run, report, instruments)
    for name in sorted({**sizes, **ours, **run.extra, **run.seen}):
        instrument = instruments.get(name)
        if instrument is None or instrument.venue != report.venue or not instrument.is_perp:
            continue
        if not run.scope.covers(instrument) and name not in legs:
            continue
        if name in moving or run.touched.get(name, 0) >= taken:
            settled = False
            continue
        beyond = sizes.get(name, ZERO) - ours.get(name, ZERO)
        if beyond != run.seen.get(name, run.extra.get(name, ZERO)):
            # Believed when two fresh reads agree: one may be older than a fill we have counted.
            run.seen[name] = beyond
            settled = False
            continue
        run.seen.pop(name, None)
        if beyond:
            run.extra[name] = beyond
        else:
            run.extra.pop(name, None)
    orders = [
        row
        for row in report.orders
        if row.instrument in instruments and run.scope.covers(instruments[row.instrument])
    ]
    asked = run.asked.get(report.venue)
    later = asked is not None and (report.ts_event > asked or (asked_ts is not None and asked_ts >= asked))
    more = any(instruments[name].venue == report.venue for name in beside(run, instruments, pairs))
    if settled and later and not orders and not more:
        left = open_sizes(run, view, instruments, pairs, dust_too=True)
        here = [name for name in left if instruments[name].venue == report.venue]
        what = f"{len(here)} dust positions" if here else "zero positions"
        scope = "" if run.scope.everything else " in scope"
        run.proof[report.venue] = (
            f"{report.venue}: zero orders, {what}{scope} at {report.ts_event}; spot balances kept by design"
        )
    elif report.venue in run.proof:
        del run.proof[report.venue]


def _read_unknown(run: Flatten, report: AccountReport, instruments: Mapping[str, Instrument]) -> bool:
    """Note positions and orders of this venue in instruments that we do not know. False = they stand against
    a proof."""
    if run.scope.venue is None and not run.scope.everything:
        return True
    if run.scope.venue not in (None, report.venue):
        return True
    held = {row.instrument: row.size for row in report.positions if row.size}
    strange = {name: size for name, size in held.items() if name not in instruments}
    elsewhere = {name: size for name, size in run.unknown.items() if not name.endswith(f".{report.venue}")}
    run.unknown = {**{name: s for name, s in elsewhere.items() if name not in strange}, **strange}
    orders = {
        row.client_order_id or row.venue_order_id: row.instrument
        for row in report.orders
        if row.instrument not in instruments
    }
    others = {name: what for name, what in run.strange.items() if not what.endswith(f".{report.venue}")}
    run.strange = {**others, **orders}
    return not strange and not orders


def taken_over(runs: Iterable[Flatten], instrument: str, moved: Decimal) -> None:
    """Our books have just taken `moved` (signed) of what the reads showed beyond them: it is beyond no more.
    Counted twice, as much again of a leg would be held for missing, and the other cut for it."""
    for run in runs:
        for beyond in (run.extra, run.seen):
            if instrument in beyond:
                beyond[instrument] -= moved
        if run.extra.get(instrument) == ZERO:
            del run.extra[instrument]
